"""Products of vectors and matrices, and distances."""

from __future__ import annotations

from math import inf

from modelpack.dims import Dim, may_equal
from modelpack.dtypes import DType
from modelpack.layers.arithmetic import scaled
from modelpack.layers.axes import axis_or_scalar
from modelpack.layers.base import Layer, aten, example, number, operation, setting
from modelpack.layers.kinds import Integer, Nullable, Number, Scalar
from modelpack.layers.rules import FLOATS, of_result, one_dtype
from modelpack.tensors import Mismatch, TensorSpec, broadcast, common_dtype

__all__ = [
    "FUSED",
    "PRODUCTS",
    "CDist",
    "CosineSimilarity",
    "MatMul",
    "added",
    "meet",
    "ranks",
]


def meet(first: TensorSpec, one: Dim, second: TensorSpec, other: Dim) -> None:
    """Refuse two axes that are summed over together and differ.

    Raises:
        Mismatch: they certainly do.
    """
    if not may_equal(one, other):
        raise Mismatch(f"its inputs {first} and {second} can't be multiplied: {one} against {other}")


@operation(source=aten("torch.matmul"), name="matmul")
class MatMul(Layer):
    """The product of matrices, or of a matrix and a vector, or of two vectors; axes in front broadcast.

    Shapes: ``[…, n, k]`` and ``[…, k, m]`` to ``[…, n, m]``; of a vector the axis that isn't summed is lacking.
    """

    examples = (
        example("float32[batch, 3, 4]", "float32[batch, 4, 5]"),
        example("float32[batch, 4]", "float32[4]"),
        example("float32[4]", "float32[batch, 4, 2]"),
        example("float32[2, 1, 3, 4]", "float32[batch, 4, 5]"),
        example("int64[4]", "int64[4]"),
    )

    def infer(self, input: TensorSpec, other: TensorSpec) -> TensorSpec:
        one_dtype(input, other)
        if not input.rank or not other.rank:
            raise Mismatch(f"its inputs must have at least one axis, not {input} and {other}", code="MP302")
        meet(input, input.shape[-1], other, other.shape[-2] if other.rank > 1 else other.shape[0])
        rows = input.shape[-2:-1]
        columns = other.shape[-1:] if other.rank > 1 else ()
        return input.with_shape(*broadcast([input.shape[:-2], other.shape[:-2]]), *rows, *columns)


def ranks(*pairs: tuple[str, TensorSpec, int]) -> None:
    """Refuse inputs with other numbers of axes: name, spec and number of each.

    Raises:
        Mismatch: one has another.
    """
    for port, spec, rank in pairs:
        if spec.rank != rank:
            raise Mismatch(
                f"its {port} must have {rank} axes, {spec} has {spec.rank}", code="MP302", port=port
            )


@operation(source=aten("torch.mm"), name="mm")
class Mm(Layer):
    """The product of two matrices.

    Shapes: ``[n, k]`` and ``[k, m]`` to ``[n, m]``.
    """

    examples = (
        example("float32[batch, 3]", "float32[3, 4]"),
        example("int64[2, batch]", "int64[batch, 1]"),
        example("float64[1, 3]", "float64[3, length]"),
    )

    def infer(self, input: TensorSpec, mat2: TensorSpec) -> TensorSpec:
        one_dtype(input, mat2)
        ranks(("input", input, 2), ("mat2", mat2, 2))
        meet(input, input.shape[1], mat2, mat2.shape[0])
        return input.with_shape(input.shape[0], mat2.shape[1])


@operation(source=aten("torch.bmm"), name="bmm")
class Bmm(Layer):
    """The products of matrices, pair by pair.

    Shapes: ``[b, n, k]`` and ``[b, k, m]`` to ``[b, n, m]``.
    """

    examples = (
        example("float32[batch, 2, 3]", "float32[batch, 3, 4]"),
        example("int64[2, batch, 3]", "int64[2, 3, 1]"),
        example("float64[4, 1, length]", "float64[4, length, 2]"),
    )

    def infer(self, input: TensorSpec, mat2: TensorSpec) -> TensorSpec:
        one_dtype(input, mat2)
        ranks(("input", input, 3), ("mat2", mat2, 3))
        meet(input, input.shape[0], mat2, mat2.shape[0])
        meet(input, input.shape[2], mat2, mat2.shape[1])
        return input.with_shape(*input.shape[:2], mat2.shape[2])


