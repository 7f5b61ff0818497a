"""Factors of matrices: QR, LU, singular values, eigenvalues; ranks, pseudoinverses and norms that come from them."""

from __future__ import annotations

from math import inf

from modelpack.dims import Dim, minimum
from modelpack.dtypes import DType
from modelpack.layers.axes import axes_of, existing_axis, reduced
from modelpack.layers.base import Layer, aten, choice, example, flag, operation, setting
from modelpack.layers.kinds import Axes, Choice, DTypeName, Either, Nullable, Number
from modelpack.layers.linalg import LAPACK, matrices, square
from modelpack.layers.reduction import nonempty, not_narrower, real, vector_norm
from modelpack.layers.rules import COMPLEX, FLOATS, of_dtypes
from modelpack.tensors import Mismatch, TensorSpec

__all__ = ["EIGEN", "LU", "NORMS", "QR", "SINGULAR", "LUFactor", "MatrixRank", "PInv"]


def _shorter(x: TensorSpec) -> tuple[tuple[Dim, ...], Dim, Dim, Dim]:
    """The axes in front, rows, columns, and the smaller of the two."""
    rows, columns = matrices(x).shape[-2:]
    return x.shape[:-2], rows, columns, minimum(rows, columns)


@operation(source=aten("torch.linalg.qr"), name="linalg_qr")
class QR(Layer):
    """Each matrix as the product of an orthogonal one and an upper triangle.

    Shapes: ``[…, m, n]`` to ``[…, m, k]`` and ``[…, k, n]``, k the smaller of m and n, or m where complete; Q ``[0]`` with r.
    """

    outputs = ("Q", "R")

    mode: str = choice("reduced", "complete", "r", doc="how much of Q is made", default="reduced")

    examples = (
        example("float32[batch, 4, 3]"),
        example("float64[4, 3]", mode="complete"),
        example("complex64[3, batch]", mode="r"),
    )

    def infer(self, input: TensorSpec) -> tuple[TensorSpec, TensorSpec]:
        front, rows, columns, short = _shorter(input)
        size = rows if self.mode == "complete" else short
        upper = input.with_shape(*front, size, columns)
        return input.with_shape(0) if self.mode == "r" else input.with_shape(*front, rows, size), upper


@operation(source=aten("torch.linalg.lu"), name="linalg_lu")
class LU(Layer):
    """Each matrix as the product of a permutation, a lower and an upper triangle.

    Shapes: ``[…, m, n]`` to ``[…, m, m]``, ``[…, m, k]`` and ``[…, k, n]``, k the smaller of m and n.
    """

    outputs = ("P", "L", "U")

    examples = tuple(map(example, ("float32[batch, 4, 3]", "float64[3, 4]", "complex64[batch, 2, 2]")))

    def infer(self, input: TensorSpec) -> tuple[TensorSpec, TensorSpec, TensorSpec]:
        front, rows, columns, short = _shorter(input)
        permutation = input.with_shape(*front, rows, rows)
        return permutation, input.with_shape(*front, rows, short), input.with_shape(*front, short, columns)


@operation(source=aten("torch.linalg.lu_factor"), name="linalg_lu_factor")
class LUFactor(Layer):
    """Both triangles of `linalg_lu` in one matrix, and which rows were exchanged.

    Shapes: ``[…, m, n]``, unchanged, and ``[…, k]``, int32, k the smaller of m and n.
    """

    outputs = ("LU", "pivots")

    examples = tuple(map(example, ("float32[batch, 4, 3]", "float64[3, 4]", "complex64[batch, 2, 2]")))

    def infer(self, input: TensorSpec) -> tuple[TensorSpec, TensorSpec]:
        front, _, _, short = _shorter(input)
        return input, input.with_shape(*front, short).with_dtype(DType.INT32)


@operation(source=aten("torch.linalg.svd"), name="linalg_svd")
class SVD(Layer):
    """Each matrix as the product of an orthogonal one, a diagonal and an orthogonal one.

    Shapes: ``[…, m, n]`` to ``[…, m, m]``, ``[…, k]`` and ``[…, n, n]``, k the smaller of m and n, which they have in place
    of the longer axis where not full. `S` of complex64 is float32.
    """

    outputs = ("U", "S", "Vh")

    full_matrices: bool = flag("whether U and Vh are square", default=True)

    examples = (
        example("float32[batch, 4, 3]"),
        example("float64[3, 4]", full_matrices=False),
        example("complex64[batch, 2, 2]"),
    )

    def infer(self, input: TensorSpec) -> tuple[TensorSpec, TensorSpec, TensorSpec]:
        front, rows, columns, short = _shorter(input)
        left, right = (rows, columns) if self.full_matrices else (short, short)
        values = real(input.with_shape(*front, short))
        return input.with_shape(*front, rows, left), values, input.with_shape(*front, right, columns)


