"""The command line. Exit status: 0 fine, 1 problems were found, 2 the command could not run.

Each command is a function of `modelpack.commands` that imports what it needs: `check` and `show` never a framework, and nothing
draws where nobody looks. Only the one that is asked for is fetched: to describe all takes longer than to check a file.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterable
from importlib import import_module
from io import TextIOWrapper
from typing import Annotated

import typer

__all__ = ["COMMANDS", "app_of", "main"]

COMMANDS = {
    "check": "check",
    "show": "show",
    "fmt": "fmt",
    "migrate": "migrate",
    "diff": "diff",
    "explain": "explain",
    "schema": "schema",
    "lsp": "lsp",
    "verify": "packs",
    "pack": "packs",
    "unpack": "packs",
    "init": "packs",
    "lock": "building",
    "build": "building",
    "extract": "parts",
    "merge": "parts",
    "graft": "parts",
}
"""Each command, and the module of `modelpack.commands` that has the function of its name; in the order of the help."""


def main() -> None:
    """Run the command that `sys.argv` names."""
    gc.set_threshold(100_000)  # a command is over soon: what is collected on its way costs more than it frees
    asked = [name for name in sys.argv[1:2] if name in COMMANDS]
    try:
        app_of(asked or COMMANDS)()
    finally:
        gc.freeze()  # nor is what is left gone through once more on the way out, a quarter of the time of a check


def app_of(names: Iterable[str]) -> typer.Typer:
    """The command line with these commands."""
    app = typer.Typer(
        name="modelpack",
        help="Networks that need no source code: check, show, verify, pack, initialise and reuse them.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"max_content_width": 120},
    )
    app.callback(invoke_without_command=True)(root)
    for name in names:
        app.command(name)(getattr(import_module(f"modelpack.commands.{COMMANDS[name]}"), name))
    return app


def root(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    stdout = sys.stdout
    if isinstance(stdout, TextIOWrapper):
        # As standard error is by itself: a character that the terminal lacks must not end a report.
        stdout.reconfigure(errors="backslashreplace")
    if version:
        from modelpack import __version__

        print(__version__)
        raise typer.Exit
