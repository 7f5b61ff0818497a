"""Paths, directories, patterns -> Targets: which files are to be examined, and as what."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from fnmatch import fnmatchcase
from pathlib import Path

from modelpack.examining.settings import MisuseError
from modelpack.files import ARCHITECTURE, MANIFEST, is_pack_file
from modelpack.limits import Limits

__all__ = ["STDIN", "STDIN_NAME", "Kind", "Target", "find_targets", "is_excluded", "is_pack"]

STDIN = "-"
STDIN_NAME = "<stdin>"
"""What problems call it."""

_TEXTS = (".yaml", ".yml")
_PACK = ".modelpack"
_LOCK = ".lock"
_OPENING = 64 << 10
"""of a file are read to see whether it is an architecture"""
_BEGINS = re.compile(rb"""^(?:---\s+)?(?:\{[ \t]*)?["']?modelpack["']?[ \t]*:[ \t]+[^\s#]""", re.MULTILINE)
_ANY_FOLDERS = re.compile(r"(?:^|(?<=/))\*\*(?:/+|$)")
_PATTERN = re.compile(r"[*?\[]")
_PASSED_OVER = frozenset({"__pycache__", "node_modules", "site-packages"})


class Kind(Enum):
    """As what a file is read."""

    ARCHITECTURE = "architecture"
    PACK = "pack"
    MANIFEST = "manifest"
    LOCK = "lock"
    NOTHING = "nothing"
    """there is no such file"""


@dataclass(frozen=True, slots=True)
class Target:
    """A file or pack to examine; `path` is what it is called in all that is said of it."""

    path: str
    kind: Kind
    text: bytes | None = None
    """what it holds, where that isn't read from `path`: standard input"""


def find_targets(
    paths: Sequence[str],
    exclude: Sequence[str] = (),
    root: Path | None = None,
    *,
    only_recognised: bool = False,
    stdin_name: str = STDIN_NAME,
) -> list[Target]:
    """What `paths` name, in their order, each once, but for what `exclude` fits (patterns of paths from `root`, or of names).
    `-` is standard input, an architecture that is called `stdin_name`.

    A file that is named is taken for what its name says, or, where `only_recognised`, as if it were found; a directory is looked
    through: for packs, for YAML files with a key `modelpack` at their top, and for the lock files of these. Hidden ones and links
    to directories are passed over.

    Raises:
        MisuseError: a pattern that nothing fits.
    """
    found: dict[str, Target] = {}
    for path in paths:
        if path == STDIN:
            targets = _standard_input(stdin_name, only_recognised)
        else:
            targets = _recognised(path) if only_recognised and os.path.isfile(path) else _named(path)
        for target in targets:
            if not is_excluded(target.path, exclude, root):
                found.setdefault(os.path.normpath(target.path), target)
    return list(found.values())


def _standard_input(name: str, only_recognised: bool) -> Iterator[Target]:
    text = sys.stdin.buffer.read(Limits().architecture_bytes + 1)
    if not only_recognised or _BEGINS.search(text, 0, _OPENING):
        yield Target(name, Kind.ARCHITECTURE, text)


def _named(path: str) -> Iterator[Target]:
    if "://" in path:
        yield Target(path, Kind.PACK)
    elif os.path.lexists(path):
        yield from _there(path)
    elif _PATTERN.search(path):
        fitting = sorted(set(_fitting(path)))
        if not fitting:
            raise MisuseError(f"nothing fits '{path}'")
        for each in fitting:
            yield from _within(each) if os.path.isdir(each) else _recognised(each)
    else:
        yield Target(str(Path(path)) if path else path, Kind.NOTHING)


def _fitting(pattern: str) -> Iterator[str]:
    """What a pattern fits. `**` doesn't follow links to directories: two that lead back would make paths without end."""
    from glob import escape, iglob

    before, *behind = _ANY_FOLDERS.split(pattern, maxsplit=1)
    if not behind:
        yield from iglob(pattern)
        return
    folders = [os.path.normpath(each) for each in (iglob(before) if before else [os.curdir])]
    if not behind[0]:
        yield from folders
        return
    while folders:
        folder = folders.pop()
        yield from _fitting(behind[0] if folder == os.curdir else os.path.join(escape(folder), behind[0]))
        folders += _folders(folder)


def _folders(folder: str) -> list[str]:
    """The directories in one, as they are called from where it is; neither links nor hidden ones."""
    try:
        with os.scandir(folder) as listing:
            names = [each.name for each in listing if each.is_dir(follow_symlinks=False)]
    except OSError:
        return []
    return [os.path.normpath(os.path.join(folder, name)) for name in names if not name.startswith(".")]


def _there(path: str) -> Iterator[Target]:
    """A path that was named, and exists."""
    shown = str(Path(path))
    if os.path.isdir(path):
        yield from _within(shown)
    else:
        yield Target(shown, _by_name(os.path.basename(shown)) or Kind.PACK)


def _by_name(name: str) -> Kind | None:
    if name.endswith(_TEXTS):
        return Kind.ARCHITECTURE
    if name == MANIFEST:
        return Kind.MANIFEST
    return Kind.LOCK if name.endswith(_LOCK) else Kind.PACK if name.endswith(_PACK) else None


def _within(folder: str) -> Iterator[Target]:
    """A directory: a pack, or one to look through. Without recursion: directories may lie in one another as deep as paths go."""
    waiting = [(folder, True)]
    while waiting:
        path, is_folder = waiting.pop()
        if not is_folder:
            yield from _recognised(path)
            continue
        entries = _listed(path)
        if path.endswith(_PACK) or is_pack([each.name for each in entries]):
            yield Target(path, Kind.PACK)
            continue
        start = "" if path == "." else path
        waiting += [
            (os.path.join(start, each.name), each.is_dir(follow_symlinks=False))
            for each in reversed(entries)
            if not each.name.startswith(".") and each.name not in _PASSED_OVER
        ]


def _listed(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as listing:
            return sorted(listing, key=lambda each: each.name)
    except OSError as error:
        raise MisuseError(f"{folder}: {error.strerror}") from error


def is_pack(names: Iterable[str]) -> bool:
    """Whether a directory of these files is a pack, be it one with mistakes: two of the files that are together only in packs."""
    files = {name for name in names if is_pack_file(name)}
    return len(files) > 1 and bool(files & {ARCHITECTURE, MANIFEST})


def _recognised(path: str) -> Iterator[Target]:
    """A file that nobody named, if it is one of ours."""
    kind = _by_name(os.path.basename(path)) if os.path.isfile(path) else None
    if kind is Kind.PACK or (kind is Kind.ARCHITECTURE and _begins(path)):
        yield Target(path, kind)
    elif kind is Kind.LOCK:
        text = os.path.splitext(path)[0]
        if any(os.path.isfile(text + suffix) and _begins(text + suffix) for suffix in _TEXTS):
            yield Target(path, kind)


def _begins(path: str) -> bool:
    """Whether a file says at its top that it is an architecture; one that can't be read is passed over."""
    try:
        number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return _BEGINS.search(os.read(number, _OPENING)) is not None
    except OSError:
        return False
    finally:
        os.close(number)


def is_excluded(path: str, patterns: Sequence[str], root: Path | None) -> bool:
    """Whether one of `patterns` fits `path`, a directory that it lies in, or a name in it; paths count from `root`."""
    if not patterns:
        return False
    relative = Path(os.path.relpath(path, root)).as_posix()
    parts = relative.split("/")
    above = ["/".join(parts[: count + 1]) for count in range(len(parts))]
    return any(fnmatchcase(each, pattern.rstrip("/")) for pattern in patterns for each in (*above, *parts))
