"""Budgets: how much of a pack is looked at before it is refused."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["MOST_FIRST_BYTES", "Limits"]

_MB = 1_000_000

MOST_FIRST_BYTES = 1 << 33
"""Of the first values of all tensors, unless more are allowed: a short text can ask for any number."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a pack may ask for; checked before anything of that size is read or allocated.

    The data of tensors has no limit: it is mapped or read span by span, never as a whole unasked.
    """

    architecture_bytes: int = 8 << 20
    manifest_bytes: int = 16 * _MB
    header_bytes: int = 16 * _MB
    """Of one safetensors header; the format itself allows 100 MB."""
    tensors: int = 100_000
    """In all shards together."""
    tensor_axes: int = 64
    name_bytes: int = 1024
    shards: int = 10_000
