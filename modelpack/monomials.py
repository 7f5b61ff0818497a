"""Long division of integer polynomials, as sums of monomials: each a sorted tuple of atoms, with its coefficient."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TypeVar

__all__ = ["divided"]

_Atom = TypeVar("_Atom", bound=Hashable)


def divided(
    left: Mapping[tuple[_Atom, ...], int], right: Mapping[tuple[_Atom, ...], int]
) -> dict[tuple[_Atom, ...], int] | None:
    """The quotient if `right` divides `left` without a rest, in at most as many terms as `left` has."""
    first = max(right, key=_order)
    rest, quotient = dict(left), dict[tuple[_Atom, ...], int]()
    while rest and len(quotient) < max(1, len(left)):
        leading = max(rest, key=_order)
        factor = _without(leading, first)
        if factor is None or rest[leading] % right[first]:
            return None
        times = quotient[factor] = rest[leading] // right[first]
        for monomial, coefficient in right.items():
            product = tuple(sorted(factor + monomial, key=str))
            rest[product] = rest.get(product, 0) - times * coefficient
            if not rest[product]:
                del rest[product]
    return None if rest else quotient


def _order(monomial: tuple[_Atom, ...]) -> tuple[int, list[str]]:
    """By degree, then alphabetical: the order of products is that of their factors."""
    return len(monomial), [str(atom) for atom in monomial]


def _without(monomial: tuple[_Atom, ...], divisor: tuple[_Atom, ...]) -> tuple[_Atom, ...] | None:
    left = list(monomial)
    for atom in divisor:
        if atom not in left:
            return None
        left.remove(atom)
    return tuple(left)
