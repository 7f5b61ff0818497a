"""Operations along an axis that keep it: sorting, running totals, differences."""

from __future__ import annotations

from modelpack.dims import Dim, exceeds, maximum, may_equal
from modelpack.dtypes import DType, Kind
from modelpack.layers.axes import axis_or_scalar, existing_axis
from modelpack.layers.base import Layer, aten, example, flag, operation, setting
from modelpack.layers.kinds import DTypeName, Integer, Nullable
from modelpack.layers.rules import ARITHMETIC, BOOLEAN, COMPLEX, COUNTABLE, NUMBERS, of_dtypes
from modelpack.tensors import Mismatch, TensorSpec, common_dtype

__all__ = ["TOTALS", "ArgSort", "Diff", "Sort", "TopK"]


@operation(source=aten("torch.sort"), name="sort")
class Sort(Layer):
    """The elements in order along an axis, and where each was.

    Shapes: any, unchanged; `indices` are int64.
    """

    outputs = ("values", "indices")

    dim: int = setting(Integer(), "the axis", default=-1)
    descending: bool = flag("whether the largest comes first", default=False)
    stable: bool = flag("whether equals keep their order", default=False)

    examples = (
        example("float32[batch, 3, 4]"),
        example("float32[batch, 3]", dim=0, descending=True),
        example("int64[batch, 3]", dim=1, stable=True),
    )

    def infer(self, input: TensorSpec) -> tuple[TensorSpec, TensorSpec]:
        axis_or_scalar(of_dtypes(input, COUNTABLE), self.dim)
        return input, input.with_dtype(DType.INT64)


@operation(source=aten("torch.argsort"), name="argsort")
class ArgSort(Layer):
    """Where each element of the sorted input was.

    Shapes: any, unchanged; int64.
    """

    dim: int = setting(Integer(), "the axis", default=-1)
    descending: bool = flag("whether the largest comes first", default=False)
    stable: bool = flag("whether equals keep their order", default=False)

    examples = (
        example("float32[batch, 3, 4]"),
        example("float32[batch, 3]", dim=0, descending=True),
        example("int64[batch, 3]", dim=1, stable=True),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        axis_or_scalar(of_dtypes(input, COUNTABLE), self.dim)
        return input.with_dtype(DType.INT64)


@operation(source=aten("torch.topk"), name="topk")
class TopK(Layer):
    """The `k` largest elements along an axis, and where they are.

    Shapes: the axis becomes `k`; `indices` are int64.
    """

    outputs = ("values", "indices")

    k: Dim = setting(Integer(0, symbolic=True), "how many")
    dim: int = setting(Integer(), "the axis", default=-1)
    largest: bool = flag("whether the largest are meant, not the smallest", default=True)
    sorted: bool = flag("whether they come in order", default=True)

    examples = (
        example("float32[batch, 8]", k=3),
        example("float32[batch, 8, 4]", k=2, dim=1, largest=False),
        example("int64[batch, 5]", k=1, sorted=False),
    )

    def infer(self, input: TensorSpec) -> tuple[TensorSpec, TensorSpec]:
        axis = axis_or_scalar(of_dtypes(input, NUMBERS), self.dim)
        size = input.shape[axis] if input.rank else 1
        if exceeds(self.k, size):
            raise Mismatch(f"k is {self.k}, but axis {self.dim} of its input {input} has {size}", setting="k")
        values = input.with_axis(axis, self.k) if input.rank else input
        return values, values.with_dtype(DType.INT64)


def _total(name: str, doc: str) -> type[Layer]:
    @operation(source=aten(f"torch.{name}"), name=name)
    class Total(Layer):
        __doc__ = f"{doc}\n\nShapes: any, unchanged; of integers int64."

        dim: int = setting(Integer(), "the axis")
        dtype: DType | None = setting(
            Nullable(DTypeName()), "what the input is converted to first; null: it isn't", default=None
        )

        examples = (
            example("float32[batch, 3, 4]", dim=1),
            example("int32[batch, 3]", dim=-1),
            example("bool[batch, 3]", dim=0, dtype="float32"),
        )

        def infer(self, input: TensorSpec) -> TensorSpec:
            axis_or_scalar(input, self.dim)
            if self.dtype is not None:
                return of_dtypes(input.with_dtype(self.dtype), COUNTABLE | COMPLEX)
            of_dtypes(input, COUNTABLE | COMPLEX)
            whole = input.dtype.kind in (Kind.BOOLEAN, Kind.INTEGER)
            return input.with_dtype(DType.INT64) if whole else input

    return Total


TOTALS = (
    _total("cumsum", "Running sums along an axis."),
    _total("cumprod", "Running products along an axis."),
)


@operation(source=aten("torch.diff"), name="diff")
class Diff(Layer):
    """Differences of neighbours along an axis, `n` times over, with optional ends.

    Shapes: the axis, with `prepend` and `append`, becomes `n` shorter (but not shorter than 0).
    """

    n: int = setting(Integer(0), "how many times", default=1)
    dim: int = setting(Integer(), "the axis", default=-1)

    examples = (
        example("float32[batch, 8]"),
        example("float32[batch, 5, 3]", n=2, dim=1),
        example("int64[batch, 4]", "int64[batch, 1]"),
        example("float32[batch, 4]", "float32[batch, 1]", "float32[batch, 2]"),
    )

    def infer(
        self, input: TensorSpec, prepend: TensorSpec | None = None, append: TensorSpec | None = None
    ) -> TensorSpec:
        axis = existing_axis(input, self.dim)
        size = input.shape[axis]
        for port, end in (("prepend", prepend), ("append", append)):
            if end is not None and not _fits(input, end, axis):
                raise Mismatch(
                    f"its {port} {end} must be as its input {input} but for axis {axis}", port=port
                )
            size = size + (end.shape[axis] if end is not None else 0)
        if self.n == 0:
            return input
        together = common_dtype([each for each in (input, prepend, append) if each is not None])
        of_dtypes(input.with_dtype(together), ARITHMETIC | BOOLEAN)
        return input.with_dtype(together).with_axis(axis, maximum(size - self.n, 0))


def _fits(x: TensorSpec, end: TensorSpec, axis: int) -> bool:
    if end.rank != x.rank:
        return False
    return all(
        may_equal(a, b) for at, (a, b) in enumerate(zip(x.shape, end.shape, strict=True)) if at != axis
    )