@operation(source=aten("torch.mv"), name="mv")
class Mv(Layer):
    """The product of a matrix and a vector.

    Shapes: ``[n, k]`` and ``[k]`` to ``[n]``.
    """

    examples = (
        example("float32[batch, 3]", "float32[3]"),
        example("int64[2, batch]", "int64[batch]"),
        example("float64[1, 3]", "float64[3]"),
    )

    def infer(self, input: TensorSpec, vec: TensorSpec) -> TensorSpec:
        one_dtype(input, vec)
        ranks(("input", input, 2), ("vec", vec, 1))
        meet(input, input.shape[1], vec, vec.shape[0])
        return input.with_shape(input.shape[0])


_FIRST = "what the added tensor is multiplied by"
_SECOND = "what the product is multiplied by"


@operation(source=aten("torch.addmm"), name="addmm")
class AddMm(Layer):
    """``beta * input + alpha * (mat1 @ mat2)``.

    Shapes: ``[n, k]`` and ``[k, m]`` to ``[n, m]``, to which `input` broadcasts.
    """

    beta: object = setting(Scalar(), _FIRST, default=1)
    alpha: object = setting(Scalar(), _SECOND, default=1)

    examples = (
        example("float32[4]", "float32[batch, 3]", "float32[3, 4]"),
        example("float32[batch, 4]", "float32[batch, 3]", "float32[3, 4]", beta=0.5, alpha=2),
        example("float64[]", "float64[2, 3]", "float64[3, 4]", beta=0),
    )

    def infer(self, input: TensorSpec, mat1: TensorSpec, mat2: TensorSpec) -> TensorSpec:
        one_dtype(mat1, mat2, input)
        ranks(("mat1", mat1, 2), ("mat2", mat2, 2))
        meet(mat1, mat1.shape[1], mat2, mat2.shape[0])
        return added(input, mat1.with_shape(mat1.shape[0], mat2.shape[1]), self.beta, self.alpha)


def added(x: TensorSpec, result: TensorSpec, beta: object, alpha: object) -> TensorSpec:
    """`result`, that of a product to which `x` is added.

    Raises:
        Mismatch: `x` doesn't broadcast to it, or it can't hold a factor.
    """
    scaled(result, "beta", beta)
    scaled(result, "alpha", alpha)
    if x.rank > result.rank or broadcast([x.shape, result.shape]) != result.shape:
        raise Mismatch(f"its input {x} can't be stretched to {result}", code="MP305", port="input")
    return result


@operation(source=aten("torch.baddbmm"), name="baddbmm")
class BAddBmm(Layer):
    """``beta * input + alpha * (batch1 @ batch2)``, pair by pair.

    Shapes: ``[b, n, k]`` and ``[b, k, m]`` to ``[b, n, m]``, to which `input` broadcasts.
    """

    beta: object = setting(Scalar(), _FIRST, default=1)
    alpha: object = setting(Scalar(), _SECOND, default=1)

    examples = (
        example("float32[4]", "float32[batch, 2, 3]", "float32[batch, 3, 4]"),
        example("float32[batch, 1, 4]", "float32[batch, 2, 3]", "float32[batch, 3, 4]", beta=0.5, alpha=2),
        example("float64[]", "float64[5, 2, 3]", "float64[5, 3, 4]", beta=0),
    )

    def infer(self, input: TensorSpec, batch1: TensorSpec, batch2: TensorSpec) -> TensorSpec:
        one_dtype(batch1, batch2, input)
        ranks(("batch1", batch1, 3), ("batch2", batch2, 3))
        meet(batch1, batch1.shape[0], batch2, batch2.shape[0])
        meet(batch1, batch1.shape[2], batch2, batch2.shape[1])
        result = batch1.with_shape(*batch1.shape[:2], batch2.shape[2])
        return added(input, result, self.beta, self.alpha)


