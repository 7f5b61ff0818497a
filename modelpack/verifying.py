"""An open pack -> whether every byte of it is what its manifest, and its archive, say."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterator, Mapping

from modelpack import digests
from modelpack.errors import PackError, Problem
from modelpack.files import MANIFEST
from modelpack.manifest import FileRecord
from modelpack.pack_reader import Pack
from modelpack.strict_json import refuse
from modelpack.weights import WeightFile
from modelpack.window import Window

__all__ = ["verify_digests"]

Progress = Callable[[str, int, int], None]
"""Told of what was just read (a tensor or a file), and how many bytes of how many are done."""


def verify_digests(pack: Pack, progress: Progress | None = None) -> None:
    """Read every byte of `pack` and compare with its manifest's digests and, in an archive, with the CRC-32s.

    Raises:
        PackError: MP565 there is no manifest; MP509 its tensors are others; MP523, MP564 contents differ: all
        of them.
    """
    if pack.manifest is None:
        refuse(
            "MP565",
            f"there is no {MANIFEST}",
            os.path.basename(pack.where),
            "save the pack with this library to get one",
        )
    check = _Check(pack, progress or _silent)
    problems = [problem for name, window in pack.files.items() for problem in check.file(name, window)]
    if problems:
        raise PackError(problems)


def _silent(_: str, __: int, ___: int) -> None:
    pass


class _Check:
    """One pass over the bytes of a pack, for both digests and CRC-32s."""

    def __init__(self, pack: Pack, progress: Progress) -> None:
        self._pack = pack
        self._progress = progress
        self._total = sum(window.size for window in pack.files.values())
        self._done = 0
        self._crc = 0

    def file(self, name: str, window: Window) -> Iterator[Problem]:
        self._crc = 0
        record = self._records.get(name)
        if record is None:
            self._digest(name, window, 0, window.size)
        elif window.size != record.size:
            yield Problem("MP564", f"{window.size} bytes, the manifest says {record.size}", path=name)
            return
        else:
            yield from self._content(name, window, record)
        claimed = self._pack.crcs.get(name, self._crc)
        if claimed != self._crc:
            yield Problem("MP523", f"CRC-32 {self._crc:08x}, the archive says {claimed:08x}", path=name)

    @property
    def _records(self) -> Mapping[str, FileRecord]:
        return self._pack.manifest.files if self._pack.manifest else {}

    def _content(self, name: str, window: Window, record: FileRecord) -> Iterator[Problem]:
        file = next((file for file in self._weight_files() if file.window is window), None)
        if file is None:
            found = digests.text(self._digest(name, window, 0, window.size))
        else:
            parts = [self._digest(name, window, 0, file.table.data_start)]
            parts += [self._digest(info.name, window, info.start, info.stop) for info in file.table.tensors]
            each = {
                info.name: digests.text(part)
                for info, part in zip(file.table.tensors, parts[1:], strict=True)
            }
            yield from _differences(name, each, record.tensors)
            found = digests.combine(parts)
        if found != record.digest:
            yield Problem("MP564", f"its digest is {found}, the manifest says {record.digest}", path=name)

    def _weight_files(self) -> Iterator[WeightFile]:
        for weights in (self._pack.weights, self._pack.samples):
            yield from () if weights is None else weights.files

    def _digest(self, name: str, window: Window, start: int, stop: int) -> bytes:
        return digests.of_bytes(self._read(name, window, start, stop))

    def _read(self, name: str, window: Window, start: int, stop: int) -> Iterator[memoryview]:
        for piece in window.chunks(start, stop):
            self._crc = zlib.crc32(piece, self._crc)
            yield piece
            self._done += len(piece)
            self._progress(name, self._done, self._total)


def _differences(file: str, found: Mapping[str, str], expected: Mapping[str, str]) -> Iterator[Problem]:
    for name in sorted(found.keys() | expected.keys()):
        path = f"{file}: {name!r}"
        if name not in expected:
            yield Problem("MP509", "the manifest has no digest of this tensor", path=path)
        elif name not in found:
            yield Problem("MP509", "the manifest has a digest of a tensor that isn't there", path=path)
        elif found[name] != expected[name]:
            yield Problem(
                "MP564", f"its digest is {found[name]}, the manifest says {expected[name]}", path=path
            )
