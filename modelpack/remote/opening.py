"""A URL -> the files of the pack there, in few requests.

    open_files(url, limits) -> {name: Window}, {name: CRC-32}

A single file takes two: its beginning, which holds text and headers where these are short, and its end, where the ZIP's
directory is; and a third where headers lie elsewhere. In a directory the manifest says which files there are.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

from modelpack.archive import Entry, read_directory, read_locals
from modelpack.archive_layout import LOCAL
from modelpack.errors import PackError
from modelpack.files import ARCHITECTURE, MANIFEST, SAMPLES, weight_files
from modelpack.limits import Limits
from modelpack.manifest import read_manifest
from modelpack.remote import storage
from modelpack.remote.file import RemoteFile
from modelpack.remote.patience import AT_ONCE
from modelpack.remote.urls import below, file_system, is_http, shown
from modelpack.strict_json import refuse
from modelpack.window import Window

__all__ = ["open_files"]

_FIRST = 64 << 10
"""Bytes of the first request."""
_LAST = 16 << 10
_LOCAL_RECORD = LOCAL.size + 256
_SPARE = 4 << 10

Connect = Callable[[str, int], RemoteFile]
"""A file of the pack (empty: the pack itself), with so many bytes at hand, if it has them."""


def open_files(url: str, limits: Limits) -> tuple[dict[str, Window], dict[str, int]]:
    """The files of the pack at `url`, and what an archive claims as their CRC-32s.

    Over HTTP a URL that ends in ``/`` is a directory, any other a file; elsewhere it is what is there.

    Raises:
        PackError: MP501 to MP503, MP510 to MP524 (archive), MP560 to MP563 (manifest), MP570 to MP575.
    """
    fs, path = file_system(url)
    name = shown(url)
    if is_http(url):
        connect, is_directory = _over_http(fs, url), url.partition("?")[0].endswith("/")
    else:
        connect, is_directory = _stored(fs, path, name), storage.is_directory(fs, path, name)
    if is_directory:
        # Others may have one connection, that threads can't share.
        return _directory(name, limits, connect, AT_ONCE if fs.async_impl else 1), {}
    return _archive(name, limits, connect("", _FIRST))


def _over_http(fs: Any, url: str) -> Connect:
    from modelpack.remote import http  # needs aiohttp, which other file systems don't

    def connect(name: str, length: int) -> RemoteFile:
        far, data = http.connect(fs, below(url, name) if name else url, name or shown(url), length)
        return RemoteFile(far, ((0, data),))

    return connect


def _stored(fs: Any, path: str, shown_as: str) -> Connect:
    def connect(name: str, length: int) -> RemoteFile:
        place = f"{path.rstrip('/')}/{name}" if name else path
        far, data = storage.connect(fs, place, name or shown_as, length)
        return RemoteFile(far, ((0, data),))

    return connect


def _archive(name: str, limits: Limits, file: RemoteFile) -> tuple[dict[str, Window], dict[str, int]]:
    size = file.far.size
    file = file.holding([(max(0, size - _LAST), size)])
    whole = Window(file, 0, size, name)
    entries, end = read_directory(whole, limits)
    if not entries:
        refuse("MP502", f"there is no {ARCHITECTURE}", name)
    whole = Window(file.holding(_first_spans(entries, end, limits)), 0, size, name)
    members = read_locals(whole, entries, end)
    return (
        {name: member.window for name, member in members.items()},
        {name: member.crc for name, member in members.items()},
    )


def _first_spans(entries: Mapping[str, Entry], end: int, limits: Limits) -> list[tuple[int, int]]:
    """What opening will read: the records of all members, text as a whole, of tensors what their headers may take."""
    guess = _header_guess(
        entries, min(entries[MANIFEST].size, limits.manifest_bytes) if MANIFEST in entries else 0
    )
    most = {ARCHITECTURE: limits.architecture_bytes, MANIFEST: limits.manifest_bytes, SAMPLES: _SPARE}
    placed = sorted((entry.header, name) for name, entry in entries.items())
    spans: list[tuple[int, int]] = []
    for (start, name), (following, _) in pairwise([*placed, (end, "")]):
        length = _LOCAL_RECORD + min(entries[name].size, most.get(name, guess))
        spans.append((start, max(start, min(start + length, following))))
    return spans


def _header_guess(names: Collection[str], manifest: int) -> int:
    """Bytes of a header of weights: it has a little less to say of each tensor than the manifest, where its digest stands."""
    shares = len(weight_files(names)) or 1
    # Shards don't have equally many; and without a manifest there are more of them than anyone would guess for.
    uneven = 0 if shares == 1 else manifest // 2
    return _SPARE + (manifest + uneven or _FIRST) // shares


def _directory(name: str, limits: Limits, connect: Connect, at_once: int) -> dict[str, Window]:
    try:
        file = connect(MANIFEST, _FIRST)
    except PackError as error:
        if [problem.code for problem in error.problems] != ["MP501"]:
            raise
        hint = f"a directory is opened by its {MANIFEST}; the URL of a single file doesn't end in '/'"
        refuse("MP575", f"there is no {MANIFEST}", name, hint)
    window = Window(file, 0, file.far.size, MANIFEST)
    if window.size > limits.manifest_bytes:
        refuse("MP505", f"{window.size} bytes, the limit is {limits.manifest_bytes}", MANIFEST)
    data = window.read(0, window.size)
    manifest = read_manifest(data, limits)
    if len(manifest.files) > limits.shards + 3:
        refuse("MP514", f"{len(manifest.files)} files, the limit is {limits.shards + 3}", name)
    windows = {MANIFEST: Window(RemoteFile(file.far, ((0, data),)), 0, len(data), MANIFEST)}
    guess = _header_guess(manifest.files, len(data))
    most = {ARCHITECTURE: limits.architecture_bytes, SAMPLES: _SPARE}
    lengths = {each: most.get(each, guess) for each in manifest.files}
    with ThreadPoolExecutor(at_once) as threads:
        for each, opened in zip(lengths, threads.map(connect, lengths, lengths.values()), strict=True):
            windows[each] = Window(opened, 0, opened.far.size, each)
    return windows
