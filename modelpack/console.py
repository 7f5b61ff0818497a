"""What the commands draw: tables and progress bars, with rich, which is imported only when something is drawn."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager

from modelpack.summary import Row, Summary

__all__ = ["human_bytes", "print_summary", "progress_bar"]

Advance = Callable[[int, int], None]
"""Told how much of how much is done."""


@contextmanager
def progress_bar(what: str) -> Generator[Advance]:
    """A bar on standard error while the body runs, in bytes; nothing where that isn't a terminal."""
    if not sys.stderr.isatty():
        yield _silent
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def _silent(_done: int, _total: int) -> None:
    pass


def print_summary(summary: Summary) -> None:
    """The table of layers, with the sums below."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("layer", "type", "output", title=summary.name, title_justify="left")
    table.add_column("parameters", justify="right")
    for name, spec in summary.inputs.items():
        table.add_row(Text(name, style="dim"), Text("input", style="dim"), Text(spec), "")
    for row in summary.rows:
        table.add_row(
            Text(_indented(row)),
            Text(row.kind),
            Text(row.outputs),
            f"{row.elements:,}" if row.elements else "",
        )
    # Names must not be cut where the output isn't for a screen.
    console = Console(width=None if sys.stdout.isatty() else 1_000)
    console.print(table)
    console.print(
        f"{summary.parameters:,} parameters, {summary.trainable:,} of them trainable; {summary.buffers:,} elements in buffers; "
        f"{human_bytes(summary.bytes)}",
        highlight=False,
        soft_wrap=True,
    )


def _indented(row: Row) -> str:
    return "  " * row.depth + row.name


def human_bytes(count: int) -> str:
    """`count` in the unit that leaves few digits: `246.9 kB`."""
    size, unit = float(count), "bytes"
    for larger in ("kB", "MB", "GB", "TB"):
        if size < 1000:
            break
        size, unit = size / 1000, larger
    return f"{count} bytes" if unit == "bytes" else f"{size:.1f} {unit}"
