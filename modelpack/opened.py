"""Path or URL -> an open pack: architecture, table of tensors, single tensors and parts, each read when it is asked for.

What takes and links parts is imported where parts are taken or linked: most packs that are opened have none.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from modelpack import reader
from modelpack.architecture import Architecture, Import
from modelpack.budget import DEFAULT_BUDGET, Budget
from modelpack.checker import check
from modelpack.digests import of_bytes, text
from modelpack.errors import PackError, Problem, raise_if_any
from modelpack.files import ARCHITECTURE, MANIFEST
from modelpack.layers import BUILTIN, LayerType
from modelpack.limits import Limits
from modelpack.manifest import FileRecord, Manifest, Origin
from modelpack.match import match
from modelpack.network import Network, worked_out
from modelpack.pack_reader import Pack, open_pack
from modelpack.take_reader import MOST_IMPORTS
from modelpack.weights import LazyTensor

if TYPE_CHECKING:
    from modelpack.reuse.linking import Linked
    from modelpack.reuse.part import Part
    from modelpack.reuse.sources import Donor

__all__ = ["Family", "OpenPack", "beside", "open"]

_DEEPEST = 8
"""How many packs may import one another in a row."""


@dataclass(slots=True)
class Family:
    """Packs that are open because one and the same document imports them, or because one that it imports does."""

    left: Budget = DEFAULT_BUDGET
    """what those that aren't checked yet may still ask for: together they keep to the budget of one network"""
    count: int = 0
    _members: dict[str, OpenPack] = field(default_factory=dict[str, "OpenPack"])

    def member(self, path: str | os.PathLike[str], depth: int, types: Mapping[str, LayerType]) -> OpenPack:
        """The pack at `path`, which is opened once however often it is imported.

        Raises:
            PackError: MP225 too many, or too deep; else as `open`.
        """
        self.grow(depth)
        where = os.path.realpath(path) if isinstance(path, Path) else os.fspath(path)
        if where not in self._members:
            self._members[where] = OpenPack(open_pack(path), types, self.left, {}, self, depth)
        return self._members[where]

    def spend(self, network: Network) -> None:
        """Count a network that was checked."""
        architecture = network.architecture
        written = sum(len(block.nodes) for block in (architecture.main, *architecture.blocks.values()))
        beyond = max(worked_out(network.main) - 4 * written, 0)
        self.left = replace(
            self.left,
            steps=max(self.left.steps - network.main.size, 0),
            tensors=max(self.left.tensors - network.main.tensor_count, 0),
            inferences=max(self.left.inferences - beyond, 0),
        )

    def close(self) -> None:
        """Close them all."""
        for each in self._members.values():
            each.pack.close()

    def grow(self, depth: int) -> None:
        """One more, that deep.

        Raises:
            PackError: MP225 too many, or too deep: packs that each import two could be as many as there are atoms.
        """
        self.count += 1
        if self.count > MOST_IMPORTS or depth > _DEEPEST:
            told = (
                f"more than {MOST_IMPORTS} packs" if depth <= _DEEPEST else f"more than {_DEEPEST} in a row"
            )
            raise PackError(
                Problem("MP225", f"{told} are imported, by one another", hint="build parts into one pack")
            )


