"""Element types: every dtype that safetensors has, named as torch names them."""

from __future__ import annotations

from enum import Enum

__all__ = ["DType", "Kind", "promote"]


class Kind(Enum):
    """What the numbers of a dtype are, in order of promotion (Array API, type promotion rules)."""

    BOOLEAN = 0
    INTEGER = 1
    FLOAT = 2
    COMPLEX = 3


class DType(Enum):
    """A dtype; `value` is its name in an architecture, e.g. ``float32``."""

    BOOL = ("bool", "BOOL", 8, Kind.BOOLEAN)
    UINT8 = ("uint8", "U8", 8, Kind.INTEGER)
    INT8 = ("int8", "I8", 8, Kind.INTEGER)
    UINT16 = ("uint16", "U16", 16, Kind.INTEGER)
    INT16 = ("int16", "I16", 16, Kind.INTEGER)
    UINT32 = ("uint32", "U32", 32, Kind.INTEGER)
    INT32 = ("int32", "I32", 32, Kind.INTEGER)
    UINT64 = ("uint64", "U64", 64, Kind.INTEGER)
    INT64 = ("int64", "I64", 64, Kind.INTEGER)
    FLOAT16 = ("float16", "F16", 16, Kind.FLOAT)
    BFLOAT16 = ("bfloat16", "BF16", 16, Kind.FLOAT)
    FLOAT32 = ("float32", "F32", 32, Kind.FLOAT)
    FLOAT64 = ("float64", "F64", 64, Kind.FLOAT)
    COMPLEX64 = ("complex64", "C64", 64, Kind.COMPLEX)
    FLOAT8_E5M2 = ("float8_e5m2", "F8_E5M2", 8, Kind.FLOAT)
    FLOAT8_E4M3FN = ("float8_e4m3fn", "F8_E4M3", 8, Kind.FLOAT)
    FLOAT8_E5M2FNUZ = ("float8_e5m2fnuz", "F8_E5M2FNUZ", 8, Kind.FLOAT)
    FLOAT8_E4M3FNUZ = ("float8_e4m3fnuz", "F8_E4M3FNUZ", 8, Kind.FLOAT)
    FLOAT8_E8M0FNU = ("float8_e8m0fnu", "F8_E8M0", 8, Kind.FLOAT)
    FLOAT6_E2M3FN = ("float6_e2m3fn", "F6_E2M3", 6, Kind.FLOAT)
    FLOAT6_E3M2FN = ("float6_e3m2fn", "F6_E3M2", 6, Kind.FLOAT)
    FLOAT4_E2M1FN = ("float4_e2m1fn", "F4", 4, Kind.FLOAT)

    safetensors: str
    """the name in a safetensors header"""
    bits: int
    """of one element; below 8 several elements share a byte"""
    kind: Kind

    def __new__(cls, name: str, safetensors: str, bits: int, kind: Kind) -> DType:
        member = object.__new__(cls)
        member._value_ = name
        member.safetensors, member.bits, member.kind = safetensors, bits, kind
        return member

    # Members are singletons; Enum's own hash is Python code, and dtypes are looked up for each tensor of a file.
    __hash__ = object.__hash__

    @classmethod
    def from_safetensors(cls, name: str) -> DType | None:
        """The dtype that a safetensors header calls `name`, or None."""
        return _BY_SAFETENSORS.get(name)

    def __str__(self) -> str:
        return self.value


_BY_SAFETENSORS = {dtype.safetensors: dtype for dtype in DType}


def promote(first: DType, second: DType) -> DType:
    """The dtype that an operation over both gives (torch's `promote_types`).

    The higher kind wins, then the wider; float16 beside bfloat16 gives float32, int8 beside uint8 int16.
    Source: PyTorch documentation, tensor attributes, type promotion.

    Raises:
        ValueError: the two have no common dtype here: floats below 16 bits mix with nothing, unsigned
            integers above 8 bits only with floats, complex64 not with float64 (that is complex128).
    """
    if first is second:
        return first
    low, high = sorted((first, second), key=_rank)
    if not _mix(low, high):
        raise ValueError(f"{first} and {second} have no common dtype")
    if low.kind is high.kind and low.bits == high.bits:
        return DType.FLOAT32 if high.kind is Kind.FLOAT else DType.INT16
    return high


def _rank(dtype: DType) -> tuple[int, int]:
    return dtype.kind.value, dtype.bits


def _mix(low: DType, high: DType) -> bool:
    if any(each.kind is Kind.FLOAT and each.bits < 16 for each in (low, high)):
        return False
    if low in _WIDE_UNSIGNED or high in _WIDE_UNSIGNED:
        return high.kind is Kind.FLOAT
    return not (high.kind is Kind.COMPLEX and low is DType.FLOAT64)


_WIDE_UNSIGNED = frozenset({DType.UINT16, DType.UINT32, DType.UINT64})
