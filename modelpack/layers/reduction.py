"""Operations that take many elements to one along axes: sums, means, extremes, norms."""

from __future__ import annotations

from math import inf

from modelpack.dtypes import DType, Kind
from modelpack.layers.axes import axes_of, axis_or_scalar, reduced
from modelpack.layers.base import Layer, aten, example, flag, number, operation, setting, size
from modelpack.layers.kinds import Axes, DTypeName, Integer, Nullable, Number
from modelpack.layers.rules import COMPLEX, COUNTABLE, FLOATS, NUMBERS, of_dtypes
from modelpack.tensors import Mismatch, TensorSpec

__all__ = [
    "ARGUMENTS",
    "EXTREMES",
    "EXTREMES_ALONG",
    "MEDIANS_ALONG",
    "SPREADS",
    "SUMS",
    "TRUTHS",
    "Histc",
    "LogSumExp",
    "Norm",
    "Prod",
    "nonempty",
    "not_narrower",
    "real",
    "vector_norm",
]

_AXES = Axes(all_by_default=True)
_DIM = "the axes that go; null for all"
_KEEPDIM = "whether they stay with length 1"
_DTYPE = "what the input is converted to first"
_SHAPES = "Shapes: the axes in `dim` go, or become 1 with `keepdim`."
_SUMMABLE = COUNTABLE | COMPLEX
_WIDE = frozenset({DType.UINT16, DType.UINT32, DType.UINT64})


def nonempty(x: TensorSpec, axes: tuple[int, ...]) -> None:
    """Refuse axes without elements, of which there is no largest.

    Raises:
        Mismatch: one of them is empty.
    """
    if any(x.shape[axis] == 0 for axis in axes if x.rank):
        raise Mismatch(f"there is no element to choose in its input {x}", code="MP307")


def _sum(
    name: str, doc: str, accepts: frozenset[DType], inputs: frozenset[DType] = frozenset(DType)
) -> type[Layer]:
    @operation(source=aten(f"torch.{name}"), name=name)
    class Sum(Layer):
        __doc__ = f"{doc}\n\n{_SHAPES}"

        dim: tuple[int, ...] | None = setting(_AXES, _DIM, default=None)
        keepdim: bool = flag(_KEEPDIM, default=False)
        dtype: DType | None = setting(Nullable(DTypeName()), f"{_DTYPE}; null: it isn't", default=None)

        examples = (
            example("float32[batch, 3, 4]"),
            example("float32[batch, 3, 4]", dim=(1, 2), keepdim=True),
            example("float32[batch, length, 8]", dim=-1, dtype="float64"),
        )

        def infer(self, input: TensorSpec) -> TensorSpec:
            result = reduced(of_dtypes(input, inputs), axes_of(input, self.dim), self.keepdim)
            if self.dtype is not None:
                return of_dtypes(result.with_dtype(self.dtype), accepts)
            of_dtypes(result, accepts)
            return result.with_dtype(_counted(result.dtype))

    return Sum


def _counted(dtype: DType) -> DType:
    """What sums of a dtype are: integers are counted in int64."""
    return DType.INT64 if dtype.kind in (Kind.BOOLEAN, Kind.INTEGER) else dtype


SUMS = (
    _sum("sum", "The sum; of integers int64.", _SUMMABLE),
    _sum("mean", "The mean.", FLOATS | COMPLEX),
    _sum("nansum", "The sum of those that aren't NaN; of integers int64.", COUNTABLE, COUNTABLE),
    _sum("nanmean", "The mean of those that aren't NaN.", FLOATS, FLOATS),
)


