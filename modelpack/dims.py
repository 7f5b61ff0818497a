"""Integers that may depend on free dimensions: `batch`, `height // 2 + 1`, `$channels * 4`.

A `Dim` is an `int` where the value is known and an `Expr` where it isn't. An `Expr` is kept in one normal form,
a polynomial with integer coefficients over atoms (symbols, quotients, remainders, max, min), so that two
expressions that are equal by ring arithmetic are equal as values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import prod

__all__ = [
    "Dim",
    "Expr",
    "TooComplex",
    "ceil_div",
    "evaluate",
    "exceeds",
    "floor_div",
    "maximum",
    "may_equal",
    "minimum",
    "name_of",
    "remainder",
    "substitute",
    "symbol",
    "symbols",
]


@dataclass(frozen=True, slots=True)
class Symbol:
    """A free dimension (`batch`) or, with a leading `$`, an argument of a block (`$channels`)."""

    name: str

    @property
    def size(self) -> int:
        return 1

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Call:
    """An integer function that ring arithmetic can't open: ``//``, ``%``, ``max`` or ``min``."""

    function: str
    left: Dim
    right: Dim

    @property
    def size(self) -> int:
        return 1 + _size(self.left) + _size(self.right)

    def __str__(self) -> str:
        if self.function in ("max", "min"):
            return f"{self.function}({self.left}, {self.right})"
        return f"{_factor(self.left)} {self.function} {_factor(self.right)}"


