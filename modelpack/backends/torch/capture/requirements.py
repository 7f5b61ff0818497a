"""Decisions on sizes -> what the network requires of its free dimensions: at other sizes the original takes another way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sympy

from modelpack.backends.torch.capture.bounds import solved, strictest
from modelpack.backends.torch.capture.decisions import Decision
from modelpack.backends.torch.capture.failures import failure
from modelpack.backends.torch.capture.free import NotFree, axes_with
from modelpack.backends.torch.capture.regions import Program
from modelpack.backends.torch.capture.sizes import FreeNames, SizeError
from modelpack.comparison import OPERATORS, Comparison, parse_comparison
from modelpack.dims import TooComplex
from modelpack.expressions import ExpressionError

__all__ = ["Required", "required"]

_MIRRORED = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}


@dataclass(frozen=True, slots=True)
class Required:
    """What must hold for all decisions to be the same."""

    comparisons: tuple[Comparison, ...]
    """the strictest of what they decide"""
    by_decision: tuple[tuple[Comparison, str], ...]
    """what each decides, and the line of the model's code"""


def required(decisions: Sequence[Decision], free: FreeNames, program: Program) -> Required:
    """What must hold for all of them to be the same; what always holds is left out.

    Raises:
        NotFree: one is no comparison, so that the sizes that it depends on can only be fixed.
        CaptureError: MP618 it depends on none of them.
    """
    found: list[tuple[Comparison, str]] = []
    for decision in decisions:
        # Sizes that turned out to be equal, or fixed, are what they are.
        fact = decision.environment.replace(decision.fact)
        for part in sympy.And.make_args(fact):
            if part == sympy.true:
                continue
            try:
                comparison = _comparison(part, free)
            except (SizeError, TooComplex, ExpressionError):
                raise _unsaid(part, decision.line, free, program) from None
            if comparison is not None:
                found.append((comparison, decision.line))
    return Required(strictest(each for each, _ in found), tuple(found))


def _comparison(fact: Any, free: FreeNames) -> Comparison | None:
    """A fact as a comparison; None where it always holds.

    Raises:
        SizeError, TooComplex, ExpressionError: it can't be said.
    """
    operator: Any = getattr(fact, "rel_op", None)
    if operator not in OPERATORS:
        raise SizeError(f"{fact} is no comparison")
    left, right = free.expression(fact.lhs), free.expression(fact.rhs)
    if isinstance(left, int):
        left, right, operator = right, left, _MIRRORED.get(operator, operator)
    found = solved(Comparison(left, operator, right))
    return None if found.always_holds() else parse_comparison(str(found))


def _unsaid(fact: Any, line: str, free: FreeNames, program: Program) -> Exception:
    names = frozenset(free.names[each] for each in fact.free_symbols if each in free.names)
    told = ", ".join(sorted(names)) or "sizes"
    error = failure(
        "MP618",
        f"what its code decides on {told} can't be said as a comparison ({line})",
        hint="decide by comparisons of integers (`height % 8 == 0`), or name other axes in dynamic=",
    )
    return NotFree(names, axes_with(program, fact.free_symbols), error) if names else error
