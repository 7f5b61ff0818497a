"""What a part requires of its dimensions -> the same of the sizes that they have where it is put."""

from __future__ import annotations

from collections.abc import Mapping

from modelpack.architecture import Architecture
from modelpack.comparison import OPERATORS, Comparison
from modelpack.dims import Dim, TooComplex, substitute
from modelpack.errors import ArchitectureError, Problem, raise_if_any

__all__ = ["required"]


def required(part: Architecture, sizes: Mapping[str, Dim], called: str, path: str = "") -> list[Comparison]:
    """What `part`, which problems call `called`, requires of `sizes`; what surely holds is left out.

    Raises:
        ArchitectureError: MP344 with each that doesn't hold there, whatever comes in.
    """
    found: list[Comparison] = []
    broken: list[Problem] = []
    for each in part.requires:
        told = _at(each, sizes)
        if told is not None and told.names:
            found += [] if told.always_holds() else [told]
        elif told is None or not OPERATORS[told.operator](told.left, told.right):
            here = "has no value" if told is None else f"is '{told}'"
            broken.append(Problem("MP344", f"{called} requires '{each}', and here that {here}", path=path))
    raise_if_any(broken, ArchitectureError)
    return found


def _at(each: Comparison, sizes: Mapping[str, Dim]) -> Comparison | None:
    """`each` of those sizes; None where a side has no value (it divides by 0)."""
    try:
        return Comparison(substitute(each.left, sizes), each.operator, substitute(each.right, sizes))
    except (ZeroDivisionError, TooComplex):
        return None
