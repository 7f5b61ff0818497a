"""What the commands share: how problems end one."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager

import typer

from modelpack.errors import ModelpackError, printable

__all__ = ["reporting"]


@contextmanager
def reporting(status: int = 1) -> Generator[None]:
    """Problems go to standard error, one after the other, and end the command with `status`: with 2 where there was nothing to
    work on.
    """
    try:
        yield
    except ModelpackError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(
            2 if any(problem.code == "MP501" for problem in error.problems) else status
        ) from None
    except BrokenPipeError:
        raise  # whoever read this has enough: nothing is wrong
    except OSError as error:
        print(printable(f"{error.filename}: {error.strerror}"), file=sys.stderr)
        raise typer.Exit(2) from None
