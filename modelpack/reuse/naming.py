"""Block -> Block under other names: its layers and tensors, and whatever refers to them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from modelpack.architecture import Block, Call, Node, Structure, Use

__all__ = ["free_name", "map_references", "moved", "renamed", "with_blocks"]

Rename = Callable[[str], str]


def renamed(block: Block, rename: Rename) -> Block:
    """`block` with layers and tensors called as `rename` says; inputs keep their names."""
    names = {name: name for name in block.inputs}
    names |= {name: rename(name) for name in (*block.tensors, *(node.name for node in block.nodes))}

    def refer(reference: str) -> str:
        return _longest(reference, names)

    return replace(
        block,
        nodes=tuple(_node(node, names[node.name], rename, refer) for node in block.nodes),
        tensors={names[name]: each for name, each in block.tensors.items()},
        outputs=map_references(block.outputs, refer),
        tied=tuple(tuple(map(rename, group)) for group in block.tied),
    )


def _node(node: Node, name: str, rename: Rename, refer: Rename) -> Node:
    action = node.action
    if isinstance(action, Call):
        action = Call(rename(action.target))
    return replace(node, name=name, action=action, inputs=map_references(node.inputs, refer))


def map_references(structure: Structure, refer: Callable[[str], Structure]) -> Structure:
    """`structure` with each reference as `refer` gives it."""
    if structure is None:
        return None
    if isinstance(structure, str):
        return refer(structure)
    if isinstance(structure, tuple):
        return tuple(map_references(item, refer) for item in structure)
    return {name: map_references(item, refer) for name, item in structure.items()}


def with_blocks(block: Block, names: Mapping[str, str]) -> Block:
    """`block`, using other blocks by their new names."""
    nodes = tuple(
        replace(node, action=Use(names.get(node.action.block, node.action.block), node.action.arguments))
        if isinstance(node.action, Use)
        else node
        for node in block.nodes
    )
    return replace(block, nodes=nodes)


def moved(name: str, moves: Mapping[str, str]) -> str:
    """`name` with the longest path at its beginning that `moves` has put elsewhere."""
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        start = ".".join(parts[:count])
        if start in moves:
            return ".".join([moves[start], *parts[count:]])
    return name


def _longest(reference: str, names: Mapping[str, str]) -> str:
    """`reference`, a name with perhaps ports behind it, by its new name."""
    head, ports = reference, ""
    while head not in names:
        head, dot, last = head.rpartition(".")
        if not dot:
            return reference
        ports = f".{last}{ports}"
    return names[head] + ports


def free_name(stem: str, taken: Iterable[str]) -> str:
    """`stem`, with a number behind it where it is taken."""
    used = set(taken)
    name, count = stem, 1
    while name in used:
        count += 1
        name = f"{stem}_{count}"
    return name
