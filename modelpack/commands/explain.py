"""`modelpack explain`: what a code means, why, and the way out."""

from __future__ import annotations

import json
import sys
from difflib import get_close_matches
from typing import Annotated

import typer

from modelpack.errors import CODES, printable

__all__ = ["explain"]


def explain(
    codes: Annotated[
        list[str] | None,
        typer.Argument(
            help="Such as MP303; of the beginning of some, such as MP8, their titles.", show_default=False
        ),
    ] = None,
    every: Annotated[bool, typer.Option("--list", help="List all codes with their titles.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Say what a code means, why, and what to do. Ends with 2 where there is no such code."""
    if not codes and not every:
        raise typer.BadParameter("say a code, such as MP303, or --list")
    given = [_code(each) for each in codes or ()]
    wanted = list(CODES) if every else [code for each in given for code in _family(each) or [each]]
    unknown = [code for code in wanted if code not in CODES]
    for code in unknown:
        alike = [each for each in CODES if each.startswith(code[:3])]
        near = get_close_matches(code, alike or CODES, n=1, cutoff=0.75)
        hint = f"; did you mean {near[0]} ({CODES[near[0]]})?" if near else ""
        print(f"there is no code {printable(code)}{hint}", file=sys.stderr)
    if unknown:
        raise typer.Exit(2)
    if as_json:
        print(json.dumps([_document(code) for code in wanted], indent=2, ensure_ascii=False))
    elif every or any(map(_family, given)):
        print("\n".join(f"{code}  {CODES[code]}" for code in wanted))
    else:
        print("\n\n".join(_page(code) for code in wanted))


def _code(text: str) -> str:
    """`303` and `mp303` are MP303."""
    return f"MP{text}" if text.isdigit() else text.upper()


def _family(text: str) -> list[str]:
    """The codes that begin so, as the settings of `check` name them: `MP8`, `MP30`; none where it is a code itself."""
    beginning = text.startswith("MP") and text not in CODES
    return [code for code in CODES if beginning and code.startswith(text)]


def _page(code: str) -> str:
    from modelpack.explanations import explanation

    return f"{code} {CODES[code]}\n\n{explanation(code)}"


def _document(code: str) -> dict[str, str]:
    from modelpack.explanations import explanation
    from modelpack.lint import RULES

    severity = RULES[code].severity.value if code in RULES else "error"
    return {"code": code, "title": CODES[code], "severity": severity, "explanation": explanation(code)}
