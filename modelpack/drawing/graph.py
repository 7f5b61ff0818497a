"""Network -> Graph: a vertex for each step, input, tensor and output; blocks opened to a depth, as clusters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum

from modelpack.network import Again, Body, Child, Leaf, Network, Slot, Specs, Step, Wiring, slots
from modelpack.summary import spec_text
from modelpack.tensors import TensorSpec

__all__ = ["Cluster", "Edge", "Graph", "Role", "Vertex", "graph_of"]


class Role(Enum):
    """What a vertex stands for."""

    INPUT = "input"
    TENSOR = "tensor"
    STEP = "step"
    BLOCK = "block"
    OUTPUT = "output"


@dataclass(frozen=True, slots=True)
class Vertex:
    """Identifiers are letters and digits; `lines` may hold anything that a file may say."""

    id: str
    role: Role
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cluster:
    """A block that is laid open."""

    id: str
    title: str
    members: tuple[Vertex | Cluster, ...]


@dataclass(frozen=True, slots=True)
class Edge:
    """`label`: which of several outputs it is."""

    source: str
    target: str
    label: str


@dataclass(frozen=True, slots=True)
class Graph:
    """What `dot` and `mermaid` write."""

    name: str
    members: tuple[Vertex | Cluster, ...]
    edges: tuple[Edge, ...]


def graph_of(network: Network, depth: int, at: Callable[[Specs], Specs]) -> Graph:
    """The steps of `network`, blocks opened `depth` levels deep; `at` gives the specs as they shall be shown."""
    drawing = _Drawing(at)
    members = tuple(drawing.body(_Scope(network.main, None), depth, network))
    return Graph(network.architecture.name, members, tuple(drawing.edges))


@dataclass(slots=True, eq=False)
class _Scope:
    """A body that is drawn, with the vertices of its slots and the blocks in it that are open."""

    body: Body
    outer: tuple[_Scope, Step] | None
    ids: dict[int, str] = field(default_factory=dict[int, str])
    opened: dict[int, _Scope] = field(default_factory=dict[int, "_Scope"])


class _Drawing:
    def __init__(self, at: Callable[[Specs], Specs]) -> None:
        self._at = at
        self._count = 0
        self.edges: dict[Edge, None] = {}
        """in order, each once"""

    def body(self, scope: _Scope, depth: int, network: Network | None = None) -> Iterator[Vertex | Cluster]:
        """All that is in a body; of the network itself its inputs and outputs too."""
        body = scope.body
        if network is not None:
            for index, (name, specs) in enumerate(body.inputs.items()):
                yield self._vertex(scope, index, Role.INPUT, name, self._shown(specs))
        for index, entry in enumerate(body.raw, len(body.inputs)):
            role = "parameter" if entry.is_parameter else "buffer"
            spec = str(TensorSpec(entry.dtype, entry.shape))
            yield self._vertex(scope, index, Role.TENSOR, entry.name, role, spec)
        for index, step in enumerate(body.steps, len(body.inputs) + len(body.raw)):
            yield self._step(scope, index, step, depth)
        if network is not None:
            for name, wiring in _named(body.wiring, "output"):
                made = self._vertex(scope, -1, Role.OUTPUT, name)
                self._connect(wiring, scope, made.id)
                yield made

    def _step(self, scope: _Scope, index: int, step: Step, depth: int) -> Vertex | Cluster:
        kind = _kind(step)
        if isinstance(step.does, Child) and depth > 0:
            inner = scope.opened[index] = _Scope(step.does.body, (scope, step))
            identifier = self._identifier("c")
            return Cluster(identifier, f"{step.name}: {kind}", tuple(self.body(inner, depth - 1)))
        role = Role.BLOCK if isinstance(step.does, Child) else Role.STEP
        made = self._vertex(scope, index, role, step.name, kind, self._shown(step.outputs))
        for wiring in step.inputs:
            self._connect(wiring, scope, made.id)
        return made

    def _vertex(self, scope: _Scope, index: int, role: Role, *lines: str) -> Vertex:
        made = Vertex(self._identifier("n"), role, lines)
        scope.ids[index] = made.id
        return made

    def _identifier(self, letter: str) -> str:
        self._count += 1
        return f"{letter}{self._count}"

    def _shown(self, specs: Specs) -> str:
        return spec_text(self._at(specs))

    def _connect(self, wiring: Wiring, scope: _Scope, target: str) -> None:
        for source, label in _sources(wiring, scope):
            self.edges.setdefault(Edge(source, target, label))


def _sources(wiring: Wiring, scope: _Scope) -> Iterator[tuple[str, str]]:
    """The vertices that give a value, each with which of its outputs it is: through the walls of open blocks."""
    waiting = [(slot, scope) for slot in slots(wiring)]
    waiting.reverse()
    while waiting:
        slot, scope = waiting.pop()
        beyond = _beyond(slot, scope)
        if beyond is None:
            yield scope.ids[slot.index], ".".join(map(str, slot.path))
        else:
            inner, scope = beyond
            waiting += [(each, scope) for each in reversed(list(slots(_into(inner, slot.path))))]


def _beyond(slot: Slot, scope: _Scope) -> tuple[Wiring, _Scope] | None:
    """What a slot stands for in another body: the input of an open block outside of it, its output inside."""
    if slot.index in scope.opened:
        inner = scope.opened[slot.index]
        return inner.body.wiring, inner
    if scope.outer is not None and slot.index < len(scope.body.inputs):
        outer, step = scope.outer
        return step.inputs[slot.index], outer
    return None


def _into(wiring: Wiring, path: tuple[str | int, ...]) -> Wiring:
    """What is at `path` in a value that is made up so."""
    for at, key in enumerate(path):
        if isinstance(wiring, Slot):
            return Slot(wiring.index, (*wiring.path, *path[at:]))
        if isinstance(wiring, Mapping):
            wiring = wiring.get(str(key))
        elif isinstance(wiring, tuple) and isinstance(key, int):
            wiring = wiring[key]
    return wiring


def _named(wiring: Wiring, name: str) -> Iterator[tuple[str, Wiring]]:
    """Each output by its place among them."""
    if isinstance(wiring, Slot):
        yield name, wiring
    elif wiring is not None:
        items = wiring.items() if isinstance(wiring, Mapping) else enumerate(wiring)
        for key, item in items:
            yield from _named(item, f"{name}.{key}")


def _kind(step: Step) -> str:
    match step.does:
        case Leaf() as leaf:
            kind = leaf.eval.type.name
        case Again(target):
            kind = f"call {target}"
        case Child(body):
            kind = body.name
    return kind if step.node.when is None else f"{kind} (in {step.node.when} mode)"
