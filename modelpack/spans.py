"""Lazy tensors -> memory: several at once, exactly their bytes.

read_tensors([weights["conv1.weight"], …]) -> {name: memoryview}
rooms([size, …]) -> [memoryview]                                      zeros, each at a multiple of 64
"""

from __future__ import annotations

import mmap
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from modelpack.safetensors_layout import ALIGNMENT

if TYPE_CHECKING:
    from modelpack.weights import LazyTensor
    from modelpack.window import Source

__all__ = ["read_tensors", "rooms"]

_SMALL = 256 << 10
"""Bytes below which a tensor gets no mapping of its own: a process may have some 65,000."""

_HUGE = 2 << 20
"""Bytes from which on memory is asked for in pages of that size: making room in small ones takes longer than reading."""


def read_tensors(tensors: Iterable[LazyTensor]) -> dict[str, memoryview]:
    """Name -> the tensor's bytes: writable, at a multiple of 64, nobody else's. They may come from several files and
    packs; each file is read once for all, and no more of it than these tensors' bytes (over the network: and small
    gaps between them).

    Raises:
        PackError: MP508 a file was truncated since it was opened; MP570 to MP572, over the network.
        ValueError: two of `tensors` have one name.
    """
    tensors = list(tensors)
    views: dict[str, memoryview] = {}
    for tensor, room in zip(tensors, rooms([tensor.size for tensor in tensors]), strict=True):
        if tensor.name in views:
            raise ValueError(f"two tensors are called {tensor.name!r}")
        views[tensor.name] = room
    for source, named in _by_source(tensors):
        parts = [(each.window.offset + each.info.start, views[each.name]) for each in named]
        source.fill(parts, named[0].window.name)
    return views


def rooms(sizes: list[int]) -> Iterator[memoryview]:
    """Zeros for each of `sizes`, at a multiple of 64. A large one has memory of its own, which goes when the last view
    of it does; small ones share some.
    """
    shared = memoryview(_zeros(sum(_padded(size) for size in sizes if size < _SMALL)))
    start = 0
    for size in sizes:
        if size < _SMALL:
            yield shared[start : start + size]
            start += _padded(size)
        else:
            yield memoryview(_zeros(size))


def _zeros(size: int) -> mmap.mmap:
    # Private: what a forked process writes to its copy isn't seen here.
    block = mmap.mmap(-1, max(size, 1), access=mmap.ACCESS_COPY)
    if sys.platform == "linux" and size >= _HUGE:
        with suppress(OSError):  # a kernel may have none
            block.madvise(mmap.MADV_HUGEPAGE)
    return block


def _padded(size: int) -> int:
    return size + -size % ALIGNMENT


def _by_source(tensors: list[LazyTensor]) -> Iterator[tuple[Source, list[LazyTensor]]]:
    """Those of each file, in the order of their bytes."""
    groups: dict[int, list[LazyTensor]] = {}
    for tensor in tensors:
        groups.setdefault(id(tensor.window.source), []).append(tensor)
    for group in groups.values():
        group.sort(key=_position)
        yield group[0].window.source, group


def _position(tensor: LazyTensor) -> int:
    return tensor.window.offset + tensor.info.start
