"""The public verbs that need no framework: `open` a pack, `check` a file or a pack."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from modelpack import reader
from modelpack.architecture import Architecture
from modelpack.budget import DEFAULT_BUDGET, Budget
from modelpack.checker import check_text
from modelpack.errors import PackError, Problem
from modelpack.files import ARCHITECTURE, open_regular
from modelpack.layers import BUILTIN, LayerType
from modelpack.limits import Limits
from modelpack.match import match
from modelpack.network import Network

if TYPE_CHECKING:
    from modelpack.difference import Difference, Side
    from modelpack.pack import FileRecord, LazyTensor, Manifest, Pack

__all__ = ["OpenPack", "check", "diff", "open"]


@dataclass(frozen=True, eq=False)
class OpenPack:
    """A pack, lazily: its architecture, its table of tensors, single tensors. Close it, or use it in a `with`."""

    pack: Pack
    types: Mapping[str, LayerType]
    budget: Budget

    @cached_property
    def architecture(self) -> Architecture:
        """What `architecture.yaml` says.

        Raises:
            ArchitectureError: 1xx and 2xx.
        """
        return reader.read(self.pack.architecture, self._name, self.types)

    @cached_property
    def network(self) -> Network:
        """The checked architecture; where the pack has weights, they are what it implies.

        Raises:
            ArchitectureError: 1xx to 3xx.
            PackError: 4xx.
        """
        network = check_text(self.pack.architecture, self._name, self.types, self.budget)
        if self.pack.weights is not None:
            match(network, self.pack.weights.tensors)
        return network

    @property
    def _name(self) -> str:
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
        """Close its files; tensors that were loaded stay."""
        self.pack.close()

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
) -> OpenPack:
    """Open the pack at `path`, a directory or a file, or at a URL that fsspec knows (`https://`, `s3://`, …); nothing but
    its text and headers is read.

    Tensors that come over the network are held against the manifest's digests as they are read, and kept in the directory
    `cache`, if one is given. `types` are the layer types that the caller allows.

    Raises:
        PackError: it isn't a sound pack (5xx).
    """
    from modelpack.pack_reader import open_pack  # what reads packs isn't needed to check a text

    return OpenPack(open_pack(path, limits=limits, cache=cache), types, budget)


def check(
    path: str | os.PathLike[str],
    *,
    types: Mapping[str, LayerType] = BUILTIN,
    budget: Budget = DEFAULT_BUDGET,
) -> Network:
    """Check an architecture file or a whole pack (its weights' names, shapes and dtypes too); no framework is needed.

    Raises:
        ArchitectureError: with all problems of the architecture (1xx to 3xx).
        PackError: with all problems of the pack (4xx and 5xx).
    """
    if Path(path).suffix in (".yaml", ".yml"):
        return check_text(_text(Path(path)), str(path), types, budget)
    with open(path, types=types, budget=budget) as pack:
        return pack.network


def diff(
    first: str | os.PathLike[str],
    second: str | os.PathLike[str],
    *,
    values: bool = True,
    types: Mapping[str, LayerType] = BUILTIN,
    budget: Budget = DEFAULT_BUDGET,
) -> Difference:
    """What is different in `second`: layers, tensors, and whether the weights of `first` fit it. No framework is needed.

    Either may be an architecture file or a pack. Where both are packs, the tensors that both have are compared: by the digests of
    their manifests, which `verify` checks, else by their bytes; of those that differ both are read, for the norms. `values`
    is whether to do this.

    Raises:
        ArchitectureError: one isn't sound (1xx to 3xx).
        PackError: one isn't a sound pack (4xx and 5xx).
    """
    from modelpack.difference import compare  # of no use to whoever checks or opens

    with ExitStack() as stack:
        one, other = (_side(path, values, types, budget, stack) for path in (first, second))
        return compare(one, other)


def _side(
    path: str | os.PathLike[str],
    values: bool,
    types: Mapping[str, LayerType],
    budget: Budget,
    stack: ExitStack,
) -> Side:
    from modelpack.difference import Side

    if Path(path).suffix in (".yaml", ".yml"):
        return Side(str(path), check(path, types=types, budget=budget))
    pack = stack.enter_context(open(path, types=types, budget=budget))
    if not values:
        return Side(str(path), pack.network)
    return Side(str(path), pack.network, pack.tensors, dict(_digests(pack)))


def _digests(pack: OpenPack) -> Iterator[tuple[str, str]]:
    """The digest of each tensor of the weights, as the manifest says it."""
    files: Mapping[str, FileRecord] = pack.manifest.files if pack.manifest else {}
    for name, tensor in pack.tensors.items():
        record = files.get(tensor.window.name)
        if record is not None and name in record.tensors:
            yield name, record.tensors[name]


def _text(path: Path) -> bytes:
    """What a file holds, up to a byte more than is allowed: the reader refuses it then."""
    with open_regular(path) as file:
        return file.read(Limits().architecture_bytes + 1)
