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

    BOOL = "bool"
    UINT8 = "uint8"
    INT8 = "int8"
    UINT16 = "uint16"
    INT16 = "int16"
    UINT32 = "uint32"
    INT32 = "int32"
    UINT64 = "uint64"
    INT64 = "int64"
    FLOAT16 = "float16"
    BFLOAT16 = "bfloat16"
    FLOAT32 = "float32"
    FLOAT64 = "float64"
    COMPLEX64 = "complex64"
    FLOAT8_E5M2 = "float8_e5m2"
    FLOAT8_E4M3FN = "float8_e4m3fn"
    FLOAT8_E5M2FNUZ = "float8_e5m2fnuz"
    FLOAT8_E4M3FNUZ = "float8_e4m3fnuz"
    FLOAT8_E8M0FNU = "float8_e8m0fnu"
    FLOAT6_E2M3FN = "float6_e2m3fn"
    FLOAT6_E3M2FN = "float6_e3m2fn"
    FLOAT4_E2M1FN = "float4_e2m1fn"

    @property
    def bits(self) -> int:
        """Bits of one element; below 8 several elements share a byte."""
        return _FACTS[self][1]

    @property
    def kind(self) -> Kind:
        return _FACTS[self][2]

    @property
    def safetensors(self) -> str:
        """The dtype's name in a safetensors header, e.g. ``F32``."""
        return _FACTS[self][0]

    @classmethod
    def from_safetensors(cls, name: str) -> DType | None:
        """The dtype that a safetensors header calls `name`, or None."""
        return _BY_SAFETENSORS.get(name)

    def __str__(self) -> str:
        return self.value


_FACTS: dict[DType, tuple[str, int, Kind]] = {
    DType.BOOL: ("BOOL", 8, Kind.BOOLEAN),
    DType.UINT8: ("U8", 8, Kind.INTEGER),
    DType.INT8: ("I8", 8, Kind.INTEGER),
    DType.UINT16: ("U16", 16, Kind.INTEGER),
    DType.INT16: ("I16", 16, Kind.INTEGER),
    DType.UINT32: ("U32", 32, Kind.INTEGER),
    DType.INT32: ("I32", 32, Kind.INTEGER),
    DType.UINT64: ("U64", 64, Kind.INTEGER),
    DType.INT64: ("I64", 64, Kind.INTEGER),
    DType.FLOAT16: ("F16", 16, Kind.FLOAT),
    DType.BFLOAT16: ("BF16", 16, Kind.FLOAT),
    DType.FLOAT32: ("F32", 32, Kind.FLOAT),
    DType.FLOAT64: ("F64", 64, Kind.FLOAT),
    DType.COMPLEX64: ("C64", 64, Kind.COMPLEX),
    DType.FLOAT8_E5M2: ("F8_E5M2", 8, Kind.FLOAT),
    DType.FLOAT8_E4M3FN: ("F8_E4M3", 8, Kind.FLOAT),
    DType.FLOAT8_E5M2FNUZ: ("F8_E5M2FNUZ", 8, Kind.FLOAT),
    DType.FLOAT8_E4M3FNUZ: ("F8_E4M3FNUZ", 8, Kind.FLOAT),
    DType.FLOAT8_E8M0FNU: ("F8_E8M0", 8, Kind.FLOAT),
    DType.FLOAT6_E2M3FN: ("F6_E2M3", 6, Kind.FLOAT),
    DType.FLOAT6_E3M2FN: ("F6_E3M2", 6, Kind.FLOAT),
    DType.FLOAT4_E2M1FN: ("F4", 4, Kind.FLOAT),
}
_BY_SAFETENSORS = {facts[0]: dtype for dtype, facts in _FACTS.items()}


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
