"""Products beyond those of matrices: outer, inner, Kronecker and cross products, chains, powers of a vector."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from modelpack.dims import Dim, may_equal
from modelpack.dtypes import DType, Kind
from modelpack.layers.axes import existing_axis
from modelpack.layers.base import Layer, aten, example, flag, operation, setting
from modelpack.layers.joining import some
from modelpack.layers.kinds import Integer, Integers, Nullable, Scalar
from modelpack.layers.matrix import added, meet, ranks
from modelpack.layers.rules import (
    ARITHMETIC,
    BOOLEAN,
    COMPLEX,
    COUNTABLE,
    FLOATS,
    elementwise,
    few_axes,
    of_dtypes,
    of_rank,
    of_result,
    one_dtype,
)
from modelpack.tensors import Mismatch, TensorSpec, broadcast

__all__ = [
    "CHAINS",
    "CROSS",
    "FUSED_PRODUCTS",
    "POWERS",
    "Inner",
    "Kron",
    "Outer",
    "TensorDot",
    "VecDot",
]

_TRUTH = ARITHMETIC | BOOLEAN
_FIRST = "what the added tensor is multiplied by"
_SECOND = "what the product is multiplied by"


@operation(source=aten("torch.outer"), name="outer")
class Outer(Layer):
    """The product of each element of one vector with each of another.

    Shapes: ``[a]`` and ``[b]`` to ``[a, b]``.
    """

    examples = (
        example("float32[batch]", "float32[3]"),
        example("int64[3]", "float32[batch]"),
        example("bool[2]", "bool[2]"),
    )

    def infer(self, input: TensorSpec, vec2: TensorSpec) -> TensorSpec:
        ranks(("input", input, 1), ("vec2", vec2, 1))
        return of_result(elementwise(input.with_shape(input.shape[0], 1), vec2), _TRUTH)


@operation(source=aten("torch.inner"), name="inner")
class Inner(Layer):
    """The sums of products along the last axes; a scalar multiplies all.

    Shapes: ``[…, k]`` and ``[…, k]`` to the axes in front of both.
    """

    examples = (
        example("float32[batch, 3]", "float32[4, 3]"),
        example("float32[batch, 2, 3]", "float32[3]"),
        example("int64[batch]", "float32[]"),
    )

    def infer(self, input: TensorSpec, other: TensorSpec) -> TensorSpec:
        if not input.rank or not other.rank:
            return of_result(elementwise(input, other), _TRUTH)
        one_dtype(input, other)
        meet(input, input.shape[-1], other, other.shape[-1])
        return input.with_shape(*few_axes((*input.shape[:-1], *other.shape[:-1])))


@operation(source=aten("torch.tensordot"), name="tensordot")
class TensorDot(Layer):
    """The sums of products along axes, those of one input paired with those of the other.

    Shapes: the axes that stay, first those of `input`; paired ones are equal, or one of them is 1.
    """

    dims_self: tuple[int, ...] = setting(Integers(), "the axes of the first input that are summed over")
    dims_other: tuple[int, ...] = setting(Integers(), "the axes of the second, each for one of the first")

    examples = (
        example("float32[batch, 3, 4]", "float32[4, 3, 5]", dims_self=(1, 2), dims_other=(1, 0)),
        example("float32[batch, 3]", "float32[3]", dims_self=(-1,), dims_other=(0,)),
        example("int64[2]", "int64[batch]", dims_self=(), dims_other=()),
    )

    def infer(self, input: TensorSpec, other: TensorSpec) -> TensorSpec:
        one_dtype(input, other)
        if len(self.dims_self) != len(self.dims_other):
            raise Mismatch(
                "dims_self and dims_other must name as many axes", code="MP308", setting="dims_other"
            )
        first = _different(input, self.dims_self, "dims_self")
        second = _different(other, self.dims_other, "dims_other")
        for one, two in zip(first, second, strict=True):
            if 1 not in (input.shape[one], other.shape[two]):
                meet(input, input.shape[one], other, other.shape[two])
        return input.with_shape(*few_axes((*_others(input, first), *_others(other, second))))


def _different(x: TensorSpec, axes: Sequence[int], setting: str) -> list[int]:
    found = [existing_axis(x, axis, setting) for axis in axes]
    if len(set(found)) < len(found):
        raise Mismatch(f"{setting} names an axis of its input {x} twice", code="MP302", setting=setting)
    return found


def _others(x: TensorSpec, axes: Sequence[int]) -> tuple[Dim, ...]:
    return tuple(size for at, size in enumerate(x.shape) if at not in axes)


@operation(source=aten("torch.kron"), name="kron")
class Kron(Layer):
    """The Kronecker product: each element of the first input replaced by the second, multiplied by it.

    Shapes: axes aligned at the last one multiply.
    """

    examples = (
        example("float32[batch, 3]", "float32[2, 2]"),
        example("int64[2]", "float32[batch, 3, 2]"),
        example("float32[]", "float32[batch]"),
    )

    def infer(self, input: TensorSpec, other: TensorSpec) -> TensorSpec:
        rank = max(input.rank, other.rank)
        # torch multiplies them with two axes for each.
        few_axes([1] * (2 * rank))
        one, two = ((1,) * (rank - x.rank) + x.shape for x in (input, other))
        shape = tuple(a * b for a, b in zip(one, two, strict=True))
        dtype = elementwise(*(x.with_shape(*(1,) * rank) for x in (input, other)))
        return of_result(dtype, _TRUTH | COUNTABLE).with_shape(*shape)


@operation(source=aten("torch.addmv"), name="addmv")
class AddMv(Layer):
    """``beta * input + alpha * (mat @ vec)``.

    Shapes: ``[n, k]`` and ``[k]`` to ``[n]``, to which `input` broadcasts.
    """

    beta: object = setting(Scalar(), _FIRST, default=1)
    alpha: object = setting(Scalar(), _SECOND, default=1)

    examples = (
        example("float32[batch]", "float32[batch, 3]", "float32[3]"),
        example("float32[1]", "float32[batch, 3]", "float32[3]", beta=0.5, alpha=2),
        example("float64[]", "float64[2, batch]", "float64[batch]", beta=0),
    )

    def infer(self, input: TensorSpec, mat: TensorSpec, vec: TensorSpec) -> TensorSpec:
        one_dtype(mat, vec, input)
        ranks(("mat", mat, 2), ("vec", vec, 1))
        meet(mat, mat.shape[1], vec, vec.shape[0])
        return added(input, mat.with_shape(mat.shape[0]), self.beta, self.alpha)


@operation(source=aten("torch.addbmm"), name="addbmm")
class AddBmm(Layer):
    """``beta * input + alpha * sum(batch1 @ batch2)``, the products of matrices summed over all pairs.

    Shapes: ``[b, n, k]`` and ``[b, k, m]`` to ``[n, m]``, to which `input` broadcasts.
    """

    beta: object = setting(Scalar(), _FIRST, default=1)
    alpha: object = setting(Scalar(), _SECOND, default=1)

    examples = (
        example("float32[4]", "float32[batch, 2, 3]", "float32[batch, 3, 4]"),
        example("float32[2, 1]", "float32[batch, 2, 3]", "float32[batch, 3, 4]", beta=0.5, alpha=2),
        example("float64[]", "float64[5, 2, 3]", "float64[5, 3, 4]", beta=0),
    )

    def infer(self, input: TensorSpec, batch1: TensorSpec, batch2: TensorSpec) -> TensorSpec:
        one_dtype(batch1, batch2, input)
        ranks(("batch1", batch1, 3), ("batch2", batch2, 3))
        meet(batch1, batch1.shape[0], batch2, batch2.shape[0])
        meet(batch1, batch1.shape[2], batch2, batch2.shape[1])
        return added(input, batch1.with_shape(batch1.shape[1], batch2.shape[2]), self.beta, self.alpha)


@operation(source=aten("torch.addr"), name="addr")
class AddR(Layer):
    """``beta * input + alpha * outer(vec1, vec2)``.

    Shapes: ``[n]`` and ``[m]`` to ``[n, m]``, to which `input` broadcasts.
    """

    beta: object = setting(Scalar(), _FIRST, default=1)
    alpha: object = setting(Scalar(), _SECOND, default=1)

    examples = (
        example("float32[batch, 3]", "float32[batch]", "float32[3]"),
        example("float32[1]", "float32[2]", "float32[batch]", beta=0.5, alpha=2),
        example("int64[]", "int64[batch]", "int64[2]", beta=0),
    )

    def infer(self, input: TensorSpec, vec1: TensorSpec, vec2: TensorSpec) -> TensorSpec:
        ranks(("vec1", vec1, 1), ("vec2", vec2, 1))
        # Scalars count as much as others here.
        dtype = of_result(elementwise(*(x.with_shape(1) for x in (input, vec1, vec2))), _TRUTH)
        return added(input, dtype.with_shape(vec1.shape[0], vec2.shape[0]), self.beta, self.alpha)


FUSED_PRODUCTS = (AddMv, AddBmm, AddR)


@operation(source=aten("torch.linalg.multi_dot"), name="linalg_multi_dot")
class MultiDot(Layer):
    """The product of two matrices or more, in the fastest order; the first and the last may be vectors.

    Shapes: ``[a, b]``, ``[b, c]``, … to the outermost sizes; of a vector that axis is lacking.
    """

    examples = (
        example("float32[batch, 3]", "float32[3, 4]", "float32[4, 2]"),
        example("float32[3]", "float32[3, batch]", "float32[batch]"),
        example("float64[batch, 2]", "float64[2, 5]"),
    )

    def infer(self, *tensors: TensorSpec) -> TensorSpec:
        if len(tensors) < 2:
            raise Mismatch("needs at least two inputs", port="tensors")
        one_dtype(tensors[0], *tensors[1:])
        for at, each in enumerate(tensors):
            _matrix(each, vector=at in (0, len(tensors) - 1))
        for one, two in pairwise(tensors):
            meet(one, one.shape[-1], two, two.shape[0])
        last = tensors[-1]
        return last.with_shape(*tensors[0].shape[:-1], *last.shape[1:])


def _matrix(x: TensorSpec, *, vector: bool) -> None:
    if x.rank != 2 and not (vector and x.rank == 1):
        raise Mismatch(f"its inputs must be matrices, not {x}", code="MP302")


@operation(source=aten("torch.chain_matmul"), name="chain_matmul")
class ChainMatMul(Layer):
    """The product of matrices, in the fastest order; of one, itself.

    Shapes: ``[a, b]``, ``[b, c]``, … to the outermost sizes.
    """

    examples = (
        example("float32[batch, 3]", "float32[3, 4]", "float32[4, 2]"),
        example("float32[3, batch]"),
        example("float64[batch, 2]", "float64[2, 5]"),
    )

    def infer(self, *matrices: TensorSpec) -> TensorSpec:
        first = some(matrices)
        for each in matrices:
            _matrix(each, vector=False)
        if len(matrices) == 1:
            return first
        one_dtype(first, *matrices[1:])
        for one, two in pairwise(matrices):
            meet(one, one.shape[-1], two, two.shape[0])
        return first.with_shape(first.shape[0], matrices[-1].shape[1])


CHAINS = (MultiDot, ChainMatMul)


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
        of_rank(of_dtypes(x, _TRUTH), 1)
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
