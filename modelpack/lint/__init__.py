"""A sound network -> advice: each rule is one function, and its docstring is its page.

`lint(subject)` runs all rules; `RULES` has them by code.
"""

from __future__ import annotations

from modelpack.lint.rules import RULES, Rule, lint
from modelpack.lint.subject import Budgets, Subject

__all__ = ["RULES", "Budgets", "Rule", "Subject", "lint"]
