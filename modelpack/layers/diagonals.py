"""Diagonals of matrices: taken out, put in, and the places below and above them."""

from __future__ import annotations

from modelpack.dims import Dim, maximum, minimum
from modelpack.dtypes import DType
from modelpack.layers.axes import existing_axis
from modelpack.layers.base import Layer, aten, example, operation, setting
from modelpack.layers.kinds import DTypeName, Integer
from modelpack.layers.rules import ARITHMETIC, few_axes, of_dtypes, of_rank, of_shape
from modelpack.tensors import Mismatch, TensorSpec, number_of_elements

__all__ = ["PLACES", "Diag", "DiagEmbed", "DiagFlat", "Diagonal", "DiagonalScatter", "Trace"]

_OFFSET = "which diagonal: above the main one, or below if negative"
_ROWS = "the axis of the rows"
_COLUMNS = "the axis of the columns"


def diagonal_length(rows: Dim, columns: Dim, offset: int) -> Dim:
    """How many elements a diagonal has."""
    if offset >= 0:
        return maximum(minimum(rows, columns - offset), 0)
    return maximum(minimum(rows + offset, columns), 0)


def _without_diagonal(x: TensorSpec, offset: int, dim1: int, dim2: int) -> TensorSpec:
    """What the diagonal of `x` is: two axes less, one more behind."""
    rows, columns = existing_axis(x, dim1, "dim1"), existing_axis(x, dim2, "dim2")
    if rows == columns:
        raise Mismatch(
            f"dim1 {dim1} and dim2 {dim2} name the same axis of its input {x}", code="MP302", setting="dim2"
        )
    rest = (size for at, size in enumerate(x.shape) if at not in (rows, columns))
    return x.with_shape(*rest, diagonal_length(x.shape[rows], x.shape[columns], offset))


