"""Block -> Graph: who takes what, by the names in the text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property

from modelpack.architecture import Apply, Architecture, Block, Call, Node, Structure, Use, leaves
from modelpack.canonical import implied_inputs, ports_of

__all__ = ["OUTPUTS", "Graph", "is_taken", "reachable"]

OUTPUTS = ""
"""Who takes what a block gives."""


class Graph:
    """The wiring of one block: its inputs, tensors and nodes by name, and who takes each."""

    def __init__(self, name: str, block: Block, blocks: Mapping[str, Block]) -> None:
        self.name = name
        self.block = block
        self.nodes: Mapping[str, Node] = {node.name: node for node in block.nodes}
        self.users: dict[str, list[str]] = {each: [] for each in (*block.inputs, *block.tensors, *self.nodes)}
        self.called: set[str] = set()
        """the nodes that others call, or whose insides they do"""
        self._read(blocks)

    def path(self, inner: str) -> str:
        """What problems call something in this block."""
        return f"blocks.{self.name}.{inner}" if self.name else inner

    def called_by(self, node: Node) -> Node:
        """The node that `node` calls, or in which what it calls lies; another than a call is itself."""
        if not isinstance(node.action, Call):
            return node
        head = next(self._heads(node.action.target), node.name)
        return self.nodes.get(head, node)

    @cached_property
    def last_output(self) -> int:
        """The number of the last node whose result is given back; -1 where none is."""
        given = [at for at, node in enumerate(self.block.nodes) if OUTPUTS in self.users[node.name]]
        return max(given, default=-1)

    def _read(self, blocks: Mapping[str, Block]) -> None:
        before: Node | None = None
        earlier: dict[str, Node] = {}
        for node in self.block.nodes:
            given: Structure = node.inputs
            if given is None:
                given = implied_inputs(self.block, before, ports_of(node, earlier, blocks))
            self._take(given, node.name)
            if isinstance(node.action, Call):
                self.called |= set(self._heads(node.action.target))
            earlier[node.name] = before = node
        self._take(before.name if self.block.outputs is None and before else self.block.outputs, OUTPUTS)

    def _take(self, structure: Structure, user: str) -> None:
        for reference in leaves(structure):
            for head in self._heads(reference or ""):
                self.users[head].append(user)

    def _heads(self, reference: str) -> Iterator[str]:
        """What a reference leads to, ports and parts left off; nothing where there is none."""
        head = reference
        while head and head not in self.users:
            head = head.rpartition(".")[0]
        if head:
            yield head


def reachable(architecture: Architecture) -> Iterator[str]:
    """The names of the blocks that the network has, itself (the empty name) first."""
    seen = {""}
    waiting = [("", architecture.main)]
    while waiting:
        name, block = waiting.pop()
        yield name
        for node in block.nodes:
            used = node.action.block if isinstance(node.action, Use) else ""
            if used not in seen and used in architecture.blocks:
                seen.add(used)
                waiting.append((used, architecture.blocks[used]))


def is_taken(node: Node) -> bool:
    """Whether the layer that a node has came from another pack: its settings stand there."""
    return isinstance(node.action, Apply) and "use" in node.places
