"""Integer polynomials over free dimensions, in one normal form.

Atoms are symbols, quotients, remainders, max and min; coefficients are integers. Expressions that are equal by ring arithmetic
are equal as values, and halving twice is quartering.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from modelpack.monomials import divided

__all__ = [
    "FUNCTIONS",
    "LARGEST",
    "MAX_SIZE",
    "Atom",
    "Call",
    "Dim",
    "Expr",
    "Monomial",
    "Symbol",
    "TooComplex",
    "ceil_div",
    "expression",
    "floor_div",
    "maximum",
    "minimum",
    "remainder",
    "within_range",
]


@dataclass(frozen=True, slots=True)
class Symbol:
    """A free dimension (`batch`) or, with a leading `$`, an argument of a block (`$channels`)."""

    name: str

    @property
    def size(self) -> int:
        return 1

    @property
    def depth(self) -> int:
        return 0

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Call:
    """An integer function that ring arithmetic can't open: ``//``, ``%``, ``max`` or ``min``.

    What follows from the first three is kept: terms are ordered by their text, and found anew at each level of nesting
    it would cost exponentially much. `depth` counts the functions around each other.
    """

    function: str
    left: Dim
    right: Dim
    size: int = field(compare=False)
    depth: int = field(compare=False)
    text: str = field(compare=False)

    def __str__(self) -> str:
        return self.text


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

MAX_SIZE = 200
"""Largest expression. Shared parts keep one small in memory that is huge when written; layers could square it."""

_MAX_PRODUCTS = 64
"""Most products of two terms in one product of sums."""

_MAX_DEPTH = 32
"""Most functions around each other; what looks into an expression recurses as deep."""

_MAX_TEXT = 4096
"""Longest function in characters: names may be long."""

LARGEST = 2**63 - 1
"""Largest integer: what torch's sizes hold. Unbounded ones would grow with each layer."""


class TooComplex(ArithmeticError):  # noqa: N818  (named as ZeroDivisionError's siblings are: for what happened)
    """An expression outgrew `MAX_SIZE` or its like, or an integer 64 bits."""


def within_range(number: int) -> int:
    """`number`, which must have 64 bits.

    Raises:
        TooComplex: it has more.
    """
    if not -LARGEST - 1 <= number <= LARGEST:
        raise TooComplex("a size would be an integer of more than 64 bits")
    return number


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
    return exact if exact is not None else _call("//", left, right)


def ceil_div(left: Dim, right: Dim) -> Dim:
    """``left / right`` rounded up."""
    return -floor_div(-left, right)


def remainder(left: Dim, right: Dim) -> Dim:
    """``left % right``, of the sign of `right`, as Python does."""
    if isinstance(left, int) and isinstance(right, int):
        return left % right
    if isinstance(right, int) and right > 0:
        left = _congruent(left, right)
        if isinstance(left, int):
            return left % right
    elif isinstance(right, Expr) and _divide_exactly(left, right) is not None:
        return 0
    return _call("%", left, right)


def _congruent(left: Dim, modulus: int) -> Dim:
    """Of the same remainder, and plainer: ``7 - x % 7`` modulo 7 is ``6*x``."""
    total: Dim = 0
    for monomial, coefficient in _terms(left).items():
        part = _terms_to_dim({monomial: coefficient % modulus})
        atom = monomial[0] if len(monomial) == 1 else None
        if isinstance(atom, Call) and atom.function == "%" and isinstance(atom.right, int):
            part = part if atom.right % modulus else coefficient * atom.left
        total = total + part
    return total if total == left else _congruent(total, modulus)


def maximum(left: Dim, right: Dim) -> Dim:
    """The larger of the two."""
    return _extreme("max", left, right)


def minimum(left: Dim, right: Dim) -> Dim:
    """The smaller of the two."""
    return _extreme("min", left, right)


# ---------------------------------------------------------------------------------------------- normal form


def expression(atom: Atom) -> Expr:
    """The polynomial that is just `atom`."""
    return _expr((((atom,), 1),))


def _call(function: str, left: Dim, right: Dim) -> Expr:
    depth = 1 + max(_depth(left), _depth(right))
    if depth > _MAX_DEPTH:
        raise TooComplex(f"a size would nest more than {_MAX_DEPTH} functions")
    named = function in ("max", "min")
    text = f"{function}({left}, {right})" if named else f"{_factor(left)} {function} {_factor(right)}"
    if len(text) > _MAX_TEXT:
        raise TooComplex(f"a size would be an expression of more than {_MAX_TEXT} characters")
    return expression(Call(function, left, right, 1 + _size(left) + _size(right), depth, text))


def _expr(terms: tuple[tuple[Monomial, int], ...]) -> Expr:
    size = sum(1 + sum(atom.size for atom in monomial) for monomial, _ in terms)
    if size > MAX_SIZE:
        raise TooComplex(f"a size would be an expression of more than {MAX_SIZE} parts")
    for _, coefficient in terms:
        within_range(coefficient)
    return Expr(terms, size, hash(terms))


def _size(dim: Dim) -> int:
    return 1 if isinstance(dim, int) else dim.size


def _depth(dim: Dim) -> int:
    if isinstance(dim, int):
        return 0
    return max((atom.depth for monomial, _ in dim.terms for atom in monomial), default=0)


def _terms(dim: Dim) -> dict[Monomial, int]:
    if isinstance(dim, int):
        return {(): dim} if dim else {}
    return dict(dim.terms)


def _terms_to_dim(terms: Mapping[Monomial, int]) -> Dim:
    kept = {monomial: c for monomial, c in terms.items() if c}
    if kept.keys() <= {()}:
        return within_range(kept.get((), 0))
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
        return within_range(dim * factor)
    # The order of the terms stays what it is.
    return _expr(tuple((monomial, c * factor) for monomial, c in dim.terms)) if factor else 0


@lru_cache(maxsize=8192)
def _multiply(left: Dim, right: Dim) -> Dim:
    if isinstance(right, int):
        return _scale(left, right)
    if isinstance(left, int):
        return _scale(right, left)
    if len(left.terms) * len(right.terms) > _MAX_PRODUCTS:
        raise TooComplex(f"a product of sums would have more than {_MAX_PRODUCTS} terms")
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
    return _call("//", left, right)


def _divide_exactly(left: Dim, right: Expr) -> Dim | None:
    """The quotient, where `right` divides `left` as polynomials."""
    quotient = divided(_terms(left), _terms(right))
    return None if quotient is None else _terms_to_dim(quotient)


def _extreme(function: str, left: Dim, right: Dim) -> Dim:
    difference = left - right
    if isinstance(difference, int):
        return left if (difference > 0) == (function == "max") else right
    first, second = sorted((left, right), key=str)
    return _call(function, first, second)


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
