"""Code -> its page: what it means, why, and the way out.

Those of what can be wrong stand in `explanations.md`; those of lint's rules are the docstrings of the rules. `spec/errors.md` is
made of both.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from modelpack.errors import CODES
from modelpack.lint import RULES, Rule

__all__ = ["error_reference", "explanation", "explanations"]

_PAGE = re.compile(r"^### (MP\d{3}) .*$", re.MULTILINE)
_SECTION = re.compile(r"^## .*$", re.MULTILINE)
_EXAMPLE = re.compile(r"^```(\w+) (bad|good)$", re.MULTILINE)

_ADVICE = """## 8xx: advice

What is sound, and is likely not meant so, or costs more than it may. A *warning* is a likely mistake, a *note* a matter of style;
an *error* breaks a rule that your own settings make. `modelpack check` ends with 0 where there are notes only. A comment on the
line, `# modelpack: ignore[MP801]`, silences one."""


def explanation(code: str) -> str:
    """The page of `code`, as Markdown without its title.

    Raises:
        KeyError: there is no such code.
    """
    rule = RULES.get(code)
    return explanations()[code] if rule is None else _of_rule(rule)


@cache
def explanations() -> Mapping[str, str]:
    """The pages that aren't those of rules, by code."""
    text = files("modelpack").joinpath("explanations.md").read_text(encoding="utf-8")
    marks = list(_PAGE.finditer(text))
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    return {
        mark[1]: _SECTION.split(text[mark.end() : end])[0].strip()
        for mark, end in zip(marks, ends, strict=True)
    }


def error_reference() -> str:
    """The text of `spec/errors.md`."""
    text = files("modelpack").joinpath("explanations.md").read_text(encoding="utf-8")
    pages = [f"### {code} {CODES[code]}\n\n{_of_rule(rule)}" for code, rule in sorted(RULES.items())]
    return "\n\n".join((text.rstrip(), _ADVICE, *pages)) + "\n"


def _of_rule(rule: Rule) -> str:
    page = inspect.cleandoc(rule.find.__doc__ or "")
    told = _EXAMPLE.sub(lambda mark: f"{mark[2].capitalize()}:\n\n```{mark[1]}", page)
    return f"*{rule.severity.value.capitalize()}.* {told}"
