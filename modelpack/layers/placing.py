"""Operations that put or add elements at places of an axis, or of all, or take them from there."""

from __future__ import annotations

from modelpack.dims import Dim, may_equal
from modelpack.dtypes import DType
from modelpack.layers.arithmetic import scaled
from modelpack.layers.axes import axis_or_scalar, existing_axis, slice_size
from modelpack.layers.base import Layer, aten, choice, example, flag, operand, operation, setting
from modelpack.layers.indexing import indices, picked, within
from modelpack.layers.kinds import Integer, Nullable, Scalar
from modelpack.layers.rules import (
    ARITHMETIC,
    BOOLEAN,
    COMPLEX,
    NUMBERS,
    fits,
    of_dtypes,
    of_result,
    of_shape,
    one_dtype,
)
from modelpack.tensors import Mismatch, TensorSpec, broadcast, number_of_elements

__all__ = [
    "ALONG",
    "INTO_SLICES",
    "SCATTERS",
    "IndexFill",
    "MaskedScatter",
    "Put",
    "Take",
    "TakeAlongDim",
]

_TRUTH = ARITHMETIC | BOOLEAN
_LONG = frozenset({DType.INT64})
_DIM = "the axis"
_REDUCTIONS = {"amax": COMPLEX, "amin": COMPLEX, "mean": BOOLEAN}
"""Dtypes that a way of joining elements isn't for."""


def _joinable(x: TensorSpec, reduce: str) -> None:
    of_result(x, _TRUTH - _REDUCTIONS.get(reduce, frozenset()))


@operation(source=aten("torch.scatter_add"), name="scatter_add")
class ScatterAdd(Layer):
    """`input` with elements of `src` added at the places in `index` along an axis.

    Shapes: that of `input`; `index` is no longer than `src`, and than `input` but along `dim`. All of one dtype.
    """

    dim: int = setting(Integer(), _DIM)

    examples = (
        example("float32[batch, 5]", "int64[batch, 2]", "float32[batch, 3]", dim=-1),
        example("int64[5, batch]", "int64[3, batch]", "int64[3, batch]", dim=0),
        example("float64[3]", "int32[batch]", "float64[batch]", dim=0),
    )

    def infer(self, input: TensorSpec, index: TensorSpec, src: TensorSpec) -> TensorSpec:
        return _scattered(input, index, src, self.dim)


def _scattered(x: TensorSpec, index: TensorSpec, src: TensorSpec, dim: int) -> TensorSpec:
    axis = axis_or_scalar(x, dim)
    one_dtype(x, src, allowed=_TRUTH)
    within(x, indices(index, "index"), axis, "index")
    within(src, index, None, "index")
    return x


@operation(source=aten("torch.scatter_reduce"), name="scatter_reduce")
class ScatterReduce(Layer):
    """`input` with elements of `src` joined to those at the places in `index` along an axis.

    Shapes: that of `input`; `index` is no longer than `src`, and than `input` but along `dim`. All of one dtype.
    """

    dim: int = setting(Integer(), _DIM)
    reduce: str = choice("sum", "prod", "mean", "amax", "amin", doc="how they are joined")
    include_self: bool = flag("whether what was there counts", default=True)

    examples = (
        example("float32[batch, 5]", "int64[batch, 2]", "float32[batch, 3]", dim=-1, reduce="sum"),
        example(
            "int64[5, batch]", "int64[3, batch]", "int64[3, batch]", dim=0, reduce="amax", include_self=False
        ),
        example("float64[3]", "int64[batch]", "float64[batch]", dim=0, reduce="mean"),
        example("float32[3]", "int64[batch]", "float32[batch]", dim=0, reduce="prod"),
    )

    def infer(self, input: TensorSpec, index: TensorSpec, src: TensorSpec) -> TensorSpec:
        _joinable(input, self.reduce)
        return _scattered(input, index, src, self.dim)


SCATTERS = (ScatterAdd, ScatterReduce)


def _along(
    x: TensorSpec, index: TensorSpec, source: TensorSpec, dim: int, allowed: frozenset[DType]
) -> TensorSpec:
    """`x`, whose slices along an axis at the places in `index` take those of `source`."""
    one_dtype(x, source, allowed=_TRUTH)
    axis = existing_axis(x, dim)
    if indices(index, "index", allowed).rank > 1:
        raise Mismatch(f"its index must be a vector, not {index}", code="MP302", port="index")
    of_shape(source, x.with_axis(axis, index.shape[0] if index.rank else 1).shape, "source")
    return x


_EITHER = _LONG | {DType.INT32}


