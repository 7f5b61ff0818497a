"""`modelpack migrate`: architectures of an older format version, as the current one."""

from __future__ import annotations

from typing import Annotated

import typer

from modelpack.commands.rewriting import Wish, rewrite

__all__ = ["migrate"]


def migrate(
    paths: Annotated[
        list[str], typer.Argument(help="Architectures, directories of them, patterns; - for standard input.")
    ],
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing: tell which texts are older.")
    ] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Write nothing: print how they would change.")] = False,
) -> None:
    """Rewrite architectures of older format versions, comments kept.

    They become those of the version that this release writes.

    What is of that version already stays as it is.

    Exit status: 0 all is well, 1 something would change (--check, --diff) or can't be migrated, 2 it couldn't be done.
    """
    from modelpack.formatting import CURRENT, migrate_text

    current = f"is of version {CURRENT}, the current one"
    wish = Wish(migrate_text, "migrate", "migrated", unchanged=current, check=check, diff=diff)
    raise typer.Exit(rewrite(paths, wish))
