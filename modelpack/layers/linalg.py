"""Linear algebra on matrices: inverses, determinants, systems of equations, factors with one triangle."""

from __future__ import annotations

from modelpack.dims import may_equal
from modelpack.dtypes import DType
from modelpack.layers.base import Example, Layer, aten, example, flag, operation, setting
from modelpack.layers.kinds import Integer
from modelpack.layers.reduction import real
from modelpack.layers.rules import (
    ARITHMETIC,
    BOOLEAN,
    COMPLEX,
    FLOATS,
    of_dtypes,
    of_rank_from,
    of_shape,
    one_dtype,
)
from modelpack.tensors import Mismatch, TensorSpec, broadcast

__all__ = [
    "CHECKED",
    "DETERMINANTS",
    "SAME",
    "SYSTEMS",
    "HouseholderProduct",
    "MatrixPower",
    "SlogDet",
    "matrices",
    "square",
]

LAPACK = frozenset({DType.FLOAT32, DType.FLOAT64, DType.COMPLEX64})
"""The dtypes of which LAPACK knows factors."""

_SQUARE = "Shapes: ``[…, n, n]``, unchanged."
_MATRICES = ("float32[batch, 3, 3]", "float64[2, 2]", "complex64[batch, 2, 4, 4]")


def matrices(x: TensorSpec, allowed: frozenset[DType] = LAPACK) -> TensorSpec:
    """`x`, whose last two axes are those of matrices.

    Raises:
        Mismatch: it has fewer axes, or a dtype that isn't `allowed`.
    """
    return of_dtypes(of_rank_from(x, 2), allowed)


def square(x: TensorSpec, allowed: frozenset[DType] = LAPACK) -> TensorSpec:
    """The same, with as many rows as columns.

    Raises:
        Mismatch: it certainly has others.
    """
    matrices(x, allowed)
    if not may_equal(x.shape[-1], x.shape[-2]):
        raise Mismatch(f"its matrices must be square, {x} has {x.shape[-2]} by {x.shape[-1]}")
    return x


def _same(name: str, doc: str, title: str, allowed: frozenset[DType] = LAPACK) -> type[Layer]:
    @operation(source=aten(title), name=name)
    class Same(Layer):
        __doc__ = f"{doc}\n\n{_SQUARE}"
        examples = tuple(map(example, _MATRICES))

        def infer(self, input: TensorSpec) -> TensorSpec:
            return square(input, allowed)

    return Same


def _triangle(name: str, doc: str, title: str) -> type[Layer]:
    @operation(source=aten(title), name=name)
    class Triangle(Layer):
        __doc__ = f"{doc}\n\n{_SQUARE}"

        upper: bool = flag("whether the triangle is the upper one", default=False)

        examples = (
            example("float32[batch, 3, 3]"),
            example("float64[2, 2]", upper=True),
            example("complex64[batch, 2, 4, 4]"),
        )

        def infer(self, input: TensorSpec) -> TensorSpec:
            return square(input)

    return Triangle


SAME = (
    _same("linalg_inv", "The inverse of each matrix.", "torch.linalg.inv"),
    _same(
        "linalg_matrix_exp", "The exponential of each matrix.", "torch.linalg.matrix_exp", FLOATS | COMPLEX
    ),
    _triangle(
        "linalg_cholesky",
        "The triangle of which the product with its adjoint is the matrix, for each positive definite matrix.",
        "torch.linalg.cholesky",
    ),
    _triangle(
        "cholesky_inverse",
        "The inverse of each matrix, from its triangle as `linalg_cholesky` gives it.",
        "torch.cholesky_inverse",
    ),
)


def _checked(name: str, doc: str, title: str, result: str, *, triangle: bool) -> type[Layer]:
    """An operation with a second output that tells of failure; `triangle`: with the setting `upper`."""

    class Checked(Layer):
        __doc__ = f"{doc}\n\nShapes: ``[…, n, n]``, unchanged; `info` ``[…]``, int32, 0 where it worked."
        outputs = (result, "info")

        check_errors: bool = flag("whether a failure is an error", default=False)

        examples = (
            example("float32[batch, 3, 3]"),
            example("float64[2, 2]", check_errors=True),
            Example(("complex64[batch, 2, 4, 4]",), {"upper": True} if triangle else {}, {}),
        )

        def infer(self, input: TensorSpec) -> tuple[TensorSpec, TensorSpec]:
            return square(input), input.with_shape(*input.shape[:-2]).with_dtype(DType.INT32)

    if triangle:
        setattr(Checked, "upper", flag("whether the triangle is the upper one", default=False))  # noqa: B010
    return operation(source=aten(title), name=name)(Checked)


