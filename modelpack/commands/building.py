"""`modelpack lock` and `modelpack build`: a network put together of parts of packs, and what became of each tensor."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from modelpack.commands.reporting import reporting
from modelpack.errors import printable
from modelpack.limits import MOST_FIRST_BYTES

if TYPE_CHECKING:
    from modelpack.composing import Built
    from modelpack.reuse.building import Row

__all__ = ["build", "lock"]

Source = Annotated[Path, typer.Argument(help="An architecture file that imports packs.")]


def lock(new: Source) -> None:
    """Write the lock file of an architecture: its imports by digest.

    It stands beside the architecture.
    """
    with reporting():
        from modelpack import composing

        written = composing.lock(new)
        print(f"wrote {printable(str(written))}")


def build(
    new: Source,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="The pack to write: a .modelpack file, or else a directory."),
    ],
    seed: Annotated[int, typer.Option(help="Equal seeds give equal first values.", min=0)] = 0,
    max_bytes: Annotated[
        int, typer.Option(help="The most bytes that tensors made by `init` may have.", min=0)
    ] = MOST_FIRST_BYTES,
    keep: Annotated[
        list[str] | None,
        typer.Option(
            help="Leave this import's tensors in its pack, which is then needed to load; several times."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")] = False,
) -> None:
    """Make a pack of an architecture out of parts of other packs.

    What it takes from them is copied, the rest made by `init`.
    """
    with reporting():
        from modelpack import composing
        from modelpack.console import progress_bar

        with progress_bar(output.name) as advance:
            built = composing.build(
                new, output, seed=seed, max_bytes=max_bytes, keep=keep or (), progress=advance
            )
    if as_json:
        print(json.dumps(_document(built, output), indent=2))
    else:
        sys.stdout.writelines(f"{printable(line)}\n" for line in _lines(built, output))


def _document(built: Built, output: Path) -> dict[str, Any]:
    tensors = [
        {
            "name": row.name,
            "how": row.how,
            "dtype": str(row.entry.dtype),
            "shape": list(row.entry.shape),
            "frozen": row.frozen,
            "import": built.sources.get(row.name),
            "pack": row.origin.pack if row.origin else None,
            "tensor": row.origin.tensor if row.origin else None,
        }
        for row in built.rows
    ]
    return {"wrote": str(output), "tensors": tensors, "counts": {**_counts(built), "all": len(tensors)}}


def _counts(built: Built) -> dict[str, int]:
    found = Counter(row.how for row in built.rows)
    return {how: found[how] for how in ("reused", "renamed", "initialised", "imported")}


def _lines(built: Built, output: Path) -> Iterator[str]:
    """A line each tensor, in columns, and the counts."""
    cells = [_cells(row, built.sources.get(row.name)) for row in built.rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for line in cells:
        yield "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
    counts = _counts(built)
    told = ", ".join(f"{count} {how}" for how, count in counts.items() if count or how != "imported")
    frozen = sum(row.frozen for row in built.rows)
    yield f"{len(cells)} tensors: {told}; {frozen} of them frozen"
    yield f"wrote {output}"


def _cells(row: Row, source: str | None) -> tuple[str, ...]:
    shape = f"{row.entry.dtype}{list(row.entry.shape)}"
    where = f"{source}: {row.origin.tensor}" if row.origin else ""
    return row.name, row.how, shape, "frozen" if row.frozen else "", where
