"""The public verbs that need no framework: `open` a pack, `check` a file or a pack."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

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
from modelpack.pack import LazyTensor, Manifest, Pack, Weights, open_pack

__all__ = ["OpenPack", "check", "open"]


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
        return str(self.pack.path / ARCHITECTURE)

    @property
    def manifest(self) -> Manifest | None:
        """Who made it, digests, licence, metrics; None where a pack was written by hand without."""
        return self.pack.manifest

    @property
    def tensors(self) -> Mapping[str, LazyTensor]:
        """Name -> tensor, unread: dtype, shape, and `read()`, `numpy()`, `digest()`."""
        weights: Weights | None = self.pack.weights
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
) -> OpenPack:
    """Open the pack at `path`, a directory or a file; nothing but its text and headers is read.

    `types` are the layer types that the caller allows.

    Raises:
        PackError: it isn't a sound pack (5xx).
    """
    return OpenPack(open_pack(path, limits=limits), types, budget)


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


def _text(path: Path) -> bytes:
    """What a file holds, up to a byte more than is allowed: the reader refuses it then."""
    with open_regular(path) as file:
        return file.read(Limits().architecture_bytes + 1)
