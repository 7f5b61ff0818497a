"""Two sequences of layers -> which is which: the pairing that keeps most names and contents, in order.

The score of a pairing is the sum over its pairs (`_score`), the best one is found as sequences of genes are aligned (Needleman
and Wunsch, 1970). `difflib` knows equal or not equal only: a layer that was renamed and one that was changed would both be
strangers to it. What is left over on both sides and is alike has moved.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

__all__ = ["Alignment", "Entry", "Work", "align"]

_COUNTED = re.compile(r"[0-9]+(\.|$)")
"""A name with a number at the end of one of its parts: when something is put before it, it becomes another's name."""
_PAIR, _SKIP_FIRST, _SKIP_SECOND = range(3)
_MOST_CELLS = 1_000_000
"""Pairs of layers that are weighed for one alignment, about a second."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A layer as the alignment sees it."""

    name: str
    content: int
    kind: object
    has_tensors: bool
    required: tuple[object, ...] = ()
    """the settings that its type wants"""
    weights: int | None = None
    """equal for layers with equal weights on the two sides; None where no other has these, or nobody knows"""


@dataclass(frozen=True, slots=True)
class Alignment:
    """Positions in both; `moved` are those pairs that are out of order."""

    pairs: tuple[tuple[int, int], ...]
    moved: frozenset[tuple[int, int]]


@dataclass(slots=True)
class Work:
    """How many pairs may still be weighed in all; beyond, names decide."""

    cells: int = 4_000_000

    def allow(self, cells: int) -> bool:
        if cells > min(self.cells, _MOST_CELLS):
            return False
        self.cells -= cells
        return True


Likeness = Callable[[int, int], float]
"""Of two blocks, by position."""


def align(first: Sequence[Entry], second: Sequence[Entry], likeness: Likeness, work: Work) -> Alignment:
    """Who is who in `first` and `second`."""
    pairs = _ends(first, second)
    start, stop = len(pairs[0]), len(pairs[1])
    inner = range(start, len(first) - stop), range(start, len(second) - stop)
    if work.allow(len(inner[0]) * len(inner[1])):
        middle = _best(first, second, inner, likeness)
    else:
        middle = _by_name(first, second, inner)
    found = [*pairs[0], *middle, *pairs[1]]
    moved = _moved(first, second, found)
    return Alignment(tuple(sorted([*found, *moved])), frozenset(moved))


def _ends(
    first: Sequence[Entry], second: Sequence[Entry]
) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """The equal beginnings and ends, which any best alignment has."""
    most = min(len(first), len(second))
    start = 0
    while start < most and first[start] == second[start]:
        start += 1
    stop = 0
    while stop < most - start and first[-1 - stop] == second[-1 - stop]:
        stop += 1
    ends = [(len(first) - at, len(second) - at) for at in range(stop, 0, -1)]
    return [(at, at) for at in range(start)], ends


def _score(one: Entry, other: Entry, likeness: Callable[[], float]) -> int:
    """How much speaks for the two being one layer; 0: nothing."""
    named = 0
    if one.name == other.name:
        named = 3 if _COUNTED.search(one.name) else 40
    if one.content == other.content:
        score = 12 if one.has_tensors else 8
    elif one.kind == other.kind and _alike(one, other, likeness):
        score = 4
    else:
        return 1 if named == 3 else named
    return named + score + (20 if one.weights is not None and one.weights == other.weights else 0)


def _alike(one: Entry, other: Entry, likeness: Callable[[], float]) -> bool:
    """Whether two of one kind have more in common than that: half of what is in a block, or a size."""
    if one.kind == "block":
        return likeness() >= 0.5
    return not one.required or any(
        each == that for each, that in zip(one.required, other.required, strict=True)
    )


def _best(
    first: Sequence[Entry], second: Sequence[Entry], inner: tuple[range, range], likeness: Likeness
) -> list[tuple[int, int]]:
    rows, columns = inner
    above = [0] * (len(columns) + 1)
    ways: list[bytearray] = []
    for i in rows:
        one, row, way = first[i], [0], bytearray(len(columns))
        for at, j in enumerate(columns):
            score = _score(one, second[j], lambda i=i, j=j: likeness(i, j))
            paired = above[at] + score if score else -1
            best = max(paired, above[at + 1], row[at])
            way[at] = _PAIR if best == paired else _way(above[at + 1], row[at], one, second[j])
            row.append(best)
        ways.append(way)
        above = row
    found: list[tuple[int, int]] = []
    i, j = len(rows), len(columns)
    while i and j:
        way = ways[i - 1][j - 1]
        if way == _PAIR:
            found.append((rows[i - 1], columns[j - 1]))
        i, j = i - (way != _SKIP_SECOND), j - (way != _SKIP_FIRST)
    return found[::-1]


def _way(without_first: int, without_second: int, one: Entry, other: Entry) -> int:
    """Which of two that aren't a pair to leave out; of equals the one whose name comes later, in either direction of a diff."""
    if without_first == without_second:
        return _SKIP_FIRST if one.name > other.name else _SKIP_SECOND
    return _SKIP_FIRST if without_first > without_second else _SKIP_SECOND


def _by_name(
    first: Sequence[Entry], second: Sequence[Entry], inner: tuple[range, range]
) -> list[tuple[int, int]]:
    """Where there are too many: equal names, as far as they are in order."""
    places = {second[j].name: j for j in inner[1]}
    found: list[tuple[int, int]] = []
    for i in inner[0]:
        j = places.get(first[i].name, -1)
        if j >= 0 and (not found or found[-1][1] < j):
            found.append((i, j))
    return found


def _moved(
    first: Sequence[Entry], second: Sequence[Entry], found: list[tuple[int, int]]
) -> list[tuple[int, int]]:
    """Of what is left: equal names, then equal contents that only one on each side has."""
    paired = {i for i, _ in found}, {j for _, j in found}
    left = [i for i in range(len(first)) if i not in paired[0]]
    right = [j for j in range(len(second)) if j not in paired[1]]
    moved: list[tuple[int, int]] = []
    names = {second[j].name: j for j in right}
    for i in left:
        j = names.get(first[i].name, -1)
        if j >= 0 and _same_though_moved(first[i], second[j]):
            moved.append((i, j))
    taken = {i for i, _ in moved}, {j for _, j in moved}
    by_content: defaultdict[int, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    for side, (entries, places) in enumerate(((first, left), (second, right))):
        for at in places:
            if at not in taken[side] and entries[at].has_tensors:
                by_content[entries[at].content][side].append(at)
    moved += [(ones[0], others[0]) for ones, others in by_content.values() if len(ones) == len(others) == 1]
    return moved


def _same_though_moved(one: Entry, other: Entry) -> bool:
    """A number is a place; what has it elsewhere is the same only if it is equal."""
    return one.content == other.content or (one.kind == other.kind and not _COUNTED.search(one.name))