Atom = Symbol | Call
Monomial = tuple[Atom, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Expr:
    """A polynomial that isn't constant; `terms` are ordered and no coefficient is 0.

    `size` counts its symbols and functions as they would be written out.
    """

    terms: tuple[tuple[Monomial, int], ...]
    size: int
    _hash: int

    def __eq__(self, other: object) -> bool:
        return self is other or (
            isinstance(other, Expr) and self._hash == other._hash and self.terms == other.terms
        )

    def __hash__(self) -> int:
        return self._hash

    def __add__(self, other: Dim) -> Dim:
        return _add(self, other)

    def __radd__(self, other: int) -> Dim:
        return _add(self, other)

    def __sub__(self, other: Dim) -> Dim:
        return _add(self, _scale(other, -1))

    def __rsub__(self, other: int) -> Dim:
        return _add(_scale(self, -1), other)

    def __neg__(self) -> Dim:
        return _scale(self, -1)

    def __mul__(self, other: Dim) -> Dim:
        return _multiply(self, other)

    def __rmul__(self, other: int) -> Dim:
        return _multiply(self, other)

    def __floordiv__(self, other: Dim) -> Dim:
        return floor_div(self, other)

    def __rfloordiv__(self, other: int) -> Dim:
        return floor_div(other, self)

    def __mod__(self, other: Dim) -> Dim:
        return remainder(self, other)

    def __str__(self) -> str:
        text = ""
        for monomial, coefficient in self.terms:
            sign = "-" if coefficient < 0 else "+"
            body = _term(monomial, abs(coefficient))
            text += f" {sign} {body}" if text else (body if sign == "+" else f"-{_leading(body, monomial)}")
        return text

    __repr__ = __str__


Dim = int | Expr

MAX_SIZE = 1000
"""Largest expression. Shared parts make an expression small in memory and huge when written; layers upon layers could
square it again and again."""


class TooComplex(ArithmeticError):  # noqa: N818  (named as ZeroDivisionError's siblings are: for what happened)
    """An expression outgrew `MAX_SIZE`."""


def symbol(name: str) -> Expr:
    """The dimension called `name`."""
    return _atom(Symbol(name))


def name_of(dim: Dim) -> str | None:
    """The name of the symbol that `dim` is, if it is just one."""
    if isinstance(dim, int) or len(dim.terms) != 1:
        return None
    monomial, coefficient = dim.terms[0]
    atom = next(iter(monomial)) if len(monomial) == 1 else None
    return atom.name if coefficient == 1 and isinstance(atom, Symbol) else None


def floor_div(left: Dim, right: Dim) -> Dim:
    """``left // right``, rounded towards minus infinity, as Python does.

    Raises:
        ZeroDivisionError: `right` is 0.
    """
    if isinstance(left, int) and isinstance(right, int):
        return left // right
    if isinstance(right, int):
        return _floor_div_by_constant(left, right)
    if left == right:
        return 1
    exact = _divide_exactly(left, right)
    return exact if exact is not None else _atom(Call("//", left, right))


def ceil_div(left: Dim, right: Dim) -> Dim:
    """``left / right`` rounded up."""
    return -floor_div(-left, right)


def remainder(left: Dim, right: Dim) -> Dim:
    """``left % right``, of the sign of `right`, as Python does."""
    if isinstance(left, int) and isinstance(right, int):
        return left % right
    if isinstance(right, int):
        left = _terms_to_dim({m: c % right for m, c in _terms(left).items()}) if right > 0 else left
        if isinstance(left, int):
            return left % right
    elif _divide_exactly(left, right) is not None:
        return 0
    return _atom(Call("%", left, right))


def maximum(left: Dim, right: Dim) -> Dim:
    """The larger of the two."""
    return _extreme("max", left, right)


def minimum(left: Dim, right: Dim) -> Dim:
    """The smaller of the two."""
    return _extreme("min", left, right)


def symbols(dim: Dim) -> frozenset[str]:
    """The names that `dim` depends on, those of arguments with their ``$``."""
    if isinstance(dim, int):
        return frozenset()
    found: set[str] = set()
    for monomial, _ in dim.terms:
        for atom in monomial:
            found |= {atom.name} if isinstance(atom, Symbol) else symbols(atom.left) | symbols(atom.right)
    return frozenset(found)


def substitute(dim: Dim, values: Mapping[str, Dim]) -> Dim:
    """`dim` with the named symbols replaced; others stay.

    Raises:
        ZeroDivisionError: a divisor became 0.
    """
    if isinstance(dim, int):
        return dim
    total: Dim = 0
    for monomial, coefficient in dim.terms:
        product: Dim = coefficient
        for atom in monomial:
            product = product * _substitute_atom(atom, values)
        total = total + product
    return total


def evaluate(dim: Dim, values: Mapping[str, int]) -> int:
    """The value of `dim` where every symbol is known.

    Raises:
        KeyError: a symbol has no value.
        ZeroDivisionError: a divisor is 0.
    """
    result = substitute(dim, values)
    if isinstance(result, Expr):
        raise KeyError(min(symbols(result)))
    return result


def may_equal(left: Dim, right: Dim) -> bool:
    """Whether some binding of the free dimensions could make both equal.

    False only where the difference is proved: a constant other than 0, or a polynomial in symbols alone (each free
    dimension stands for itself: `batch` is not `length`). Quotients and their like get the benefit of the doubt.
    """
    if left == right:
        return True
    difference = left - right
    if isinstance(difference, int):
        return False
    return any(isinstance(atom, Call) for monomial, _ in difference.terms for atom in monomial)


def exceeds(left: Dim, right: Dim) -> bool:
    """Whether `left` is certainly larger than `right`: whatever sizes from 1 on the free dimensions have."""
    least = _least(left - right)
    return least is not None and least > 0


def _least(dim: Dim) -> int | None:
    """What `dim` is at least, if that is plain to see."""
    total = 0
    for monomial, coefficient in _terms(dim).items():
        factors = [_least_of_atom(atom) for atom in monomial]
        known = [each for each in factors if each is not None and each >= 0]
        if monomial and (coefficient < 0 or len(known) < len(factors)):
            return None
        total += coefficient * prod(known)
    return total


def _least_of_atom(atom: Atom) -> int | None:
    if isinstance(atom, Symbol):
        return 1
    left, right = _least(atom.left), _least(atom.right)
    if atom.function == "max":
        return max((each for each in (left, right) if each is not None), default=None)
    if atom.function == "min":
        return None if left is None or right is None else min(left, right)
    if not isinstance(atom.right, int) or atom.right <= 0:
        return None
    if atom.function == "%":
        return 0
    return None if left is None else left // atom.right


# ---------------------------------------------------------------------------------------------- normal form


def _atom(atom: Atom) -> Expr:
    return _expr((((atom,), 1),))


def _expr(terms: tuple[tuple[Monomial, int], ...]) -> Expr:
    size = sum(1 + sum(atom.size for atom in monomial) for monomial, _ in terms)
    if size > MAX_SIZE:
        raise TooComplex(f"a size would be an expression of more than {MAX_SIZE} parts")
    return Expr(terms, size, hash(terms))


def _size(dim: Dim) -> int:
    return 1 if isinstance(dim, int) else dim.size


def _terms(dim: Dim) -> dict[Monomial, int]:
    if isinstance(dim, int):
        return {(): dim} if dim else {}
    return dict(dim.terms)


def _terms_to_dim(terms: Mapping[Monomial, int]) -> Dim:
    kept = {monomial: c for monomial, c in terms.items() if c}
    if not kept:
        return 0
    if len(kept) == 1 and () in kept:
        return kept[()]
    return _expr(tuple(sorted(kept.items(), key=_order)))


def _order(term: tuple[Monomial, int]) -> tuple[int, str]:
    """Higher degrees first, the constant last, else alphabetical: `batch*heads + batch + 1`."""
    monomial, _ = term
    return -len(monomial), "*".join(map(str, monomial))


@lru_cache(maxsize=8192)
def _add(left: Dim, right: Dim) -> Dim:
    terms = _terms(left)
    for monomial, coefficient in _terms(right).items():
        terms[monomial] = terms.get(monomial, 0) + coefficient
    return _terms_to_dim(terms)


def _scale(dim: Dim, factor: int) -> Dim:
    if isinstance(dim, int):
        return dim * factor
    return _terms_to_dim({monomial: c * factor for monomial, c in dim.terms})


@lru_cache(maxsize=8192)
def _multiply(left: Dim, right: Dim) -> Dim:
    if isinstance(right, int):
        return _scale(left, right)
    if isinstance(left, int):
        return _scale(right, left)
    if len(left.terms) * len(right.terms) > MAX_SIZE:
        raise TooComplex(f"a product of sums would have more than {MAX_SIZE} terms")
    terms: dict[Monomial, int] = {}
    for m1, c1 in left.terms:
        for m2, c2 in right.terms:
            monomial = tuple(sorted(m1 + m2, key=str))
            terms[monomial] = terms.get(monomial, 0) + c1 * c2
    return _terms_to_dim(terms)


@lru_cache(maxsize=8192)
def _floor_div_by_constant(left: Expr, right: int) -> Dim:
    if right < 0:
        negated = -left
        return floor_div(negated, -right)
    if right == 0:
        raise ZeroDivisionError("integer division by zero")
    whole = _terms_to_dim({m: c // right for m, c in left.terms if c % right == 0})
    rest = _terms_to_dim({m: c % right if m == () else c for m, c in left.terms if c % right})
    constant_quotient = next((c // right for m, c in left.terms if m == () and c % right), 0)
    whole = whole + constant_quotient
    if isinstance(rest, int):
        return whole + rest // right
    return whole + _flatten_quotient(rest, right)


def _flatten_quotient(left: Expr, right: int) -> Dim:
    """``(x // a + c) // b`` is ``(x + a*c) // (a*b)``, so that halving twice is quartering."""
    head = [(m, c) for m, c in left.terms if m != ()]
    constant = next((c for m, c in left.terms if m == ()), 0)
    if len(head) == 1 and head[0][1] == 1 and len(head[0][0]) == 1:
        atom = head[0][0][0]
        if isinstance(atom, Call) and atom.function == "//" and isinstance(atom.right, int):
            return floor_div(atom.left + atom.right * constant, atom.right * right)
    return _atom(Call("//", left, right))


def _divide_exactly(left: Dim, right: Expr) -> Dim | None:
    """The quotient where `right` is one monomial that divides every term of `left`."""
    if left == 0:
        return 0
    if len(right.terms) != 1:
        return None
    divisor, factor = right.terms[0]
    quotient: dict[Monomial, int] = {}
    for monomial, coefficient in _terms(left).items():
        rest = list(monomial)
        for atom in divisor:
            if atom not in rest:
                return None
            rest.remove(atom)
        if coefficient % factor:
            return None
        quotient[tuple(rest)] = coefficient // factor
    return _terms_to_dim(quotient)


def _extreme(function: str, left: Dim, right: Dim) -> Dim:
    difference = left - right
    if isinstance(difference, int):
        return left if (difference > 0) == (function == "max") else right
    first, second = sorted((left, right), key=str)
    return _atom(Call(function, first, second))


def _substitute_atom(atom: Atom, values: Mapping[str, Dim]) -> Dim:
    if isinstance(atom, Symbol):
        value = values.get(atom.name)
        return _atom(atom) if value is None else value
    return FUNCTIONS[atom.function](substitute(atom.left, values), substitute(atom.right, values))


FUNCTIONS: dict[str, Callable[[Dim, Dim], Dim]] = {
    "//": floor_div,
    "%": remainder,
    "max": maximum,
    "min": minimum,
}


# ---------------------------------------------------------------------------------------------- as text


def _term(monomial: Monomial, coefficient: int) -> str:
    factors = [str(coefficient)] if coefficient != 1 or not monomial else []
    factors += [f"({atom})" if _is_infix(atom) else str(atom) for atom in monomial]
    if len(factors) == 1 and len(monomial) == 1:
        return str(monomial[0])
    return "*".join(factors)


def _leading(body: str, monomial: Monomial) -> str:
    """A leading minus binds tighter than ``//``, so a bare quotient behind it stands in parentheses."""
    return f"({body})" if len(monomial) == 1 and body == str(monomial[0]) and _is_infix(monomial[0]) else body


def _is_infix(atom: Atom) -> bool:
    return isinstance(atom, Call) and atom.function in ("//", "%")


def _factor(dim: Dim) -> str:
    if isinstance(dim, int):
        return str(dim) if dim >= 0 else f"({dim})"
    simple = len(dim.terms) == 1 and dim.terms[0][1] == 1 and len(dim.terms[0][0]) == 1
    return str(dim) if simple and not _is_infix(dim.terms[0][0][0]) else f"({dim})"
