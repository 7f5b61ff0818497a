"""Operations over the elements of an axis that know their order or spread: medians, quantiles, running extremes, areas."""

from __future__ import annotations

from modelpack.dims import Dim, exceeds
from modelpack.dtypes import DType
from modelpack.layers.arithmetic import no_booleans
from modelpack.layers.axes import axes_of, axis_or_scalar, existing_axis, reduced
from modelpack.layers.base import Layer, aten, choice, example, flag, number, operation, setting
from modelpack.layers.kinds import Axes, Integer, Nullable, Number, Scalar
from modelpack.layers.reduction import nonempty, real
from modelpack.layers.rules import (
    ARITHMETIC,
    BOOLEAN,
    COMPLEX,
    COUNTABLE,
    FLOATS,
    NUMBERS,
    elementwise,
    few_axes,
    of_dtypes,
    of_rank_from,
    of_result,
)
from modelpack.tensors import Mismatch, TensorSpec

__all__ = [
    "MEDIANS",
    "QUANTILES",
    "RUNNING",
    "SPREADS_AND_MEANS",
    "AMinMax",
    "CountNonZero",
    "Dist",
    "KthValue",
    "LogCumSumExp",
    "MSort",
    "Mode",
    "Renorm",
]

_AXIS = "the axis"
_GOES = "the axis that goes"
_STAYS = "whether it stays with length 1"
_ORDERED = NUMBERS | BOOLEAN


def _spread_and_mean(name: str, doc: str) -> type[Layer]:
    @operation(source=aten(f"torch.{name}_mean"), name=f"{name}_mean")
    class SpreadAndMean(Layer):
        __doc__ = f"{doc}\n\nShapes: the axes in `dim` go, or become 1 with `keepdim`. `{name}` of complex64 is float32."
        outputs = (name, "mean")

        dim: tuple[int, ...] | None = setting(
            Axes(all_by_default=True), "the axes that go; null for all", default=None
        )
        correction: float = number("what is taken off the count: 1 for an unbiased estimate", default=1.0)
        keepdim: bool = flag("whether they stay with length 1", default=False)

        examples = (
            example("float32[batch, 3, 4]"),
            example("float32[batch, 3, 4]", dim=(1, 2), keepdim=True),
            example("float64[batch, 8]", dim=-1, correction=0),
        )

        def infer(self, input: TensorSpec) -> tuple[TensorSpec, TensorSpec]:
            of_dtypes(input, FLOATS | COMPLEX)
            mean = reduced(input, axes_of(input, self.dim), self.keepdim)
            return real(mean), mean

    return SpreadAndMean


SPREADS_AND_MEANS = (
    _spread_and_mean("var", "`var` and `mean` at once."),
    _spread_and_mean("std", "`std` and `mean` at once."),
)


def _median_of_all(name: str, doc: str) -> type[Layer]:
    @operation(source=aten(f"torch.{name}"), name=name)
    class MedianOfAll(Layer):
        __doc__ = f"{doc}\n\nShapes: any, to a scalar."
        examples = tuple(map(example, ("float32[batch, 3]", "int64[batch]", "float64[]")))

        def infer(self, input: TensorSpec) -> TensorSpec:
            return of_dtypes(input, NUMBERS).with_shape()

    return MedianOfAll


MEDIANS = (
    _median_of_all("median", "The element in the middle of all, the lower one of two."),
    _median_of_all("nanmedian", "The same of those that aren't NaN."),
)


@operation(source=aten("torch.mode"), name="mode")
class Mode(Layer):
    """The most frequent element along an axis, the smallest of several, and where one such is.

    Shapes: the axis `dim` goes, or becomes 1 with `keepdim`. `indices` are int64.
    """

    outputs = ("values", "indices")

    dim: int = setting(Integer(), _GOES, default=-1)
    keepdim: bool = flag(_STAYS, default=False)

    examples = (
        example("float32[batch, 3]"),
        example("int64[batch, 3, 4]", dim=1, keepdim=True),
        example("bool[batch, 3]", dim=0),
    )

    def infer(self, input: TensorSpec) -> tuple[TensorSpec, TensorSpec]:
        axis = axis_or_scalar(of_dtypes(input, _ORDERED), self.dim)
        nonempty(input, (axis,))
        values = reduced(input, (axis,), self.keepdim)
        return values, values.with_dtype(DType.INT64)


