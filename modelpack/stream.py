"""Parts -> bytes in a file, with their digests and CRC-32 made beside the write.

    with Beside() as beside:                       one more thread
        sums = write_parts(number, offset, parts, beside, …)
    sums.digests, sums.crc                          after the `with`

Writing and hashing both release the GIL on large buffers, so a second core makes them about free.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from queue import Queue
from threading import Thread
from types import TracebackType

import blake3

from modelpack.libc import start_writeback
from modelpack.safetensors_layout import Part, pieces_of

__all__ = ["Beside", "Sums", "write_all", "write_parts"]

_PIECE = 1 << 20  # stays in the cache between the write, the digest and the CRC
_QUEUED = 16
_WRITEBACK = 16 << 20


class Beside:
    """A thread that does what it is given, in order; its first error is raised where work is given or at the
    end.
    """

    def __init__(self) -> None:
        self._queue: Queue[Callable[[], None] | None] = Queue(_QUEUED)
        self._thread = Thread(target=self._run, name="modelpack digests", daemon=True)
        self._error: BaseException | None = None

    def do(self, work: Callable[[], None]) -> None:
        """Queue `work`; waits while the queue is full."""
        if self._error is not None:
            raise self._error
        self._queue.put(work)

    def _run(self) -> None:
        while (work := self._queue.get()) is not None:
            if self._error is None:
                try:
                    work()
                except BaseException as error:  # handed over to the thread that gave the work
                    self._error = error

    def __enter__(self) -> Beside:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._queue.put(None)
        self._thread.join()
        if self._error is not None and error is None:
            raise self._error


@dataclass(slots=True)
class Sums:
    """BLAKE3 of each part and, for an archive, the CRC-32 of all; complete once `Beside` has ended."""

    digests: list[bytes] = field(default_factory=list[bytes])
    crc: int = 0


def write_parts(
    number: int,
    offset: int,
    parts: Sequence[Part],
    beside: Beside,
    update_crc: Callable[[Sums, memoryview], None],
    progress: Callable[[int], None],
) -> Sums:
    """Write `parts` to the file descriptor `number` from `offset` on; `progress` is told of each number of
    bytes.

    Raises:
        PackError: MP554 a part gave other than its size of bytes.
    """
    sums = Sums()
    started = offset
    for part in parts:
        hasher = blake3.blake3()
        for whole in pieces_of(part):
            for start in range(0, len(whole), _PIECE):
                piece = whole[start : start + _PIECE]
                beside.do(_update(sums, hasher, piece, update_crc))
                write_all(number, piece, offset)
                offset += len(piece)
                progress(len(piece))
                if offset - started >= _WRITEBACK:
                    start_writeback(number, started, offset - started)
                    started = offset
        beside.do(_finish(sums, hasher))
    return sums


def no_crc(sums: Sums, piece: memoryview) -> None:
    """A directory has no CRC-32."""


def running_crc(sums: Sums, piece: memoryview) -> None:
    sums.crc = zlib.crc32(piece, sums.crc)


def write_all(number: int, data: memoryview | bytes, offset: int) -> None:
    """All of `data` at `offset`, also where the system writes less at a time."""
    view = memoryview(data)
    while view:
        count = os.pwrite(number, view, offset)
        view = view[count:]
        offset += count


def _update(
    sums: Sums, hasher: blake3.blake3, piece: memoryview, update_crc: Callable[[Sums, memoryview], None]
) -> Callable[[], None]:
    def work() -> None:
        hasher.update(piece)
        update_crc(sums, piece)

    return work


def _finish(sums: Sums, hasher: blake3.blake3) -> Callable[[], None]:
    return lambda: sums.digests.append(hasher.digest())
