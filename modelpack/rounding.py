"""float64 -> the bytes of any dtype, rounded once, to nearest and ties to even."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from modelpack.dtypes import DType, Kind

__all__ = ["rounded"]


@dataclass(frozen=True, slots=True)
class _Format:
    """A float of up to 16 bits: sign, exponent, fraction. `largest` is the code of its largest finite number."""

    bits: int
    fraction: int
    bias: int
    largest: int
    has_negative_zero: bool = True


# Sources: IEEE 754; Micikevicius et al. 2022, "FP8 Formats for Deep Learning" (e4m3fn, e5m2); Noune et al. 2022,
# "8-bit Numerical Formats for Deep Neural Networks" (fnuz: without infinities, and NaN where -0 would be).
_FORMATS = {
    DType.FLOAT16: _Format(16, 10, 15, 0x7BFF),
    DType.BFLOAT16: _Format(16, 7, 127, 0x7F7F),
    DType.FLOAT8_E5M2: _Format(8, 2, 15, 0x7B),
    DType.FLOAT8_E4M3FN: _Format(8, 3, 7, 0x7E),
    DType.FLOAT8_E5M2FNUZ: _Format(8, 2, 16, 0x7F, has_negative_zero=False),
    DType.FLOAT8_E4M3FNUZ: _Format(8, 3, 8, 0x7F, has_negative_zero=False),
}


def rounded(values: npt.NDArray[np.float64], dtype: DType) -> npt.NDArray[np.generic]:
    """`values` in `dtype`, little-endian; floats that numpy doesn't have as unsigned integers of the same bits.

    Raises:
        ValueError: one of them is beyond the largest of `dtype`; or `dtype` is one of integers, and it's none.
    """
    if dtype in _FORMATS:
        return _encoded(values, _FORMATS[dtype], dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        result = values.astype(np.dtype(dtype.value).newbyteorder("<"))
    exact = dtype.kind in (Kind.FLOAT, Kind.COMPLEX)
    held = np.isfinite(result) if exact else _is_same(result, values)
    _refuse(values, held, dtype)
    return result


def _is_same(result: npt.NDArray[np.generic], values: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    return result.astype(np.float64) == values


def _encoded(values: npt.NDArray[np.float64], form: _Format, dtype: DType) -> npt.NDArray[np.generic]:
    size = np.abs(values)
    _, exponent = np.frexp(size)
    least = 1 - form.bias
    exponent = np.where(size == 0, least, np.maximum(exponent - 1, least))
    # In steps of the last place, of which a number that isn't subnormal has 2**fraction or more: they add 1 to the
    # exponent's field, as does a carry.
    with np.errstate(invalid="ignore"):
        steps = np.rint(np.ldexp(size, form.fraction - exponent)).astype(np.int64)
    code = ((exponent.astype(np.int64) - least) << form.fraction) + steps
    _refuse(values, np.isfinite(values) & (code <= form.largest), dtype)
    sign = np.signbit(values) & ((code != 0) | form.has_negative_zero)
    code |= sign.astype(np.int64) << (form.bits - 1)
    return code.astype("<u2" if form.bits == 16 else "u1")


def _refuse(values: npt.NDArray[np.float64], held: npt.NDArray[np.bool_], dtype: DType) -> None:
    if not held.all():
        raise ValueError(f"{values[~held][0]:g} can't be held by {dtype}")
