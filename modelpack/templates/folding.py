"""All blocks of an architecture folded, the innermost first, and named by their classes in the order in which they are used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from modelpack.architecture import Architecture, Block, Node, Use
from modelpack.canonical import canonical
from modelpack.layers.kinds import Literal
from modelpack.templates.arguments import marked, template
from modelpack.templates.literals import same
from modelpack.templates.runs import with_runs

__all__ = ["fold"]


def fold(architecture: Architecture) -> Architecture:
    """The same network in fewer lines. Every layer, tensor and name in it stays as it is; what is folded once stays so.

    `architecture` must be one that `check` accepts. Equal ones give equal ones, down to the order of blocks.
    """
    known = canonical(architecture)
    folded = _Folded()
    for names in _levels(known):
        folded.level({name: known.blocks[name] for name in names}, known.blocks)
    main = folded.body(known.main)
    return canonical(_in_order(replace(known, main=main, blocks=folded.blocks)))


@dataclass(slots=True)
class _Folded:
    """The templates so far, and how what used a block is to use one of them."""

    blocks: dict[str, Block] = field(default_factory=dict[str, Block])
    uses: dict[str, Use] = field(default_factory=dict[str, Use])
    """block -> the template, with this block's values for the arguments that it hadn't"""

    def level(self, blocks: Mapping[str, Block], every: Mapping[str, Block]) -> None:
        """Blocks that use only templates: those that are alike become one."""
        alike: dict[tuple[str, str], list[str]] = {}
        bodies = {name: self.body(block) for name, block in blocks.items()}
        for name, body in bodies.items():
            alike.setdefault((_base(name, every), repr(marked(body))), []).append(name)
        for (base, _), names in alike.items():
            block, given = template([bodies[name] for name in names], self.blocks)
            kept = base if base in names else names[0]
            self.blocks[kept] = block
            self.uses |= {name: Use(kept, values) for name, values in zip(names, given, strict=True)}

    def body(self, block: Block) -> Block:
        return with_runs(replace(block, nodes=tuple(map(self._node, block.nodes))), self.blocks)

    def _node(self, node: Node) -> Node:
        if not isinstance(node.action, Use):
            return node
        use = self.uses[node.action.block]
        given: dict[str, Literal] = {**node.action.arguments, **use.arguments}
        declared = self.blocks[use.block].arguments
        # All of them, so that a block that leaves one to its default is like one that gives another.
        return replace(
            node,
            action=Use(use.block, {name: given.get(name, each.default) for name, each in declared.items()}),
        )


def _levels(architecture: Architecture) -> list[list[str]]:
    """The blocks in the order of first use, by how many levels of blocks are below them."""
    heights: dict[str, int] = {}
    for name in _used_first(architecture):
        below = [heights[used] for used in _uses(architecture.blocks[name])]
        heights[name] = max(below, default=-1) + 1
    return [
        [name for name, height in heights.items() if height == level]
        for level in range(max(heights.values(), default=-1) + 1)
    ]


def _used_first(architecture: Architecture) -> list[str]:
    """Every block behind those that it uses, in the order of first use; those that nothing uses last."""
    found: dict[str, None] = {}
    stack = list(reversed([*_uses(architecture.main), *architecture.blocks]))
    while stack:
        name = stack[-1]
        missing = [each for each in _uses(architecture.blocks[name]) if each not in found]
        if missing and name not in found:
            stack += reversed(missing)
        else:
            found[stack.pop()] = None
    return list(found)


def _uses(block: Block) -> Iterator[str]:
    for node in block.nodes:
        if isinstance(node.action, Use):
            yield node.action.block


def _base(name: str, blocks: Mapping[str, Block]) -> str:
    """What a block is called without the number that tells it from another: `Bottleneck` of `Bottleneck2`, if both are there."""
    stem = name.rstrip("0123456789")
    return stem if stem in blocks else name


def _in_order(architecture: Architecture) -> Architecture:
    """`architecture` with its blocks in the order of first use, numbered in that order where they share a base."""
    order = _used_first(architecture)
    bases = {name: _base(name, architecture.blocks) for name in order}
    alone = set(bases.values())
    names: dict[str, str] = {}
    taken: set[str] = set()
    for name in order:
        base, count = bases[name], 1
        fresh = base
        while fresh in taken or (fresh != base and fresh in alone):
            count += 1
            fresh = f"{base}{count}"
        names[name] = fresh
        taken.add(fresh)

    def renamed(block: Block) -> Block:
        return replace(block, nodes=tuple(_short(node, architecture.blocks, names) for node in block.nodes))

    blocks = {names[name]: renamed(architecture.blocks[name]) for name in order}
    return replace(architecture, main=renamed(architecture.main), blocks=blocks)


def _short(node: Node, blocks: Mapping[str, Block], names: Mapping[str, str]) -> Node:
    """`node` with the block's new name, less arguments that are the defaults."""
    if not isinstance(node.action, Use):
        return node
    declared = blocks[node.action.block].arguments
    given = {
        name: value
        for name, value in node.action.arguments.items()
        if not same(value, declared[name].default)
    }
    return replace(node, action=Use(names[node.action.block], given))
