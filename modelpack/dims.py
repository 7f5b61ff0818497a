"""What is asked of integers that may depend on free dimensions: their names, their values, whether two may be equal.

A `Dim` is an `int` where the value is known and an `Expr` where it isn't (`batch`, `height // 2 + 1`, `$channels * 4`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import lru_cache, reduce
from math import gcd, isfinite, lcm, prod

from modelpack.polynomial import (
    FUNCTIONS,
    LARGEST,
    MAX_SIZE,
    Atom,
    Call,
    Dim,
    Expr,
    Monomial,
    Symbol,
    TooComplex,
    ceil_div,
    expression,
    floor_div,
    maximum,
    minimum,
    remainder,
    within_range,
)

__all__ = [
    "FUNCTIONS",
    "LARGEST",
    "MAX_SIZE",
    "Dim",
    "Expr",
    "TooComplex",
    "cancelled",
    "ceil_div",
    "evaluate",
    "exceeds",
    "floor_div",
    "is_exact",
    "maximum",
    "may_equal",
    "minimum",
    "name_of",
    "remainder",
    "rounded",
    "substitute",
    "symbol",
    "symbols",
    "within_range",
]


def symbol(name: str) -> Expr:
    """The dimension called `name`."""
    return expression(Symbol(name))


def name_of(dim: Dim) -> str | None:
    """The name of the symbol that `dim` is, if it is just one."""
    if isinstance(dim, int) or len(dim.terms) != 1:
        return None
    monomial, coefficient = dim.terms[0]
    atom = next(iter(monomial)) if len(monomial) == 1 else None
    return atom.name if coefficient == 1 and isinstance(atom, Symbol) else None


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
        TooComplex: the result, or what it is calculated from, is too large.
    """
    if isinstance(dim, int):
        return dim
    total: Dim = 0
    for monomial, coefficient in dim.terms:
        product: Dim = coefficient
        for atom in monomial:
            product = product * _substitute_atom(atom, values)
        total = total + product
    return within_range(total) if isinstance(total, int) else total


def evaluate(dim: Dim, values: Mapping[str, int]) -> int:
    """The value of `dim` where every symbol is known.

    Raises:
        KeyError: a symbol has no value.
        ZeroDivisionError: a divisor is 0.
        TooComplex: the value has more than 64 bits.
    """
    result = substitute(dim, values)
    if isinstance(result, Expr):
        raise KeyError(min(symbols(result)))
    return result


def may_equal(left: Dim, right: Dim) -> bool:
    """Whether some binding of the free dimensions could make both equal.

    False only where the difference is proved: a constant other than 0, a polynomial in symbols alone (each free
    dimension stands for itself: `batch` is not `length`), or one side that exceeds the other. Other quotients and their like get
    the benefit of the doubt.
    """
    if left == right:
        return True
    difference = left - right
    if isinstance(difference, int):
        return False
    if not any(isinstance(atom, Call) for monomial, _ in difference.terms for atom in monomial):
        return False
    return not exceeds(left, right) and not exceeds(right, left)


def cancelled(left: Dim, right: Dim) -> tuple[Dim, Dim]:
    """Both without their common factor, of numbers and free dimensions, which are no less than 1: their quotient is the same."""
    if isinstance(left, int) and isinstance(right, int):
        return left, right
    terms = [*_terms_of(left), *_terms_of(right)]
    number = gcd(*(coefficient for _, coefficient in terms))
    common = reduce(lambda one, other: one & other, (Counter(monomial) for monomial, _ in terms))
    factors = Counter[Atom]({atom: count for atom, count in common.items() if isinstance(atom, Symbol)})
    return _without(left, number, factors), _without(right, number, factors)


def _terms_of(dim: Dim) -> tuple[tuple[Monomial, int], ...]:
    return ((((), dim),) if dim else ()) if isinstance(dim, int) else dim.terms


def _without(dim: Dim, number: int, factors: Counter[Atom]) -> Dim:
    total: Dim = 0
    for monomial, coefficient in _terms_of(dim):
        product: Dim = coefficient // number
        for atom in (Counter(monomial) - factors).elements():
            product = product * expression(atom)
        total = total + product
    return total


