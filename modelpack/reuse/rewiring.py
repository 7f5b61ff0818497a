"""Slots -> references: a body's steps as nodes that name each of their inputs, none of them repeated."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from modelpack.architecture import Block, Node, Structure
from modelpack.dims import Dim
from modelpack.lookup import enter
from modelpack.network import Again, Body, Leaf, Slot, Specs, Step, Wiring
from modelpack.tensors import TensorSpec

__all__ = ["Refer", "explicit", "inside", "sizes_in", "structure_of", "value_names", "with_names"]

Refer = Callable[[Slot], Structure]
"""What a slot is called."""


def explicit(body: Body) -> Block:
    """The block of `body` with one node for each step, each with its inputs."""

    def refer(slot: Slot) -> Structure:
        return _joined(names[slot.index], slot.path)

    names = value_names(body)
    nodes = tuple(with_names(step, refer, body) for step in body.steps)
    return replace(body.block, nodes=nodes, outputs=structure_of(body.wiring, refer, body))


def value_names(body: Body) -> list[str]:
    """What the slots of `body` count: its inputs, its own tensors, its steps."""
    return [*body.inputs, *(entry.name for entry in body.raw), *(step.name for step in body.steps)]


def with_names(step: Step, refer: Refer, body: Body) -> Node:
    """The node that does what `step` does."""
    inputs = tuple(structure_of(wiring, refer, body) for wiring in step.inputs)
    if _ends_variadic(step) and inputs and isinstance(inputs[-1], tuple):
        inputs = (*inputs[:-1], *inputs[-1])
    return replace(step.node, name=step.name, inputs=inputs, repeat=None, first=0)


def structure_of(wiring: Wiring, refer: Refer, body: Body) -> Structure:
    """References for slots; all outputs of one layer are the layer."""
    if wiring is None:
        return None
    if isinstance(wiring, Slot):
        return refer(wiring)
    if isinstance(wiring, tuple):
        return tuple(structure_of(item, refer, body) for item in wiring)
    whole = _whole(wiring, body)
    if whole is not None:
        return refer(whole)
    return {name: structure_of(item, refer, body) for name, item in wiring.items()}


def inside(structure: Structure, path: tuple[str | int, ...]) -> Structure:
    """What is at `path` of a value that is made up as `structure` says."""
    if not path or structure is None:
        return structure
    if isinstance(structure, str):
        return _joined(structure, path)
    key, *rest = path
    found = structure[str(key)] if isinstance(structure, Mapping) else structure[int(key)]
    return inside(found, tuple(rest))


def _joined(name: str, path: tuple[str | int, ...]) -> str:
    return ".".join((name, *map(str, path)))


def _ends_variadic(step: Step) -> bool:
    does = step.does.of if isinstance(step.does, Again) else step.does
    return isinstance(does, Leaf) and bool(does.eval.type.ports) and does.eval.type.ports[-1].variadic


def _whole(wiring: Mapping[str, Wiring], body: Body) -> Slot | None:
    """The step's slot, if `wiring` is just the mapping that the step gives."""
    items = list(wiring.items())
    first = items[0][1] if items else None
    before = len(body.inputs) + len(body.raw)
    if not isinstance(first, Slot) or not first.path or first.index < before:
        return None
    above = first.path[:-1]
    same = all(
        isinstance(each, Slot) and each.index == first.index and each.path == (*above, name)
        for name, each in items
    )
    given = body.steps[first.index - before].outputs
    return (
        Slot(first.index)
        if same and not above and isinstance(given, Mapping) and [*given] == [*wiring]
        else None
    )


def sizes_in(body: Body) -> dict[str, Dim]:
    """What the dimensions of `body` are, in those of the network."""
    return {each.name: _axis(body.inputs[each.input], each.path, each.axis) for each in body.dims}


def _axis(specs: Specs, path: tuple[str | int, ...], axis: int) -> Dim:
    for key in path:
        specs, _ = enter(specs, str(key))
    if not isinstance(specs, TensorSpec):
        raise TypeError("a dimension is read from one tensor")
    return specs.shape[axis]
