"""Path -> Pack: a directory or a `.modelpack` file, opened and checked by structure; no data is read."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from io import FileIO
from pathlib import Path

from modelpack.archive import read_members
from modelpack.errors import PackError, Problem
from modelpack.files import (
    ARCHITECTURE,
    MANIFEST,
    SAMPLES,
    is_pack_file,
    open_any,
    open_regular,
    retired,
    weight_files,
)
from modelpack.limits import Limits
from modelpack.manifest import Manifest, read_manifest
from modelpack.remote.urls import as_url, local_path, shown
from modelpack.strict_json import refuse
from modelpack.weights import Weights
from modelpack.window import LocalFile, Window

__all__ = ["Pack", "open_pack"]

_ATTEMPTS = 20


@dataclass(frozen=True, slots=True, eq=False)
class Pack:
    """An open pack. Close it, or use it in a `with`; tensors that are mapped outlive it.

    `where` is its path, or its URL without what may be secret; `files` are its files by name, as spans of open
    files; `crcs` the CRC-32 that an archive claims for each.
    """

    where: str
    architecture: bytes
    manifest: Manifest | None
    weights: Weights | None
    samples: Weights | None
    files: Mapping[str, Window]
    crcs: Mapping[str, int]

    def close(self) -> None:
        """Close its files."""
        _close(self.files.values())

    def __enter__(self) -> Pack:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_pack(
    path: str | os.PathLike[str],
    *,
    limits: Limits | None = None,
    cache: str | os.PathLike[str] | None = None,
) -> Pack:
    """Open the pack at `path`, a directory or an archive, whichever is there; or at a URL that fsspec knows.

    Checked are: the files' names and kinds, the archive's records, the headers of safetensors files, the
    manifest, and that manifest and files are about the same files. Contents are checked by `verify_digests`;
    what comes over the network, tensor by tensor as it is read. `cache`: a directory where such tensors are kept.

    Raises:
        PackError: MP501 to MP509, MP510 to MP524 (archive), MP530 to MP552 (safetensors), MP560 to MP563
        (manifest), MP570 to MP575 (network).
    """
    limits = limits or Limits()
    url = as_url(path)
    if url is None:
        return _here(Path(path), limits)
    near = local_path(url)
    if near is not None:
        return _here(Path(near), limits)
    from modelpack.remote.opening import open_files  # only who reads over the network pays for it

    return _trusted(_checked(shown(url), *open_files(url, limits), limits), cache)


def _here(path: Path, limits: Limits) -> Pack:
    return _checked(str(path), *_open_files(path, limits), limits)


def _checked(where: str, files: Mapping[str, Window], crcs: Mapping[str, int], limits: Limits) -> Pack:
    with _closing_on_error(files.values()):
        weights, samples = weight_files(files), [SAMPLES] if SAMPLES in files else []
        if ARCHITECTURE not in files:
            refuse("MP502", f"there is no {ARCHITECTURE}", os.path.basename(where))
        manifest = _read_manifest(files, limits)
        return Pack(
            where,
            _read_whole(files[ARCHITECTURE], limits.architecture_bytes),
            manifest,
            Weights.of([files[name] for name in weights], limits) if weights else None,
            Weights.of([files[name] for name in samples], limits) if samples else None,
            files,
            crcs,
        )


def _trusted(pack: Pack, cache: str | os.PathLike[str] | None) -> Pack:
    """`pack` from elsewhere, over sources that hold tensors against the manifest's digests."""
    from modelpack.remote.trusted import checked

    if pack.manifest is None:
        return pack
    tables = [
        file for weights in (pack.weights, pack.samples) if weights is not None for file in weights.files
    ]
    files = checked(pack.files, tables, pack.manifest, cache)
    weights = None if pack.weights is None else pack.weights.over(files)
    samples = None if pack.samples is None else pack.samples.over(files)
    return replace(pack, weights=weights, samples=samples, files=files)