def rounded(dim: Dim) -> Dim:
    """`dim` with what rounds to multiples in one piece: ``x + (-x) % 7``, as windows are padded, is ``7 * ((x + 6) // 7)``.

    Its value is the same. It's no part of the normal form, in which ``x + (-x) % 7 - x`` must stay ``(-x) % 7``.
    """
    if isinstance(dim, int):
        return dim
    for monomial, coefficient in dim.terms:
        atom = monomial[0] if len(monomial) == 1 else None
        if isinstance(atom, Call) and atom.function == "%" and isinstance(atom.right, int) and atom.right > 0:
            part = _cancelled(atom.left, atom.right, coefficient, dict(dim.terms))
            if part is not None:
                # x % n is x - x // n * n, whatever x of the same remainder.
                rest = dim - coefficient * expression(atom) + coefficient * part
                return rounded(rest - coefficient * atom.right * _rising_quotient(part, atom.right))
    return dim


def _cancelled(left: Dim, modulus: int, coefficient: int, terms: Mapping[Monomial, int]) -> Dim | None:
    """What has the remainder of `left`, if `coefficient` times it takes its terms out of a sum of `terms`."""
    total: Dim = 0
    for monomial, each in left.terms if isinstance(left, Expr) else ():
        wanted = (
            each
            if monomial == ()
            else next(
                (other for other in (each, each - modulus) if terms.get(monomial) == -coefficient * other),
                None,
            )
        )
        if wanted is None:
            return None
        part: Dim = wanted
        for atom in monomial:
            part = part * expression(atom)
        total = total + part
    return total


def _rising_quotient(left: Dim, right: int) -> Dim:
    """``left // right``, where `left` falls as -ceil(-left / right), so that quotients of quotients become one."""
    if isinstance(left, Expr) and left.terms[0][1] < 0:
        return -floor_div(-left + right - 1, right)
    return floor_div(left, right)


_MOST_DIVISORS = 1 << 20


@lru_cache(maxsize=8192)
def exceeds(left: Dim, right: Dim) -> bool:
    """Whether `left` is certainly larger than `right`: whatever sizes from 1 on the free dimensions have."""
    difference = left - right
    if any(least is not None and least > 0 for least in (_least(difference), _least(_unrounded(difference)))):
        return True
    try:
        least = _least(_unrounded(_divisors(difference) * difference))
    except TooComplex:
        return False
    return least is not None and least > 0


def is_exact(number: float) -> bool:
    """Whether sums and multiples of it and a size are exact in floating point (0.5, -1.25): what is counted by it can be said."""
    return isfinite(number) and abs(number) < 2**16 and (number * 2**16).is_integer()


def _divisors(dim: Dim) -> int:
    """By what all quotients in `dim` can be multiplied to be no quotients any more; 1 where that is large."""
    found = 1
    for monomial, _ in dim.terms if isinstance(dim, Expr) else ():
        atom = monomial[0] if len(monomial) == 1 else None
        if (
            isinstance(atom, Call)
            and atom.function == "//"
            and isinstance(atom.right, int)
            and atom.right > 0
        ):
            found = lcm(found, atom.right)
    return found if found <= _MOST_DIVISORS else 1


def _unrounded(dim: Dim) -> Dim:
    """`dim` with multiples as what was rounded: ``7 * (x // 7)`` is ``x - x % 7``, plainly more than ``x - 7``."""
    if isinstance(dim, int):
        return dim
    total: Dim = dim
    for monomial, coefficient in dim.terms:
        atom = monomial[0] if len(monomial) == 1 else None
        if isinstance(atom, Call) and atom.function == "//" and isinstance(atom.right, int):
            times, rest = divmod(coefficient, atom.right)
            if not rest:
                total = total - coefficient * expression(atom)
                total = total + times * (atom.left - remainder(atom.left, atom.right))
    return total


def _least(dim: Dim) -> int | None:
    """What `dim` is at least, if that is plain to see."""
    if isinstance(dim, int):
        return dim
    total = 0
    for monomial, coefficient in dim.terms:
        most = _most_of_remainder(monomial)
        if coefficient < 0 and most is not None:
            total += coefficient * most
            continue
        factors = [_least_of_atom(atom) for atom in monomial]
        known = [each for each in factors if each is not None and each >= 0]
        if monomial and (coefficient < 0 or len(known) < len(factors)):
            return None
        total += coefficient * prod(known)
    return total


def _most_of_remainder(monomial: Monomial) -> int | None:
    """What a remainder is at most; None of anything else."""
    atom = monomial[0] if len(monomial) == 1 else None
    if isinstance(atom, Call) and atom.function == "%" and isinstance(atom.right, int) and atom.right > 0:
        return atom.right - 1
    return None


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


def _substitute_atom(atom: Atom, values: Mapping[str, Dim]) -> Dim:
    if isinstance(atom, Symbol):
        value = values.get(atom.name)
        return expression(atom) if value is None else value
    return FUNCTIONS[atom.function](substitute(atom.left, values), substitute(atom.right, values))