@operation(source=aten("torch.dot"), name="dot")
class Dot(Layer):
    """The sum of the products of two vectors' elements.

    Shapes: ``[n]`` and ``[n]`` to a scalar.
    """

    examples = (
        example("float32[batch]", "float32[batch]"),
        example("int64[3]", "int64[3]"),
        example("float64[1]", "float64[1]"),
    )

    def infer(self, input: TensorSpec, tensor: TensorSpec) -> TensorSpec:
        return _inner_product(input, tensor, "tensor")


@operation(source=aten("torch.vdot"), name="vdot")
class VDot(Layer):
    """The same, of the first vector's complex conjugate.

    Shapes: ``[n]`` and ``[n]`` to a scalar.
    """

    examples = (
        example("float32[batch]", "float32[batch]"),
        example("int64[3]", "int64[3]"),
        example("float64[1]", "float64[1]"),
    )

    def infer(self, input: TensorSpec, other: TensorSpec) -> TensorSpec:
        return _inner_product(input, other, "other")


def _inner_product(first: TensorSpec, second: TensorSpec, port: str) -> TensorSpec:
    one_dtype(first, second)
    ranks(("input", first, 1), (port, second, 1))
    meet(first, first.shape[0], second, second.shape[0])
    return first.with_shape()


@operation(source=aten("torch.cdist"), name="cdist")
class CDist(Layer):
    """The distance between each two rows, by the p-norm of their difference.

    Shapes: ``[…, n, k]`` and ``[…, m, k]`` to ``[…, n, m]``; axes in front broadcast.
    """

    p: float = setting(Number(0, inf, finite=False), "the norm's power", default=2.0)
    compute_mode: int | None = setting(
        Nullable(Integer(0, 2)),
        "by products of matrices: 1 always, 2 never, 0 and null for more than 25 rows",
        default=None,
    )

    examples = (
        example("float32[batch, 3, 4]", "float32[batch, 5, 4]"),
        example("float32[3, 4]", "float32[length, 4]", p=1.0),
        example("float64[2, 3]", "float64[batch, 5, 3]", compute_mode=2),
    )

    def infer(self, x1: TensorSpec, x2: TensorSpec) -> TensorSpec:
        one_dtype(x1, x2, allowed=frozenset({DType.FLOAT32, DType.FLOAT64}))
        if x1.rank < 2 or x2.rank < 2:
            raise Mismatch(f"its inputs must have at least 2 axes, not {x1} and {x2}", code="MP302")
        meet(x1, x1.shape[-1], x2, x2.shape[-1])
        return x1.with_shape(*broadcast([x1.shape[:-2], x2.shape[:-2]]), x1.shape[-2], x2.shape[-2])


@operation(source=aten("torch.nn.functional.cosine_similarity"), name="cosine_similarity")
class CosineSimilarity(Layer):
    """The cosine of the angle between vectors along an axis.

    Shapes: the inputs broadcast, the axis `dim` goes.
    """

    dim: int = setting(Integer(), "the axis", default=1)
    eps: float = number("the least that the product of both lengths is taken for", default=1e-8, minimum=0)

    examples = (
        example("float32[batch, 3]", "float32[batch, 3]"),
        example("float32[batch, 4, 3]", "float32[4, 3]", dim=-1, eps=1e-6),
        example("float64[2, batch]", "float64[2, 1]", dim=0),
    )

    def infer(self, x1: TensorSpec, x2: TensorSpec) -> TensorSpec:
        # Scalars count as much as others here.
        dtype = common_dtype([x1.with_shape(1), x2.with_shape(1)])
        both = of_result(TensorSpec(dtype, broadcast([x1.shape, x2.shape])), FLOATS)
        axis = axis_or_scalar(both, self.dim)
        return both.with_shape(*both.shape[:axis], *both.shape[axis + 1 :])


FUSED = (AddMm, BAddBmm)
PRODUCTS = (MatMul, Mm, Bmm, Mv, Dot, VDot)
