"""`modelpack fmt`: architectures in their canonical layout, with all comments."""

from __future__ import annotations

from typing import Annotated

import typer

from modelpack.commands.rewriting import Wish, rewrite
from modelpack.examining.targets import STDIN, STDIN_NAME

__all__ = ["fmt"]


def fmt(
    paths: Annotated[
        list[str], typer.Argument(help="Architectures, directories of them, patterns; - for standard input.")
    ],
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing: tell which texts would change.")
    ] = False,
    only_recognised: Annotated[
        bool, typer.Option("--only-recognised", help="Pass over named files that are no architectures.")
    ] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Write nothing: print how they would change.")] = False,
    stdin_filename: Annotated[str | None, typer.Option(help="What to call the text that - reads.")] = None,
) -> None:
    """Lay out architectures the canonical way, comments kept.

    What they mean stays the same; no framework is needed.

    A text need not be right to be formatted, but it must be YAML. What is in a pack isn't touched.

    Exit status: 0 all is well, 1 something would change (--check, --diff) or is no YAML, 2 it couldn't be done.
    """
    from modelpack.formatting import format_text

    if stdin_filename is not None and STDIN not in paths:
        raise typer.BadParameter(f"{STDIN} isn't among the paths", param_hint="--stdin-filename")
    wish = Wish(
        format_text,
        "format",
        "formatted",
        unchanged="",
        check=check,
        diff=diff,
        stdin_name=stdin_filename or STDIN_NAME,
    )
    raise typer.Exit(rewrite(paths, wish, only_recognised=only_recognised))
