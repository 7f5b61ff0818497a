"""Checks and shape arithmetic that several declarations share."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, isfinite

from modelpack.dims import Dim, may_equal
from modelpack.dtypes import DType, Kind
from modelpack.tensors import Mismatch, TensorSpec, broadcast, common_dtype

__all__ = [
    "ARITHMETIC",
    "BOOLEAN",
    "COMPLEX",
    "COUNTABLE",
    "FLOATS",
    "INTEGERS",
    "MOST_AXES",
    "NUMBERS",
    "axis_of",
    "dtype_of_number",
    "elementwise",
    "few_axes",
    "fits",
    "holds",
    "of_dtype",
    "of_dtypes",
    "of_rank",
    "of_rank_from",
    "of_result",
    "of_shape",
    "one_dtype",
    "show_shape",
    "trainable",
]

FLOATS = frozenset({DType.FLOAT16, DType.BFLOAT16, DType.FLOAT32, DType.FLOAT64})
"""The dtypes in which torch computes; floats below 16 bits are for storage."""

NUMBERS = FLOATS | {DType.UINT8, DType.INT8, DType.INT16, DType.INT32, DType.INT64}
"""Those of most functions that also count: wide unsigned integers are for storage too."""

COMPLEX = frozenset({DType.COMPLEX64})

_LARGEST: dict[DType, float] = {
    DType.FLOAT16: 65504.0,
    DType.BFLOAT16: (2 - 2**-7) * 2.0**127,
    DType.FLOAT32: (2 - 2**-23) * 2.0**127,
    DType.COMPLEX64: (2 - 2**-23) * 2.0**127,
}


def holds(x: TensorSpec, number: float, setting: str) -> None:
    """Refuse a number that an element of `x` can't be, as torch does (between two integers, fractions are cut off).

    Raises:
        Mismatch: it is beyond the dtype's range.
    """
    if x.dtype.kind in (Kind.FLOAT, Kind.COMPLEX):
        fits = abs(number) <= _LARGEST.get(x.dtype, inf) or not isfinite(number)
    elif x.dtype.kind is Kind.INTEGER:
        unsigned = x.dtype.value.startswith("uint")
        low, high = (
            (0, 2**x.dtype.bits) if unsigned else (-(2 ** (x.dtype.bits - 1)), 2 ** (x.dtype.bits - 1))
        )
        fits = low <= number <= high - 1
    else:
        fits = True
    if not fits:
        raise Mismatch(
            f"{setting} is {number}, which no element of its input {x} can be", code="MP306", setting=setting
        )


def fits(x: TensorSpec, number: object, setting: str) -> None:
    """`holds` for a number of any kind: a size that is known only when called passes.

    Raises:
        Mismatch: it is beyond the dtype's range.
    """
    if isinstance(number, int | float) and not isinstance(number, bool):
        holds(x, number, setting)


BOOLEAN = frozenset({DType.BOOL})

INTEGERS = NUMBERS - FLOATS

ARITHMETIC = NUMBERS | COMPLEX

COUNTABLE = NUMBERS | BOOLEAN | {DType.UINT16, DType.UINT32, DType.UINT64}
"""All that has an order."""


def of_dtypes(x: TensorSpec, allowed: frozenset[DType]) -> TensorSpec:
    """`x`, whose dtype must be one of `allowed`.

    Raises:
        Mismatch: it isn't.
    """
    if x.dtype not in allowed:
        names = [dtype.value for dtype in DType if dtype in allowed]
        raise Mismatch(f"its input must be {', '.join(names[:-1])} or {names[-1]}, not {x}", code="MP306")
    return x


def trainable(dtype: DType) -> DType:
    """`dtype`, that of a layer's parameters.

    Raises:
        Mismatch: parameters can't have it.
    """
    if dtype not in FLOATS | COMPLEX:
        told = f"its parameters can't be {dtype}: only floats of 16 bits or more, or complex numbers, can be trained"
        raise Mismatch(told, code="MP306", setting="dtype")
    return dtype


def of_dtype(x: TensorSpec, dtype: DType, port: str | None = None) -> TensorSpec:
    """`x`, which must have the dtype of the layer's parameters; `port` is its name, unless it's the first.

    Raises:
        Mismatch: it has another.
    """
    if x.dtype is not dtype:
        raise Mismatch(
            f"its parameters are {dtype}, but its {port or 'input'} is {x}",
            code="MP306",
            port=port,
            hint=f"convert the input with to: {{dtype: {dtype}}}",
        )
    return x


def axis_of(x: TensorSpec, axis: int) -> int:
    """`axis` counted from the front; a scalar counts as having one, as it does to torch.

    Raises:
        Mismatch: there is no such axis.
    """
    return 0 if not x.rank and axis in (0, -1) else x.axis(axis)


def of_shape(x: TensorSpec, shape: tuple[Dim, ...], port: str) -> TensorSpec:
    """`x`, an input that must have the shape that the settings and the other inputs give it.

    Raises:
        Mismatch: it certainly has another.
    """
    if x.rank != len(shape) or not all(map(may_equal, x.shape, shape)):
        raise Mismatch(f"its {port} must have the shape {show_shape(shape)}, not {x}", port=port)
    return x


def show_shape(shape: tuple[Dim, ...]) -> str:
    """``[batch, 3]``."""
    return "[" + ", ".join(map(str, shape)) + "]"


MOST_AXES = 64
"""As many as torch's tensors have at most."""