CHECKED = (
    _checked(
        "linalg_inv_ex",
        "`linalg_inv`, and whether it worked.",
        "torch.linalg.inv_ex",
        "inverse",
        triangle=False,
    ),
    _checked(
        "linalg_cholesky_ex",
        "`linalg_cholesky`, and whether it worked.",
        "torch.linalg.cholesky_ex",
        "L",
        triangle=True,
    ),
)


def _determinant(name: str, doc: str, title: str) -> type[Layer]:
    @operation(source=aten(title), name=name)
    class Determinant(Layer):
        __doc__ = f"{doc}\n\nShapes: ``[…, n, n]`` to ``[…]``."
        examples = tuple(map(example, _MATRICES))

        def infer(self, input: TensorSpec) -> TensorSpec:
            return square(input).with_shape(*input.shape[:-2])

    return Determinant


DETERMINANTS = (
    _determinant("linalg_det", "The determinant of each matrix.", "torch.linalg.det"),
    _determinant("logdet", "The logarithm of the determinant of each matrix.", "torch.logdet"),
)


@operation(source=aten("torch.linalg.slogdet"), name="linalg_slogdet")
class SlogDet(Layer):
    """The determinant of each matrix as its sign and the logarithm of its size.

    Shapes: ``[…, n, n]`` to ``[…]``; the logarithm of complex64 is float32.
    """

    outputs = ("sign", "logabsdet")

    examples = tuple(map(example, _MATRICES))

    def infer(self, input: TensorSpec) -> tuple[TensorSpec, TensorSpec]:
        sign = square(input).with_shape(*input.shape[:-2])
        return sign, real(sign)


