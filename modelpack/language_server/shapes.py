"""Network -> what is known of a value by its name in the text: its specs, in each body of a block."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod

from modelpack.lookup import enter
from modelpack.network import Body, Child, Leaf, Network, Slot, Specs, Step, Wiring
from modelpack.summary import spec_text
from modelpack.tensors import Mismatch, TensorSpec

__all__ = ["bodies_of", "node_shapes", "node_tensors", "value_shapes"]

_MOST_SHOWN = 4
"""Distinct shapes of one value that are told."""
_MOST_BODIES = 1000


def bodies_of(network: Network, block: str) -> Iterator[Body]:
    """Each different body that the block has in the network, up to a thousand; the network's own for the empty name."""
    if not block:
        yield network.main
        return
    wanted = network.architecture.blocks.get(block)
    seen = {id(network.main)}
    waiting = [network.main]
    while waiting and len(seen) < _MOST_BODIES:
        body = waiting.pop(0)
        if body.block is wanted:
            yield body
        below = [step.does.body for step in body.steps if isinstance(step.does, Child)]
        fresh = {id(each): each for each in below if id(each) not in seen}
        seen |= fresh.keys()
        waiting += fresh.values()


def value_shapes(network: Network, block: str, reference: str) -> list[str]:
    """What `reference`, written in the block, is: distinct specs, a few of them."""
    found = (_value(body, reference) for body in bodies_of(network, block))
    return _distinct(spec_text(specs) for specs in found if specs is not None)


def node_shapes(network: Network, block: str, node: str) -> list[str]:
    """`what it takes → what it gives` of a layer: distinct ones, a few of them."""
    return _distinct(_signature(step, body) for body, step in _steps(network, block, node))


def node_tensors(network: Network, block: str, node: str) -> list[str]:
    """The tensors of a layer in its first body: `weight float32[10, 20]`."""
    step = next((step for _, step in _steps(network, block, node)), None)
    tensors = step.does.tensors if step and isinstance(step.does, Leaf) else ()
    return [f"{each.name} {TensorSpec(each.dtype, each.shape)} ({prod(each.shape):,})" for each in tensors]


def _steps(network: Network, block: str, node: str) -> Iterator[tuple[Body, Step]]:
    for body in bodies_of(network, block):
        yield from ((body, step) for step in body.steps if step.node.name == node)


def _signature(step: Step, body: Body) -> str:
    given = [spec_text(_wired(each, body)) for each in step.inputs]
    while given and step.inputs[len(given) - 1] is None:
        given.pop()  # ports at the end that are left out
    return f"{', '.join(given) or 'nothing'} → {spec_text(step.outputs)}"


def _wired(wiring: Wiring, body: Body) -> Specs:
    if wiring is None:
        return None
    if isinstance(wiring, Slot):
        values = [*body.inputs.values(), *(TensorSpec(each.dtype, each.shape) for each in body.raw)]
        beyond = wiring.index - len(values)
        specs = values[wiring.index] if beyond < 0 else body.steps[beyond].outputs
        return _entered(specs, [str(each) for each in wiring.path])
    if isinstance(wiring, tuple):
        return tuple(_wired(each, body) for each in wiring)
    return {name: _wired(each, body) for name, each in wiring.items()}


def _value(body: Body, reference: str) -> Specs:
    named = _named(body)
    head, ways = reference, list[str]()
    while head and head not in named:
        head, _, last = head.rpartition(".")
        ways.insert(0, last)
    return _entered(named[head], ways) if head else None


def _named(body: Body) -> Mapping[str, Specs]:
    """What has a name in the body; of a repeated layer the last copy, and each by its number."""
    raw = {each.name: TensorSpec(each.dtype, each.shape) for each in body.raw}
    nodes = {step.node.name: step.outputs for step in body.steps}
    return {**nodes, **{step.name: step.outputs for step in body.steps}, **raw, **body.inputs}


def _entered(specs: Specs, ways: list[str]) -> Specs:
    try:
        for way in ways:
            specs, _ = enter(specs, way)
    except Mismatch:
        return None
    return specs


def _distinct(texts: Iterator[str]) -> list[str]:
    return list(dict.fromkeys(texts))[:_MOST_SHOWN]
