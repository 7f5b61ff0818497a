"""Comparisons of sizes -> bounds that can be read: ``7 * ((height + 24) // 28) > 7`` is ``height > 31``."""

from __future__ import annotations

from collections.abc import Iterable
from math import gcd

from modelpack.comparison import Comparison
from modelpack.dims import Call, Dim, Expr, expression

__all__ = ["solved", "strictest"]

_UPWARDS = (">", ">=")
_DOWNWARDS = ("<", "<=")


def solved(found: Comparison) -> Comparison:
    """The same as a bound, ``... > number`` or ``... <= number``, of what stands inside of factors and quotients.

    What has no such things around it stays as it is, and so does what compares sizes or equates.

    Raises:
        TooComplex: a number on the way has more than 64 bits.
    """
    if found.operator not in (*_UPWARDS, *_DOWNWARDS) or not isinstance(found.right, int):
        return found
    # `size` is above `bound`, or it is not.
    size, bound = found.left, found.right - (found.operator in (">=", "<"))
    is_above = found.operator in _UPWARDS
    while isinstance(size, Expr):
        constant = next((each for monomial, each in size.terms if monomial == ()), 0)
        size, bound = size - constant, bound - constant
        factor = _factor(size)
        if factor < 0:
            # -size is above -bound - 1 where size is not above bound.
            size, bound, factor, is_above = -size, -bound - 1, -factor, not is_above
        size, bound = size // factor, bound // factor
        inside = _inside_of_quotient(size)
        if inside is None:
            break
        # A quotient is above the bound from the next multiple on.
        size, divisor = inside
        bound = (bound + 1) * divisor - 1
    if size == found.left:
        return found
    return Comparison(size, ">" if is_above else "<=", bound)


def _factor(size: Dim) -> int:
    """What all coefficients are multiples of, with the sign of the first."""
    coefficients = [each for _, each in size.terms] if isinstance(size, Expr) else [1]
    return gcd(*coefficients) if coefficients[0] > 0 else -gcd(*coefficients)


def _inside_of_quotient(size: Dim) -> tuple[Dim, int] | None:
    """Both sides of the quotient by a number that `size` is."""
    atom = size.terms[0][0][0] if isinstance(size, Expr) else None
    if isinstance(atom, Call) and atom.function == "//" and isinstance(atom.right, int):
        return (atom.left, atom.right) if size == expression(atom) else None
    return None


def strictest(found: Iterable[Comparison]) -> tuple[Comparison, ...]:
    """Each once, and of several bounds of one size the strictest alone."""
    kept: dict[tuple[Dim, str] | Comparison, Comparison] = {}
    for each in found:
        if each.operator not in (">", "<=") or not isinstance(each.right, int):
            kept.setdefault(each, each)
            continue
        other = kept.setdefault((each.left, each.operator), each).right
        if isinstance(other, int) and (each.right > other if each.operator == ">" else each.right < other):
            kept[each.left, each.operator] = each
    return tuple(kept.values())
