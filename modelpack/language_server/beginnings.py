"""A text that isn't sound -> the network of its first layers, up to the one that is wrong: what a hover tells meanwhile."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from modelpack.architecture import Architecture, Block, Call, Node, Use
from modelpack.checker import check
from modelpack.errors import ArchitectureError, Problem
from modelpack.network import Network
from modelpack.reader import read_draft

__all__ = ["sound_beginning"]


def sound_beginning(text: bytes, problems: Iterable[Problem]) -> Network | None:
    """The network of the layers before the first that `problems` are about; None if the text can't be read so far."""
    try:
        architecture = read_draft(text).architecture
        cut = _cut(architecture, [problem.path for problem in problems])
        return check(cut) if cut.main.nodes else None
    except ArchitectureError:
        return None


def _cut(architecture: Architecture, paths: list[str]) -> Architecture:
    wrong = {path.split(".")[1] for path in paths if path.startswith("blocks.")}
    wrong = _with_users(architecture, wrong)
    main = architecture.main
    count = next((at for at, node in enumerate(main.nodes) if _is_wrong(node, wrong, paths)), len(main.nodes))
    return replace(
        architecture,
        main=replace(main, nodes=main.nodes[:count], outputs=None, tied=()),
        blocks={name: block for name, block in architecture.blocks.items() if name not in wrong},
        requires=(),
        imports={},
    )


def _with_users(architecture: Architecture, wrong: set[str]) -> set[str]:
    """The blocks `wrong`, those that layers of unknown meaning are in, and all that use any of them."""
    found = wrong | {name for name, block in architecture.blocks.items() if _has_unknown(block)}
    while True:
        users = {
            name
            for name, block in architecture.blocks.items()
            if any(isinstance(node.action, Use) and node.action.block in found for node in block.nodes)
        }
        if users <= found:
            return found
        found |= users


def _has_unknown(block: Block) -> bool:
    return any(node.action == Call("") for node in block.nodes)


def _is_wrong(node: Node, blocks: set[str], paths: list[str]) -> bool:
    path = f"layers.{node.name}"
    told = any(each == path or each.startswith(f"{path}.") for each in paths)
    return told or node.action == Call("") or (isinstance(node.action, Use) and node.action.block in blocks)
