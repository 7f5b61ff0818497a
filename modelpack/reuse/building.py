"""Part -> a pack: tensors that it has are copied, and held against their digests; the others are made by `init`."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

from modelpack.architecture import Architecture
from modelpack.errors import PackError, Problem, raise_if_any
from modelpack.limits import MOST_FIRST_BYTES
from modelpack.manifest import Manifest, Origin
from modelpack.match import match, stored_names
from modelpack.network import TensorEntry
from modelpack.pack_writer import write_pack
from modelpack.reuse.frozen import frozen_names
from modelpack.reuse.part import Part
from modelpack.safetensors_layout import TensorData
from modelpack.template import first_values

__all__ = ["Adapter", "Row", "rows_of", "write_part"]


@dataclass(frozen=True, slots=True)
class Row:
    """What became of one tensor: `how` is reused, renamed, initialised, or imported where it stays in the other pack; `origin` is
    where it comes from."""

    name: str
    how: str
    origin: Origin | None
    entry: TensorEntry
    frozen: bool
    """training leaves it as it is"""


@dataclass(frozen=True, slots=True)
class Adapter:
    """How a pack that imports others differs from the whole that it stands for: its text, and what tensors stay in the others."""

    architecture: Architecture
    elsewhere: Collection[str]


def rows_of(part: Part, adapter: Adapter | None = None) -> list[Row]:
    """Every tensor of a pack of `part`, in order."""
    elsewhere = adapter.elsewhere if adapter else ()
    found: list[Row] = []
    frozen = frozen_names(part.network)
    for name, entry in stored_names(part.network).items():
        origin = part.origins.get(name)
        how = "imported" if name in elsewhere else _how(part, name, origin)
        found.append(Row(name, how, origin, entry, name in frozen))
    return found


def _how(part: Part, name: str, origin: Origin | None) -> str:
    return "initialised" if name not in part.tensors else "reused" if _keeps(name, origin) else "renamed"


def _keeps(name: str, origin: Origin | None) -> bool:
    """Whether a tensor has its old name, or that below the node that it is part of."""
    return origin is None or name == origin.tensor or name.endswith(f".{origin.tensor}")


def write_part(
    part: Part,
    path: str | os.PathLike[str],
    *,
    seed: int = 0,
    max_bytes: int = MOST_FIRST_BYTES,
    licence: str | None = None,
    adapter: Adapter | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Manifest:
    """Write a pack of `part` at `path`; of an `adapter`, one that imports others. Equal parts and seeds give equal bytes.
    Where no `licence` is said, it is that of the packs that the tensors are from; an adapter's must be said.

    Only tensors that are needed are read, in pieces, and held against the digests that their packs tell; if one differs, what
    is at `path` stays as it was.

    Raises:
        ArchitectureError: MP410, MP411 a tensor can't be initialised; MP412 those that are have more than `max_bytes`.
        PackError: MP564 a tensor's bytes aren't those of its digest; else as `write_pack`.
    """
    network = part.network
    weights = [*_taken(part), *first_values(network, seed, max_bytes, part.tensors)]
    match(network, {each.name: each for each in weights})
    elsewhere = adapter.elsewhere if adapter else ()

    def confirm(manifest: Manifest) -> None:
        expected = {name: digest for name, digest in part.digests.items() if name not in elsewhere}
        raise_if_any(_differing(manifest, expected), PackError)

    return write_pack(
        path,
        architecture=(adapter.architecture if adapter else part.architecture).to_yaml().encode(),
        weights=[each for each in weights if each.name not in elsewhere],
        licence=part.licence if licence is None and adapter is None else licence,
        modes=sorted(network.architecture.modes),
        origins={name: each for name, each in part.origins.items() if name not in elsewhere},
        progress=progress,
        confirm=confirm,
    )


def _taken(part: Part) -> Iterator[TensorData]:
    for name, tensor in part.tensors.items():
        yield TensorData(name, tensor.dtype, tensor.shape, tensor.pieces)


def _differing(manifest: Manifest, expected: Mapping[str, str]) -> Iterator[Problem]:
    found = {name: digest for record in manifest.files.values() for name, digest in record.tensors.items()}
    for name, digest in expected.items():
        if found.get(name) != digest:
            yield Problem(
                "MP564",
                f"its bytes have the digest {found.get(name)}, its pack's manifest says {digest}",
                path=name,
            )
