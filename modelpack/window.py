"""A span of a file: read by position, or brought to memory. What a pack's file is, whether on its own or inside an
archive, on this machine or elsewhere.

    Window(LocalFile(file), 0, size, name)       .read(start, stop) .read_into(start, buffer) .chunks(…) .pieces(…) .views(…)

Positions count from the beginning of the span. Reading never moves a file's offset, so threads may share a window.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import FileIO
from typing import Protocol

from modelpack.strict_json import refuse

__all__ = ["CHUNK", "LocalFile", "Source", "Window"]

CHUNK = 4 << 20
"""Bytes that streaming code holds at once."""

_AHEAD = 4
"""Pieces of `CHUNK` that are asked for before they are read."""


class Source(Protocol):
    """A file as spans of bytes; `name` is what errors call the part of it that is read. All may raise PackError."""

    def read(self, start: int, stop: int, name: str) -> bytes:
        """The bytes `start` to `stop` (exclusive)."""
        ...

    def read_into(self, start: int, buffer: memoryview, name: str) -> None:
        """Fill `buffer` with the bytes from `start` on; those that follow are likely to be next."""
        ...

    def fill(self, parts: Sequence[tuple[int, memoryview]], name: str) -> None:
        """Fill each buffer with the bytes from its position on; no others will be needed."""
        ...

    def views(self, spans: Sequence[tuple[int, int]], name: str) -> list[memoryview]:
        """Each span as writable memory that is private to this process, in the way that costs least now."""
        ...

    def close(self) -> None:
        """Let go of it; views stay."""
        ...


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file of this machine. Reading what is no longer there is PackError MP508."""

    file: FileIO

    def read(self, start: int, stop: int, name: str) -> bytes:
        data = os.pread(self.file.fileno(), stop - start, start)
        if len(data) == stop - start:
            return data
        buffer = bytearray(stop - start)
        self.read_into(start, memoryview(buffer), name)
        return bytes(buffer)

    def read_into(self, start: int, buffer: memoryview, name: str) -> None:
        done = 0
        while done < len(buffer):
            count = os.preadv(self.file.fileno(), [buffer[done:]], start + done)
            if count == 0:
                missing = len(buffer) - done
                refuse("MP508", f"ended at byte {start + done}, {missing} more were expected", name)
            done += count

    def fill(self, parts: Sequence[tuple[int, memoryview]], name: str) -> None:
        number, pieces = self.file.fileno(), list(_pieces(parts))
        # The kernel reads ahead by megabytes of what nobody asked for; what is mapped later still wants that. Told what
        # comes next, it fetches that while this is copied.
        os.posix_fadvise(number, 0, 0, os.POSIX_FADV_RANDOM)
        try:
            for at, (start, buffer) in enumerate(pieces):
                for first, ahead in pieces[at + _AHEAD if at else 0 : at + _AHEAD + 1]:
                    os.posix_fadvise(number, first, len(ahead), os.POSIX_FADV_WILLNEED)
                self.read_into(start, buffer, name)
        finally:
            os.posix_fadvise(number, 0, 0, os.POSIX_FADV_NORMAL)

    def views(self, spans: Sequence[tuple[int, int]], name: str) -> list[memoryview]:
        """Views of one mapping over all `spans`: nothing is read before it is touched, and what is written stays in
        this process.

        The mapping lives as long as a view of it does, past the closing of the file. A file that is truncated
        in place while mapped kills the process that reads the missing part (SIGBUS): packs are replaced by
        rename, never rewritten.
        """
        first = min((start for start, _ in spans), default=0)
        begin = first - first % mmap.ALLOCATIONGRANULARITY
        length = max((stop for _, stop in spans), default=0) - begin
        if not length:
            return [memoryview(bytearray()) for _ in spans]
        mapped = memoryview(mmap.mmap(self.file.fileno(), length, access=mmap.ACCESS_COPY, offset=begin))
        return [mapped[start - begin : stop - begin] for start, stop in spans]

    def close(self) -> None:
        self.file.close()


def _pieces(parts: Sequence[tuple[int, memoryview]]) -> Iterator[tuple[int, memoryview]]:
    """`parts` in pieces of at most `CHUNK` bytes, none of them empty: no length would mean all that follows."""
    for start, buffer in parts:
        for at in range(0, len(buffer), CHUNK):
            yield start + at, buffer[at : at + CHUNK]


@dataclass(frozen=True, slots=True)
class Window:
    """`size` bytes of `source` from `offset` on; `name` is what errors call it."""

    source: Source
    offset: int
    size: int
    name: str

    def read(self, start: int, stop: int) -> bytes:
        """The bytes `start` to `stop` (exclusive). Raises PackError MP508 if the file has become shorter."""
        return self.source.read(self.offset + start, self.offset + stop, self.name)

    def read_into(self, start: int, buffer: memoryview) -> None:
        """Fill `buffer` with the bytes from `start` on. Raises PackError MP508 if the file has become
        shorter.
        """
        self.source.read_into(self.offset + start, buffer, self.name)

    def chunks(self, start: int, stop: int) -> Iterator[memoryview]:
        """The bytes `start` to `stop` in pieces; each is overwritten when the next is asked for."""
        buffer = memoryview(bytearray(min(CHUNK, stop - start)))
        while start < stop:
            piece = buffer[: stop - start]
            self.read_into(start, piece)
            yield piece
            start += len(piece)

    def pieces(self, start: int, stop: int) -> Iterator[bytes]:
        """As `chunks`, each of its own: what is written is digested beside, when others may have been asked for already."""
        for at in range(start, stop, CHUNK):
            yield self.read(at, min(at + CHUNK, stop))

    def views(self, spans: Sequence[tuple[int, int]]) -> list[memoryview]:
        """Each span as writable memory of this process: mapped where the file is here (see `LocalFile.views`), else
        read.
        """
        return self.source.views(
            [(self.offset + start, self.offset + stop) for start, stop in spans], self.name
        )
