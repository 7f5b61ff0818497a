"""Steps and bodies -> numbers that are equal where the contents are, whatever the names.

A body is looked at once however often it is used; what has no name in it can be compared across renamed networks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, cast

from modelpack.layers.base import Layer
from modelpack.network import Again, Body, Child, Leaf, Step

__all__ = ["Contents", "exact"]


class Contents:
    """Numbers for contents; equal ones get the same. It keeps what it is asked of alive."""

    def __init__(self) -> None:
        self._numbers: dict[object, int] = {}
        self._bodies: dict[int, tuple[Body, int]] = {}
        self._types: dict[int, tuple[Body, Counter[str]]] = {}
        self._leaves: dict[int, tuple[Leaf, int]] = {}

    def of_step(self, step: Step) -> int:
        """What it does, in which mode; not its name and not what feeds it."""
        return self._number((self._of_action(step.does), step.node.when))

    def of_body(self, body: Body) -> int:
        """Its tensors, steps, and how they are wired, by position."""
        known = self._bodies.get(id(body))
        if known is None:
            raw = tuple((each.shape, each.dtype, each.is_parameter, each.persistent) for each in body.raw)
            steps = tuple((self.of_step(step), exact(step.inputs)) for step in body.steps)
            key = ("body", len(body.inputs), raw, steps, exact(body.wiring))
            known = self._bodies[id(body)] = body, self._number(key)
        return known[1]

    def kind(self, step: Step) -> object:
        """What a change of settings leaves: the layer type; of a block that it is one."""
        match step.does:
            case Leaf():
                return "layer", step.does.eval.type.name
            case Child():
                return "block"
            case Again():
                return "call"

    def likeness(self, first: Body, second: Body) -> float:
        """The part of their layers, from 0 to 1, that have a partner of the same type."""
        one, other = self._layer_types(first), self._layer_types(second)
        total = one.total() + other.total()
        return 2 * (one & other).total() / total if total else 1.0

    def _layer_types(self, body: Body) -> Counter[str]:
        known = self._types.get(id(body))
        if known is None:
            types: Counter[str] = Counter()
            for step in body.steps:
                if isinstance(step.does, Leaf):
                    types[step.does.eval.type.name] += 1
                elif isinstance(step.does, Child):
                    types += self._layer_types(step.does.body)
            known = self._types[id(body)] = body, types
        return known[1]

    def _of_action(self, does: Leaf | Child | Again) -> int:
        match does:
            case Leaf():
                return self._of_leaf(does)
            case Child(body):
                return self._number(("block", self.of_body(body)))
            case Again():
                return self._number(("call", self._of_action(does.of)))

    def _of_leaf(self, leaf: Leaf) -> int:
        known = self._leaves.get(id(leaf))
        if known is None:
            settings = tuple(_settings(layer) for layer in (leaf.train, leaf.eval))
            known = self._leaves[id(leaf)] = leaf, self._number(("layer", leaf.eval.type.name, settings))
        return known[1]

    def _number(self, key: object) -> int:
        return self._numbers.setdefault(key, len(self._numbers))


def _settings(layer: Layer) -> object:
    return exact(vars(layer))


def exact(value: Any) -> object:
    """A hashable twin that is equal where the two would be written alike: 1 isn't 1.0, but nan is nan."""
    if isinstance(value, Mapping):
        return tuple((key, exact(item)) for key, item in cast("Mapping[str, Any]", value).items())
    if isinstance(value, tuple):
        return tuple(map(exact, cast("tuple[Any, ...]", value)))
    return type(value).__name__, repr(value) if isinstance(value, float) else value
