"""The architecture: what a document says, as frozen values that compare without their places.

    Architecture ── blocks: name -> Block (templates)
        └── main: Block (the network itself)
                └── nodes: Node, each applying a layer type, using a block, or calling an earlier node again

Values are canonical: settings equal to their defaults are left out, inputs that the chain implies are None. `reader` makes them
from text, `capture` from a live model, `canonical` from anything hand-made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from modelpack.comparison import Comparison
from modelpack.dims import Dim
from modelpack.dtypes import DType
from modelpack.layers.base import LayerType
from modelpack.layers.initial import Init
from modelpack.layers.kinds import Boolean, Integer, Integers, Kind, Literal, Number, Text

if TYPE_CHECKING:
    import torch

__all__ = [
    "ARGUMENT_KINDS",
    "KEYWORDS",
    "Action",
    "Apply",
    "Architecture",
    "Argument",
    "Block",
    "ByMode",
    "Call",
    "Import",
    "InputSpec",
    "Inputs",
    "Node",
    "Position",
    "RawTensor",
    "SettingValue",
    "Structure",
    "Take",
    "Use",
    "leaves",
]

KEYWORDS = frozenset(
    {
        "use",
        "with",
        "call",
        "repeat",
        "from",
        "take",
        "inputs",
        "outputs",
        "frozen",
        "init",
        "rename",
        "reset",
        "shared",
        "when",
    }
)
"""The keys of a node that are no layer type; no type may bear such a name."""

Position = tuple[int, int]
"""Line and column of a value in the document, from 1."""

ARGUMENT_KINDS: Mapping[str, Kind] = {
    "int": Integer(),
    "float": Number(finite=False),
    "bool": Boolean(),
    "str": Text(),
    "dim": Integer(minimum=0, symbolic=True),
    "list": Integers(),
}
"""What an argument of a block may be; only a `dim` may depend on free dimensions."""

Structure = str | None | tuple["Structure", ...] | Mapping[str, "Structure"]
"""References, nested as lists and mappings. A reference is the name of an input, tensor or node, with ports behind dots
(`lstm.h_n`, `split.0`); None leaves an optional port out."""


@dataclass(frozen=True, slots=True)
class ByMode:
    """A setting that differs between training and evaluation: `{train: 0.1, eval: 0.0}`."""

    train: Literal
    eval: Literal


SettingValue = Literal | ByMode


@dataclass(frozen=True, slots=True)
class Apply:
    """A layer type or operation with its settings."""

    type: LayerType
    settings: Mapping[str, SettingValue]


@dataclass(frozen=True, slots=True)
class Use:
    """A block as a submodule, with values for its arguments."""

    block: str
    arguments: Mapping[str, Literal]


@dataclass(frozen=True, slots=True)
class Call:
    """A node that came before, once more: the same layer and tensors on other inputs; `target` may reach into a block
    (`encoder.norm`)."""

    target: str


@dataclass(frozen=True, slots=True)
class Import:
    """Another pack of which parts are used: where it is, and the digest that it must have (None: the lock file says it)."""

    pack: str
    digest: str | None = None
    place: Position | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Take:
    """A part of an imported network as a submodule; `reuse.linking` puts it in."""

    source: str
    """the import's name"""
    path: str | None = None
    """what is there by itself: a container's layers, or one layer"""
    first: str | None = None
    last: str | None = None
    """a range of layers; None: from the beginning, to the end"""
    outputs: Mapping[str, str] = field(default_factory=dict[str, str])
    """what it gives, by name: layers in it; empty: what its last layer gives"""
    rename: Mapping[str, str] = field(default_factory=dict[str, str])
    """paths of layers and tensors in it -> what they are called here"""
    reset: tuple[str, ...] = ()
    """tensors, and layers with all of theirs, whose values are made anew; as they are called here"""
    shared: bool = False
    """the same part once more is the same module, not a copy"""


Action = Apply | Use | Call | Take


