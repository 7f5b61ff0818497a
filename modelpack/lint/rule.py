"""What a rule is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from modelpack.errors import Problem
from modelpack.findings import Severity
from modelpack.lint.subject import Subject

__all__ = ["Rule"]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: `find.__doc__` says what it finds and why, with a bad and a good example."""

    code: str
    severity: Severity
    find: Callable[[Subject], Iterator[Problem]]