@operation(source=aten("torch.linalg.svdvals"), name="linalg_svdvals")
class SVDVals(Layer):
    """The singular values of each matrix, the largest first.

    Shapes: ``[…, m, n]`` to ``[…, k]``, k the smaller of m and n. Of complex64 float32.
    """

    examples = tuple(map(example, ("float32[batch, 4, 3]", "float64[3, 4]", "complex64[batch, 2, 2]")))

    def infer(self, input: TensorSpec) -> TensorSpec:
        front, _, _, short = _shorter(input)
        return real(input.with_shape(*front, short))


SINGULAR = (SVD, SVDVals)

_UPLO = "the triangle that is read: lower or upper"


@operation(source=aten("torch.linalg.eigh"), name="linalg_eigh")
class EigH(Layer):
    """The eigenvalues, in order, and eigenvectors of each symmetric matrix.

    Shapes: ``[…, n, n]`` to ``[…, n]`` and ``[…, n, n]``. The values of complex64 are float32.
    """

    outputs = ("eigenvalues", "eigenvectors")

    UPLO: str = choice("L", "U", doc=_UPLO, default="L")

    examples = (
        example("float32[batch, 3, 3]"),
        example("float64[2, 2]", UPLO="U"),
        example("complex64[batch, 2, 4, 4]"),
    )

    def infer(self, input: TensorSpec) -> tuple[TensorSpec, TensorSpec]:
        return real(square(input).with_shape(*input.shape[:-1])), input


