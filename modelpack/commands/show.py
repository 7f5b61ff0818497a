"""`modelpack show`: what a network is, as a table, a tree, a graph, or JSON."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from modelpack.commands.reporting import reporting
from modelpack.errors import printable

if TYPE_CHECKING:
    from modelpack.costs import Costs
    from modelpack.network import Network
    from modelpack.summary import Summary

__all__ = ["show"]


class Mode(StrEnum):
    """In which costs are counted."""

    train = "train"
    eval = "eval"


def show(
    path: Annotated[Path, typer.Argument(help="An architecture file or a pack.")],
    sizes: Annotated[
        list[str] | None,
        typer.Option(
            "--input",
            "-i",
            help="Sizes of free dimensions: batch=8,length=512; the others are as small as may be.",
        ),
    ] = None,
    mode: Annotated[Mode | None, typer.Option(help="The mode in which costs are counted.")] = None,
    tree: Annotated[bool, typer.Option("--tree", help="The modules as a tree.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")] = False,
    as_mermaid: Annotated[bool, typer.Option("--mermaid", help="A flowchart of Mermaid.")] = False,
    as_dot: Annotated[bool, typer.Option("--dot", help="A graph for Graphviz.")] = False,
    depth: Annotated[
        int, typer.Option(help="How many levels of blocks a graph shows from inside.", min=0)
    ] = 1,
) -> None:
    """Print the layers with their output shapes and parameter counts.

    No framework is needed.

    Where the sizes are known (--input, or no dimension is free), also the operations of one forward pass and the bytes of the
    tensors that it makes.
    """
    if sum((tree, as_json, as_mermaid, as_dot)) > 1:
        raise typer.BadParameter("--tree, --json, --mermaid, --dot: one of them")
    given = _sizes(sizes or ())
    with reporting():
        from modelpack import api

        network = api.check(path)
    with reporting(status=2):
        found = _costs(network, given, mode)
    if tree:
        from modelpack.drawing import tree_lines

        _write(f"{printable(line)}\n" for line in tree_lines(network))
    elif as_mermaid or as_dot:
        from modelpack.drawing import dot, graph_of, mermaid

        graph = graph_of(network, depth, found.at_sizes if found else lambda specs: specs)
        _write([mermaid(graph) if as_mermaid else dot(graph)])
    else:
        from modelpack.summary import summarize

        _tell(summarize(network), found, as_json)


# ---------------------------------------------------------------------------------------------- steps


def _sizes(words: Sequence[str]) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for word in (each.strip() for several in words for each in several.split(",")):
        parts = re.fullmatch(r"([A-Za-z_][A-Za-z0-9_]*)\s*=\s*([0-9]{1,18})", word)
        if parts is None:
            told = f"'{word}' isn't a dimension with its size, such as batch=8"
            raise typer.BadParameter(told, param_hint="--input")
        sizes[parts[1]] = int(parts[2])
    return sizes


def _costs(network: Network, sizes: dict[str, int], mode: Mode | None) -> Costs | None:
    """What it takes; None where nobody said at which sizes."""
    from modelpack.costs import costs, free_dimensions

    if not sizes and mode is None and free_dimensions(network):
        return None
    return costs(network, sizes, mode=None if mode is None else mode.value)


def _tell(summary: Summary, found: Costs | None, as_json: bool) -> None:
    if as_json:
        print(json.dumps(_document(summary, found), indent=2))
        return
    from modelpack.console import print_summary

    print_summary(summary, found)


def _document(summary: Summary, found: Costs | None) -> dict[str, Any]:
    document = asdict(summary)
    if found is None:
        return document
    from modelpack.summary import spec_text

    for row, cost in zip(document["rows"], found.rows(), strict=True):
        row |= {"outputs": spec_text(cost.outputs), "own": asdict(cost.own), "total": asdict(cost.total)}
    network = found.network
    document["inputs"] = {name: spec_text(found.at_sizes(specs)) for name, specs in network.inputs.items()}
    document["outputs"] = spec_text(found.at_sizes(network.outputs))
    costs = {"sizes": dict(found.sizes), "mode": found.mode, "flops": found.total.flops}
    return document | costs | {"activation_bytes": found.total.activation_bytes}


def _write(lines: Iterable[str]) -> None:
    sys.stdout.writelines(lines)
