"""Spans of a file -> the ranges to ask for: neighbours in one request, large ones in several."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

__all__ = ["Part", "Range", "plan"]

Part = tuple[int, memoryview]
"""A position in the file, and where the bytes from there on go."""

GAP = 64 << 10
"""Bytes between neighbours that are read along, as they cost less than another request …"""

WASTE = 0.03
"""… as long as they are at most this share of it."""


@dataclass(frozen=True, slots=True)
class Range:
    """The bytes `start` to `stop` (exclusive), and where they go: parts in order, none over another."""

    start: int
    stop: int
    parts: tuple[Part, ...]
    starts: tuple[int, ...]

    @property
    def size(self) -> int:
        return self.stop - self.start

    def put(self, position: int, data: bytes | memoryview) -> None:
        """Hand on what was read from `position` on; what no part wants is dropped."""
        view, stop = memoryview(data), position + len(data)
        for start, room in self.parts[max(bisect_right(self.starts, position) - 1, 0) :]:
            if start >= stop:
                return
            first, last = max(start, position), min(start + len(room), stop)
            if first < last:
                room[first - start : last - start] = view[first - position : last - position]


def plan(parts: Sequence[Part], piece: int) -> list[Range]:
    """Ranges of at most `piece` bytes that hold all `parts`, in order; empty parts need none."""
    ranges: list[Range] = []
    group: list[Part] = []
    wasted = 0
    for start, room in _pieces(parts, piece):
        gap = start - _stop(group[-1]) if group else 0
        length = start + len(room) - group[0][0] if group else 0
        joins = 0 <= gap <= GAP and length <= piece and wasted + gap <= WASTE * length
        if group and not joins:
            ranges.append(_range(group))
            group, wasted, gap = [], 0, 0
        group.append((start, room))
        wasted += gap
    return [*ranges, _range(group)] if group else ranges


def _range(group: Sequence[Part]) -> Range:
    return Range(group[0][0], _stop(group[-1]), tuple(group), tuple(start for start, _ in group))


def _pieces(parts: Sequence[Part], piece: int) -> Iterator[Part]:
    for start, room in sorted(parts, key=_start):
        for at in range(0, len(room), piece):
            yield start + at, room[at : at + piece]


def _start(part: Part) -> int:
    return part[0]


def _stop(part: Part) -> int:
    return part[0] + len(part[1])
