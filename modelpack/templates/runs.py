"""Equal layers in a chain, `layer.0`, `layer.1`, … -> one with `repeat`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from modelpack.architecture import Apply, Block, Call, InputSpec, Node, Structure, Use
from modelpack.canonical import INDEX, LAST, action_of, implied_inputs, ports_of

__all__ = ["with_runs"]


@dataclass(frozen=True, slots=True)
class _Run:
    base: str
    start: int
    """its first node's position among the nodes"""
    first: int
    """its number"""
    count: int


def with_runs(block: Block, blocks: Mapping[str, Block]) -> Block:
    """`block`, runs in it folded; `blocks` are those that it may use."""
    nodes = _explicit(block, blocks)
    runs = {run.start: run for run in _chosen(nodes, block, blocks)}
    if not runs:
        return block
    last = {f"{run.base}.{run.first + run.count - 1}": run.base for run in runs.values()}
    folded: list[Node] = []
    at = 0
    while at < len(nodes):
        node, run = nodes[at], runs.get(at)
        node = replace(node, inputs=_renamed(node.inputs, last))
        if run is not None:
            node = replace(node, name=run.base, repeat=run.count, first=run.first)
        folded.append(node)
        at += 1 if run is None else run.count
    outputs = nodes[-1].name if block.outputs is None else block.outputs
    return replace(block, nodes=tuple(folded), outputs=_renamed(outputs, last))


def _explicit(block: Block, blocks: Mapping[str, Block]) -> list[Node]:
    """The nodes, each with the inputs that the order implies."""
    earlier: dict[str, Node] = {}
    nodes: list[Node] = []
    for at, node in enumerate(block.nodes):
        before = block.nodes[at - 1] if at else None
        inputs = node.inputs
        if inputs is None:
            inputs = implied_inputs(block, before, ports_of(node, earlier, blocks))
        nodes.append(replace(node, inputs=inputs))
        earlier[node.name] = node
    return nodes


def _chosen(nodes: list[Node], block: Block, blocks: Mapping[str, Block]) -> Iterator[_Run]:
    """The runs that can be folded: of those with one name the longest, if all else below that name is numbered too."""
    beside = {
        prefix
        for name in [*(node.name for node in nodes), *block.tensors]
        for prefix, rest in _splits(name)
        if not INDEX.fullmatch(rest.partition(".")[0])
    }
    longest: dict[str, _Run] = {}
    for run in _runs(nodes, blocks):
        if run.base not in beside and run.count > (longest[run.base].count if run.base in longest else 0):
            longest[run.base] = run
    yield from longest.values()


def _splits(name: str) -> Iterator[tuple[str, str]]:
    """The ways to part a name at a dot."""
    parts = name.split(".")
    for count in range(1, len(parts)):
        yield ".".join(parts[:count]), ".".join(parts[count:])


def _runs(nodes: list[Node], blocks: Mapping[str, Block]) -> Iterator[_Run]:
    at = 0
    while at < len(nodes):
        base, _, number = nodes[at].name.rpartition(".")
        count = 1
        if base and INDEX.fullmatch(number):
            run = _Run(base, at, int(number), count)
            while at + count < len(nodes) and _continues(nodes, run, count, blocks):
                count += 1
            if count > 1:
                yield replace(run, count=count)
        at += count


def _continues(nodes: list[Node], run: _Run, count: int, blocks: Mapping[str, Block]) -> bool:
    """Whether the node after `count` ones of a run is the next."""
    one, before, node = nodes[run.start], nodes[run.start + count - 1], nodes[run.start + count]
    if isinstance(one.action, Call) or one.repeat is not None or run.first + count > LAST:
        return False
    like = replace(one, name=f"{run.base}.{run.first + count}", inputs=node.inputs)
    if repr(node) != repr(like):
        return False
    chained = _chained(one, before.name, blocks)
    return chained is not None and repr(node.inputs) == repr(chained)


def _chained(one: Node, before: str, blocks: Mapping[str, Block]) -> Structure:
    """What the next copy takes: what the one before gave first, the rest as the first copy; None where that isn't plain."""
    given = _shape(one, blocks, {one.name: one})
    if not isinstance(one.inputs, tuple):
        return None
    first = (before,) if given == _TENSOR else tuple(f"{before}.{at}" for at in range(len(given or ())))
    if given is None or isinstance(given, Mapping) or not 0 < len(first) <= len(one.inputs):
        return None
    return (*first, *one.inputs[len(first) :])


_TENSOR = ""
_Shape = str | None | tuple["_Shape", ...] | Mapping[str, "_Shape"]
"""How outputs nest: `_TENSOR`, lists and mappings of these; None where it isn't plain."""


def _shape(node: Node, blocks: Mapping[str, Block], earlier: Mapping[str, Node]) -> _Shape:
    action = action_of(node, earlier, blocks)
    if isinstance(action, Apply):
        return _TENSOR if not action.type.outputs else None
    block = blocks.get(action.block) if isinstance(action, Use) else None
    if block is None or not block.nodes:
        return None
    return _nested(block.nodes[-1].name if block.outputs is None else block.outputs, block, blocks)


def _nested(structure: Structure, block: Block, blocks: Mapping[str, Block]) -> _Shape:
    if isinstance(structure, tuple):
        return tuple(_nested(item, block, blocks) for item in structure)
    if isinstance(structure, Mapping):
        return {name: _nested(item, block, blocks) for name, item in structure.items()}
    if structure is None:
        return None
    return _referred(structure, block, blocks)


def _referred(reference: str, block: Block, blocks: Mapping[str, Block]) -> _Shape:
    nodes = {node.name: node for node in block.nodes}
    if reference in block.tensors or isinstance(block.inputs.get(reference), InputSpec):
        return _TENSOR
    head, path = reference, ()
    while head and head not in nodes:
        head, _, last = head.rpartition(".")
        path = (last, *path)
    if not head:
        return None
    node = nodes[head]
    if isinstance(node.action, Apply) and path and node.repeat is None:
        return _TENSOR  # a port
    found = _shape(node, blocks, nodes)
    for key in path:
        if isinstance(found, Mapping) and key in found:
            found = found[key]
        elif isinstance(found, tuple) and key.isdecimal() and int(key) < len(found):
            found = found[int(key)]
        else:
            return None
    return found


def _renamed(structure: Structure, names: Mapping[str, str]) -> Structure:
    if isinstance(structure, tuple):
        return tuple(_renamed(item, names) for item in structure)
    if isinstance(structure, Mapping):
        return {name: _renamed(item, names) for name, item in structure.items()}
    return None if structure is None else names.get(structure, structure)
