"""Licences of several packs -> that of a pack with tensors of all of them."""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["together"]

_UNKNOWN = "NOASSERTION"
"""SPDX's word for what nobody has told"""
_ONE = re.compile(r"[A-Za-z0-9.+:-]+")


def together(licences: Iterable[str | None]) -> str | None:
    """All of `licences` at once, as SPDX expresses it, each told once; where some packs tell none, that is told too. None where
    no pack tells any.
    """
    told = list(dict.fromkeys(licences))
    if not any(told):
        return None
    if len(told) == 1:
        return told[0]
    return " AND ".join(_inside(each or _UNKNOWN) for each in told)


def _inside(licence: str) -> str:
    """`licence` as one operand."""
    return licence if _ONE.fullmatch(licence) else f"({licence})"