@operation(source=aten("torch.index_add"), name="index_add")
class IndexAdd(Layer):
    """`input` with ``alpha * source`` added to its slices along an axis at the places in `index`.

    Shapes: that of `input`; `source` is as long as `index` along the axis, a vector. All of one dtype.
    """

    dim: int = setting(Integer(), _DIM)
    alpha: object = setting(Scalar(), "what `source` is multiplied by", default=1)

    examples = (
        example("float32[5, batch]", "int64[3]", "float32[3, batch]", dim=0),
        example("float64[batch, 5]", "int32[2]", "float64[batch, 2]", dim=-1, alpha=0.5),
        example("int64[5]", "int64[batch]", "int64[batch]", dim=0, alpha=2),
    )

    def infer(self, input: TensorSpec, index: TensorSpec, source: TensorSpec) -> TensorSpec:
        scaled(input, "alpha", self.alpha)
        return _along(input, index, source, self.dim, _EITHER)


@operation(source=aten("torch.index_copy"), name="index_copy")
class IndexCopy(Layer):
    """`input` with the slices of `source` in place of those along an axis at the places in `index`.

    Shapes: that of `input`; `source` is as long as `index` along the axis, a vector. All of one dtype.
    """

    dim: int = setting(Integer(), _DIM)

    examples = (
        example("float32[5, batch]", "int64[3]", "float32[3, batch]", dim=0),
        example("float64[batch, 5]", "int64[2]", "float64[batch, 2]", dim=-1),
        example("bool[5]", "int64[batch]", "bool[batch]", dim=0),
    )

    def infer(self, input: TensorSpec, index: TensorSpec, source: TensorSpec) -> TensorSpec:
        return _along(input, index, source, self.dim, _LONG)


@operation(source=aten("torch.index_reduce"), name="index_reduce")
class IndexReduce(Layer):
    """`input` with the slices of `source` joined to those along an axis at the places in `index`.

    Shapes: that of `input`; `source` is as long as `index` along the axis, a vector. All of one dtype.
    """

    dim: int = setting(Integer(), _DIM)
    reduce: str = choice("prod", "mean", "amax", "amin", doc="how they are joined")
    include_self: bool = flag("whether what was there counts", default=True)

    examples = (
        example("float32[5, batch]", "int64[3]", "float32[3, batch]", dim=0, reduce="mean"),
        example(
            "float64[batch, 5]", "int32[2]", "float64[batch, 2]", dim=-1, reduce="amax", include_self=False
        ),
        example("int64[5]", "int64[batch]", "int64[batch]", dim=0, reduce="prod"),
    )

    def infer(self, input: TensorSpec, index: TensorSpec, source: TensorSpec) -> TensorSpec:
        _joinable(input, self.reduce)
        of_dtypes(input, NUMBERS | BOOLEAN)
        return _along(input, index, source, self.dim, _EITHER)


ALONG = (IndexAdd, IndexCopy, IndexReduce)


@operation(source=aten("torch.index_fill"), name="index_fill")
class IndexFill(Layer):
    """`input` with one value in its slices along an axis at the places in `index`.

    Shapes: that of `input`; `index` is a vector, `value` a number or a tensor without axes.
    """

    value: object = operand("the number that is filled in")
    dim: int = setting(Integer(), _DIM)

    examples = (
        example("float32[5, batch]", "int64[3]", dim=0, value=1.5),
        example("float64[batch, 5]", "int64[2]", "float64[]", dim=-1),
        example("int64[5]", "int64[batch]", dim=0, value=7),
    )

    def infer(self, input: TensorSpec, index: TensorSpec, value: TensorSpec | None = None) -> TensorSpec:
        existing_axis(of_result(input, _TRUTH), self.dim)
        if indices(index, "index", _LONG).rank > 1:
            raise Mismatch(f"its index must be a vector, not {index}", code="MP302", port="index")
        if value is None:
            fits(input, self.value, "value")
        elif value.rank:
            raise Mismatch(
                f"its value must be a tensor without axes, not {value}", code="MP302", port="value"
            )
        elif value.dtype in COMPLEX and input.dtype not in COMPLEX:
            raise Mismatch(f"{input.dtype} can't hold its value {value}", code="MP306", port="value")
        return input


@operation(source=aten("torch.take"), name="take_flat")
class Take(Layer):
    """The elements at the places in `index`, counted in the flat input.

    Shapes: that of `index`.
    """

    examples = (
        example("float32[batch, 5]", "int64[3]"),
        example("int64[5]", "int64[batch, 2, 2]"),
        example("float64[3]", "int64[]"),
    )

    def infer(self, input: TensorSpec, index: TensorSpec) -> TensorSpec:
        return of_result(input, _TRUTH).with_shape(*indices(index, "index", _LONG).shape)


