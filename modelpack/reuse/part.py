"""A network with tensors that lie in packs, unread: what taking from a pack gives, and what parts are joined to."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from modelpack.architecture import Architecture, Block, Node, Use
from modelpack.canonical import canonical
from modelpack.checker import check
from modelpack.manifest import Manifest, Origin
from modelpack.match import match, stored_names
from modelpack.network import Network
from modelpack.reuse.frozen import frozen_names
from modelpack.reuse.licences import together
from modelpack.reuse.linking import Linked
from modelpack.reuse.naming import free_name
from modelpack.reuse.sources import Donor
from modelpack.weights import LazyTensor

if TYPE_CHECKING:
    import torch

__all__ = ["Part", "part_of", "whole_of"]


@dataclass(frozen=True, eq=False)
class Part:
    """An `architecture` with the values of its tensors, or of some: `tensors` by the architecture's names, each unread where it
    lies, and `origins`, where that is. `digests` are those that the packs tell of them; a saved part is held against them. The
    packs must stay open until it is loaded or saved."""

    architecture: Architecture
    tensors: Mapping[str, LazyTensor]
    origins: Mapping[str, Origin]
    digests: Mapping[str, str]
    licence: str | None = None
    """of the packs that its tensors are from"""

    @cached_property
    def network(self) -> Network:
        """The checked architecture.

        Raises:
            ArchitectureError: 2xx, 3xx.
        """
        return check(self.architecture)

    def to_yaml(self) -> str:
        """The canonical text of its architecture."""
        return self.architecture.to_yaml()

    def named(self, name: str) -> Part:
        """The same network as the one layer `name` of a network: its tensors are below that name."""
        main = self.architecture.main
        block = free_name(
            self.architecture.name.replace("-", "_").replace(".", "_"), self.architecture.blocks
        )
        outer = Block(main.inputs, (Node(name, Use(block, {}), tuple(main.inputs)),))
        blocks = {**self.architecture.blocks, block: main}
        architecture = canonical(replace(self.architecture, main=outer, blocks=blocks))
        return Part(
            architecture,
            {
                f"{name}.{each}": moved_tensor(tensor, f"{name}.{each}")
                for each, tensor in self.tensors.items()
            },
            {f"{name}.{each}": origin for each, origin in self.origins.items()},
            {f"{name}.{each}": digest for each, digest in self.digests.items()},
            self.licence,
        )

    def load(self, **options: Any) -> torch.nn.Module:
        """The network as a module of torch, its tensors read and no others; see `modelpack.load` for `options`.

        Raises:
            BuildError: torch can't run it, or a tensor has no values (7xx). PackError: reading fails (5xx).
        """
        from modelpack.backends.torch.load import load_part

        return load_part(self, **options)

    def save(self, path: str | os.PathLike[str], *, seed: int = 0, **told: Any) -> Manifest:
        """Write a pack of it at `path`: tensors that it has are copied, others made by `init` and `seed`; see
        `modelpack.reuse.building.write_part`."""
        from modelpack.reuse.building import write_part

        return write_part(self, path, seed=seed, **told)


def part_of(donor: Donor, architecture: Architecture, before: str = "") -> Part:
    """A part that was taken from `donor`, with its tensors, whose names there begin with `before`.

    Raises:
        PackError: 4xx, the donor's weights aren't those that its architecture implies.
    """
    network = check(architecture)
    frozen = frozen_names(network)
    origins = {
        name: Origin(donor.digest, donor.stored(before + name), frozen=name in frozen)
        for name in stored_names(network)
    }
    part = _with_tensors(architecture, {name: (donor, origin) for name, origin in origins.items()})
    if donor.tensors:
        match(network, part.tensors)
    return part


def whole_of(linked: Linked) -> Part:
    """A network whose imports are resolved, with the tensors that they bring."""
    origins = {name: (linked.donors[each.source], each.origin) for name, each in linked.brought.items()}
    return _with_tensors(linked.network.architecture, origins)


def _with_tensors(architecture: Architecture, origins: Mapping[str, tuple[Donor, Origin]]) -> Part:
    """A part with those of its tensors that donors have values of."""
    known = {name: each for name, each in origins.items() if each[1].tensor in each[0].tensors}
    return Part(
        architecture,
        {name: moved_tensor(donor.tensors[origin.tensor], name) for name, (donor, origin) in known.items()},
        {name: origin for name, (_, origin) in known.items()},
        {
            name: donor.digests[origin.tensor]
            for name, (donor, origin) in known.items()
            if origin.tensor in donor.digests
        },
        together(donor.licence for donor, _ in known.values()),
    )


def moved_tensor(tensor: LazyTensor, name: str) -> LazyTensor:
    """The same bytes under another name."""
    return tensor._replace(info=tensor.info._replace(name=name))
