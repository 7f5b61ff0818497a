"""DType <-> torch.dtype."""

from __future__ import annotations

import torch

from modelpack.dtypes import DType

__all__ = ["from_torch", "to_torch"]

_NAMES = {each: each.value for each in DType if not each.value.startswith(("float6_", "float4_"))}
_TO: dict[DType, torch.dtype] = {each: getattr(torch, name) for each, name in _NAMES.items()}
_FROM = {theirs: ours for ours, theirs in _TO.items()}


def to_torch(dtype: DType) -> torch.dtype:
    """torch's dtype.

    Raises:
        ValueError: torch has none (elements below 8 bits).
    """
    if dtype not in _TO:
        raise ValueError(f"torch has no dtype {dtype}")
    return _TO[dtype]


def from_torch(dtype: torch.dtype) -> DType:
    """Our dtype.

    Raises:
        ValueError: safetensors, and so a pack, has none (complex128, quantised).
    """
    if dtype not in _FROM:
        raise ValueError(f"a pack can't hold {str(dtype).removeprefix('torch.')}")
    return _FROM[dtype]