@operation(source=aten("torch.take_along_dim"), name="take_along_dim")
class TakeAlongDim(Layer):
    """Along an axis, the elements at the places in `indices`; without `dim`, those of the flat input.

    Shapes: both broadcast but for the axis, which becomes that of `indices`; without `dim`, a vector.
    """

    dim: int | None = setting(Nullable(Integer()), "the axis; null: the flat input", default=None)

    examples = (
        example("float32[batch, 5]", "int64[batch, 3]", dim=1),
        example("float32[batch, 5, 4]", "int64[1, 2, 4]", dim=-2),
        example("float64[batch, 5]", "int64[2, 3]"),
    )

    def infer(self, input: TensorSpec, indices: TensorSpec) -> TensorSpec:
        of_result(input, _TRUTH)
        if indices.dtype not in (_EITHER if self.dim is None else _LONG):
            raise Mismatch(f"its indices must be int64, not {indices}", code="MP306", port="indices")
        if self.dim is None:
            return input.with_shape(number_of_elements(indices.shape))
        if indices.rank != input.rank:
            raise Mismatch(
                f"its indices {indices} must have as many axes as {input}", code="MP302", port="indices"
            )
        axis = existing_axis(input, self.dim)
        length = indices.shape[axis]
        shape = broadcast([input.with_axis(axis, 1).shape, indices.with_axis(axis, 1).shape])
        return input.with_shape(*shape).with_axis(axis, length)


@operation(source=aten("torch.Tensor.put_"), name="put")
class Put(Layer):
    """`input` with the elements of `source` at the places in `index`, counted in the flat input.

    Shapes: that of `input`; `index` and `source` have as many elements. `source` has the dtype of `input`.
    """

    accumulate: bool = flag("whether they are added to what was there", default=False)

    examples = (
        example("float32[batch, 5]", "int64[3]", "float32[3]"),
        example("int64[batch, 5]", "int64[2, 2]", "int64[4]", accumulate=True),
        example("float64[5]", "int64[batch]", "float64[batch]"),
    )

    def infer(self, input: TensorSpec, index: TensorSpec, source: TensorSpec) -> TensorSpec:
        one_dtype(input, source, allowed=_TRUTH)
        indices(index, "index", _LONG)
        if not may_equal(number_of_elements(index.shape), number_of_elements(source.shape)):
            raise Mismatch(
                f"its index {index} and source {source} have different numbers of elements", port="source"
            )
        return input


@operation(source=aten("torch.Tensor.masked_scatter"), name="masked_scatter")
class MaskedScatter(Layer):
    """`input` with the elements of `source`, one after the other, where `mask` is true.

    Shapes: `input` and `mask` broadcast; `source` has an element for each place. `source` has the dtype of `input`.
    """

    examples = (
        example("float32[batch, 5]", "bool[batch, 5]", "float32[batch, 5]"),
        example("int64[batch, 5]", "bool[5]", "int64[batch, 8]"),
        example("float64[5]", "bool[batch, 5]", "float64[batch, 5]"),
    )

    def infer(self, input: TensorSpec, mask: TensorSpec, source: TensorSpec) -> TensorSpec:
        one_dtype(input, source, allowed=_TRUTH)
        if mask.dtype is not DType.BOOL:
            raise Mismatch(f"its mask must be bool, not {mask}", code="MP306", port="mask")
        return input.with_shape(*broadcast([input.shape, mask.shape]))


@operation(source=aten("torch.select_scatter"), name="select_scatter")
class SelectScatter(Layer):
    """`input` with `src` in place of the slice at one place of an axis.

    Shapes: that of `input`; `src` lacks the axis.
    """

    dim: int = setting(Integer(), _DIM)
    index: Dim = setting(Integer(symbolic=True), "the place; negative ones count from the end")

    examples = (
        example("float32[batch, 5]", "float32[batch]", dim=1, index=0),
        example("float64[batch, 5, 2]", "float64[batch, 2]", dim=-2, index=-1),
        example("int64[5, batch]", "int64[batch]", dim=0, index=3),
    )

    def infer(self, input: TensorSpec, src: TensorSpec) -> TensorSpec:
        of_shape(src, picked(input, self.dim, self.index).shape, "src")
        return input


@operation(source=aten("torch.slice_scatter"), name="slice_scatter")
class SliceScatter(Layer):
    """`input` with `src` in place of every `step`-th slice of an axis from `start` to before `end`.

    Shapes: that of `input`; `src` as `slice` gives it.
    """

    dim: int = setting(Integer(), _DIM, default=0)
    start: Dim = setting(
        Integer(symbolic=True), "the first place; negative ones count from the end", default=0
    )
    end: Dim | None = setting(
        Nullable(Integer(symbolic=True)), "the place after the last; null: as far as it goes", default=None
    )
    step: int = setting(Integer(1), "the distance", default=1)

    examples = (
        example("float32[5, batch]", "float32[3, batch]", end=3),
        example("float64[batch, 8]", "float64[batch, 3]", dim=1, start=2, step=2),
        example("int64[batch, 8]", "int64[batch, 2]", dim=-1, start=-2),
    )

    def infer(self, input: TensorSpec, src: TensorSpec) -> TensorSpec:
        axis = existing_axis(input, self.dim)
        count = slice_size(input.shape[axis], self.start, self.end, self.step)
        of_shape(src, input.with_axis(axis, count).shape, "src")
        return input


INTO_SLICES = (SelectScatter, SliceScatter)
