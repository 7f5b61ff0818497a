"""Block -> what in it bears names that can't stand beside one another."""

from __future__ import annotations

from collections.abc import Iterator

from modelpack.architecture import Block, Call, Inputs, InputSpec, Node, Position
from modelpack.canonical import INDEX

__all__ = ["collisions"]


def collisions(block: Block) -> Iterator[tuple[str, Position | None, str]]:
    """Message, place and path of each name that stands twice, or is a path below another: `a` and `a.b` could both own a tensor
    `a.b.c`. Beside a repeated `a`, numbers that no copy has are free."""
    repeated = {node.name: node for node in block.nodes if node.repeat is not None}
    # What a layer that couldn't be read says of its copies isn't known.
    unread = {node.name for node in block.nodes if node.action == Call("")}
    taken: set[str] = set()
    above: dict[str, list[str]] = {}
    """prefix -> the names that have it"""
    for name, at in _named(block):
        parts = name.split(".")
        prefixes = [".".join(parts[:count]) for count in range(1, len(parts))]
        pairs = [(prefix, prefix, name) for prefix in prefixes if prefix in taken]
        pairs += [(below, name, below) for below in above.get(name, ())]
        over = next(
            (
                told
                for told, outer, inner in pairs
                if outer not in unread and not _apart(repeated.get(outer), inner)
            ),
            None,
        )
        if name in taken:
            yield f"the name '{name}' is taken", at, f"layers.{name}"
        elif over is not None:
            yield f"'{name}' and '{over}': a name can't lie below another", at, f"layers.{name}"
        taken.add(name)
        for prefix in prefixes:
            above.setdefault(prefix, []).append(name)


def _named(block: Block) -> Iterator[tuple[str, Position | None]]:
    for name, inputs in block.inputs.items():
        yield name, _first(inputs)
    for name, tensor in block.tensors.items():
        yield name, tensor.place
    for node in block.nodes:
        yield node.name, node.place


def _first(inputs: Inputs) -> Position | None:
    """Where an input begins."""
    while not isinstance(inputs, InputSpec):
        inner = list(inputs) if isinstance(inputs, tuple) else list(inputs.values())
        if not inner:
            return None
        inputs = inner[0]
    return inputs.place


def _apart(repeated: Node | None, name: str) -> bool:
    """Whether `name`, which lies below that of a repeated node, has a number that none of its copies has."""
    number = name[len(repeated.name) + 1 :].partition(".")[0] if repeated else ""
    if repeated is None or not INDEX.fullmatch(number):
        return False
    beyond = type(repeated.repeat) is int and int(number) >= repeated.first + repeated.repeat
    return int(number) < repeated.first or beyond
