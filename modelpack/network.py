"""What `check` makes of an architecture: every name resolved, every shape and dtype known, nothing left to decide.

A `Network` is what backends build, `match` compares with weights and `show` prints. Instances of one block with equal
arguments and equal inputs are one object, so a network of a million layers that are alike is small.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from modelpack.architecture import Architecture, Block, Node
from modelpack.dims import Dim
from modelpack.dtypes import DType
from modelpack.layers.base import Layer, Tensor
from modelpack.layers.initial import Init
from modelpack.layers.kinds import Literal
from modelpack.tensors import TensorSpec

__all__ = [
    "Again",
    "Body",
    "Child",
    "DimSource",
    "Leaf",
    "Network",
    "Slot",
    "Specs",
    "Step",
    "TensorEntry",
    "Wiring",
    "slots",
    "walk",
    "worked_out",
]

Specs = TensorSpec | None | tuple["Specs", ...] | Mapping[str, "Specs"]
"""Specs, nested as lists and mappings; None where an optional output doesn't exist."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A value inside a body: what an input, a tensor or a step gave, and the way into it (`("h_n",)`, `(0,)`).

    `index` counts the body's inputs first, then its raw tensors, then its steps, in order.
    """

    index: int
    path: tuple[str | int, ...] = ()


Wiring = Slot | None | tuple["Wiring", ...] | Mapping[str, "Wiring"]
"""Slots, nested as the value that they make up."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A layer with all settings known, in each mode (the same object where the modes agree).

    In `train` and `eval` dimensions are in terms of the network's free ones, for inference. `symbolic` holds those settings once
    more in terms of the body's own dimensions and passed arguments, for running: canonical literals with `Expr`s in them.
    """

    train: Layer
    eval: Layer
    symbolic: Mapping[str, Literal]
    tensors: tuple[Tensor, ...]
    """the layer's own, equal in both modes"""


@dataclass(frozen=True, slots=True, eq=False)
class Child:
    """A block as a submodule. `passed` are the arguments that are known only when called, in the caller's terms."""

    body: Body
    passed: Mapping[str, Dim]


@dataclass(frozen=True, slots=True)
class Again:
    """What an earlier step made, once more; `target` is its path below the body (of an operation, the step's own name)."""

    target: str
    of: Leaf | Child
    """with the specs of this call"""


@dataclass(frozen=True, slots=True)
class DimSource:
    """Where a body reads one of its own dimensions when it runs: axis `axis` of the tensor at `path` in input `input`."""

    name: str
    input: str
    path: tuple[str | int, ...]
    axis: int


@dataclass(frozen=True, slots=True)
class Step:
    """One call. `name` is the submodule's path below the body (`layer1.0` for a repetition)."""

    name: str
    does: Leaf | Child | Again
    inputs: tuple[Wiring, ...]
    """one for each port or block input, in order; variadic ports give one tuple"""
    outputs: Specs
    node: Node


@dataclass(frozen=True, slots=True)
class TensorEntry:
    """A parameter or buffer by its full name under the body that is asked."""

    name: str
    shape: tuple[int, ...]
    dtype: DType
    is_parameter: bool
    persistent: bool
    requires_grad: bool
    init: Init | None
    """None: no initialiser is known (a raw tensor without `init`)"""


@dataclass(frozen=True, slots=True, eq=False)
class Body:
    """One instance of a block: arguments and dimensions known."""

    name: str
    """the block's; the architecture's for the network itself"""
    block: Block
    arguments: Mapping[str, Literal]
    """argument -> value where it is known before running"""
    passed: tuple[str, ...]
    """arguments known only when called; settings refer to them as `$name`"""
    dims: tuple[DimSource, ...]
    """the body's own dimensions, by the shapes that the block declares for its inputs"""
    inputs: Mapping[str, Specs]
    """in terms of the free dimensions of the network, like all specs here"""
    raw: tuple[TensorEntry, ...]
    """the body's own tensors, in order"""
    steps: tuple[Step, ...]
    wiring: Wiring
    """what it returns"""
    outputs: Specs
    tied: tuple[tuple[str, ...], ...]
    size: int
    """steps in it, all levels counted"""
    by_name: Mapping[str, Step]
    """the steps once more"""
    tensor_count: int
    """tensors in it, all levels counted"""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Network:
    """A checked architecture."""

    architecture: Architecture
    main: Body
    tensors: Mapping[str, TensorEntry]
    """full name -> entry, in the order of torch's `state_dict` (non-persistent buffers too)"""
    tied: tuple[tuple[str, ...], ...]
    """groups of full names; the first is stored"""

    def __repr__(self) -> str:
        """Which it is, in a few words: all of it, every template in each of its uses, fills a terminal many times."""
        return f"<Network {self.main.name}: steps {self.main.size}, tensors {len(self.tensors)}>"

    @property
    def inputs(self) -> Mapping[str, Specs]:
        return self.main.inputs

    @property
    def outputs(self) -> Specs:
        return self.main.outputs


def slots(wiring: Wiring) -> Iterator[Slot]:
    """Every slot of a wiring, in order."""
    if isinstance(wiring, Slot):
        yield wiring
    elif wiring is not None:
        for inner in wiring.values() if isinstance(wiring, Mapping) else wiring:
            yield from slots(inner)


def walk(body: Body, prefix: str = "") -> Iterator[tuple[str, Step]]:
    """Every step below `body`, outer before inner, with its full name."""
    for step in body.steps:
        name = f"{prefix}{step.name}"
        yield name, step
        if isinstance(step.does, Child):
            yield from walk(step.does.body, f"{name}.")


def worked_out(body: Body) -> int:
    """How many steps had to be worked out for `body`: those of equal uses of a block once."""
    seen: dict[int, Body] = {}
    waiting = [body]
    while waiting:
        each = waiting.pop()
        if id(each) not in seen:
            seen[id(each)] = each
            waiting += [step.does.body for step in each.steps if isinstance(step.does, Child)]
    return sum(len(each.steps) for each in seen.values())
