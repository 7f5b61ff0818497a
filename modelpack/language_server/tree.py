"""The tree of a text: mappings, lists and words with their places, and how to find one's way in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Entry", "Mapping", "Sequence", "Value", "Way", "Word", "end_of", "find", "words"]


@dataclass(frozen=True, slots=True)
class Word:
    """A scalar: what it says, and where it stands, quotes included."""

    value: str
    start: int
    end: int
    quote: str = ""
    """`'`, `"`, `|` (also for `>`), or nothing where it is plain"""
    is_exact: bool = True
    """whether it is written as it reads: no escapes, no further lines"""

    @property
    def inner(self) -> int:
        """Where the value itself begins."""
        return self.start + (self.quote in ("'", '"'))


@dataclass(frozen=True, slots=True)
class Entry:
    """A key with its value, if there is one yet."""

    key: Word
    value: Value | None


@dataclass(frozen=True, slots=True)
class Mapping:
    entries: tuple[Entry, ...]
    start: int
    end: int
    is_flow: bool

    def get(self, key: str) -> Value | None:
        """The value of `key`, the first one's if there are several."""
        return next((entry.value for entry in self.entries if entry.key.value == key), None)


@dataclass(frozen=True, slots=True)
class Sequence:
    items: tuple[Value | None, ...]
    start: int
    end: int
    is_flow: bool


Value = Word | Mapping | Sequence


@dataclass(frozen=True, slots=True)
class Way:
    """A word, and the keys and positions that lead to it; of a key the last one is itself."""

    path: tuple[str | int, ...]
    word: Word
    is_key: bool
    around: Mapping | Sequence | None
    """the collection that it stands in"""


def words(value: Value | None, path: tuple[str | int, ...] = ()) -> Iterator[Way]:
    """Every word below `value`, in order."""
    if isinstance(value, Word):
        yield Way(path, value, is_key=False, around=None)
    elif value is not None:
        yield from _words(value, path)


def _words(value: Mapping | Sequence, path: tuple[str | int, ...]) -> Iterator[Way]:
    if isinstance(value, Sequence):
        parts = list(enumerate(value.items))
    else:
        parts = [(entry.key.value, entry.value) for entry in value.entries]
    for at, (step, item) in enumerate(parts):
        below = (*path, step)
        if isinstance(value, Mapping):
            yield Way(below, value.entries[at].key, is_key=True, around=value)
        if isinstance(item, Word):
            yield Way(below, item, is_key=False, around=value)
        elif item is not None:
            yield from _words(item, below)


def find(value: Value | None, offset: int) -> Way | None:
    """The word that `offset` stands in, or directly behind."""
    path: tuple[str | int, ...] = ()
    around: Mapping | Sequence | None = None
    while value is not None and not isinstance(value, Word):
        around = value
        if isinstance(value, Mapping):
            parts = [(entry.key.value, entry.key, entry.value) for entry in value.entries]
        else:
            parts = [(at, None, item) for at, item in enumerate(value.items)]
        value = None
        for step, key, item in parts:
            if key is not None and key.start <= offset <= key.end:
                return Way((*path, step), key, is_key=True, around=around)
            if item is not None and item.start <= offset <= item.end:
                value, path = item, (*path, step)
                break
    if value is None or not value.start <= offset <= value.end:
        return None
    return Way(path, value, is_key=False, around=around)


def end_of(value: Value | None) -> int:
    """Where `value` ends; -1 for none, which is before everything."""
    return -1 if value is None else value.end
