"""What the commands draw: tables and progress bars, with rich, which is imported only when something is drawn."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from itertools import zip_longest
from typing import TYPE_CHECKING

from modelpack.summary import Row, SpecTexts, Summary, spec_text

if TYPE_CHECKING:
    from modelpack.costs import Costs

__all__ = ["human_bytes", "print_summary", "progress_bar"]

Advance = Callable[[int, int], None]
"""Told how much of how much is done."""


_MANY = 10**15
"""from here on bytes are no floats: sizes may be such that they would be larger than any"""
_WIDEST = 100
"""characters of a layer's outputs in the table"""


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


def print_summary(summary: Summary, costs: Costs | None) -> None:
    """The table of layers, with the sums below; where the sizes are known, with what each takes."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=summary.name, title_justify="left")
    for column in ("layer", "type", "output"):
        table.add_column(column, overflow="fold")
    for column in ("parameters", *(("FLOPs", "activations") if costs else ())):
        table.add_column(column, justify="right", overflow="fold")
    for name, spec in summary.inputs.items():
        shown = spec_text(costs.at_sizes(costs.network.inputs[name])) if costs else spec
        table.add_row(Text(name, style="dim"), Text("input", style="dim"), Text(_brief(shown)))
    text = SpecTexts()
    for row, cost in zip_longest(summary.rows, costs.rows() if costs else ()):
        taken = () if cost is None else (_number(cost.own.flops), _bytes(cost.own.activation_bytes))
        outputs = row.outputs if cost is None else text(cost.outputs)
        table.add_row(
            Text(_indented(row)), Text(row.kind), Text(_brief(outputs)), _number(row.parameters), *taken
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
    if costs is not None:
        sizes = ", ".join(f"{name} {size}" for name, size in costs.sizes.items())
        console.print(
            f"{costs.total.flops:,} FLOPs and {human_bytes(costs.total.activation_bytes)} of activations in {costs.mode} mode"
            + (f" at {sizes}" if sizes else ""),
            highlight=False,
            soft_wrap=True,
        )


def _brief(outputs: str) -> str:
    """As much of it as leaves room for the other columns: a network may hand on dozens of tensors. JSON has them all."""
    return outputs if len(outputs) <= _WIDEST else f"{outputs[: _WIDEST - 1]}…"


def _number(count: int) -> str:
    return f"{count:,}" if count else ""


def _bytes(count: int) -> str:
    return human_bytes(count) if count else ""


def _indented(row: Row) -> str:
    return "  " * row.depth + row.name


def human_bytes(count: int) -> str:
    """`count` in the unit that leaves few digits: `246.9 kB`."""
    if count >= _MANY:
        return f"{count // 10**12:,} TB"
    size, unit = float(count), "bytes"
    for larger in ("kB", "MB", "GB", "TB"):
        if size < 1000:
            break
        size, unit = size / 1000, larger
    return f"{count} bytes" if unit == "bytes" else f"{size:.1f} {unit}"
