"""A span of an open file: read by position, or mapped. What a pack's file is, whether on its own or inside an
archive.

Positions count from the beginning of the span. A `Window` never moves a file's offset, so threads may share
one.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from dataclasses import dataclass
from io import FileIO

from modelpack.strict_json import refuse

__all__ = ["CHUNK", "Window"]

CHUNK = 4 << 20
"""Bytes that streaming code holds at once."""


@dataclass(frozen=True, slots=True)
class Window:
    """`size` bytes of `file` from `offset` on; `name` is what errors call it."""

    file: FileIO
    offset: int
    size: int
    name: str

    def read(self, start: int, stop: int) -> bytes:
        """The bytes `start` to `stop` (exclusive). Raises PackError MP508 if the file has become shorter."""
        data = os.pread(self.file.fileno(), stop - start, self.offset + start)
        if len(data) == stop - start:
            return data
        buffer = bytearray(stop - start)
        self.read_into(start, memoryview(buffer))
        return bytes(buffer)

    def read_into(self, start: int, buffer: memoryview) -> None:
        """Fill `buffer` with the bytes from `start` on. Raises PackError MP508 if the file has become
        shorter.
        """
        done = 0
        while done < len(buffer):
            count = os.preadv(self.file.fileno(), [buffer[done:]], self.offset + start + done)
            if count == 0:
                refuse(
                    "MP508",
                    f"ended at byte {start + done}, {len(buffer) - done} more were expected",
                    self.name,
                )
            done += count

    def chunks(self, start: int, stop: int) -> Iterator[memoryview]:
        """The bytes `start` to `stop` in pieces; each is overwritten when the next is asked for."""
        buffer = memoryview(bytearray(min(CHUNK, stop - start)))
        while start < stop:
            piece = buffer[: stop - start]
            self.read_into(start, piece)
            yield piece
            start += len(piece)

    def map(self) -> memoryview:
        """The whole span, mapped private and writable: what is written to it stays in this process.

        The mapping lives as long as a view of it does, past the closing of the file. A file that is truncated
        in place while mapped kills the process that reads the missing part (SIGBUS): packs are replaced by
        rename, never rewritten.
        """
        begin = self.offset - self.offset % mmap.ALLOCATIONGRANULARITY
        skipped = self.offset - begin
        mapped = mmap.mmap(self.file.fileno(), skipped + self.size, access=mmap.ACCESS_COPY, offset=begin)
        return memoryview(mapped)[skipped:]