@operation(source=aten("torch.kthvalue"), name="kthvalue")
class KthValue(Layer):
    """The `k`-th smallest element along an axis, and where it is.

    Shapes: the axis `dim` goes, or becomes 1 with `keepdim`. `indices` are int64.
    """

    outputs = ("values", "indices")

    k: Dim = setting(Integer(1, symbolic=True), "which, counted from 1")
    dim: int = setting(Integer(), _GOES, default=-1)
    keepdim: bool = flag(_STAYS, default=False)

    examples = (
        example("float32[batch, 3]", k=2),
        example("int64[batch, 3, 4]", k=1, dim=1, keepdim=True),
        example("float64[batch, length]", k="length", dim=-1),
    )

    def infer(self, input: TensorSpec) -> tuple[TensorSpec, TensorSpec]:
        axis = axis_or_scalar(of_dtypes(input, NUMBERS), self.dim)
        length = input.shape[axis] if input.rank else 1
        if exceeds(self.k, length):
            raise Mismatch(
                f"k is {self.k}, but axis {self.dim} of its input {input} has {length}", setting="k"
            )
        values = reduced(input, (axis,), self.keepdim)
        return values, values.with_dtype(DType.INT64)


@operation(source=aten("torch.msort"), name="msort")
class MSort(Layer):
    """The elements in order along the first axis.

    Shapes: any, unchanged.
    """

    examples = tuple(map(example, ("float32[batch, 3]", "int64[batch]", "float64[]")))

    def infer(self, input: TensorSpec) -> TensorSpec:
        return of_dtypes(input, COUNTABLE)