@dataclass(frozen=True, slots=True)
class Node:
    """One step of a block; its name is the submodule's, dots included (`features.0`)."""

    name: str
    action: Action
    inputs: Structure = None
    """a tuple (ports in order), a mapping (ports by name), or None: what comes before"""
    repeat: Literal = None
    first: int = 0
    """the number of the first copy of a `repeat`"""
    frozen: bool | tuple[str, ...] = False
    """True: no gradients, and normalisation stays in eval mode; names: these tensors get no gradients"""
    init: Mapping[str, Init] = field(default_factory=dict[str, Init])
    when: str | None = None
    """`train` or `eval`: the only mode in which it runs; None: both"""
    place: Position | None = field(default=None, compare=False, repr=False)
    places: Mapping[str, Position] = field(default_factory=dict[str, Position], compare=False, repr=False)
    """where each setting stands, `frozen`, each name that it takes: `inputs.x`, and each initialiser: `init.weight`"""


@dataclass(frozen=True, slots=True)
class InputSpec:
    """What is told of an input: in a block both may be left to the caller."""

    dtype: DType | None = None
    shape: tuple[Dim, ...] | None = None
    place: Position | None = field(default=None, compare=False, repr=False)


Inputs = InputSpec | tuple["Inputs", ...] | Mapping[str, "Inputs"]
"""One input: a tensor, or tensors nested as lists and mappings."""


@dataclass(frozen=True, slots=True)
class RawTensor:
    """A parameter or buffer that belongs to a block itself (a class token, a position table)."""

    shape: tuple[Dim, ...]
    dtype: DType | None = None
    """None: the architecture's"""
    is_parameter: bool = True
    persistent: bool = True
    frozen: bool = False
    init: Init | None = None
    place: Position | None = field(default=None, compare=False, repr=False)
    init_place: Position | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of a block: its kind (`int`, `float`, `bool`, `str`, `dim`, `list`) and default (None: must be given)."""

    kind: str
    default: Literal = None
    place: Position | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Block:
    """A body: inputs, tensors of its own, nodes in order, outputs (None: the last node's)."""

    inputs: Mapping[str, Inputs]
    nodes: tuple[Node, ...]
    outputs: Structure = None
    arguments: Mapping[str, Argument] = field(default_factory=dict[str, Argument])
    tensors: Mapping[str, RawTensor] = field(default_factory=dict[str, RawTensor])
    tied: tuple[tuple[str, ...], ...] = ()
    """groups of tensor names that are one tensor; the first is the one that is stored"""
    place: Position | None = field(default=None, compare=False, repr=False)
    places: Mapping[str, Position] = field(default_factory=dict[str, Position], compare=False, repr=False)
    """where `outputs`, `tied`, the block's own `name`, and its inputs and arguments stand: `inputs.x`; names that it gives and
    ties: `outputs.x`, `tied.x.weight`; of the network itself also its imports"""


@dataclass(frozen=True, slots=True)
class Architecture:
    """A whole network."""

    name: str
    main: Block
    blocks: Mapping[str, Block] = field(default_factory=dict[str, Block])
    dtype: DType = DType.FLOAT32
    modes: tuple[str, ...] = ("train", "eval")
    requires: tuple[Comparison, ...] = ()
    """what must hold between its free dimensions for it to be run"""
    imports: Mapping[str, Import] = field(default_factory=dict[str, Import])
    """other packs by the names under which nodes use parts of them"""
    file: str = field(default="<text>", compare=False)
    """what problems call the document"""

    @classmethod
    def from_yaml(cls, text: str | bytes, file: str = "<text>") -> Architecture:
        """The architecture that `text` describes; `file` is what problems call it.

        Raises:
            ArchitectureError: with every problem of the text or the document (1xx, 2xx).
        """
        from modelpack.reader import read

        return read(text, file)

    def to_yaml(self) -> str:
        """The canonical text."""
        from modelpack.writer import write

        return write(self)

    def build(self, **options: Any) -> torch.nn.Module:
        """A module with these layers, weights made by `init`; see `modelpack.backends.torch.fresh`.

        Raises:
            ArchitectureError: with every problem of the network (2xx, 3xx).
        """
        from modelpack.backends.torch.fresh import build_architecture

        return build_architecture(self, **options)


def leaves(structure: Structure) -> Iterator[str | None]:
    """The references of a structure, in order."""
    if isinstance(structure, tuple):
        for item in structure:
            yield from leaves(item)
    elif isinstance(structure, Mapping):
        for item in structure.values():
            yield from leaves(item)
    else:
        yield structure