def _read_whole(window: Window, limit: int) -> bytes:
    if window.size > limit:
        refuse("MP505", f"{window.size} bytes, the limit is {limit}", window.name)
    return window.read(0, window.size)


def _read_manifest(files: Mapping[str, Window], limits: Limits) -> Manifest | None:
    """The manifest, if there is one: a pack written by hand needs none."""
    if MANIFEST not in files:
        return None
    manifest = read_manifest(_read_whole(files[MANIFEST], limits.manifest_bytes), limits)
    there = files.keys() - {MANIFEST}
    problems = [
        *(
            Problem("MP509", "is in the manifest, but not in the pack", path=name)
            for name in manifest.files.keys() - there
        ),
        *(
            Problem("MP509", "is in the pack, but not in its manifest", path=name)
            for name in there - manifest.files.keys()
        ),
    ]
    if problems:
        raise PackError(sorted(problems, key=str))
    return manifest


def _open_files(path: Path, limits: Limits) -> tuple[dict[str, Window], dict[str, int]]:
    for attempt in range(1, _ATTEMPTS + 1):
        number = _open_top(path)
        if stat.S_ISREG(os.fstat(number).st_mode):
            return _open_archive(FileIO(number, "rb"), path.name, limits)
        try:
            return _open_directory(number, path, limits), {}
        except PackError:
            # A save swaps the directory as a whole and then removes the old one, perhaps under our hands.
            if attempt == _ATTEMPTS or not _was_replaced(number, path):
                raise
        finally:
            os.close(number)
    raise AssertionError("the last attempt returns or raises")


def _open_top(path: Path) -> int:
    try:
        return open_any(path)
    except PackError as error:
        try:
            return open_any(retired(path))
        except PackError:
            raise error from None


def _was_replaced(number: int, path: Path) -> bool:
    opened = os.fstat(number)
    try:
        now = path.stat()
    except FileNotFoundError:
        return True
    return (opened.st_dev, opened.st_ino) != (now.st_dev, now.st_ino)


def _open_archive(file: FileIO, name: str, limits: Limits) -> tuple[dict[str, Window], dict[str, int]]:
    with _closing_on_error([file]):
        members = read_members(Window(LocalFile(file), 0, os.fstat(file.fileno()).st_size, name), limits)
        if not members:
            refuse("MP502", f"there is no {ARCHITECTURE}", name)
    windows = {name: member.window for name, member in members.items()}
    return windows, {name: member.crc for name, member in members.items()}


def _open_directory(number: int, path: Path, limits: Limits) -> dict[str, Window]:
    if not stat.S_ISDIR(os.fstat(number).st_mode):
        refuse("MP504", "neither a directory nor a regular file", path.name)
    names = sorted(_pack_files(number, limits))
    windows: dict[str, Window] = {}
    with _closing_on_error(windows.values()):
        for name in names:
            file = open_regular(name, number)
            windows[name] = Window(LocalFile(file), 0, os.fstat(file.fileno()).st_size, name)
    return windows


def _pack_files(number: int, limits: Limits) -> Iterator[str]:
    """Names of the pack's files; hidden ones (a dot in front) aren't part of it, others are errors."""
    with os.scandir(number) as entries:
        for count, entry in enumerate(entries):
            if count > limits.shards + 100:
                refuse("MP514", f"more than {count} files")
            if is_pack_file(entry.name):
                yield entry.name
            elif not entry.name.startswith("."):
                refuse(
                    "MP503",
                    "isn't a file of a pack",
                    repr(entry.name),
                    "a pack has no other files: move it elsewhere, or name the architecture by itself",
                )


@contextlib.contextmanager
def _closing_on_error(files: Iterable[Window | FileIO]) -> Generator[None]:
    try:
        yield
    except BaseException:
        _close(files)
        raise


def _close(files: Iterable[Window | FileIO]) -> None:
    for file in files:
        (file.source if isinstance(file, Window) else file).close()
