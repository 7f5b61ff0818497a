"""A text with its lines: offsets to and from the positions that an editor counts."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

__all__ = ["Change", "Text", "changed", "text_of"]

_BREAK = re.compile("\r\n|\r|\n")
"""Where the protocol ends a line; Python's own `splitlines` knows more, and would count others than the editor does."""


@dataclass(frozen=True, slots=True)
class Change:
    """`text` instead of what stands between two positions (line and character, from 0); without them, of everything."""

    text: str
    start: tuple[int, int] | None = None
    end: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Text:
    """A text; `encoding` says in what an editor counts characters: `utf-16`, `utf-8` or `utf-32` units.

    Offsets count characters of the whole text from 0, positions are line and character from 0.
    """

    text: str
    starts: tuple[int, ...]
    """the offset at which each line begins"""
    encoding: str

    def line_of(self, offset: int) -> int:
        """The line, from 0, on which `offset` lies."""
        return bisect_right(self.starts, offset) - 1

    def line(self, number: int) -> str:
        """The line `number`, from 0, without its end; empty where there is none."""
        if not 0 <= number < len(self.starts):
            return ""
        return self.text[self.starts[number] : self._end(number)]

    def position(self, offset: int) -> tuple[int, int]:
        """`offset` as an editor counts it."""
        offset = min(max(offset, 0), len(self.text))
        line = self.line_of(offset)
        start = self.starts[line]
        wide, more = _wide(self.text, self.encoding)
        return line, offset - start + more[bisect_left(wide, offset)] - more[bisect_left(wide, start)]

    def offset(self, position: tuple[int, int]) -> int:
        """Where `position` is; beyond a line it is its end, beyond the text the text's, inside of a character before it."""
        number, character = position
        if number >= len(self.starts):
            return len(self.text)
        line = self.line(number)
        if line.isascii() or self.encoding == "utf-32":
            return self.starts[number] + min(character, len(line))
        at = 0
        for each in line:
            character -= _units(each, self.encoding)
            if character < 0:
                break
            at += 1
        return self.starts[number] + at

    def at(self, line: int, column: int) -> int:
        """The offset of a `Place`: both count from 1, columns in characters."""
        number = min(max(line, 1), len(self.starts)) - 1
        return min(self.starts[number] + max(column, 1) - 1, self._end(number))

    def _end(self, number: int) -> int:
        if number + 1 == len(self.starts):
            return len(self.text)
        end = self.starts[number + 1]
        return end - (2 if self.text.endswith("\r\n", self.starts[number], end) else 1)


def text_of(text: str, encoding: str = "utf-16") -> Text:
    """`text` with its lines."""
    return Text(text, (0, *(each.end() for each in _BREAK.finditer(text))), encoding)


def changed(text: Text, change: Change) -> Text:
    """`text` after an edit."""
    if change.start is None or change.end is None:
        return text_of(change.text, text.encoding)
    start, end = text.offset(change.start), text.offset(change.end)
    return text_of(text.text[:start] + change.text + text.text[max(start, end) :], text.encoding)


@lru_cache(maxsize=4)
def _wide(text: str, encoding: str) -> tuple[list[int], list[int]]:
    """Where the characters are that count as several units, and how many more there are before each, and in all: one line may
    hold all of a text, and thousands of places that are asked for.
    """
    pattern = {"utf-8": _BEYOND_ASCII, "utf-16": _BEYOND_16_BITS}.get(encoding)
    found = [] if text.isascii() or pattern is None else [*pattern.finditer(text)]
    more = accumulate((_units(each[0], encoding) - 1 for each in found), initial=0)
    return [each.start() for each in found], list(more)


_BEYOND_ASCII = re.compile("[^\x00-\x7f]")
_BEYOND_16_BITS = re.compile("[\U00010000-\U0010ffff]")


def _units(text: str, encoding: str) -> int:
    if encoding == "utf-32" or text.isascii():
        return len(text)
    if encoding == "utf-8":
        return len(text.encode("utf-8", "surrogatepass"))
    return len(text) + sum(each > "\uffff" for each in text)