@operation(source=aten("torch.linalg.eigvalsh"), name="linalg_eigvalsh")
class EigValsH(Layer):
    """The eigenvalues of each symmetric matrix, in order.

    Shapes: ``[…, n, n]`` to ``[…, n]``. Of complex64 float32.
    """

    UPLO: str = choice("L", "U", doc=_UPLO, default="L")

    examples = (
        example("float32[batch, 3, 3]"),
        example("float64[2, 2]", UPLO="U"),
        example("complex64[batch, 2, 4, 4]"),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        return real(square(input).with_shape(*input.shape[:-1]))


_SINGLE = frozenset({DType.FLOAT32, DType.COMPLEX64})


@operation(source=aten("torch.linalg.eig"), name="linalg_eig")
class Eig(Layer):
    """The eigenvalues and eigenvectors of each matrix.

    Shapes: ``[…, n, n]`` to ``[…, n]`` and ``[…, n, n]``, complex64, of float32 or complex64.
    """

    outputs = ("eigenvalues", "eigenvectors")

    examples = tuple(map(example, ("float32[batch, 3, 3]", "float32[2, 2]", "complex64[batch, 2, 4, 4]")))

    def infer(self, input: TensorSpec) -> tuple[TensorSpec, TensorSpec]:
        vectors = square(input, _SINGLE).with_dtype(DType.COMPLEX64)
        return vectors.with_shape(*input.shape[:-1]), vectors


@operation(source=aten("torch.linalg.eigvals"), name="linalg_eigvals")
class EigVals(Layer):
    """The eigenvalues of each matrix.

    Shapes: ``[…, n, n]`` to ``[…, n]``, complex64, of float32 or complex64.
    """

    examples = tuple(map(example, ("float32[batch, 3, 3]", "float32[2, 2]", "complex64[batch, 2, 4, 4]")))

    def infer(self, input: TensorSpec) -> TensorSpec:
        return square(input, _SINGLE).with_dtype(DType.COMPLEX64).with_shape(*input.shape[:-1])


EIGEN = (EigH, EigValsH, Eig, EigVals)

_ATOL = "singular values up to it count as 0; null: none"
_RTOL = "those up to this part of the largest do too; null: as follows from the dtype"


def _tolerance(doc: str) -> float | None:
    return setting(Nullable(Number(0)), doc, default=None)


@operation(source=aten("torch.linalg.pinv"), name="linalg_pinv")
class PInv(Layer):
    """The pseudoinverse of each matrix.

    Shapes: ``[…, m, n]`` to ``[…, n, m]``.
    """

    atol: float | None = _tolerance(_ATOL)
    rtol: float | None = _tolerance(_RTOL)
    hermitian: bool = flag("whether the matrices are symmetric", default=False)

    examples = (
        example("float32[batch, 4, 3]"),
        example("float64[3, 4]", atol=0.1, rtol=0.01),
        example("complex64[batch, 2, 2]", hermitian=True),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        _symmetric(input, self.hermitian)
        return input.with_shape(*input.shape[:-2], input.shape[-1], input.shape[-2])


def _symmetric(x: TensorSpec, hermitian: bool) -> None:
    if hermitian:
        square(x)
    else:
        matrices(x)


@operation(source=aten("torch.linalg.matrix_rank"), name="linalg_matrix_rank")
class MatrixRank(Layer):
    """The number of singular values of each matrix that aren't 0.

    Shapes: ``[…, m, n]`` to ``[…]``, int64.
    """

    atol: float | None = _tolerance(_ATOL)
    rtol: float | None = _tolerance(_RTOL)
    hermitian: bool = flag("whether the matrices are symmetric", default=False)

    examples = (
        example("float32[batch, 4, 3]"),
        example("float64[3, 4]", atol=0.1, rtol=0.01),
        example("complex64[batch, 2, 2]", hermitian=True),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        _symmetric(input, self.hermitian)
        return input.with_shape(*input.shape[:-2]).with_dtype(DType.INT64)


_SPECTRAL = ("nuc", 2.0, -2.0)
"""Norms that are made of singular values."""
_ORD = Either((Choice(("fro", "nuc")), Number(finite=False)))
_ORD_DOC = "`fro`, the square root of the sum of squares; `nuc`, the sum of singular values; or a power"


def _matrix_norm(
    x: TensorSpec, ord: object, axes: tuple[int, ...], keepdim: bool, dtype: DType | None
) -> TensorSpec:
    if ord not in ("fro", "nuc", 1.0, -1.0, 2.0, -2.0, inf, -inf):
        raise Mismatch(f"ord {ord} is the norm of no matrix", code="MP308", setting="ord")
    allowed = LAPACK if ord in _SPECTRAL else FLOATS | COMPLEX
    target = (
        of_dtypes(x, allowed)
        if dtype is None
        else of_dtypes(of_dtypes(x, allowed).with_dtype(dtype), allowed)
    )
    if dtype is not None:
        not_narrower(x, target)
    if len(axes) != 2:
        raise Mismatch("dim must name two axes", code="MP308", setting="dim")
    if ord not in ("fro", "nuc"):
        nonempty(x, axes)
    return real(reduced(target, axes, keepdim))


@operation(source=aten("torch.linalg.matrix_norm"), name="linalg_matrix_norm")
class MatrixNorm(Layer):
    """A norm of each matrix.

    Shapes: the two axes in `dim` go, or become 1 with `keepdim`. Of complex64 float32.
    """

    ord: str | float = setting(_ORD, _ORD_DOC, default="fro")
    dim: tuple[int, ...] = setting(Axes(), "the axes of rows and columns", default=(-2, -1))
    keepdim: bool = flag("whether they stay with length 1", default=False)
    dtype: DType | None = setting(
        Nullable(DTypeName()), "what the input is converted to first; null: it isn't", default=None
    )

    examples = (
        example("float32[batch, 4, 3]"),
        example("float32[batch, 4, 3]", ord=1.0, dim=(1, 0), keepdim=True),
        example("float32[3, 4]", ord="nuc", dtype="float64"),
        example("complex64[batch, 2, 2]", ord=-2.0),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        of_dtypes(input, FLOATS | COMPLEX)
        for axis in self.dim:
            existing_axis(input, axis)
        return _matrix_norm(input, self.ord, axes_of(input, self.dim), self.keepdim, self.dtype)


@operation(source=aten("torch.linalg.norm"), name="linalg_norm")
class Norm(Layer):
    """A norm of vectors along one axis or of all elements, or of matrices along two where `ord` is given.

    Shapes: the axes in `dim` go, or become 1 with `keepdim`. Of complex64 float32.
    """

    ord: str | float | None = setting(Nullable(_ORD), f"{_ORD_DOC}; null: the power 2", default=None)
    dim: tuple[int, ...] | None = setting(
        Axes(all_by_default=True), "one axis or two; null for all", default=None
    )
    keepdim: bool = flag("whether they stay with length 1", default=False)
    dtype: DType | None = setting(
        Nullable(DTypeName()), "what the input is converted to first; null: it isn't", default=None
    )

    examples = (
        example("float32[batch, 4, 3]"),
        example("float32[batch, 4, 3]", dim=-1, keepdim=True),
        example("float32[batch, 4, 3]", ord=1.0, dim=(1, 2), dtype="float64"),
        example("float64[batch, 3]", ord="fro"),
        example("complex64[batch]", ord=inf),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        count = input.rank if self.dim is None else len(self.dim)
        if count not in (1, 2) and (self.dim is not None or self.ord is not None):
            raise Mismatch(
                f"a norm of {count} axes is none of vectors or matrices", code="MP302", setting="dim"
            )
        if isinstance(self.ord, str) or (self.ord is not None and count == 2):
            of_dtypes(input, FLOATS | COMPLEX)
            for axis in self.dim or ():
                existing_axis(input, axis)
            return _matrix_norm(input, self.ord, axes_of(input, self.dim), self.keepdim, self.dtype)
        return vector_norm(input, 2.0 if self.ord is None else self.ord, self.dim, self.keepdim, self.dtype)


NORMS = (MatrixNorm, Norm)
