"""Ranges of a file over HTTP. Whatever a server answers is held against what was asked for before its body is read.

fsspec makes the connections, with the options that are configured for it; its own way to read a range takes the whole file
from a server that doesn't know ranges, and sees neither entity tags nor sizes.

    connect(fs, url, name, length) -> (HttpFile, the first bytes)       .size .fetch(ranges)
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import aiohttp
from fsspec.asyn import sync

from modelpack.remote.patience import AT_ONCE, ATTEMPTS, pauses
from modelpack.remote.ranges import Range
from modelpack.strict_json import refuse

__all__ = ["HttpFile", "connect"]

_PIECE = 128 << 20
"""Bytes of one request: they go to their places as they come, so that few requests cost no memory."""

_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=30, sock_read=60)
_AGAIN = (408, 425, 429, 500, 502, 503, 504)
_BUFFER = 1 << 18
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})")


class _TransientError(Exception):
    """A failure that may be over soon."""


@dataclass(frozen=True, slots=True)
class _Version:
    """What tells one state of a file from another."""

    size: int
    tag: str | None
    modified: str | None


@dataclass(frozen=True, slots=True)
class HttpFile:
    """A file, as it was when first asked for; `name` is what errors call it."""

    fs: Any
    url: str
    name: str
    version: _Version

    @property
    def size(self) -> int:
        return self.version.size

    @property
    def piece(self) -> int:
        return _PIECE

    def fetch(self, ranges: Sequence[Range]) -> None:
        """Read all `ranges` into their parts, several at once.

        Raises:
            PackError: MP570 the network failed, several times; MP571 the file changed, or an answer is another than was asked
            for; MP572 the server doesn't know ranges; MP574 it refuses.
        """
        sync(self.fs.loop, self._fetch, ranges)

    async def _fetch(self, ranges: Sequence[Range]) -> None:
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(each: Range) -> None:
            async with gate:
                await _insist(lambda: self._get(each), self.name)

        try:
            async with asyncio.TaskGroup() as group:
                for each in ranges:
                    group.create_task(one(each))
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None

    async def _get(self, wanted: Range) -> None:
        async with await _request(self.fs, self.url, wanted.start, wanted.stop) as answer:
            version = _version(answer, wanted.start, wanted.stop, self.name)
            if version != self.version:
                refuse("MP571", "the file is another than when it was opened", self.name, "open it again")
            position = wanted.start
            async for chunk in answer.content.iter_any():
                if position + len(chunk) > wanted.stop:
                    refuse("MP571", "the server sent more than was asked for", self.name)
                wanted.put(position, chunk)
                position += len(chunk)
        if position < wanted.stop:
            raise _TransientError(f"the answer ended {wanted.stop - position} bytes early")


def connect(fs: Any, url: str, name: str, length: int) -> tuple[HttpFile, bytes]:
    """The file at `url`, and its first `length` bytes, or all if it has fewer.

    Raises:
        PackError: MP501 there is none; MP570 to MP574, as `HttpFile.fetch`.
    """

    async def first() -> tuple[_Version, bytes]:
        async with await _request(fs, url, 0, length) as answer:
            version = _version(answer, 0, length, name)
            if version is None:
                refuse("MP501", "there is no such file", name)
            expected = min(length, version.size)
            data = bytearray()
            async for chunk in answer.content.iter_any():
                data += chunk
                if len(data) > expected:
                    refuse("MP571", "the server sent more than was asked for", name)
        if len(data) < expected:
            raise _TransientError(f"the answer ended {expected - len(data)} bytes early")
        return version, bytes(data)

    answer: Any = sync(fs.loop, _insist, first, name)
    version, data = answer
    return HttpFile(fs, url, name, version), data


async def _insist(work: Any, name: str) -> Any:
    """What `work` gives, tried again where a failure may be over soon."""
    for pause in pauses():
        try:
            return await work()
        except (
            _TransientError,
            aiohttp.ClientConnectionError,
            aiohttp.ClientPayloadError,
            TimeoutError,
        ) as error:
            if pause is None:
                said = f"{type(error).__name__}: {error}".removeprefix("_TransientError: ")
                refuse("MP570", f"{said:.200}, after {ATTEMPTS} attempts", name)
            await asyncio.sleep(pause)
        except aiohttp.ClientError as error:  # the URL itself is wrong, or redirects to nowhere
            refuse("MP574", f"{type(error).__name__}: it can't be asked for", name)
    raise AssertionError("the last attempt returns or raises")


async def _request(fs: Any, url: str, start: int, stop: int) -> Any:
    session = await fs.set_session()
    options = dict(fs.kwargs)
    # Compressed on the way, the bytes would be others than those asked for.
    ours = {"Range": f"bytes={start}-{stop - 1}", "Accept-Encoding": "identity"}
    options["headers"] = {**options.get("headers", {}), **ours}
    return await session.get(fs.encode_url(url), **{"timeout": _TIMEOUT, "read_bufsize": _BUFFER, **options})


def _version(answer: Any, start: int, stop: int, name: str) -> _Version | None:
    """What an answer to a request for `start` to `stop` says of the file; None if there is no such file.

    Raises:
        PackError: MP571, MP572, MP574.
    """
    status, headers = answer.status, answer.headers
    if status in _AGAIN:
        raise _TransientError(f"the server answered {status}")
    if status in (404, 410):
        return None
    if any(before.url.scheme == "https" for before in answer.history) and answer.url.scheme != "https":
        refuse("MP574", "it redirects to where nothing is encrypted", name)
    if headers.get("Content-Encoding", "identity") != "identity":
        refuse("MP572", "the server compresses its answers", name)
    if status == 206:
        size = _size_of_part(headers.get("Content-Range", ""), start, stop, name)
    elif status == 200:
        size = _size_of_all(headers.get("Content-Length", ""), start, stop, name)
    elif status == 416:
        refuse("MP571", f"the file has no bytes from {start} on", name)
    else:
        refuse("MP574", f"the server answered {status}", name)
    return _Version(size, headers.get("ETag"), headers.get("Last-Modified"))


def _size_of_part(told: str, start: int, stop: int, name: str) -> int:
    match = _CONTENT_RANGE.fullmatch(told)
    if match is None:
        refuse("MP572", f"the server says {told!r:.100} of its range and of the file's size", name)
    first, last, size = map(int, match.groups())
    if first != start or last + 1 != min(stop, size):
        refuse("MP571", f"the server sent {told!r}, not the bytes {start} to {stop - 1}", name)
    return size


def _size_of_all(told: str, start: int, stop: int, name: str) -> int:
    """Servers may answer with the whole file: fine where no more was asked for."""
    if start == 0 and told.isascii() and told.isdecimal() and len(told) < 18 and int(told) <= stop:
        return int(told)
    return _no_ranges(name)


def _no_ranges(name: str) -> NoReturn:
    refuse("MP572", "the server sends nothing less than the whole file", name, "download it, and open that")
