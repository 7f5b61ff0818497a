"""Sizes on one side of a cut -> the same sizes in terms of what comes in there.

Beyond the cut nobody knows the network's own dimensions, only the axes of the tensors that cross it: `height // 4` is an axis
there, and gets a name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from modelpack.dims import FUNCTIONS, Dim, Expr, name_of, symbol, symbols
from modelpack.polynomial import Atom, Monomial, Symbol, expression

__all__ = ["Sizes", "sizes_of"]


@dataclass(frozen=True, slots=True)
class Sizes:
    """`known` are the dimensions by name on this side, and `kept` those of them that mean the same as on the other; `axes` says
    what the axes that come in are called here."""

    known: frozenset[str]
    kept: frozenset[str]
    axes: Mapping[Expr, Dim]
    solved: tuple[tuple[Monomial, Dim], ...]
    """products of old dimensions, and what they are in new ones"""

    def put(self, dim: Dim) -> Dim:
        """`dim` in terms of what comes in; names in it that aren't `known` have no meaning on this side."""
        if isinstance(dim, int):
            return dim
        if dim in self.axes:
            return self.axes[dim]
        total: Dim = 0
        for monomial, coefficient in dim.terms:
            total = total + coefficient * self._product(monomial)
        return total

    def lost(self, dim: Dim) -> frozenset[str]:
        """The names on the other side of what in `dim`, which `put` gave, means nothing here; those of arguments always do."""
        return frozenset(
            name.removeprefix(_LOST) for name in symbols(dim) - self.known if not name.startswith("$")
        )

    def _product(self, monomial: Monomial) -> Dim:
        for old, new in self.solved:
            if Counter(old) <= Counter(monomial):
                rest = tuple((Counter(monomial) - Counter(old)).elements())
                return new * self._product(rest)
        result: Dim = 1
        for atom in monomial:
            result = result * self._atom(atom)
        return result

    def _atom(self, atom: Atom) -> Dim:
        whole = expression(atom)
        if whole in self.axes:
            return self.axes[whole]
        if isinstance(atom, Symbol):
            return whole if atom.name in self.kept else symbol(f"{_LOST}{atom.name}")
        return FUNCTIONS[atom.function](self.put(atom.left), self.put(atom.right))


_LOST = "·"
"""Before a name of the other side: no document can have it."""


def sizes_of(axes: Iterable[Dim], fixed: Mapping[Expr, int] | None = None) -> Sizes:
    """What is known where tensors with these axes come in; those that are in `fixed` have that size.

    An axis that is a dimension by itself keeps its name, and what is made of such is told in their terms. Any other gets a name:
    that of the only dimension in it, where that is free, else `size`.
    """
    given = [axis for axis in dict.fromkeys(axes) if isinstance(axis, Expr)]
    known = {name for axis in given if (name := name_of(axis)) is not None}
    told: dict[Expr, Dim] = {}
    taken = set(known)
    for axis in given:
        if fixed and axis in fixed:
            told[axis] = fixed[axis]
        elif not symbols(axis) <= known:
            name = _free(_stem(axis, known), taken)
            taken.add(name)
            told[axis] = symbol(name)
    solved = tuple(each for axis, new in told.items() if (each := _solved(axis, new)) is not None)
    return Sizes(frozenset(taken), frozenset(known), told, solved)


def _stem(axis: Expr, known: set[str]) -> str:
    others = symbols(axis) - known
    return next(iter(others)) if len(others) == 1 else "size"


def _free(stem: str, taken: set[str]) -> str:
    name, count = stem, 1
    while name in taken:
        count += 1
        name = f"{stem}_{count}"
    return name


def _solved(axis: Expr, new: Dim) -> tuple[Monomial, Dim] | None:
    """The product of old dimensions in `axis`, if there is one, not multiplied, and what it is then."""
    products = [(monomial, times) for monomial, times in axis.terms if monomial]
    constant = sum(times for monomial, times in axis.terms if not monomial)
    if len(products) != 1 or products[0][1] not in (1, -1):
        return None
    monomial, sign = products[0]
    return monomial, (new - constant) * sign
