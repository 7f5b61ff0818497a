"""What a comparison finds, as values: layers, tensors, a verdict on the weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from modelpack.dtypes import DType

__all__ = ["Difference", "LayerChange", "Norms", "Setting", "TensorChange", "Verdict"]


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting, or another part of a layer, and what it was and is, as a document would say it."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class LayerChange:
    """One thing that is different, however many layers it concerns.

    `kind` is `added`, `inserted` (it has the name that another layer had), `removed`, `renamed`, `moved`, `replaced` (another
    type), `changed` (settings) or `rewired`. What is said of the network and not of a layer has the path `inputs`, `outputs`,
    `dtype`, `modes`, `requires` or `tied`.
    """

    kind: str
    before: tuple[str, ...]
    """the full paths in the first network; empty where it is added"""
    after: tuple[str, ...]
    """and in the second, in the same order; empty where it is removed"""
    what: str = ""
    """the layer that was added or removed, or what it took"""
    settings: tuple[Setting, ...] = ()
    implied: tuple[str, ...] = ()
    """settings of layers inside that follow from this one (`conv1.out_channels`)"""
    template: str = ""
    """the block in which it stands, where several uses of that have it"""
    uses: tuple[str, ...] = ()
    """the uses that have it, in the second network"""
    name: str = ""
    """what the layer is called in the template"""


@dataclass(frozen=True, slots=True)
class Norms:
    """How far apart two tensors of one shape are, in float64: `l2` of the difference, `relative` to the first's, and
    its `largest`."""

    l2: float
    relative: float
    largest: float


@dataclass(frozen=True, slots=True)
class TensorChange:
    """A tensor of one or both. `kind` is `equal`, `changed`, `alike` (shape and dtype are, values weren't compared), `shape`,
    `dtype`, `removed` or `added`.
    """

    kind: str
    before: str | None
    """its name in the first, None where it's only in the second"""
    after: str | None
    shapes: tuple[tuple[int, ...] | None, tuple[int, ...] | None]
    dtypes: tuple[DType | None, DType | None]
    norms: Norms | None = None
    """of a `changed` one, where numpy has the dtype"""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the first's weights fill the second's architecture, strictly: every name, shape and dtype.

    `kind` is `compatible`, `renamed` (they do with the map `rename`) or `incompatible`, for `reasons`.
    """

    kind: str
    rename: Mapping[str, str | None]
    """prefixes of names in the first -> what they are in the second, or None for what has no place there; of an incompatible
    pair too: it carries over what fits. As `map` of `modelpack.transfer`."""
    leave: tuple[str, ...]
    """prefixes in the second of what the first doesn't fill; as `leave` of `modelpack.transfer`"""
    fitting: int
    """how many tensors of the second the first fills, with the map"""
    wanted: int
    """how many the second has"""
    reasons: tuple[str, ...] = ()

    def yaml(self) -> str:
        """The map as YAML, a line each (`{}` where there is nothing to rename)."""
        import yaml  # an import of its own weight, for the few that have a map

        return yaml.safe_dump(dict(self.rename), sort_keys=False, width=math.inf, allow_unicode=True)


@dataclass(frozen=True, slots=True)
class Difference:
    """What is different between two networks. How they are written is not: templates, repetitions, the order of keys."""

    first: str
    """what the first is called"""
    second: str
    layers: tuple[LayerChange, ...]
    tensors: tuple[TensorChange, ...]
    """of both, also those that are equal"""
    verdict: Verdict

    @property
    def differs(self) -> bool:
        """Whether there is any difference, of layers, names or weights."""
        return bool(self.layers) or any(
            each.kind not in ("equal", "alike") or each.before != each.after for each in self.tensors
        )

    def text(self) -> str:
        """What a reviewer would say; ends with a newline."""
        from modelpack.difference.text import told

        return told(self)