@operation(source=aten("torch.diagonal"), name="diagonal")
class Diagonal(Layer):
    """A diagonal of each matrix.

    Shapes: the axes `dim1` and `dim2` go, one for the diagonal is appended.
    """

    offset: int = setting(Integer(), _OFFSET, default=0)
    dim1: int = setting(Integer(), _ROWS, default=0)
    dim2: int = setting(Integer(), _COLUMNS, default=1)

    examples = (
        example("float32[batch, 3]"),
        example("float32[batch, 3, 4]", offset=1, dim1=-2, dim2=-1),
        example("float32[batch, length, length]", offset=-1, dim1=1, dim2=2),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        return _without_diagonal(input, self.offset, self.dim1, self.dim2)


@operation(source=aten("torch.diagonal_scatter"), name="diagonal_scatter")
class DiagonalScatter(Layer):
    """`input` with `src` in place of a diagonal.

    Shapes: that of `input`; `src` as `diagonal` gives it. Both of one dtype.
    """

    offset: int = setting(Integer(), _OFFSET, default=0)
    dim1: int = setting(Integer(), _ROWS, default=0)
    dim2: int = setting(Integer(), _COLUMNS, default=1)

    examples = (
        example("float32[4, 3]", "float32[3]"),
        example("float32[batch, 3, 4]", "float32[batch, 3]", offset=1, dim1=-2, dim2=-1),
        example("int64[batch, 3, 3]", "int64[batch, 2]", offset=-1, dim1=1, dim2=2),
    )

    def infer(self, input: TensorSpec, src: TensorSpec) -> TensorSpec:
        of_shape(src, _without_diagonal(input, self.offset, self.dim1, self.dim2).shape, "src")
        return input


@operation(source=aten("torch.diag"), name="diag")
class Diag(Layer):
    """A diagonal of a matrix; of a vector, the matrix that has it as a diagonal.

    Shapes: ``[a, b]`` to ``[min(a, b)]``, less beside the main diagonal; ``[a]`` to ``[a, a]``, more beside it.
    """

    diagonal: int = setting(Integer(), _OFFSET, default=0)

    examples = (
        example("float32[4, 3]"),
        example("float32[batch, 4]", diagonal=1),
        example("int64[batch]", diagonal=-2),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        if of_rank(input, 1, 2).rank == 2:
            return _without_diagonal(input, self.diagonal, 0, 1)
        size = input.shape[0] + abs(self.diagonal)
        return input.with_shape(size, size)


@operation(source=aten("torch.diag_embed"), name="diag_embed")
class DiagEmbed(Layer):
    """Matrices that have the last axis as a diagonal, 0 elsewhere.

    Shapes: ``[…, a]`` to ``[…, a, a]``, more beside the main diagonal; `dim1` and `dim2` count axes of the output.
    """

    offset: int = setting(Integer(), _OFFSET, default=0)
    dim1: int = setting(Integer(), _ROWS, default=-2)
    dim2: int = setting(Integer(), _COLUMNS, default=-1)

    examples = (
        example("float32[batch, 3]"),
        example("float32[batch, 3]", offset=1, dim1=0, dim2=2),
        example("int64[batch]", offset=-2),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        if not input.rank:
            raise Mismatch(f"its input must have at least 1 axis, {input} has none", code="MP302")
        size = input.shape[-1] + abs(self.offset)
        whole = input.with_shape(*few_axes((*input.shape[:-1], size, size)))
        rows, columns = existing_axis(whole, self.dim1, "dim1"), existing_axis(whole, self.dim2, "dim2")
        if rows == columns:
            raise Mismatch(
                f"dim1 {self.dim1} and dim2 {self.dim2} name the same axis", code="MP302", setting="dim2"
            )
        shape = list(input.shape[:-1])
        for at in sorted((rows, columns)):
            shape.insert(at, size)
        return input.with_shape(*shape)


@operation(source=aten("torch.diagflat"), name="diagflat")
class DiagFlat(Layer):
    """The matrix that has all elements as a diagonal, 0 elsewhere.

    Shapes: any of n elements, to ``[n, n]``, more beside the main diagonal.
    """

    offset: int = setting(Integer(), _OFFSET, default=0)

    examples = (
        example("float32[batch]"),
        example("float32[batch, 3]", offset=1),
        example("int64[]", offset=-2),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        size = number_of_elements(input.shape) + abs(self.offset)
        return input.with_shape(size, size)


@operation(source=aten("torch.trace"), name="trace")
class Trace(Layer):
    """The sum of a matrix's main diagonal; of integers int64.

    Shapes: ``[a, b]`` to a scalar.
    """

    examples = tuple(map(example, ("float32[batch, 3]", "int64[3, batch]", "complex64[2, 2]")))

    def infer(self, input: TensorSpec) -> TensorSpec:
        of_dtypes(of_rank(input, 2), ARITHMETIC)
        whole = input.dtype.value.startswith(("int", "uint"))
        return input.with_shape().with_dtype(DType.INT64 if whole else input.dtype)


def _places(name: str, doc: str) -> type[Layer]:
    @operation(source=aten(f"torch.{name}"), name=name)
    class Places(Layer):
        __doc__ = f"{doc}\n\nShapes: takes nothing, gives ``[2, count]``: the rows, and the columns."

        row: int = setting(Integer(0), "how many rows")
        col: int = setting(Integer(0), "how many columns")
        offset: int = setting(Integer(), _OFFSET, default=0)
        dtype: DType = setting(DTypeName(), "int64 or int32", default="int64")

        examples = (
            example(row=3, col=4),
            example(row=4, col=3, offset=1, dtype="int32"),
            example(row=2, col=5, offset=-1),
        )

        def infer(self) -> TensorSpec:
            if self.dtype not in (DType.INT64, DType.INT32):
                raise Mismatch(
                    f"dtype must be int64 or int32, not {self.dtype}", code="MP306", setting="dtype"
                )
            below = self._below(self.offset + 1 if name == "tril_indices" else self.offset)
            total = self.row * self.col
            return TensorSpec(self.dtype, (2, below if name == "tril_indices" else total - below))

        def _below(self, first: int) -> int:
            """How many places lie left of column ``row + first``, summed over the rows without going through them."""
            rows, columns = self.row, self.col
            none = min(max(-first, 0), rows)  # rows that begin before their first column
            full = min(max(columns - first, none), rows)  # from here on, whole rows
            partial = full - none
            return partial * first + (none + full - 1) * partial // 2 + (rows - full) * columns

    return Places


PLACES = (
    _places("tril_indices", "The places on and below a diagonal, row by row."),
    _places("triu_indices", "The places on and above a diagonal, row by row."),
)