@operation(source=aten("torch.prod"), name="prod")
class Prod(Layer):
    """The product of all elements, or along one axis; of integers int64.

    Shapes: the axis `dim` goes, or becomes 1 with `keepdim`.
    """

    dim: int | None = setting(Nullable(Integer()), "the axis that goes; null for all", default=None)
    keepdim: bool = flag(_KEEPDIM, default=False)
    dtype: DType | None = setting(Nullable(DTypeName()), f"{_DTYPE}; null: it isn't", default=None)

    examples = (
        example("float32[batch, 3]"),
        example("int64[batch, 3]", dim=1, keepdim=True),
        example("float32[batch, 3]", dim=-1, dtype="float64"),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        if self.dim is None and self.keepdim:
            raise Mismatch("keepdim needs dim", code="MP308", setting="keepdim")
        axes = axes_of(input, None if self.dim is None else (self.dim,))
        result = reduced(input, axes, self.keepdim)
        if self.dtype is not None:
            return of_dtypes(result.with_dtype(self.dtype), _SUMMABLE)
        of_dtypes(result, _SUMMABLE)
        return result.with_dtype(_counted(result.dtype))


def _extreme(name: str, doc: str) -> type[Layer]:
    @operation(source=aten(f"torch.{name}"), name=name)
    class Extreme(Layer):
        __doc__ = f"{doc}\n\n{_SHAPES}"

        dim: tuple[int, ...] | None = setting(_AXES, _DIM, default=None)
        keepdim: bool = flag(_KEEPDIM, default=False)

        examples = (
            example("float32[batch, 3, 4]"),
            example("float32[batch, 3, 4]", dim=(1, 2), keepdim=True),
            example("int64[batch, 3]", dim=-1),
        )

        def infer(self, input: TensorSpec) -> TensorSpec:
            axes = axes_of(of_dtypes(input, COUNTABLE - _WIDE), self.dim)
            nonempty(input, axes)
            return reduced(input, axes, self.keepdim)

    return Extreme


EXTREMES = (
    _extreme("amax", "The largest element; gradients are shared among equals."),
    _extreme("amin", "The smallest element; gradients are shared among equals."),
)


def _extreme_of_all(name: str, doc: str) -> type[Layer]:
    @operation(source=aten(f"torch.{name}"), name=name)
    class ExtremeOfAll(Layer):
        __doc__ = f"{doc}\n\nShapes: any, to a scalar."
        examples = tuple(map(example, ("float32[batch, 3]", "int64[batch]", "bool[2, 3]")))

        def infer(self, input: TensorSpec) -> TensorSpec:
            of_dtypes(input, COUNTABLE - _WIDE)
            nonempty(input, tuple(range(input.rank)))
            return input.with_shape()

    return ExtremeOfAll


def _one_along(name: str, doc: str, accepts: frozenset[DType] = COUNTABLE - _WIDE) -> type[Layer]:
    """An operation that picks one element along an axis, and says where it is."""

    @operation(source=aten(f"torch.{name}"), name=f"{name}_dim")
    class ExtremeAlong(Layer):
        __doc__ = f"{doc}\n\nShapes: the axis `dim` goes, or becomes 1 with `keepdim`. `indices` are int64."
        outputs = ("values", "indices")

        dim: int = setting(Integer(), "the axis that goes")
        keepdim: bool = flag("whether it stays with length 1", default=False)

        examples = (
            example("float32[batch, 3, 4]", dim=1),
            example("float32[batch, 3, 4]", dim=-1, keepdim=True),
            example("int64[batch, 3]", dim=0),
        )

        def infer(self, input: TensorSpec) -> tuple[TensorSpec, TensorSpec]:
            axis = axis_or_scalar(of_dtypes(input, accepts), self.dim)
            nonempty(input, (axis,))
            values = reduced(input, (axis,), self.keepdim)
            return values, values.with_dtype(DType.INT64)

    return ExtremeAlong


EXTREMES_ALONG = (
    _extreme_of_all("max", "The largest of all elements."),
    _extreme_of_all("min", "The smallest of all elements."),
    _one_along("max", "The largest element along an axis, and where it is."),
    _one_along("min", "The smallest element along an axis, and where it is."),
)

MEDIANS_ALONG = (
    _one_along(
        "median", "The element in the middle along an axis, the lower of two, and where it is.", NUMBERS
    ),
    _one_along("nanmedian", "The same of those that aren't NaN.", NUMBERS),
)


def _where(name: str, doc: str) -> type[Layer]:
    @operation(source=aten(f"torch.{name}"), name=name)
    class Where(Layer):
        __doc__ = f"{doc}\n\nShapes: the axis `dim` goes, or becomes 1 with `keepdim`; int64."

        dim: int | None = setting(
            Nullable(Integer()), "the axis that goes; null: places in the flat input", default=None
        )
        keepdim: bool = flag("whether it stays with length 1", default=False)

        examples = (
            example("float32[batch, 3, 4]"),
            example("float32[batch, 3, 4]", dim=1),
            example("int64[batch, 3]", dim=-1, keepdim=True),
        )

        def infer(self, input: TensorSpec) -> TensorSpec:
            of_dtypes(input, NUMBERS)
            axes = axes_of(input, None) if self.dim is None else (axis_or_scalar(input, self.dim),)
            nonempty(input, axes)
            return reduced(input, axes, self.keepdim).with_dtype(DType.INT64)

    return Where


ARGUMENTS = (
    _where("argmax", "Where the largest element is."),
    _where("argmin", "Where the smallest element is."),
)


def _truth(name: str, doc: str) -> type[Layer]:
    @operation(source=aten(f"torch.{name}"), name=name)
    class Truth(Layer):
        __doc__ = f"{doc} Numbers other than 0 are true.\n\n{_SHAPES} Gives bool (of uint8, uint8)."

        dim: tuple[int, ...] | None = setting(_AXES, _DIM, default=None)
        keepdim: bool = flag(_KEEPDIM, default=False)

        examples = (
            example("bool[batch, 3]"),
            example("bool[batch, 3, 4]", dim=(1, 2), keepdim=True),
            example("float32[batch, 3]", dim=-1),
        )

        def infer(self, input: TensorSpec) -> TensorSpec:
            result = reduced(of_dtypes(input, _SUMMABLE), axes_of(input, self.dim), self.keepdim)
            return result if result.dtype is DType.UINT8 else result.with_dtype(DType.BOOL)

    return Truth


TRUTHS = (_truth("all", "Whether all elements are true."), _truth("any", "Whether an element is true."))


def _spread(name: str, doc: str) -> type[Layer]:
    @operation(source=aten(f"torch.{name}"), name=name)
    class Spread(Layer):
        __doc__ = f"{doc}\n\n{_SHAPES} Of complex64 float32."

        dim: tuple[int, ...] | None = setting(_AXES, _DIM, default=None)
        correction: float = number("what is taken off the count: 1 for an unbiased estimate", default=1.0)
        keepdim: bool = flag(_KEEPDIM, default=False)

        examples = (
            example("float32[batch, 3, 4]"),
            example("float32[batch, 3, 4]", dim=(1, 2), keepdim=True),
            example("float64[batch, 8]", dim=-1, correction=0),
        )

        def infer(self, input: TensorSpec) -> TensorSpec:
            of_dtypes(input, FLOATS | COMPLEX)
            return real(reduced(input, axes_of(input, self.dim), self.keepdim))

    return Spread


def real(x: TensorSpec) -> TensorSpec:
    """`x`, with the dtype of its distances from 0."""
    return x.with_dtype(DType.FLOAT32) if x.dtype is DType.COMPLEX64 else x


SPREADS = (
    _spread("var", "The variance: the mean square distance from the mean."),
    _spread("std", "The standard deviation: the square root of the variance."),
)


@operation(source=aten("torch.linalg.vector_norm"), name="linalg_vector_norm")
class Norm(Layer):
    """``sum(abs(x) ** ord) ** (1 / ord)``; the largest or smallest size for infinity, the count of others than 0 for 0.

    Shapes: the axes in `dim` go, or become 1 with `keepdim`. Of complex64 float32.
    """

    ord: float = setting(Number(finite=False), "the power", default=2.0)
    dim: tuple[int, ...] | None = setting(_AXES, _DIM, default=None)
    keepdim: bool = flag(_KEEPDIM, default=False)
    dtype: DType | None = setting(Nullable(DTypeName()), f"{_DTYPE}; null: it isn't", default=None)

    examples = (
        example("float32[batch, 3, 4]"),
        example("float32[batch, 3, 4]", ord=1.0, dim=(1, 2), keepdim=True),
        example("float32[batch, 8]", ord=inf, dim=-1, dtype="float64"),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        return vector_norm(input, self.ord, self.dim, self.keepdim, self.dtype)


def vector_norm(
    x: TensorSpec, ord: float, dim: tuple[int, ...] | None, keepdim: bool, dtype: DType | None
) -> TensorSpec:
    """The spec of a norm along axes, null for all.

    Raises:
        Mismatch: there is none of this input, or none in this dtype.
    """
    of_dtypes(x, FLOATS | COMPLEX)
    axes = axes_of(x, dim)
    if ord == inf or ord < 0:
        nonempty(x, axes)
    result = reduced(x, axes, keepdim)
    if dtype is None:
        return real(result)
    target = of_dtypes(result.with_dtype(dtype), FLOATS | COMPLEX)
    return real(not_narrower(x, target))


def not_narrower(x: TensorSpec, target: TensorSpec) -> TensorSpec:
    """`target`, whose dtype must hold all that `x` is.

    Raises:
        Mismatch: it is narrower.
    """
    if target.dtype.kind is not x.dtype.kind or target.dtype.bits < x.dtype.bits:
        raise Mismatch(f"dtype {target.dtype} is narrower than its input {x}", code="MP306", setting="dtype")
    return target


@operation(source=aten("torch.logsumexp"), name="logsumexp")
class LogSumExp(Layer):
    """``log(sum(exp(x)))`` along axes, without overflow.

    Shapes: the axes in `dim` go, or become 1 with `keepdim`. Of integers float32.
    """

    dim: tuple[int, ...] = setting(Axes(), "the axes that go")
    keepdim: bool = flag(_KEEPDIM, default=False)

    examples = (
        example("float32[batch, 3, 4]", dim=1),
        example("float32[batch, 3, 4]", dim=(1, 2), keepdim=True),
        example("int64[batch, 3]", dim=-1),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        result = reduced(of_dtypes(input, _SUMMABLE), axes_of(input, self.dim), self.keepdim)
        whole = result.dtype.kind in (Kind.BOOLEAN, Kind.INTEGER)
        return result.with_dtype(DType.FLOAT32) if whole else result


@operation(source=aten("torch.histc"), name="histc")
class Histc(Layer):
    """How many elements fall into each of `bins` equal parts of ``[min, max]``; of the input's own range where both are equal.

    Shapes: any, to ``[bins]``.
    """

    bins: int = size("how many parts", default=100)
    min: float = number("lower end", default=0.0)
    max: float = number("upper end", default=0.0)

    examples = (
        example("float32[batch, 3]"),
        example("float32[batch, 3]", bins=8, min=-1.0, max=1.0),
        example("float64[batch]", bins=4),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        if self.max < self.min:
            raise Mismatch(f"max {self.max} is below min {self.min}", code="MP308", setting="max")
        return of_dtypes(input, FLOATS).with_shape(self.bins)
