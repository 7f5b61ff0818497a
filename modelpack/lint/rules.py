"""The rules by code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import islice

from modelpack.errors import Problem, in_order
from modelpack.lint import budgets, dimensions, flow, idle, packs, style, training, unused, values
from modelpack.lint.rule import MOST_OF_A_KIND, Rule
from modelpack.lint.subject import Subject

__all__ = ["RULES", "Rule", "lint"]

_FAMILIES = (unused, flow, dimensions, style, training, budgets, packs, values)
_OF_NETWORKS = [rule for family in _FAMILIES for rule in family.RULES]

RULES: Mapping[str, Rule] = {rule.code: rule for rule in (*_OF_NETWORKS, *idle.RULES)}


def lint(subject: Subject) -> list[Problem]:
    """What all rules find, in order of place; of a pack also what of its digests and samples doesn't hold (5xx, MP730)."""
    found = _found(_OF_NETWORKS, subject)
    if subject.pack is not None:
        from modelpack.lint.integrity import broken  # a text has no use for what it needs

        found += islice(broken(subject), MOST_OF_A_KIND)
    return in_order([*found, *_found(idle.RULES, replace(subject, found=tuple(found)))])


def _found(rules: Iterable[Rule], subject: Subject) -> list[Problem]:
    return [each for rule in rules for each in islice(rule.find(subject), MOST_OF_A_KIND)]
