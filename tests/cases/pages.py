"""Cases -> the examples on the pages of errors: what is wrong, the smallest edit that mends it, and what is said of it.

    python -m tests.cases.pages       writes modelpack/explanations.md and spec/errors.md again, as the cases are now

Of a code the case with the shortest edit is taken, of those in which nothing else is wrong; a page has none where that is long.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from modelpack.explanations import error_reference
from tests.cases.cases import CORRECTED, INVALID

_ROOT = Path(__file__).parents[2]
PAGES = _ROOT / "modelpack" / "explanations.md"
ERRORS = _ROOT / "spec" / "errors.md"
_PAGE = re.compile(r"(?ms)^### (MP\d{3}) .*?(?=^### |^## |\Z)")
_EXAMPLE = re.compile(r"(?ms)\n^```diff\n.*?^```\n\n^> .*?\n(?=\n|\Z)")
_MOST_LINES, _MOST_COLUMNS = 8, 110


__all__ = ["PAGES", "example", "with_examples", "write_pages"]


def example(code: str) -> str | None:
    """The example of `code` in Markdown."""
    found = [each for each in _all().get(code, ()) if _is_short(each)]
    return min(found, key=lambda each: (each.count("\n"), len(each), each), default=None)


@cache
def _all() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for case in sorted(INVALID.glob("*.yaml")):
        (report,) = json.loads(case.with_suffix(".json").read_text(encoding="utf-8"))
        if len(report["problems"]) == 1:
            (problem,) = report["problems"]
            text = _example(case, problem)
            found.setdefault(problem["code"], []).extend([] if text is None else [text])
    return found


def _example(case: Path, problem: Mapping[str, Any]) -> str | None:
    try:
        before, after = (
            folder.joinpath(case.name).read_bytes().decode().split("\n") for folder in (INVALID, CORRECTED)
        )
    except UnicodeDecodeError:
        return None
    changes = [
        line
        for line in difflib.unified_diff(before, after, n=0, lineterm="")
        if line[:2] not in ("--", "++", "@@")
    ]
    if not changes or not "".join(changes).isprintable():
        return None
    path = f"{problem['path']}: " if problem["path"] else ""
    said = [f"{problem['code']} {path}{problem['message']}"]
    said += [f"hint: {problem['hint']}"] if problem["hint"] else []
    quoted = "".join(f"> {line}\n" for each in said for line in each.split("\n"))
    return "```diff\n" + "\n".join(changes) + f"\n```\n\n{quoted}"


def _is_short(text: str) -> bool:
    lines = text.splitlines()
    return len(lines) <= _MOST_LINES and all(len(line) <= _MOST_COLUMNS for line in lines if line[:1] in "+-")


def with_examples(text: str) -> str:
    """The pages, each with its example."""

    def page(found: re.Match[str]) -> str:
        prose = _EXAMPLE.sub("", found[0]).rstrip()
        shown = example(found[1])
        return f"{prose}\n\n" + (f"{shown}\n" if shown else "")

    return _PAGE.sub(page, text).rstrip() + "\n"


def write_pages() -> None:
    PAGES.write_text(with_examples(PAGES.read_text(encoding="utf-8")), encoding="utf-8")
    ERRORS.write_text(error_reference(), encoding="utf-8")


if __name__ == "__main__":
    write_pages()
