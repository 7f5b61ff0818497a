"""The rules by code."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice

from modelpack.errors import Problem, in_order
from modelpack.lint import budgets, dimensions, flow, packs, style, training, unused, values
from modelpack.lint.rule import Rule
from modelpack.lint.subject import Subject

__all__ = ["RULES", "Rule", "lint"]

_FAMILIES = (unused, flow, dimensions, style, training, budgets, packs, values)

RULES: Mapping[str, Rule] = {rule.code: rule for family in _FAMILIES for rule in family.RULES}

_MOST_OF_A_KIND = 100
"""Problems that one rule tells of one file: nobody reads more, and a hostile text could have any number."""


def lint(subject: Subject) -> list[Problem]:
    """What all rules find, in order of place; of a pack also what of its digests and samples doesn't hold (5xx, MP730)."""
    found = [each for rule in RULES.values() for each in islice(rule.find(subject), _MOST_OF_A_KIND)]
    if subject.pack is not None:
        from modelpack.lint.integrity import broken  # a text has no use for what it needs

        found += islice(broken(subject), _MOST_OF_A_KIND)
    return in_order(found)