@dataclass(frozen=True, eq=False)
class OpenPack:
    """A pack, lazily: its architecture, its table of tensors, single tensors. Close it, or use it in a `with`."""

    pack: Pack
    types: Mapping[str, LayerType]
    budget: Budget
    imports: Mapping[str, str | os.PathLike[str]]
    """where packs are that its architecture imports, as the caller says"""
    family: Family = field(default_factory=Family)
    """what is open with it"""
    depth: int = 0
    """how many packs import one another down to this one"""

    @cached_property
    def architecture(self) -> Architecture:
        """What `architecture.yaml` says.

        Raises:
            ArchitectureError: 1xx and 2xx.
        """
        return reader.read(self.pack.architecture, self.text_name, self.types)

    @cached_property
    def network(self) -> Network:
        """The checked architecture, its imports resolved; where the pack has weights, they are what it implies.

        Raises:
            ArchitectureError: 1xx to 3xx.
            PackError: 4xx; of an import that isn't there, or isn't the pinned one, MP501, MP346, MP590, MP591.
        """
        linked = self.linked
        budget = self.family.left if self.depth else self.budget
        network = check(self.architecture, budget) if linked is None else linked.network
        if self.depth:
            self.family.spend(network)
        if self.pack.weights is not None:
            brought = _brought(linked)
            raise_if_any((_twice(name) for name in self.tensors if name in brought), PackError)
            match(network, {**brought, **self.tensors})
        return network

    @property
    def whole(self) -> Part:
        """All of it, with the tensors that its imports bring.

        Raises:
            As `network`.
        """
        from modelpack.reuse.frozen import frozen_names
        from modelpack.reuse.licences import together
        from modelpack.reuse.part import Part, whole_of

        network = self.network
        brought = Part(network.architecture, {}, {}, {}) if self.linked is None else whole_of(self.linked)
        frozen = frozen_names(network)
        own = {name: Origin(self.digest, name, frozen=name in frozen) for name in self.tensors}
        return Part(
            network.architecture,
            {**brought.tensors, **self.tensors},
            {**brought.origins, **own},
            {**brought.digests, **self.digests},
            self._licence if self.linked is None else together([brought.licence, self._licence]),
        )

    @property
    def digest(self) -> str | None:
        """``blake3:<hex>`` of its manifest, which has the digests of all its files and tensors; None where it has none."""
        window = self.pack.files.get(MANIFEST)
        return None if window is None else text(of_bytes(window.chunks(0, window.size)))

    @cached_property
    def donor(self) -> Donor:
        """What parts are taken from."""
        from modelpack.reuse.sources import Donor

        whole = self.whole
        return Donor(self.network, whole.tensors, self.digest, whole.digests, whole.licence)

    @property
    def _licence(self) -> str | None:
        return self.manifest.licence if self.manifest else None

    @property
    def digests(self) -> Mapping[str, str]:
        """The digest of each tensor of the weights, as the manifest says it."""
        files: Mapping[str, FileRecord] = self.manifest.files if self.manifest else {}
        told: dict[str, str] = {}
        for name, tensor in self.tensors.items():
            record = files.get(tensor.window.name)
            if record is not None and name in record.tensors:
                told[name] = record.tensors[name]
        return told

    @cached_property
    def linked(self) -> Linked | None:
        """Its network with the parts of other packs put in; None where it imports none."""
        if not self.architecture.imports:
            return None
        from modelpack.reuse.linking import link

        return link(self.architecture, self._donor, self.budget)

    def _donor(self, name: str, wanted: Import) -> Donor:
        """An import of this pack: where the caller says, else beside this pack or below; and only what its digest pins."""
        from modelpack.reuse.locking import hold

        where = self.imports.get(name)
        opened = self.family.member(
            beside(self.pack.where, name, wanted) if where is None else where, self.depth + 1, self.types
        )
        # Before anything in it is followed: so no pack can lead to itself.
        hold(name, wanted, {}, opened.digest, self.text_name)
        return opened.donor

    def take(
        self,
        first: str | None = None,
        last: str | None = None,
        *,
        outputs: Sequence[str] | Mapping[str, str] = (),
        inputs: Sequence[str] = (),
    ) -> Part:
        """The layers from `first` through `last` as a network of their own, their tensors unread: `take("conv1", "layer2")`;
        None is the beginning, or the end. `outputs` gives values by the names of their layers: `take(outputs=["layer2"])`.

        Names of tensors stay. What the part takes in is inferred: one value of the layers before it, more only if `inputs` names
        them, and inputs of the network. Keep the pack open until the part is loaded or saved.

        Raises:
            ArchitectureError: MP340 to MP345, see `modelpack.reuse.cutting.take`; 1xx to 3xx. PackError: 4xx.
        """
        from modelpack.reuse.cutting import take
        from modelpack.reuse.part import part_of

        donor = self.donor
        return part_of(
            donor, take(donor.network, first, last, outputs=outputs, inputs=inputs, budget=self.budget)
        )

    def at(self, path: str) -> Part:
        """What is at `path`: the layers of a container, named from there (`encoder.layer.0`), or one layer by its last name.

        Raises:
            ArchitectureError: as `take`.
        """
        from modelpack.reuse.cutting import block_at
        from modelpack.reuse.part import part_of

        donor = self.donor
        found = block_at(donor.network, path, self.budget)
        return part_of(donor, found.architecture, found.before)

    @property
    def text_name(self) -> str:
        """What problems call the text."""
        return f"{self.pack.where.rstrip('/')}/{ARCHITECTURE}"

    @property
    def manifest(self) -> Manifest | None:
        """Who made it, digests, licence, metrics; None where a pack was written by hand without."""
        return self.pack.manifest

    @property
    def tensors(self) -> Mapping[str, LazyTensor]:
        """Name -> tensor, unread: dtype, shape, and `read()`, `numpy()`, `digest()`."""
        weights = self.pack.weights
        return weights.tensors if weights else {}

    def __getitem__(self, name: str) -> LazyTensor:
        """One tensor of the weights.

        Raises:
            PackError: MP553 there is none of that name.
        """
        if self.pack.weights is None:
            raise PackError(Problem("MP553", "the pack has no weights", path=name))
        return self.pack.weights[name]

    def close(self) -> None:
        """Close its files, and those of packs that it imports; tensors that were loaded stay."""
        self.pack.close()
        if not self.depth:
            self.family.close()

    def __enter__(self) -> OpenPack:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open(
    path: str | os.PathLike[str],
    *,
    types: Mapping[str, LayerType] = BUILTIN,
    limits: Limits | None = None,
    budget: Budget = DEFAULT_BUDGET,
    cache: str | os.PathLike[str] | None = None,
    imports: Mapping[str, str | os.PathLike[str]] | None = None,
) -> OpenPack:
    """Open the pack at `path`, a directory or a file, or at a URL that fsspec knows (`https://`, `s3://`, …); nothing but
    its text and headers is read.

    Tensors that come over the network are held against the manifest's digests as they are read, and kept in the directory
    `cache`, if one is given. `types` are the layer types that the caller allows.
    `imports`: where packs are that this one imports; others are looked for beside it, never elsewhere.

    Raises:
        PackError: it isn't a sound pack (5xx).
    """
    return OpenPack(open_pack(path, limits=limits, cache=cache), types, budget, imports or {}, Family(budget))


def _brought(linked: Linked | None) -> Mapping[str, LazyTensor]:
    """The tensors that imports bring."""
    if linked is None:
        return {}
    from modelpack.reuse.part import whole_of

    return whole_of(linked).tensors


def _twice(name: str) -> Problem:
    return Problem("MP402", "the weights hold it, and an import brings it", path=name)


def beside(path: str, name: str, wanted: Import) -> Path:
    """Where a pack of this machine looks for one that it imports: in its own folder or below.

    Raises:
        PackError: MP346 anywhere else.
    """
    below, folder = Path(wanted.pack), Path(path).parent
    outside = "://" in path or below.is_absolute() or ".." in below.parts or ":" in wanted.pack
    # A link may have come in the same archive as the pack, and lead to itself: `resolve` would raise.
    if outside or not Path(os.path.realpath(folder / below)).is_relative_to(os.path.realpath(folder)):
        hint = f"say where it is: imports={{'{name}': …}}"
        raise PackError(
            Problem("MP346", f"a pack isn't followed to {wanted.pack!r}", path=f"imports.{name}", hint=hint)
        )
    return folder / below
