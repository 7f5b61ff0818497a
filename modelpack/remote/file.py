"""A file elsewhere as the `Source` of windows: what was read of it already isn't asked for again.

RemoteFile(far, ((0, first bytes),)).holding([(start, stop), …])       the same, with these spans at hand
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from modelpack.remote.ranges import Part, Range, plan
from modelpack.spans import rooms

__all__ = ["Far", "RemoteFile"]


class Far(Protocol):
    """What a file elsewhere can do: `http.HttpFile`, `storage.StoredFile`."""

    @property
    def size(self) -> int: ...

    @property
    def piece(self) -> int:
        """The most bytes that one request should be for."""
        ...

    def fetch(self, ranges: Sequence[Range]) -> None: ...


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """`held` are spans of the file that are at hand: where each begins, and its bytes; in order."""

    far: Far
    held: tuple[tuple[int, bytes], ...]

    def holding(self, spans: Sequence[tuple[int, int]]) -> RemoteFile:
        """This file with the bytes of `spans` at hand, read in as few requests as that takes.

        Raises:
            PackError: MP570 to MP574.
        """
        parts: list[Part] = []
        for start, stop in spans:
            start += len(self._at_hand(start, stop))
            parts.append((start, memoryview(bytearray(stop - start))))
        self._fetch(parts)
        new = [(start, bytes(room)) for start, room in parts if room]
        return replace(self, held=tuple(sorted([*self.held, *new])))

    def read(self, start: int, stop: int, name: str) -> bytes:
        """Raises PackError MP570 to MP574."""
        data = self._at_hand(start, stop)
        if len(data) == stop - start:
            return data
        rest = bytearray(stop - start - len(data))
        self._fetch([(start + len(data), memoryview(rest))])
        return data + rest

    def read_into(self, start: int, buffer: memoryview, name: str) -> None:
        """Raises PackError MP570 to MP574."""
        self.fill([(start, buffer)], name)

    def fill(self, parts: Sequence[Part], name: str) -> None:
        """Raises PackError MP570 to MP574."""
        missing: list[Part] = []
        for start, room in parts:
            data = self._at_hand(start, start + len(room))
            room[: len(data)] = data
            missing.append((start + len(data), room[len(data) :]))
        self._fetch(missing)

    def views(self, spans: Sequence[tuple[int, int]], name: str) -> list[memoryview]:
        """Nothing can be mapped here, so all is read."""
        views = list(rooms([stop - start for start, stop in spans]))
        self.fill([(start, room) for (start, _), room in zip(spans, views, strict=True)], name)
        return views

    def close(self) -> None:
        """Connections belong to fsspec, which keeps them for the next file."""

    def _fetch(self, parts: Sequence[Part]) -> None:
        ranges = plan(parts, self.far.piece)
        if ranges:
            self.far.fetch(ranges)

    def _at_hand(self, start: int, stop: int) -> bytes:
        """The bytes from `start` on, as far as they are held, up to `stop`."""
        found = b""
        for begin, data in self.held[max(bisect_right(self.held, start, key=_begin) - 1, 0) :]:
            at = start + len(found)
            if not begin <= at < min(begin + len(data), stop):
                break
            found += data[at - begin : stop - begin]
        return found


def _begin(span: tuple[int, bytes]) -> int:
    return span[0]
