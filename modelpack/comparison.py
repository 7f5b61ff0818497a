"""Comparisons of integer arithmetic: what a network requires of its free dimensions (`height % 32 == 0`)."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from modelpack.dims import Dim, TooComplex, evaluate, exceeds, symbols
from modelpack.expressions import ExpressionError, parse_dim

__all__ = ["COMPARISON", "OPERATORS", "Comparison", "parse_comparison"]

OPERATORS: Mapping[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}

_OPPOSITES: Mapping[str, str] = {"==": "!=", "!=": "==", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}

COMPARISON = re.compile(r"([^=!<>]+)(==|!=|<=|>=|<|>)([^=!<>]+)")
"""An expression, an operator, an expression."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two sizes and what must hold between them; `operator` is one of `OPERATORS`."""

    left: Dim
    operator: str
    right: Dim
    place: tuple[int, int] | None = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        return f"{self.left} {self.operator} {self.right}"

    @property
    def names(self) -> frozenset[str]:
        """The dimensions that it depends on."""
        return symbols(self.left) | symbols(self.right)

    def holds(self, sizes: Mapping[str, int]) -> bool:
        """Whether it holds at these sizes; where one side has no value (it divides by 0), it doesn't.

        Raises:
            KeyError: a dimension has no size.
        """
        try:
            return OPERATORS[self.operator](evaluate(self.left, sizes), evaluate(self.right, sizes))
        except (ZeroDivisionError, TooComplex):
            return False

    def always_holds(self) -> bool:
        """Whether it plainly holds for all sizes from 1 on."""
        left, right = self.left, self.right
        match self.operator:
            case "==":
                return left == right
            case "!=":
                return exceeds(left, right) or exceeds(right, left)
            case ">":
                return exceeds(left, right)
            case ">=":
                return exceeds(left + 1, right)
            case "<":
                return exceeds(right, left)
            case _:
                return exceeds(right + 1, left)

    def never_holds(self) -> bool:
        """Whether it plainly holds for no sizes from 1 on."""
        try:
            return replace(self, operator=_OPPOSITES[self.operator]).always_holds()
        except TooComplex:
            return False


def parse_comparison(text: str, place: tuple[int, int] | None = None) -> Comparison:
    """The comparison that `text` is; `place` is where it stands.

    Raises:
        ExpressionError: it is none, or depends on no dimension.
    """
    match = COMPARISON.fullmatch(text)
    if match is None:
        raise ExpressionError(
            f"'{text}' must be two expressions with one of {', '.join(OPERATORS)} between them"
        )
    found = Comparison(parse_dim(match[1].strip()), match[2], parse_dim(match[3].strip()), place)
    if not found.names:
        raise ExpressionError(f"'{text}' depends on no dimension")
    return found
