"""Operations on vectors along an axis: cross and inner products, powers."""

from __future__ import annotations

from modelpack.dims import Dim, may_equal
from modelpack.dtypes import DType, Kind
from modelpack.layers.axes import existing_axis
from modelpack.layers.base import Layer, aten, example, flag, operation, setting
from modelpack.layers.kinds import Integer, Nullable
from modelpack.layers.rules import (
    ARITHMETIC,
    BOOLEAN,
    COMPLEX,
    COUNTABLE,
    FLOATS,
    few_axes,
    of_dtypes,
    of_rank,
    one_dtype,
)
from modelpack.tensors import Mismatch, TensorSpec, broadcast

__all__ = ["CROSS", "POWERS", "VecDot"]


@operation(source=aten("torch.linalg.cross"), name="linalg_cross")
class LinalgCross(Layer):
    """The cross product of vectors of three elements along an axis.

    Shapes: broadcast, but with equal numbers of axes; the axis is 3 in both.
    """

    dim: int = setting(Integer(), "the axis", default=-1)

    examples = (
        example("float32[batch, 3]", "float32[batch, 3]"),
        example("float32[3, batch]", "float32[3, 1]", dim=0),
        example("int64[batch, 3, 2]", "int64[1, 3, 2]", dim=-2),
    )

    def infer(self, input: TensorSpec, other: TensorSpec) -> TensorSpec:
        return _cross(input, other, self.dim)


@operation(source=aten("torch.cross"), name="cross")
class Cross(Layer):
    """The same; without `dim`, along the first axis of length 3.

    Shapes: broadcast, but with equal numbers of axes; the axis is 3 in both. An axis with a free dimension counts as longer.
    """

    dim: int | None = setting(Nullable(Integer()), "the axis; null: the first of length 3", default=None)

    examples = (
        example("float32[batch, 3]", "float32[batch, 3]", dim=1),
        example("float32[3, batch]", "float32[3, batch]"),
        example("int64[batch, 3, 2]", "int64[1, 3, 2]", dim=-2),
    )

    def infer(self, input: TensorSpec, other: TensorSpec) -> TensorSpec:
        if self.dim is not None:
            return _cross(input, other, self.dim)
        if 3 not in input.shape:
            raise Mismatch(f"no axis of its input {input} is 3", setting="dim")
        return _cross(input, other, input.shape.index(3))


def _cross(first: TensorSpec, second: TensorSpec, dim: int) -> TensorSpec:
    one_dtype(first, second)
    if first.rank != second.rank:
        raise Mismatch(f"its inputs {first} and {second} have different numbers of axes", code="MP302")
    axis = existing_axis(first, dim)
    for each in (first, second):
        if not may_equal(each.shape[axis], 3):
            raise Mismatch(f"axis {axis} of its inputs must be 3, not that of {each}", setting="dim")
    return first.with_shape(*broadcast([first.shape, second.shape]))


CROSS = (LinalgCross, Cross)


@operation(source=aten("torch.linalg.vecdot"), name="linalg_vecdot")
class VecDot(Layer):
    """The sums of products along an axis, of the first input's complex conjugate.

    Shapes: broadcast, then the axis goes. Both of one dtype.
    """

    dim: int = setting(Integer(), "the axis", default=-1)

    examples = (
        example("float32[batch, 3]", "float32[batch, 3]"),
        example("float32[batch, 3, 4]", "float32[3, 1]", dim=-2),
        example("complex64[2, batch]", "complex64[batch]"),
    )

    def infer(self, x: TensorSpec, y: TensorSpec) -> TensorSpec:
        one_dtype(x, y, allowed=FLOATS | COMPLEX)
        both = x.with_shape(*broadcast([x.shape, y.shape]))
        if not both.rank:
            existing_axis(both.with_shape(1), self.dim)
            return both
        axis = existing_axis(both, self.dim)
        return both.with_shape(*both.shape[:axis], *both.shape[axis + 1 :])


def _counted(x: TensorSpec) -> TensorSpec:
    return x.with_dtype(DType.INT64) if x.dtype.kind in (Kind.BOOLEAN, Kind.INTEGER) else x


@operation(source=aten("torch.vander"), name="vander")
class Vander(Layer):
    """The powers of each element of a vector, from the highest to 0; of integers int64.

    Shapes: ``[a]`` to ``[a, N]``.
    """

    N: int | None = setting(Nullable(Integer(0)), "how many powers; null: as many as elements", default=None)
    increasing: bool = flag("whether they begin with 0", default=False)

    examples = (
        example("float32[batch]"),
        example("int64[batch]", N=3),
        example("float64[3]", N=2, increasing=True),
    )

    def infer(self, x: TensorSpec) -> TensorSpec:
        of_rank(of_dtypes(x, ARITHMETIC | BOOLEAN), 1)
        return _counted(x).with_shape(x.shape[0], x.shape[0] if self.N is None else self.N)


@operation(source=aten("torch.linalg.vander"), name="linalg_vander")
class LinalgVander(Layer):
    """The powers of each element, from 0 on; of integers int64.

    Shapes: ``[…, a]`` to ``[…, a, N]``.
    """

    N: Dim | None = setting(
        Nullable(Integer(2, symbolic=True)),
        "how many powers; null: as many as the last axis has elements",
        default=None,
    )

    examples = (
        example("float32[batch]"),
        example("int64[batch, 4]", N=3),
        example("float64[3]", N=2),
    )

    def infer(self, x: TensorSpec) -> TensorSpec:
        of_dtypes(x, (COUNTABLE | COMPLEX) - {DType.BOOL, DType.FLOAT16, DType.BFLOAT16})
        shape = x.shape or (1,)
        count = self.N
        if count is None:
            count = shape[-1]
            if count in (0, 1):
                raise Mismatch(f"the last axis of its input {x} must have 2 elements or more", setting="N")
        return _counted(x).with_shape(*few_axes((*shape, count)))


POWERS = (Vander, LinalgVander)
