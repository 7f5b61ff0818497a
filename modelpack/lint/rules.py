"""The rules by code."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from modelpack.errors import Problem
from modelpack.findings import Severity
from modelpack.lint.subject import Subject

__all__ = ["RULES", "Rule", "lint"]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: `find.__doc__` says what it finds and why, with a bad and a good example."""

    code: str
    severity: Severity
    find: Callable[[Subject], Iterator[Problem]]


RULES: Mapping[str, Rule] = {}


def lint(subject: Subject) -> list[Problem]:
    """What all rules find, in order of place."""
    return [problem for rule in RULES.values() for problem in rule.find(subject)]
