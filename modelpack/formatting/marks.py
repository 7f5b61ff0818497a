"""Text -> its comments and blank lines, and where its flow collections end; libyaml tells of no comments."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from yaml._yaml import CParser

__all__ = ["Mark", "Marks", "Position", "find_marks"]

Position = tuple[int, int]
"""Line and column, from 1 as in `source`."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A comment, or a blank line."""

    at: Position
    text: str
    """from its `#` on; empty: the line is blank"""
    alone: bool
    """nothing is before it on its line, save dashes that begin the items below"""
    column: int
    """where its line begins, dashes included, from 1"""


@dataclass(frozen=True, slots=True)
class Marks:
    """What the values of a text don't tell."""

    found: tuple[Mark, ...]
    """in order"""
    closes: Mapping[Position, Position]
    """where each collection in brackets begins -> where its closing bracket is"""


def find_marks(text: str) -> Marks:
    """The marks of a text that `source.parse` takes, its lines ending with newlines."""
    lines = text.split("\n")
    values: dict[int, list[tuple[int, int]]] = {
        number: [] for number, line in enumerate(lines, 1) if "#" in line or not line.strip()
    }
    closes: dict[Position, Position] = {}
    opened: list[tuple[Position, bool]] = []
    for event in iter(CParser(text.encode()).get_event, None):
        if isinstance(event, yaml.ScalarEvent):
            _note(values, event, lines)
        elif isinstance(event, yaml.CollectionStartEvent):
            opened.append((_position(event.start_mark), bool(event.flow_style)))
        elif isinstance(event, yaml.CollectionEndEvent):
            start, is_flow = opened.pop()
            if is_flow:
                closes[start] = _position(event.start_mark)
    return Marks(tuple(_marks(lines, values)), closes)


def _position(mark: Any) -> Position:
    return mark.line + 1, mark.column + 1


def _note(values: dict[int, list[tuple[int, int]]], event: Any, lines: list[str]) -> None:
    """Note which columns of the lines in `values` a scalar takes, from 0."""
    first, last = event.start_mark, event.end_mark
    for number in range(first.line, last.line + 1):
        if number + 1 not in values:
            continue
        start = first.column if number == first.line else 0
        end = last.column if number == last.line else len(lines[number]) + 1
        if event.style in ("|", ">") and number == first.line:
            end = start + 1  # behind its sign there is nothing but a comment
        if start < end:
            values[number + 1].append((start, end))


_NOTHING_BEFORE = re.compile(r"[-?\s]*")


def _marks(lines: list[str], values: Mapping[int, list[tuple[int, int]]]) -> Iterator[Mark]:
    last_blank = 0
    for number, taken in values.items():
        line = lines[number - 1]
        start = _comment_start(line, taken)
        if start is not None:
            alone = _NOTHING_BEFORE.fullmatch(line, 0, start) is not None
            column = len(line) - len(line.lstrip()) + 1
            yield Mark((number, start + 1), line[start:].rstrip(), alone, column)
        elif not taken and not line.strip() and number < len(lines):
            if number != last_blank + 1:  # one of several is enough
                yield Mark((number, 1), "", alone=True, column=1)
            last_blank = number


def _comment_start(line: str, taken: list[tuple[int, int]]) -> int | None:
    """Where the first `#` is that is in no value; these come in order, so that both are gone through once."""
    start = line.find("#")
    for first, end in taken:
        if start < first:
            break
        start = line.find("#", max(start, end))
    return None if start < 0 else start
