"""Packs on disk: open, save, verify, copy. The architecture is text here; reading it is another stage's work.

    open_pack(path, *, limits=None) -> Pack                    .architecture .manifest .weights .samples .files; close()
    write_pack(path, *, architecture, weights=None, samples=None, licence=None, modes=(), metrics=None,
               metadata=None, library=…, shard_bytes=None, progress=None) -> Manifest
    verify_digests(pack, progress=None) -> None                every byte against the manifest
    copy_pack(source, target, *, limits=None, progress=None)   directory <-> file, byte for byte

A path that ends in ``.modelpack`` is saved as a single file, any other as a directory; opening looks at what
is there. `spec/pack.md` describes both.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from modelpack.files import ARCHITECTURE, MANIFEST
from modelpack.limits import Limits
from modelpack.manifest import FileRecord, Manifest
from modelpack.pack_reader import Pack, open_pack
from modelpack.pack_writer import SUFFIX, Member, write_members, write_pack
from modelpack.safetensors_layout import Part, TensorData
from modelpack.verifying import verify_digests
from modelpack.weights import LazyTensor, Weights, open_weights
from modelpack.window import Window

__all__ = [
    "SUFFIX",
    "FileRecord",
    "LazyTensor",
    "Limits",
    "Manifest",
    "Pack",
    "TensorData",
    "Weights",
    "copy_pack",
    "open_pack",
    "open_weights",
    "verify_digests",
    "write_pack",
]


def copy_pack(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    limits: Limits | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write the pack at `source` to `target`, as a file or a directory by the rule of `write_pack`; each file
    byte for byte.

    Raises:
        PackError: as `open_pack` and `write_pack`.
    """
    with open_pack(source, limits=limits) as pack:
        names = sorted(pack.files, key=_order)
        write_members(target, [_copy(name, pack.files[name]) for name in names], None, progress)


def _order(name: str) -> tuple[bool, bool, str]:
    return name != ARCHITECTURE, name != MANIFEST, name


def _copy(name: str, window: Window) -> Member:
    return Member(name, [Part(name, window.size, lambda: window.pieces(0, window.size))])