@operation(source=aten("torch.count_nonzero"), name="count_nonzero")
class CountNonZero(Layer):
    """How many elements aren't 0.

    Shapes: the axes in `dim` go; int64.
    """

    dim: tuple[int, ...] | None = setting(
        Axes(all_by_default=True), "the axes that go; null for all", default=None
    )

    examples = (
        example("float32[batch, 3, 4]"),
        example("float32[batch, 3, 4]", dim=(1, 2)),
        example("bool[batch, 3]", dim=-1),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        of_dtypes(input, ARITHMETIC | BOOLEAN)
        return reduced(input, axes_of(input, self.dim), keepdim=False).with_dtype(DType.INT64)


@operation(source=aten("torch.aminmax"), name="aminmax")
class AMinMax(Layer):
    """The smallest and the largest element.

    Shapes: the axis `dim` goes, or becomes 1 with `keepdim`.
    """

    outputs = ("min", "max")

    dim: int | None = setting(Nullable(Integer()), "the axis that goes; null for all", default=None)
    keepdim: bool = flag("whether axes stay with length 1", default=False)

    examples = (
        example("float32[batch, 3]"),
        example("int64[batch, 3]", dim=1, keepdim=True),
        example("float64[batch, 3]", dim=-2),
    )

    def infer(self, input: TensorSpec) -> tuple[TensorSpec, TensorSpec]:
        of_dtypes(input, _ORDERED)
        axes = axes_of(input, None if self.dim is None else (self.dim,))
        nonempty(input, axes)
        result = reduced(input, axes, self.keepdim)
        return result, result


def _running(name: str, doc: str) -> type[Layer]:
    @operation(source=aten(f"torch.{name}"), name=name)
    class Running(Layer):
        __doc__ = f"{doc}\n\nShapes: any, unchanged; `indices` are int64."
        outputs = ("values", "indices")

        dim: int = setting(Integer(), _AXIS)

        examples = (
            example("float32[batch, 3]", dim=1),
            example("int64[batch, 3, 4]", dim=-2),
            example("bool[batch]", dim=0),
        )

        def infer(self, input: TensorSpec) -> tuple[TensorSpec, TensorSpec]:
            axis_or_scalar(of_dtypes(input, _ORDERED), self.dim)
            return input, input.with_dtype(DType.INT64)

    return Running


RUNNING = (
    _running("cummax", "The largest element so far along an axis, and where it is."),
    _running("cummin", "The smallest element so far along an axis, and where it is."),
)


@operation(source=aten("torch.logcumsumexp"), name="logcumsumexp")
class LogCumSumExp(Layer):
    """The logarithms of running sums of ``exp(x)`` along an axis, without overflow.

    Shapes: any, unchanged.
    """

    dim: int = setting(Integer(), _AXIS)

    examples = (
        example("float32[batch, 3]", dim=1),
        example("float64[batch, 3, 4]", dim=-2),
        example("float32[]", dim=0),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        axis_or_scalar(of_dtypes(input, FLOATS | COMPLEX), self.dim)
        return input


def _quantile(name: str, doc: str) -> type[Layer]:
    @operation(source=aten(f"torch.{name}"), name=name)
    class Quantile(Layer):
        __doc__ = (
            f"{doc}\n\nShapes: the axis `dim` goes, or becomes 1 with `keepdim`; for a vector `q` of the input's dtype, "
            "its axis stands in front."
        )

        q: object = setting(
            Nullable(Number(0.0, 1.0)), "the part, from 0 to 1; null where it is an input", default=None
        )
        dim: int | None = setting(Nullable(Integer()), "the axis that goes; null for all", default=None)
        keepdim: bool = flag("whether axes stay with length 1", default=False)
        interpolation: str = choice(
            "linear",
            "lower",
            "higher",
            "midpoint",
            "nearest",
            doc="what lies between two elements",
            default="linear",
        )

        examples = (
            example("float32[batch, 3]", q=0.5),
            example("float32[batch, 3]", q=0.25, dim=1, keepdim=True, interpolation="nearest"),
            example("float64[batch, 3, 4]", "float64[2]", dim=-1),
            example("float64[batch, 3]", "float64[]"),
        )

        def infer(self, input: TensorSpec, q: TensorSpec | None = None) -> TensorSpec:
            of_dtypes(input, frozenset({DType.FLOAT32, DType.FLOAT64}))
            axes = axes_of(input, None if self.dim is None else (self.dim,))
            if q is None and self.q is None:
                raise Mismatch("needs q, as a number or an input", code="MP308", setting="q")
            nonempty(input, axes)
            result = reduced(input, axes, self.keepdim)
            if q is None:
                return result
            if q.dtype is not input.dtype:
                raise Mismatch(f"its q {q} must have the dtype of its input {input}", code="MP306", port="q")
            if q.rank > 1:
                raise Mismatch(f"its q must have at most one axis, not {q}", code="MP302", port="q")
            nonempty(q, tuple(range(q.rank)))
            return input.with_shape(*few_axes((*q.shape, *result.shape)))

    return Quantile


QUANTILES = (
    _quantile("quantile", "The value below which the part `q` of the elements lies."),
    _quantile("nanquantile", "The same of those that aren't NaN."),
)


@operation(source=aten("torch.renorm"), name="renorm")
class Renorm(Layer):
    """Each slice of an axis, made shorter where its p-norm is above `maxnorm`.

    Shapes: any of at least 2 axes, unchanged.
    """

    p: object = setting(Scalar(), "the norm's power")
    dim: int = setting(Integer(), "the axis of which each slice is looked at")
    maxnorm: object = setting(Scalar(), "the largest norm that is left as it is")

    examples = (
        example("float32[batch, 3]", p=2, dim=0, maxnorm=1.0),
        example("float64[batch, 3, 4]", p=1, dim=-1, maxnorm=5),
        example("float32[3, batch]", p=2.5, dim=1, maxnorm=0.5),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        for name, each, low in (("p", self.p, True), ("maxnorm", self.maxnorm, False)):
            if isinstance(each, int | float) and (each <= 0 if low else each < 0):
                raise Mismatch(f"{name} is {each}, which is too small", code="MP308", setting=name)
        existing_axis(of_rank_from(of_dtypes(input, FLOATS | COMPLEX), 2), self.dim)
        return input


@operation(source=aten("torch.dist"), name="dist")
class Dist(Layer):
    """The p-norm of ``input - other``.

    Shapes: broadcast, to a scalar. Of complex64 float32.
    """

    p: float = setting(Number(finite=False), "the norm's power", default=2.0)

    examples = (
        example("float32[batch, 3]", "float32[3]"),
        example("float64[batch]", "float64[batch]", p=1),
        example("float32[]", "float32[batch]", p=float("inf")),
    )

    def infer(self, input: TensorSpec, other: TensorSpec) -> TensorSpec:
        result = of_result(elementwise(input, other), FLOATS | COMPLEX)
        no_booleans(input, other)
        if self.p < 0 or self.p == float("inf"):
            nonempty(result, tuple(range(result.rank)))
        return real(result.with_shape())
