"""Where parts come from: a checked network with its lazy tensors, and the digest by which its pack is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from modelpack.architecture import Import
from modelpack.network import Network
from modelpack.weights import LazyTensor

__all__ = ["Donor", "Resolve"]


@dataclass(frozen=True, slots=True, eq=False)
class Donor:
    """A network of which parts are taken. `tensors` are empty where the pack has no weights; `digest` is that of its manifest,
    None where it has none, `digests` those that it tells of its tensors, `licence` what it says of itself."""

    network: Network
    tensors: Mapping[str, LazyTensor]
    digest: str | None
    digests: Mapping[str, str]
    licence: str | None = None

    def stored(self, name: str) -> str:
        """The name under which the weights hold the tensor `name`: of tied ones, the first."""
        if name in self.tensors:
            return name
        return next((group[0] for group in self.network.tied if name in group), name)


Resolve = Callable[[str, Import], Donor]
"""An import's name and what the document says of it -> the donor. Raises PackError where there is none."""
