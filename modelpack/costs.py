"""Network x sizes -> Costs: operations, bytes of activations and parameters, step by step; no framework is needed.

*Operations* are what one forward pass takes, in the convention of `modelpack.flops`: 2 for each multiply-add of a product, 1
for each other element. *Activations* are all tensors that layers make in one pass, as training keeps them for the backward
pass; views, and what works in place, make none. Layers of the other mode (`when:`) cost nothing.

The steps of equal uses of a block are counted once, however many there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from math import prod

from modelpack.dims import LARGEST, Dim, TooComplex, evaluate, symbols
from modelpack.errors import BuildError, Problem, raise_if_any
from modelpack.flops import flops, shares_memory
from modelpack.lookup import enter, flat
from modelpack.match import stored_names
from modelpack.network import Again, Body, Child, Leaf, Network, Slot, Specs, Step, Wiring
from modelpack.tensors import TensorSpec

__all__ = ["Cost", "CostRow", "Costs", "costs", "free_dimensions"]


@dataclass(frozen=True, slots=True)
class Cost:
    """What something takes."""

    flops: int = 0
    activation_bytes: int = 0
    parameters: int = 0
    """elements; of a call none, since it shares those of the layer that it calls"""

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.flops + other.flops,
            self.activation_bytes + other.activation_bytes,
            self.parameters + other.parameters,
        )


@dataclass(frozen=True, slots=True)
class CostRow:
    """A layer, operation, block or call."""

    name: str
    kind: str
    outputs: Specs
    """of the sizes asked for: all axes are numbers"""
    own: Cost
    """without what is in a block: the sum over all rows is that of the network, save that ties count twice here"""
    total: Cost
    """with all that is in it"""
    depth: int
    """how many blocks it is inside"""


@dataclass(frozen=True, slots=True, eq=False)
class Costs:
    """What a network takes at these sizes."""

    network: Network
    sizes: Mapping[str, int]
    """each free dimension's"""
    mode: str
    total: Cost
    """parameters are counted once where they are tied"""
    _count: _Count

    def rows(self) -> Iterator[CostRow]:
        """A row for each step, a block before what is in it, as `Summary.rows`; made one by one, there may be many."""
        return self._count.rows(self.network.main, "", 0)

    def at_sizes(self, specs: Specs) -> Specs:
        """Specs of the network with numbers for all axes."""
        return self._count.bound(specs, "")


def costs(network: Network, sizes: Mapping[str, int] | None = None, *, mode: str | None = None) -> Costs:
    """What `network` takes where its free dimensions have these `sizes`; those not given are 1, or larger
    where it can't be run so. `mode` is `train` or `eval`; None: `eval` if the network may run in it.

    Raises:
        BuildError: MP220 a size is given for something that is no dimension of the inputs; MP702 a size is no positive
            integer, breaks a requirement, or leaves a layer without a result.
    """
    given: Mapping[str, int] = {} if sizes is None else sizes
    dimensions = free_dimensions(network)
    raise_if_any(_wrong(given, dimensions), BuildError)
    modes = network.architecture.modes
    chosen = mode or ("eval" if "eval" in modes else modes[0])
    bound = {name: given.get(name, 1) for name in dimensions}
    free = [name for name in dimensions if name not in given]
    for attempt in range(_ATTEMPTS if free else 0):
        _meet_requirements(network, bound, frozenset(free))
        try:
            return _costs(network, bound, chosen)
        except BuildError:
            bound |= dict.fromkeys(free, 2 << attempt)
    return _costs(network, bound, chosen)


_ATTEMPTS = 9
"""With 1, 2, 4, … for sizes that nobody gave: a network may need images of some size."""
_TRIED = (*range(2, 65), 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 512, 1024)
_MOST_TRIES = 500


def _meet_requirements(network: Network, bound: dict[str, int], free: frozenset[str]) -> None:
    """Enlarge free sizes until what is required holds, as far as a few hundred tries tell."""
    tries = 0
    for each in network.architecture.requires[:_MOST_TRIES]:
        mine = each.names & free
        if not mine or each.holds(bound):
            continue
        for size in _TRIED:
            tries += 1
            if tries > _MOST_TRIES:
                return
            if each.holds({**bound, **dict.fromkeys(mine, size)}):
                bound |= dict.fromkeys(mine, size)
                break


def _costs(network: Network, bound: Mapping[str, int], mode: str) -> Costs:
    raise_if_any(_broken(network, bound), BuildError)
    count = _Count(bound, mode)
    found = count.of(network.main)
    parameters = sum(prod(each.shape) for each in stored_names(network).values() if each.is_parameter)
    return Costs(network, bound, mode, Cost(found.flops, found.activation_bytes, parameters), count)


def free_dimensions(network: Network) -> tuple[str, ...]:
    """The names of the dimensions that the network's inputs leave free, in order."""
    found: dict[str, None] = {}
    for spec in _specs(tuple(network.inputs.values())):
        for axis in spec.shape:
            found |= dict.fromkeys(sorted(symbols(axis)))
    return tuple(found)


def _wrong(given: Mapping[str, int], dimensions: tuple[str, ...]) -> Iterator[Problem]:
    for name, size in given.items():
        if name not in dimensions:
            near = get_close_matches(name, dimensions, n=1)
            known = ", ".join(dimensions) or "none"
            hint = f"did you mean '{near[0]}'?" if near else f"its free dimensions: {known}"
            yield Problem(
                "MP220", f"the network's inputs have no free dimension '{name}'", path="inputs", hint=hint
            )
        elif type(size) is not int or not 1 <= size <= LARGEST:
            yield Problem(
                "MP702", f"the size of '{name}' must be a positive integer, not {size!r}", path="inputs"
            )


