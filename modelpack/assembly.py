"""The outermost body -> Network: all tensors by their full names, what is tied, what is frozen, within the budget."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from modelpack.architecture import Architecture, Position
from modelpack.budget import Budget
from modelpack.dtypes import DType, Kind
from modelpack.layers.base import Tensor
from modelpack.network import Body, Child, Leaf, Network, Step, TensorEntry
from modelpack.reading import Problems

__all__ = ["assemble"]

_MOST_COMPARED = 1000
"""Names that are compared with a wrong one, for a hint."""


@dataclass(frozen=True, slots=True)
class _Override:
    """A step that says something of the tensors below it: they are `names[start:stop]`."""

    prefix: str
    step: Step
    start: int
    stop: int
    path: str
    """of the step in the document"""


@dataclass(frozen=True, slots=True)
class _Said:
    """Where the document gives a tensor an initialiser."""

    place: Position | None
    path: str


@dataclass(slots=True)
class _Collected:
    tensors: dict[str, TensorEntry] = field(default_factory=dict[str, TensorEntry])
    names: list[str] = field(default_factory=list[str])
    overrides: list[_Override] = field(default_factory=list[_Override])
    tied: list[tuple[str, ...]] = field(default_factory=list[tuple[str, ...]])
    tied_at: dict[str, Position | None] = field(default_factory=dict[str, "Position | None"])
    """where the names of ties stand"""
    initialised: dict[str, _Said] = field(default_factory=dict[str, _Said])
    """the tensors that the document itself gives an initialiser"""

    def add(self, entry: TensorEntry) -> None:
        self.tensors[entry.name] = entry
        self.names.append(entry.name)


def assemble(architecture: Architecture, main: Body, problems: Problems, budget: Budget) -> Network | None:
    """The network of `main`; None where it goes beyond the budget. What is wrong is told to `problems`."""
    counts = (
        ("MP330", "steps", main.size, budget.steps),
        ("MP338", "tensors", main.tensor_count, budget.tensors),
    )
    for code, what, count, most in counts:
        if count > most:
            problems.add(code, f"the network has {count} {what}, the budget is {most}", main.block.place)
            return None
    found = _Collected()
    _collect(main, "", found)
    for override in reversed(found.overrides):  # the inner first, so that who uses a block has the last word
        _apply(override, found, problems)
    _check_sizes(found.tensors, main, problems, budget)
    _check_ties(found, problems)
    _check_inits(found, problems)
    return Network(architecture, main, found.tensors, tuple(found.tied))


def _collect(body: Body, prefix: str, found: _Collected) -> None:
    within = f"blocks.{body.name}." if prefix else ""
    for entry in body.raw:
        found.add(replace(entry, name=prefix + entry.name))
        if entry.init is not None:
            own = body.block.tensors[entry.name]
            path = f"{within}{'parameters' if own.is_parameter else 'buffers'}.{entry.name}.init"
            found.initialised[prefix + entry.name] = _Said(own.init_place or own.place, path)
    for group in body.tied:
        places = body.block.places
        found.tied.append(tuple(prefix + name for name in group))
        found.tied_at |= {prefix + name: places.get(f"tied.{name}", places.get("tied")) for name in group}
    for step in body.steps:
        below = f"{prefix}{step.name}."
        start = len(found.names)
        if isinstance(step.does, Leaf):
            for tensor in step.does.tensors:
                found.add(_entry(below + tensor.name, tensor))
        elif isinstance(step.does, Child):
            _collect(step.does.body, below, found)
        if step.node.frozen or step.node.init:
            path = f"{within}layers.{step.node.name}"
            found.overrides.append(_Override(below, step, start, len(found.names), path))


def _entry(name: str, tensor: Tensor) -> TensorEntry:
    grad = tensor.is_parameter and tensor.dtype.kind is Kind.FLOAT
    return TensorEntry(
        name, tensor.shape, tensor.dtype, tensor.is_parameter, tensor.persistent, grad, tensor.init
    )


def _apply(override: _Override, found: _Collected, problems: Problems) -> None:
    """What a node says of the tensors below it: frozen, and their first values."""
    node, tensors = override.step.node, found.tensors
    below = found.names[override.start : override.stop]
    listed = [override.prefix + name for name in (() if node.frozen is True else node.frozen or ())]
    frozen = below if node.frozen is True else listed
    named = [*listed, *(override.prefix + name for name in node.init)]
    for name in named:
        if name not in tensors:
            known = [each[len(override.prefix) :] for each in below[:_MOST_COMPARED]]
            short = name[len(override.prefix) :]
            problems.unknown("MP317", "tensor", short, known, node.place, f"layers.{node.name}")
    for name in frozen:
        if name in tensors and tensors[name].requires_grad:
            tensors[name] = replace(tensors[name], requires_grad=False)
    for name, init in node.init.items():
        full = override.prefix + name
        if full in tensors:
            tensors[full] = replace(tensors[full], init=init)
            at = node.places.get(f"init.{name}", node.place)
            found.initialised[full] = _Said(at, f"{override.path}.init.{name}")


def _check_sizes(tensors: Mapping[str, TensorEntry], main: Body, problems: Problems, budget: Budget) -> None:
    total = 0
    for entry in tensors.values():
        elements = 1
        for size in entry.shape:
            elements *= size
            if elements > budget.elements:
                problems.add(
                    "MP333",
                    f"has more elements than the {budget.elements} that one tensor may have",
                    main.block.place,
                    entry.name,
                )
                return
        total += elements
    if total > budget.parameters:
        problems.add(
            "MP334", f"all tensors have {total} elements, the budget is {budget.parameters}", main.block.place
        )


def _check_ties(found: _Collected, problems: Problems) -> None:
    tensors = found.tensors
    seen: set[str] = set()
    for group in found.tied:
        for name in group:
            at = found.tied_at[name]
            if name not in tensors:
                problems.unknown("MP317", "tensor", name, tensors, at, "tied")
            elif name in seen:
                problems.add("MP321", f"'{name}' is tied twice", at, "tied")
            seen.add(name)
        kinds = {
            (tensors[name].shape, tensors[name].dtype, tensors[name].is_parameter)
            for name in group
            if name in tensors
        }
        if len(kinds) > 1:
            told = " and ".join(sorted({_told(*kind) for kind in kinds}))
            names = ", ".join(group[:4]) + (", …" if len(group) > 4 else "")
            problems.add(
                "MP321", f"{names} can't be one tensor: {told}", found.tied_at[next(iter(group))], "tied"
            )


def _check_inits(found: _Collected, problems: Problems) -> None:
    """Those that the document gives; what a layer type says of its own tensors fits them."""
    if not found.initialised:
        return
    from modelpack.initialise import validate  # few say any

    alike: set[tuple[int, tuple[int, ...], DType]] = set()
    for name, said in found.initialised.items():
        entry = found.tensors[name]
        if entry.init is None or (key := (id(entry.init), entry.shape, entry.dtype)) in alike:
            continue
        alike.add(key)
        try:
            validate(entry.init, entry.shape, entry.dtype)
        except ValueError as error:
            problems.add("MP411", str(error), said.place, said.path)


def _told(shape: tuple[int, ...], dtype: object, is_parameter: bool) -> str:
    return f"the {'parameter' if is_parameter else 'buffer'} {dtype}{list(shape)}"
