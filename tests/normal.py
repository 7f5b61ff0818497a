"""An architecture's meaning without its names: what capture must give back of what was built.

Blocks are laid open; inputs, tensors, layers and dimensions are numbered in order of appearance; an operation whose output
nobody uses is left out, as capture leaves it out. What depends on the mode is told once for each mode.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from modelpack.architecture import Architecture
from modelpack.checker import check
from modelpack.dims import Dim, Expr, substitute, symbol, symbols
from modelpack.layers import Layer
from modelpack.network import Again, Body, Child, Leaf, Network, Slot, Specs, Wiring
from modelpack.tensors import TensorSpec

__all__ = ["normal"]


@dataclass(frozen=True)
class Value:
    """A tensor, or what holds several, by where it comes from."""

    source: str
    path: tuple[str | int, ...] = ()


@dataclass
class Flat:
    """One call of a layer or an operation."""

    type: str
    module: str
    settings: str
    inputs: tuple[Any, ...]
    is_operation: bool


@dataclass
class _Walk:
    network: Network
    names: dict[str, Dim]
    mode: str
    steps: list[Flat] = field(default_factory=list)
    raw: dict[str, Value] = field(default_factory=dict)

    def body(self, body: Body, inputs: list[Any], prefix: str) -> Any:
        values = [*inputs, *(Value(f"tensor {prefix}{entry.name}") for entry in body.raw)]
        made: dict[str, Body] = {}
        for step in body.steps:
            if step.node.when not in (None, self.mode):
                values.append(None)
                continue
            given = [_follow(wiring, values) for wiring in step.inputs]
            does, name = step.does, step.name
            if isinstance(does, Again):
                does, name = does.of, does.target
            if isinstance(does, Child):
                made[name] = does.body
                values.append(self.body(does.body, given, f"{prefix}{name}."))
            else:
                values.append(self.leaf(does, given, f"{prefix}{name}"))
        return _follow(body.wiring, values)

    def leaf(self, leaf: Leaf, given: list[Any], name: str) -> Any:
        while given and given[-1] is None:
            given.pop()
        kind = leaf.eval.type
        if kind.name == "by_mode":
            return given[self.mode == "eval"]
        if _gives_its_input(leaf.eval):
            return given[0]
        settings = self.told(_meant(leaf.train if self.mode == "train" else leaf.eval))
        self.steps.append(Flat(kind.name, name, settings, tuple(given), kind.is_operation))
        return Value(f"step {len(self.steps) - 1}")

    def told(self, value: Any) -> str:
        """Settings as text, with the dimensions' new names."""
        if isinstance(value, Mapping):
            return ", ".join(f"{name}={self.told(each)}" for name, each in value.items())
        if isinstance(value, tuple):
            return "[" + ", ".join(map(self.told, value)) + "]"
        return str(substitute(value, self.names)) if isinstance(value, Expr) else repr(value)


def _meant(layer: Layer) -> dict[str, Any]:
    """The settings less those that say nothing beside the others, which torch's modules can't tell apart."""
    told = dict(vars(layer))
    if told.get("affine") is False or told.get("elementwise_affine") is False:
        told.pop("bias", None)  # there is no affine map that could have one
    stride = layer.type.settings.get("stride")
    if stride is not None and stride.default is None and told["stride"] == told["kernel_size"]:
        told["stride"] = None  # a pool's default
    return told


def _gives_its_input(layer: Layer) -> bool:
    """An operation that does nothing leaves no trace."""
    told = vars(layer)
    if layer.type.name == "to":
        return told["dtype"] is None
    whole = {"start": (0, None), "end": (None, 2**63 - 1), "step": (1,)}
    return layer.type.name == "slice" and all(told[name] in values for name, values in whole.items())


def normal(architecture: Architecture, sizes: Mapping[str, int] | None = None) -> tuple[object, ...]:
    """Inputs, steps, outputs and tensors of `architecture`; equal for networks that mean the same step by step.

    Free dimensions that `sizes` names are of this size.
    """
    network = check(architecture)
    specs = [spec for each in network.inputs.values() for spec in _specs(each)]
    words = dict.fromkeys(word for spec in specs for dim in spec.shape for word in sorted(symbols(dim)))
    given = sizes or {}
    free = [word for word in words if word not in given]
    names: dict[str, Dim] = {word: symbol(f"d{at}") for at, word in enumerate(free)} | dict(given)
    inputs = [Value(f"input {at}") for at in range(len(network.main.inputs))]
    found: list[object] = []
    for mode in ("eval", "train"):
        walk = _Walk(network, names, mode)
        found.append(_numbered(walk, specs, walk.body(network.main, list(inputs), "")))
    return tuple(found)


def _numbered(walk: _Walk, specs: list[TensorSpec], outputs: Any) -> tuple[object, ...]:
    kept = _needed(walk.steps, outputs)
    order = {f"step {at}": f"step {number}" for number, at in enumerate(kept)}
    modules: dict[str, int] = {}
    tensors: dict[str, int] = {}

    def renamed(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(map(renamed, value))
        if isinstance(value, Mapping):
            return {key: renamed(item) for key, item in value.items()}
        if value is None or value.source.startswith("input"):
            return value
        if value.source.startswith("tensor"):
            return Value(f"tensor {tensors.setdefault(value.source, len(tensors))}", value.path)
        return Value(order[value.source], value.path)

    steps = tuple(
        (
            each.type,
            None if each.is_operation else modules.setdefault(each.module, len(modules)),
            each.settings,
            renamed(each.inputs),
        )
        for each in (walk.steps[at] for at in kept)
    )
    shapes = tuple(
        f"{spec.dtype}[{', '.join(str(substitute(dim, walk.names)) for dim in spec.shape)}]" for spec in specs
    )
    entries = sorted(
        (entry.shape, entry.dtype.value, entry.is_parameter, entry.persistent, entry.requires_grad)
        for entry in walk.network.tensors.values()
    )
    return shapes, steps, renamed(outputs), entries


def _needed(steps: list[Flat], outputs: Any) -> list[int]:
    """The steps that the outputs or a layer need, in order."""
    needed: set[int] = set()
    stack = [*_sources(outputs)]
    for at, each in enumerate(steps):
        if not each.is_operation:
            stack.append(f"step {at}")
    while stack:
        source = stack.pop()
        kind, _, number = source.partition(" ")
        if kind == "step" and int(number) not in needed:
            needed.add(int(number))
            stack += _sources(steps[int(number)].inputs)
    return sorted(needed)


def _sources(value: Any) -> Iterator[str]:
    if isinstance(value, Value):
        yield value.source
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _sources(item)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _sources(item)


def _follow(wiring: Wiring, values: list[Any]) -> Any:
    if isinstance(wiring, Slot):
        value = values[wiring.index]
        for key in wiring.path:
            if isinstance(value, Value):
                value = Value(value.source, (*value.path, str(key)))
            else:
                value = value[key] if isinstance(value, Mapping) else value[int(key)]
        return value
    if isinstance(wiring, tuple):
        return tuple(_follow(item, values) for item in wiring)
    if isinstance(wiring, Mapping):
        return {key: _follow(item, values) for key, item in wiring.items()}
    return None


def _specs(specs: Specs) -> Iterator[TensorSpec]:
    if isinstance(specs, TensorSpec):
        yield specs
    elif isinstance(specs, tuple):
        for item in specs:
            yield from _specs(item)
    elif isinstance(specs, Mapping):
        for item in specs.values():
            yield from _specs(item)