def _broken(network: Network, bound: Mapping[str, int]) -> Iterator[Problem]:
    for each in network.architecture.requires:
        if each.names <= bound.keys() and not each.holds(bound):
            told = ", ".join(f"{name}={bound[name]}" for name in sorted(each.names))
            yield Problem(
                "MP702", f"the network requires {each}, but {told}", path="inputs", hint="give other sizes"
            )


class _Count:
    """The costs of bodies at one set of sizes, each body counted once."""

    def __init__(self, sizes: Mapping[str, int], mode: str) -> None:
        self._sizes = sizes
        self._mode = mode
        self._dims: dict[Dim, int] = {}
        self._given: dict[int, Specs] = {}
        """what steps of the network give -> the same with numbers"""
        self._bodies: dict[int, Cost] = {}
        self._steps: dict[int, Cost] = {}

    def of(self, body: Body) -> Cost:
        """All of a body. The body outlives this, so that its identity stays its own."""
        known = self._bodies.get(id(body))
        if known is None:
            known = _raw(body)
            for step in body.steps:
                known += self._step(body, step)
            self._bodies[id(body)] = known
        return known

    def rows(self, body: Body, prefix: str, depth: int) -> Iterator[CostRow]:
        for step in body.steps:
            total = self._step(body, step)
            own = _raw(step.does.body) if isinstance(step.does, Child) else total
            if self._absent(step):
                own = total
            outputs = self._given.get(id(step.outputs))
            if outputs is None:
                outputs = self._given[id(step.outputs)] = self.bound(step.outputs, step.name)
            yield CostRow(f"{prefix}{step.name}", _kind(step), outputs, own, total, depth)
            if isinstance(step.does, Child):
                yield from self.rows(step.does.body, f"{prefix}{step.name}.", depth + 1)

    def _absent(self, step: Step) -> bool:
        return step.node.when not in (None, self._mode)

    def _step(self, body: Body, step: Step) -> Cost:
        known = self._steps.get(id(step))
        if known is None:
            known = self._steps[id(step)] = self._cost(body, step)
        return known

    def _cost(self, body: Body, step: Step) -> Cost:
        again = isinstance(step.does, Again)
        does = step.does.of if isinstance(step.does, Again) else step.does
        found = self.of(does.body) if isinstance(does, Child) else self._leaf(body, step, does)
        parameters = 0 if again else found.parameters
        if self._absent(step):
            return Cost(parameters=parameters)
        return Cost(found.flops, found.activation_bytes, parameters)

    def _leaf(self, body: Body, step: Step, leaf: Leaf) -> Cost:
        training = self._mode == "train"
        layer = leaf.train if training else leaf.eval
        given = [self.bound(_followed(wiring, body), step.name) for wiring in step.inputs]
        outputs = tuple(_specs(self.bound(step.outputs, step.name)))
        made = 0 if shares_memory(layer, training=training) else sum(map(_bytes, outputs))
        parameters = sum(prod(each.shape) for each in leaf.tensors if each.is_parameter)
        return Cost(flops(layer, flat(given, leaf), outputs, training=training), made, parameters)

    def bound(self, specs: Specs, path: str) -> Specs:
        """The same with numbers for all axes; `path` is where problems say that they are."""
        if isinstance(specs, TensorSpec):
            return TensorSpec(specs.dtype, tuple(self._size(axis, path) for axis in specs.shape))
        if isinstance(specs, tuple):
            return tuple(self.bound(each, path) for each in specs)
        if isinstance(specs, Mapping):
            return {name: self.bound(each, path) for name, each in specs.items()}
        return None

    def _size(self, dim: Dim, path: str) -> int:
        if isinstance(dim, int):
            return dim
        known = self._dims.get(dim)
        if known is None:
            try:
                known = evaluate(dim, self._sizes)
            except (ZeroDivisionError, TooComplex):
                known = 0
            if known < 1:
                told = ", ".join(f"{name}={self._sizes[name]}" for name in sorted(symbols(dim)))
                hint = "give other sizes"
                message = f"at {told} it has no result: {dim} would be {known or 'no size'}"
                raise BuildError(Problem("MP702", message, path=path, hint=hint))
            self._dims[dim] = known
        return known


def _raw(body: Body) -> Cost:
    return Cost(parameters=sum(prod(each.shape) for each in body.raw if each.is_parameter))


def _kind(step: Step) -> str:
    match step.does:
        case Leaf() as leaf:
            return leaf.eval.type.name
        case Again(target):
            return f"call {target}"
        case Child(body):
            return body.name


def _followed(wiring: Wiring, body: Body) -> Specs:
    """The specs of what a wiring refers to."""
    if isinstance(wiring, Slot):
        specs = _value(wiring.index, body)
        for key in wiring.path:
            specs, _ = enter(specs, str(key))
        return specs
    if isinstance(wiring, tuple):
        return tuple(_followed(each, body) for each in wiring)
    if isinstance(wiring, Mapping):
        return {name: _followed(each, body) for name, each in wiring.items()}
    return None


def _value(index: int, body: Body) -> Specs:
    """Inputs first, then tensors, then steps."""
    if index < len(body.inputs):
        return list(body.inputs.values())[index]
    index -= len(body.inputs)
    if index < len(body.raw):
        return TensorSpec(body.raw[index].dtype, body.raw[index].shape)
    return body.steps[index - len(body.raw)].outputs


def _specs(specs: Specs) -> Iterator[TensorSpec]:
    """All of them, in order."""
    if isinstance(specs, TensorSpec):
        yield specs
    elif specs is not None:
        for each in specs.values() if isinstance(specs, Mapping) else specs:
            yield from _specs(each)


def _bytes(spec: TensorSpec) -> int:
    return (prod(axis for axis in spec.shape if isinstance(axis, int)) * spec.dtype.bits + 7) // 8
