"""What a rule is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from modelpack.errors import Problem
from modelpack.findings import Severity
from modelpack.lint.subject import Subject

__all__ = ["MOST_OF_A_KIND", "Rule"]

MOST_OF_A_KIND = 100
"""Problems that one rule tells of one file: nobody reads more, and a hostile text could have any number."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: `find.__doc__` says what it finds and why, with a bad and a good example."""

    code: str
    severity: Severity
    find: Callable[[Subject], Iterator[Problem]]