@operation(source=aten("torch.linalg.matrix_power"), name="linalg_matrix_power")
class MatrixPower(Layer):
    """Each matrix multiplied by itself, `n` factors in all; of the inverse where `n` is negative.

    Shapes: ``[…, n, n]``, unchanged.
    """

    n: int = setting(Integer(), "how many factors")

    examples = (
        example("float32[batch, 3, 3]", n=3),
        example("float64[2, 2]", n=-2),
        example("int64[batch, 2, 2]", n=0),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        if self.n in (0, 1):
            return square(input, ARITHMETIC | BOOLEAN)
        return square(input, LAPACK if self.n < 0 else ARITHMETIC)


@operation(source=aten("torch.linalg.solve"), name="linalg_solve")
class Solve(Layer):
    """The X of ``A @ X = B``, or of ``X @ A = B``.

    Shapes: A ``[…, n, n]`` and B ``[…, n, k]``, or with `left` false ``[…, k, n]``, to that of B; axes in front broadcast.
    B is a vector for each matrix where it has no axis for k: ``[n]``, or A's shape without the last axis.
    """

    left: bool = flag("whether A stands on the left", default=True)

    examples = (
        example("float32[batch, 3, 3]", "float32[batch, 3, 2]"),
        example("float64[batch, 3, 3]", "float64[batch, 2, 3]", left=False),
        example("float32[batch, 2, 2]", "float32[batch, 2]"),
    )

    def infer(self, A: TensorSpec, B: TensorSpec) -> TensorSpec:  # noqa: N803
        one_dtype(A, B, allowed=LAPACK)
        square(A)
        if B.rank == 1 or (B.rank == A.rank - 1 and _are_vectors(A, B)):
            if not self.left:
                raise Mismatch("left can't be false for vectors", code="MP308", setting="left")
            of_shape(B.with_shape(B.shape[-1]), (A.shape[-1],), "B")
            return A.with_shape(*broadcast([A.shape[:-1], B.shape]))
        return _solved(A, B, left=self.left)


def _are_vectors(a: TensorSpec, b: TensorSpec) -> bool:
    """Whether `b` has a vector for each matrix of `a`, as torch takes it: by its shape.

    Raises:
        Mismatch: it depends on free dimensions.
    """
    pairs = list(zip(a.shape[:-1], b.shape, strict=True))
    if any(isinstance(one, int) and isinstance(two, int) and one != two for one, two in pairs):
        return False
    if any(one != two for one, two in pairs):
        raise Mismatch(f"whether {b} holds vectors or matrices is known only when called", port="B")
    return True


def _solved(a: TensorSpec, b: TensorSpec, *, left: bool) -> TensorSpec:
    """The spec of the solution for matrices on both sides."""
    matrices(b)
    if not may_equal(b.shape[-2 if left else -1], a.shape[-1]):
        raise Mismatch(f"its matrices {a} and {b} don't fit one another", port="B")
    return a.with_shape(*broadcast([a.shape[:-2], b.shape[:-2]]), *b.shape[-2:])


@operation(source=aten("torch.linalg.solve_triangular"), name="linalg_solve_triangular")
class SolveTriangular(Layer):
    """The X of ``A @ X = B``, or of ``X @ A = B``, where A (`input`) is a triangle.

    Shapes: A ``[…, n, n]`` and B ``[…, n, k]``, or with `left` false ``[…, k, n]``, to that of B; axes in front broadcast.
    """

    upper: bool = flag("whether A is an upper triangle")
    left: bool = flag("whether A stands on the left", default=True)
    unitriangular: bool = flag("whether the diagonal is taken for ones", default=False)

    examples = (
        example("float32[batch, 3, 3]", "float32[batch, 3, 2]", upper=True),
        example("float64[3, 3]", "float64[batch, 2, 3]", upper=False, left=False),
        example("complex64[2, 2]", "complex64[2, batch]", upper=False, unitriangular=True),
    )

    def infer(self, input: TensorSpec, B: TensorSpec) -> TensorSpec:  # noqa: N803
        one_dtype(input, B, allowed=LAPACK)
        return _solved(square(input), B, left=self.left)


@operation(source=aten("torch.cholesky_solve"), name="cholesky_solve")
class CholeskySolve(Layer):
    """The X of ``A @ X = B`` (B is `input`), from the triangle of A as `linalg_cholesky` gives it.

    Shapes: ``[…, n, k]`` and ``[…, n, n]`` to ``[…, n, k]``; axes in front broadcast.
    """

    upper: bool = flag("whether the triangle is the upper one", default=False)

    examples = (
        example("float32[batch, 3, 2]", "float32[batch, 3, 3]"),
        example("float64[batch, 3, 2]", "float64[3, 3]", upper=True),
        example("complex64[2, batch]", "complex64[2, 2]"),
    )

    def infer(self, input: TensorSpec, input2: TensorSpec) -> TensorSpec:
        one_dtype(input, input2, allowed=LAPACK)
        return _solved(square(input2), input, left=True)


SYSTEMS = (Solve, SolveTriangular, CholeskySolve)


@operation(source=aten("torch.linalg.householder_product"), name="linalg_householder_product")
class HouseholderProduct(Layer):
    """The first columns of the product of reflections, each given by a column and an element of `tau`.

    Shapes: ``[…, m, n]``, unchanged, n at most m; `tau` ``[…, k]``, k at most n.
    """

    examples = (
        example("float32[batch, 4, 3]", "float32[batch, 3]"),
        example("float64[3, 3]", "float64[2]"),
        example("complex64[batch, 2, 4, 2]", "complex64[batch, 2, 1]"),
    )

    def infer(self, input: TensorSpec, tau: TensorSpec) -> TensorSpec:
        one_dtype(input, tau, allowed=LAPACK)
        rows, columns = matrices(input).shape[-2:]
        if tau.rank != input.rank - 1 or not all(map(may_equal, tau.shape[:-1], input.shape)):
            raise Mismatch(f"its tau {tau} must have the axes in front of its input {input}", port="tau")
        for large, small in ((rows, columns), (columns, tau.shape[-1])):
            if isinstance(large, int) and isinstance(small, int) and small > large:
                raise Mismatch(f"its input {input} and tau {tau} have more reflections than rows or columns")
        return input
