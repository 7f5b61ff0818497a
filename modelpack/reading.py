"""The small steps of reading a document: expect a kind of value, name what is unknown, collect what is wrong."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from difflib import get_close_matches
from itertools import islice

from modelpack import source
from modelpack.architecture import Position
from modelpack.errors import Place, Problem
from modelpack.hints import value_meant
from modelpack.layers.kinds import Literal, show

__all__ = [
    "NAME",
    "PATH",
    "Comparisons",
    "Problems",
    "describe",
    "literal",
    "nearest",
    "text_places",
    "texts",
    "without_dollar",
]

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
"""Inputs, arguments, dimensions and blocks."""

PATH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*(\.[A-Za-z0-9_][A-Za-z0-9_-]*)*")
"""Nodes and tensors: module paths, whose segments may be numbers (`features.0`)."""


_BARE = re.compile(r"(?<![$\w.])[A-Za-z_]\w*")
"""A name in an expression that isn't written as an argument."""
_MOST_PROBLEMS = 100
_MOST_MISTYPED = 16
"""names in one place that are compared with those that are missing there"""
_MOST_COMPARED = 5_000_000
"""Pairs of characters that are compared for hints in one document: some 20,000 pairs of names of usual length, half a second."""


class Comparisons:
    """How many names may still be compared for hints: hostile texts have many, and long ones."""

    def __init__(self) -> None:
        self._left = _MOST_COMPARED

    def allow(self, name: str, known: Collection[str]) -> bool:
        """Whether `name` may be compared with all of `known`; what that costs is taken off before it is done."""
        work = len(known)
        if 0 < work <= self._left:
            # Counting their lengths is work too, whatever comes of it.
            self._left -= work
            work = len(name) * sum(map(len, known))
        if work > self._left:
            return False
        self._left -= work
        return True


class Problems:
    """What is wrong so far, in one document: the first hundred problems that differ.

    Whoever asks whether something was noted meanwhile compares lengths of `found`: beyond the hundred it grows by repetitions of
    its last, which cost nothing and are left out when it is raised.
    """

    def __init__(self, file: str) -> None:
        self.file = file
        self.found: list[Problem] = []
        self._distinct: set[Problem] = set()
        self._comparisons = Comparisons()

    def add(
        self, code: str, message: str, at: Position | None = None, path: str = "", hint: str | None = None
    ) -> None:
        if len(self._distinct) >= _MOST_PROBLEMS:
            self.found.append(self.found[-1])
            return
        problem = Problem(code, message, Place(*at, self.file) if at else None, path, hint)
        self._distinct.add(problem)
        self.found.append(problem)

    def mapping(self, value: source.Value, path: str, hint: str | None = None) -> source.Mapping | None:
        """`value` as a mapping, or None after a problem."""
        if isinstance(value, source.Mapping):
            return value
        self.wrong_kind(value, path, "a mapping", hint)
        return None

    def sequence(self, value: source.Value, path: str) -> source.Sequence | None:
        """`value` as a list, or None after a problem."""
        if isinstance(value, source.Sequence):
            return value
        self.wrong_kind(value, path, "a list", value_meant(value))
        return None

    def text(self, value: source.Value, path: str) -> str | None:
        """`value` as a string, or None after a problem."""
        if isinstance(value, source.Scalar) and isinstance(value.value, str):
            return value.value
        self.wrong_kind(value, path, "a string")
        return None

    def wrong_kind(self, value: source.Value, path: str, wanted: str, hint: str | None = None) -> None:
        self.add("MP204", f"must be {wanted}, not {describe(value)}", (value.line, value.column), path, hint)

    def unknown(
        self, code: str, what: str, name: str, known: Collection[str], at: Position | None, path: str
    ) -> None:
        """A name that nothing has, with the nearest that something has."""
        self.add(code, f"unknown {what} '{name}'", at, path, self.suggestion(name, known))

    def suggestion(self, name: str, known: Collection[str]) -> str | None:
        """A hint with the known name that is nearest to `name`; none when a hostile text has used up the time for that."""
        if len(self._distinct) >= _MOST_PROBLEMS or not self._comparisons.allow(name, known):
            return None
        near = nearest(name, known)
        return f"did you mean '{near}'?" if near else None

    def keys(self, value: source.Mapping, known: tuple[str, ...], path: str) -> None:
        """Every key of `value` is one of `known`."""
        for key in value.entries.keys() - set(known):
            self.unknown("MP202", "key", key, known, value.key_places[key], path)

    def missing(
        self, key: str, value: source.Mapping, known: tuple[str, ...], path: str, hint: str | None = None
    ) -> None:
        """The key `key` that `value` lacks; nothing where an unknown one was meant to be it, which `keys` tells."""
        if key not in self.meant((name for name in value.entries if name not in known), known):
            self.add("MP203", f"the key '{key}' is missing", (value.line, value.column), path, hint)

    def meant(self, unknown: Iterable[str], known: Collection[str]) -> set[str]:
        """Those of `known` that the names `unknown`, each of them told already, were probably meant to be."""
        if len(self._distinct) >= _MOST_PROBLEMS:
            return set()  # nothing more is told
        found = (nearest(name, known) for name in islice(unknown, _MOST_MISTYPED))
        return {name for name in found if name is not None}


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that is nearest to `name`, whatever its case, if one is near at all."""
    # Layers and operations differ by their first letter (`ReLU`, `relu`): of two alike, the one of the same case counts.
    by_lower = {
        each.lower(): each
        for each in sorted(known, key=lambda each: each[:1].isupper() == name[:1].isupper())
    }
    near = get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[near[0]] if near else None


def without_dollar(
    expressions: Iterable[str], arguments: Collection[str], dimensions: Collection[str]
) -> str | None:
    """What to do about `expressions` where what is known beforehand is wanted: a hint, if names in them are `arguments` of the
    block, which are written with a dollar, or `dimensions`, which are known later.
    """
    names = [name for text in expressions for name in _BARE.findall(text)]
    argument = next((name for name in names if name in arguments), None)
    if argument is not None:
        return f"write ${argument}: it is an argument"
    dimension = next((name for name in names if name in dimensions), None)
    if dimension is not None:
        return f"'{dimension}' is a dimension: write a number, or an argument of the block ($name)"
    return None


def text_places(value: source.Value, prefix: str) -> dict[str, Position]:
    """Where each text in `value` stands, the first time: by the text behind `prefix` and a dot."""
    return {f"{prefix}.{each.value}": (each.line, each.column) for each in texts(value)}


def texts(value: source.Value) -> Iterator[source.Scalar]:
    """The texts in `value`, not those of its keys; the last first."""
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, source.Scalar):
            if isinstance(each.value, str):
                yield each
        else:
            waiting += each.items if isinstance(each, source.Sequence) else each.entries.values()


def describe(value: source.Value) -> str:
    """A value in the words of an error message."""
    if isinstance(value, source.Mapping):
        return "a mapping"
    if isinstance(value, source.Sequence):
        return "a list"
    return show(value.value)


def literal(value: source.Value) -> Literal:
    """A value without mappings as a literal.

    Raises:
        ValueError: there is a mapping in it; the message completes "… must be".
    """
    if isinstance(value, source.Scalar):
        return value.value
    if isinstance(value, source.Sequence):
        return tuple(literal(item) for item in value.items)
    raise ValueError("must be a value, not a mapping")
