"""Targets -> whether any changed: `check --watch` looks at what the file system tells, again and again.

What a target imports counts as well, and what that imports in turn. Texts are read for it, each once while it stays as it is.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

from modelpack.errors import ModelpackError, PackError
from modelpack.examining.targets import Kind, Target
from modelpack.files import ARCHITECTURE, read_architecture
from modelpack.take_reader import MOST_IMPORTS

__all__ = ["State", "state_of"]

Stamp = tuple[int, int, int]
"""Size, time of change, number of the file."""

State = dict[str, Stamp]
"""Path -> what tells that it is the same; without those that don't exist."""


def state_of(targets: Iterable[Target], beside: Iterable[Path] = ()) -> State:
    """How `targets`, what they import, and the files `beside` them that count (settings, baseline), are now: equal while nothing
    changes.
    """
    found: State = {}
    for path in map(str, beside):
        _note(found, path)
    for target in targets:
        _note_all(found, target)
    return found


def _note_all(found: State, target: Target) -> None:
    """Note the target and what it imports."""
    seen: set[str] = set()
    waiting = [target]
    while waiting and len(seen) <= MOST_IMPORTS:
        each = waiting.pop()
        if each.path in seen:
            continue
        seen.add(each.path)
        for path in _files(each.path):
            _note(found, path)
        waiting += _imported(each, found)


def _note(found: State, path: str) -> None:
    if path in found:
        return
    try:
        status = os.stat(path)
    except OSError:
        return
    found[path] = (status.st_size, status.st_mtime_ns, status.st_ino)


def _files(path: str) -> Iterator[str]:
    yield path
    if os.path.isdir(path):
        try:
            yield from (os.path.join(path, name) for name in os.listdir(path))
        except OSError:
            return


def _imported(target: Target, found: State) -> list[Target]:
    """The packs of this machine that a target imports; of a lock the architecture that it stands beside."""
    path = target.path
    if target.kind is Kind.LOCK:
        start = os.path.splitext(path)[0]
        return [Target(start + suffix, Kind.ARCHITECTURE) for suffix in (".yaml", ".yml")]
    if target.kind not in (Kind.ARCHITECTURE, Kind.PACK):
        return []
    stamp = found.get(os.path.join(path, ARCHITECTURE)) or found.get(path)
    return [] if stamp is None else [Target(each, Kind.PACK) for each in _imports(path, target.kind, stamp)]


@lru_cache(10_000)
def _imports(path: str, kind: Kind, _: Stamp) -> tuple[str, ...]:
    """Where an architecture's imports are, from its folder, or from that of its pack and below; none of what can't be read."""
    from modelpack.opened import beside
    from modelpack.pack_reader import open_pack
    from modelpack.reader import read_draft

    try:
        if kind is Kind.ARCHITECTURE:
            text = read_architecture(path)
        else:
            pack = open_pack(path)
            text = pack.architecture
            pack.close()
        if b"imports" not in text:
            return ()
        imports = read_draft(text, path).architecture.imports
    except (ModelpackError, OSError):
        return ()
    found: list[str] = []
    for name, each in imports.items():
        if kind is Kind.ARCHITECTURE:
            if ":" not in each.pack and not os.path.isabs(each.pack):
                found.append(os.path.join(os.path.dirname(path), each.pack))
            continue
        with contextlib.suppress(PackError):  # which `check` tells
            found.append(str(beside(path, name, each)))
    return tuple(found)
