"""Products beyond those of matrices: outer, inner and Kronecker products, chains."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from modelpack.dims import Dim
from modelpack.layers.axes import existing_axis
from modelpack.layers.base import Layer, aten, example, operation, setting
from modelpack.layers.joining import some
from modelpack.layers.kinds import Integers, Scalar
from modelpack.layers.matrix import added, meet, ranks
from modelpack.layers.rules import (
    ARITHMETIC,
    BOOLEAN,
    COUNTABLE,
    elementwise,
    few_axes,
    of_result,
    one_dtype,
)
from modelpack.tensors import Mismatch, TensorSpec

__all__ = [
    "CHAINS",
    "FUSED_PRODUCTS",
    "Inner",
    "Kron",
    "Outer",
    "TensorDot",
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
