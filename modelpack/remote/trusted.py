"""A pack from elsewhere -> the same, each tensor held against its digest as it arrives, and kept in a cache.

checked(files, weights, manifest, cache) -> {name: Window}       the windows over sources that check
Cache(directory)                                                 .read_into(digest, room) .keep(digest, data)
"""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from io import FileIO
from pathlib import Path
from typing import NamedTuple

from modelpack import digests
from modelpack.manifest import Manifest
from modelpack.spans import rooms
from modelpack.strict_json import refuse
from modelpack.weights import WeightFile
from modelpack.window import Source, Window

__all__ = ["Cache", "checked"]

_LINE = len("blake3:")


@dataclass(frozen=True, slots=True)
class Cache:
    """Tensors by their digest: `directory`/ab/abcdef… Packs share what they have in common."""

    directory: Path

    def read_into(self, digest: str, room: memoryview) -> bool:
        """Fill `room` with what has this digest, if it is here; what is here but has another is removed."""
        path = self._path(digest)
        try:
            number = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
        except OSError:
            return False
        with FileIO(number, "rb") as file:
            about = os.fstat(number)
            sound = stat.S_ISREG(about.st_mode) and about.st_size == len(room) and _fill(file, room)
        if sound and digests.text(digests.of_bytes([room])) == digest:
            return True
        with contextlib.suppress(OSError):
            path.unlink()
        return False

    def keep(self, digest: str, data: memoryview) -> None:
        """Write `data`, whose digest this is: a reader sees all of it or nothing. Raises OSError."""
        path = self._path(digest)
        path.parent.mkdir(parents=True, exist_ok=True)
        number, name = tempfile.mkstemp(dir=path.parent, prefix=".")
        try:
            with open(number, "wb", buffering=0) as file:
                while data:
                    data = data[file.write(data) :]
            os.replace(name, path)
        except BaseException:
            os.unlink(name)
            raise

    def _path(self, digest: str) -> Path:
        """Digests are checked to be hexadecimal where they are read, so this is no path of anybody's."""
        name = digest[_LINE:]
        return self.directory / name[:2] / name


class _Tensor(NamedTuple):
    name: str
    digest: str


@dataclass(frozen=True, slots=True)
class _Checked:
    """`source`, of which the spans in `tensors` are held against their digests whenever one is read as a whole."""

    source: Source
    tensors: Mapping[tuple[int, int], _Tensor]
    cache: Cache | None

    def read(self, start: int, stop: int, name: str) -> bytes:
        return self.source.read(start, stop, name)

    def read_into(self, start: int, buffer: memoryview, name: str) -> None:
        """Unchecked: pieces have no digests."""
        self.source.read_into(start, buffer, name)

    def fill(self, parts: Sequence[tuple[int, memoryview]], name: str) -> None:
        """Raises PackError MP564, MP570 to MP574."""
        missing = [part for part in parts if not self._cached(part)]
        self.source.fill(missing, name)
        for part in missing:
            tensor = self._tensor(part)
            if tensor is not None:
                self._check(tensor, part[1], name)

    def views(self, spans: Sequence[tuple[int, int]], name: str) -> list[memoryview]:
        views = list(rooms([stop - start for start, stop in spans]))
        self.fill([(start, room) for (start, _), room in zip(spans, views, strict=True)], name)
        return views

    def close(self) -> None:
        self.source.close()

    def _tensor(self, part: tuple[int, memoryview]) -> _Tensor | None:
        start, room = part
        return self.tensors.get((start, start + len(room)))

    def _cached(self, part: tuple[int, memoryview]) -> bool:
        tensor = self._tensor(part)
        return tensor is not None and self.cache is not None and self.cache.read_into(tensor.digest, part[1])

    def _check(self, tensor: _Tensor, room: memoryview, name: str) -> None:
        found = digests.text(digests.of_bytes([room]))
        if found != tensor.digest:
            path = f"{name}: {tensor.name!r}"
            refuse("MP564", f"its digest is {found}, the manifest says {tensor.digest}", path)
        if self.cache is not None:
            self.cache.keep(tensor.digest, room)


def checked(
    files: Mapping[str, Window],
    weights: Iterable[WeightFile],
    manifest: Manifest,
    cache: str | os.PathLike[str] | None,
) -> dict[str, Window]:
    """`files`, over sources that hold the tensors of `weights` against the digests of `manifest`."""
    known: dict[int, dict[tuple[int, int], _Tensor]] = {}
    for file in weights:
        window = file.window
        told = manifest.files[window.name].tensors
        spans = known.setdefault(id(window.source), {})
        for info in file.table.tensors:
            if info.size and info.name in told:
                span = window.offset + info.start, window.offset + info.stop
                spans[span] = _Tensor(info.name, told[info.name])
    kept = None if cache is None else Cache(Path(cache))
    sources = {
        id(window.source): _Checked(window.source, known.get(id(window.source), {}), kept)
        for window in files.values()
    }
    return {name: replace(window, source=sources[id(window.source)]) for name, window in files.items()}


def _fill(file: FileIO, room: memoryview) -> bool:
    """Whether there was as much as `room` takes."""
    while room:
        count = file.readinto(room)
        if not count:
            return False
        room = room[count:]
    return True
