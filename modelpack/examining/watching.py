"""Targets -> whether any changed: `check --watch` looks at what the file system tells, again and again."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from modelpack.examining.targets import Target

__all__ = ["State", "state_of"]

State = dict[str, tuple[int, int, int]]
"""Path -> size, time of change, number of the file; without those that don't exist."""


def state_of(targets: Iterable[Target], beside: Iterable[Path] = ()) -> State:
    """How `targets`, and the files `beside` them that count (settings, baseline), are now: equal while nothing changes."""
    found: State = {}
    for path in _paths(targets, beside):
        try:
            status = os.stat(path)
        except OSError:
            continue
        found[path] = (status.st_size, status.st_mtime_ns, status.st_ino)
    return found


def _paths(targets: Iterable[Target], beside: Iterable[Path]) -> Iterator[str]:
    yield from map(str, beside)
    for target in targets:
        yield target.path
        if os.path.isdir(target.path):
            try:
                yield from (os.path.join(target.path, name) for name in os.listdir(target.path))
            except OSError:
                continue
