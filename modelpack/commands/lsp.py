"""`modelpack lsp`: the language server, for editors."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

__all__ = ["lsp"]


def lsp(
    stdio: Annotated[
        bool, typer.Option("--stdio", help="Talk over standard input and output: what it does anyway.")
    ] = True,
) -> None:
    """Serve an editor: problems as you type, completion, renames.

    Documentation and shapes on hover, definitions and formatting too.
    """
    try:
        from modelpack.language_server.server import make_server
    except ImportError as error:
        if error.name is None or error.name.partition(".")[0] not in ("pygls", "lsprotocol"):
            raise
        print("pygls isn't installed: pip install 'modelpack-nn[lsp]'", file=sys.stderr)
        raise typer.Exit(2) from None
    from modelpack import __version__

    make_server(__version__).start_io()