def few_axes(sizes: Sequence[Dim], setting: str | None = None) -> Sequence[Dim]:
    """`sizes`, which must be those of a tensor that can be.

    Raises:
        Mismatch: they are more than `MOST_AXES`.
    """
    if len(sizes) > MOST_AXES:
        raise Mismatch(
            f"a tensor has at most {MOST_AXES} axes, not {len(sizes)}", code="MP302", setting=setting
        )
    return sizes


def of_rank(x: TensorSpec, *ranks: int) -> TensorSpec:
    """`x`, which must have one of these numbers of axes.

    Raises:
        Mismatch: it has another.
    """
    if x.rank not in ranks:
        wanted = " or ".join(map(str, ranks))
        raise Mismatch(f"its input must have {wanted} axes, {x} has {x.rank}", code="MP302")
    return x


def of_rank_from(x: TensorSpec, least: int) -> TensorSpec:
    """`x`, which must have at least so many axes.

    Raises:
        Mismatch: it has fewer.
    """
    if x.rank < least:
        raise Mismatch(f"its input must have at least {least} axes, {x} has {x.rank}", code="MP302")
    return x


def elementwise(*operands: object) -> TensorSpec:
    """The spec of an operation on tensors and numbers that broadcasts and promotes.

    Raises:
        Mismatch: the shapes don't broadcast or the dtypes don't promote.
    """
    specs = [each for each in operands if isinstance(each, TensorSpec)]
    numbers = [dtype_of_number(each) for each in operands if not isinstance(each, TensorSpec)]
    return TensorSpec(common_dtype(specs, numbers), broadcast([spec.shape for spec in specs]))


def of_result(result: TensorSpec, allowed: frozenset[DType]) -> TensorSpec:
    """`result`, in whose dtype an operation computes: one of `allowed`.

    Raises:
        Mismatch: it isn't.
    """
    if result.dtype not in allowed:
        names = ", ".join(dtype.value for dtype in DType if dtype in allowed)
        raise Mismatch(f"it can't compute in {result.dtype}, only in {names}", code="MP306")
    return result


def one_dtype(first: TensorSpec, *others: TensorSpec, allowed: frozenset[DType] = ARITHMETIC) -> None:
    """Refuse inputs of different dtypes, which products don't convert.

    Raises:
        Mismatch: they differ, or there is no product in theirs.
    """
    of_result(first, allowed)
    for each in others:
        if each.dtype is not first.dtype:
            raise Mismatch(
                f"its inputs must have one dtype, not {first} and {each}",
                code="MP306",
                hint="convert one of them with to: {dtype: …}",
            )


def dtype_of_number(number: object) -> DType:
    """The dtype that torch gives a number by itself; sizes are integers."""
    if isinstance(number, bool):
        return DType.BOOL
    return DType.FLOAT32 if isinstance(number, float) else DType.INT64
