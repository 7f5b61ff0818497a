"""`modelpack extract`, `merge` and `graft`: packs out of parts of packs, without a text of their own."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from modelpack.commands.reporting import reporting
from modelpack.errors import printable

if TYPE_CHECKING:
    from modelpack.reuse.part import Part

__all__ = ["extract", "graft", "merge"]

PackPath = Annotated[Path, typer.Argument(help="A pack: a directory, or a .modelpack file.")]
Output = Annotated[
    Path, typer.Option("--out", "-o", help="The pack to write: a .modelpack file, or else a directory.")
]


def extract(
    pack: PackPath,
    out: Output,
    first: Annotated[
        str | None, typer.Option("--from", help="The first layer; the beginning if absent.")
    ] = None,
    last: Annotated[str | None, typer.Option("--to", help="The last layer; the end if absent.")] = None,
    at: Annotated[
        str | None, typer.Option(help="What is at this path by itself, instead of a range.")
    ] = None,
    outputs: Annotated[
        list[str] | None,
        typer.Option(
            "--output", help="A layer whose value is given, by its name or NAME=LAYER; several times."
        ),
    ] = None,
    inputs: Annotated[
        list[str] | None,
        typer.Option("--input", help="A layer before the part whose value may come in; several times."),
    ] = None,
) -> None:
    """Write a part of a pack as a pack; only its tensors are read.

    A range of layers, or what is at a path.
    """
    is_range = bool(first or last or outputs or inputs)
    if is_range == bool(at):
        raise typer.BadParameter("say a range by --from, --to or --output, or else a path by --at")
    with reporting():
        from modelpack import opened as packs

        with packs.open(pack) as opened:
            part = (
                opened.at(at)
                if at
                else opened.take(first, last, outputs=_named(outputs), inputs=inputs or ())
            )
            _save(part, out)


def merge(
    packs: Annotated[list[Path], typer.Argument(help="Packs; each takes what the one before gives.")],
    out: Output,
    names: Annotated[
        list[str] | None,
        typer.Option(
            "--as", help="Put a pack's layers below this name: once for each pack; '' leaves it as it is."
        ),
    ] = None,
    name: Annotated[str | None, typer.Option(help="The name of the whole; the first's if absent.")] = None,
) -> None:
    """Join packs to one, in a chain: a trunk, then a head."""
    below = names or [""] * len(packs)
    if len(below) != len(packs):
        raise typer.BadParameter(f"{len(below)} names for {len(packs)} packs", param_hint="--as")
    with reporting(), ExitStack() as stack:
        from modelpack.reuse.joining import join

        parts = [_whole(each, stack) for each in packs]
        first, *others = [part.named(name) if name else part for part, name in zip(parts, below, strict=True)]
        _save(join(first, *others, name=name), out)


def graft(
    pack: PackPath,
    out: Output,
    at: Annotated[str, typer.Option(help="The layer or container to replace.")],
    donor: Annotated[Path, typer.Option("--with", help="The pack that comes in its place.")],
) -> None:
    """Put a pack in the place of a layer or container of another.

    All other names stay.
    """
    with reporting(), ExitStack() as stack:
        from modelpack.reuse.grafting import graft

        _save(graft(_whole(pack, stack), at, _whole(donor, stack)), out)


def _named(outputs: Sequence[str] | None) -> dict[str, str]:
    """Names of outputs -> layers. No layer has a `=` in its name."""
    found: dict[str, str] = {}
    for each in outputs or ():
        name, _, layer = each.partition("=")
        if name in found:
            raise typer.BadParameter(f"'{name}' is given twice", param_hint="--output")
        found[name] = layer or name
    return found


def _whole(path: Path, stack: ExitStack) -> Part:
    """All of a pack."""
    from modelpack import opened as packs

    return stack.enter_context(packs.open(path)).whole


def _save(part: Part, out: Path) -> None:
    from modelpack.console import progress_bar
    from modelpack.summary import counted, summarize

    with progress_bar(out.name) as advance:
        part.save(out, progress=advance)
    summary = summarize(part.network)
    size = f"{counted(len(summary.rows), 'step')}, {counted(summary.parameters, 'parameter')}"
    print(f"wrote {printable(str(out))} ({size}; {counted(len(part.tensors), 'tensor')} copied)")
