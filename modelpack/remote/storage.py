"""Ranges of a file by way of any file system of fsspec: S3, memory, …

connect(fs, path, name, length) -> (StoredFile, the first bytes)       .size .fetch(ranges)
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from modelpack.remote.patience import AT_ONCE, ATTEMPTS, pauses
from modelpack.remote.ranges import Range
from modelpack.strict_json import refuse

__all__ = ["StoredFile", "connect", "is_directory"]

_PIECE = 16 << 20
"""Bytes of one request: answers are held in memory until all that were asked for together are there."""

_MARKS = (
    "size", "ETag", "etag", "md5Hash", "generation", "mtime", "LastModified", "last_modified", "created", "ino",
)  # fmt: skip
"""What file systems tell by which a change is seen."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file, as it was when first asked for; `name` is what errors call it."""

    fs: Any
    path: str
    name: str
    marks: tuple[object, ...]

    @property
    def size(self) -> int:
        size = self.marks[0]
        if not isinstance(size, int):
            refuse("MP572", "it isn't told how long the file is", self.name)
        return size

    @property
    def piece(self) -> int:
        return _PIECE

    def fetch(self, ranges: Sequence[Range]) -> None:
        """Read all `ranges` into their parts.

        Raises:
            PackError: MP570 reading failed, several times; MP571 the file changed; MP574 it may not be read.
        """
        for first in range(0, len(ranges), AT_ONCE):
            left = list(ranges[first : first + AT_ONCE])
            for pause in pauses():
                left, error = self._attempt(left)
                if error is None:
                    break
                if pause is None:
                    self._check()
                    _give_up(error, self.name)
                time.sleep(pause)
        self._check()

    def _attempt(self, ranges: Sequence[Range]) -> tuple[list[Range], Exception | None]:
        """Those that failed, and why the last did."""
        answers = self.fs.cat_ranges(
            [self.path] * len(ranges),
            [each.start for each in ranges],
            [each.stop for each in ranges],
            on_error="return",
        )
        failed: list[Range] = []
        error: Exception | None = None
        for each, answer in zip(ranges, answers, strict=True):
            if isinstance(answer, Exception):
                failed.append(each)
                error = answer
            elif len(answer) != each.size:
                refuse(
                    "MP571",
                    f"{len(answer)} bytes came for {each.start} to {each.stop - 1}",
                    self.name,
                    "open it again",
                )
            else:
                each.put(each.start, answer)
        return failed, error

    def _check(self) -> None:
        if _marks(self.fs, self.path, self.name) != self.marks:
            refuse("MP571", "the file is another than when it was opened", self.name, "open it again")


def connect(fs: Any, path: str, name: str, length: int) -> tuple[StoredFile, bytes]:
    """The file at `path`, and its first `length` bytes, or all if it has fewer.

    Raises:
        PackError: MP501 there is none; MP570 to MP574, as `StoredFile.fetch`.
    """
    file = StoredFile(fs, path, name, _marks(fs, path, name))
    data = bytearray(min(length, file.size))
    file.fetch([Range(0, len(data), ((0, memoryview(data)),), (0,))] if data else [])
    return file, bytes(data)


def is_directory(fs: Any, path: str, name: str) -> bool:
    """Raises PackError as `connect`."""
    return _insist(lambda: fs.info(path), name)["type"] == "directory"


def _marks(fs: Any, path: str, name: str) -> tuple[object, ...]:
    fs.invalidate_cache(path)  # what a listing said some time ago is no mark of the file now
    info = _insist(lambda: fs.info(path), name)
    return tuple(info.get(key) for key in _MARKS)


def _insist(work: Callable[[], Any], name: str) -> Any:
    for pause in pauses():
        try:
            return work()
        except Exception as error:  # each file system has errors of its own
            if pause is None or isinstance(error, FileNotFoundError | PermissionError):
                _give_up(error, name)
            time.sleep(pause)
    raise AssertionError("the last attempt returns or raises")


def _give_up(error: Exception, name: str) -> NoReturn:
    if isinstance(error, FileNotFoundError):
        refuse("MP501", "there is no such file", name)
    if isinstance(error, PermissionError):
        refuse("MP574", f"it may not be read: {error!s:.200}", name)
    said = f"{type(error).__name__}: {error!s:.200}"
    refuse("MP570", f"{said}, after {ATTEMPTS} attempts", name)
