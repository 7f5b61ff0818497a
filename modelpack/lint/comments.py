"""Text -> the codes that its comments silence, by line: `fc: {Linear: …}  # modelpack: ignore[MP303, MP8]`."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import inf
from typing import Any

import yaml
from yaml._yaml import CParser

from modelpack.characters import checked_utf8
from modelpack.errors import ArchitectureError
from modelpack.source import DEFAULT_LIMITS

__all__ = ["IDLE", "LINE_BREAK", "Comments", "Silencing"]

IDLE = "MP806"
"""The code of what is told of comments themselves."""

LINE_BREAK = re.compile("\r\n|\r|\n")
"""What ends a line for libyaml, of the characters that a text may hold."""

_MARK = "modelpack: ignore["
_COMMENT = re.compile(r"#\s*modelpack: ignore\[([^\[\]]*)\]")
_CODE = re.compile(r"MP[0-9]{1,3}")
_HASH = re.compile(r"(?:^|(?<=[ \t]))#")

_Spans = dict[int, list[tuple[int, float]]]
"""Line -> from which column to which, counted from 0, there are keys and values."""


@dataclass(frozen=True, slots=True)
class Silencing:
    """One code in a comment, or the beginning of codes."""

    code: str
    column: int
    """from 1"""


@dataclass(frozen=True)
class Comments:
    """Those of a text, which are looked for when somebody asks."""

    text: bytes

    def silence(self, line: int, code: str) -> bool:
        """Whether one passes over `code` on this line. That a comment silences nothing must be named in full: `MP8` would silence
        what is said of itself.
        """
        known = [each.code for each in self.by_line.get(line, ())]
        return code in known or (code != IDLE and code.startswith(tuple(known)))

    @cached_property
    def by_line(self) -> Mapping[int, tuple[Silencing, ...]]:
        """The lines with comments that tell `check` to pass over codes there -> the codes, or their beginnings.

        libyaml tells of no comments: what looks like one counts unless it lies inside of a key or a value. In a text that isn't
        YAML the comments before the mistake count.
        """
        if _MARK.encode() not in self.text:
            return {}
        try:
            data = checked_utf8(self.text, "", DEFAULT_LIMITS.bytes)
        except ArchitectureError:
            return {}
        lines = LINE_BREAK.split(data.decode())
        marked = [number for number, line in enumerate(lines, 1) if _MARK in line]
        spans: _Spans = {}
        last = _fill(spans, data, marked)
        found = {
            number: tuple(_codes(lines[number - 1], spans.get(number, [])))
            for number in marked
            if last is None or number < last
        }
        return {number: codes for number, codes in found.items() if codes}


def _codes(line: str, values: list[tuple[int, float]]) -> Iterator[Silencing]:
    """What the comment of a line says, each code once, if it has one: all behind the first `#` that follows a space and is in no
    value.
    """
    waiting = iter(values)  # they come in order, so that both are gone through once
    value = next(waiting, None)
    for mark in _HASH.finditer(line):
        while value is not None and value[1] <= mark.start():
            value = next(waiting, None)
        if value is None or mark.start() < value[0]:
            columns: dict[str, int] = {}
            for comment in _COMMENT.finditer(line, mark.start()):
                for code in _CODE.finditer(comment[1]):
                    columns.setdefault(code[0], comment.start(1) + code.start() + 1)
            yield from (Silencing(code, column) for code, column in columns.items())
            return


def _fill(spans: _Spans, data: bytes, wanted: list[int]) -> int | None:
    """Note in `spans` where there are keys and values on the lines `wanted`; returns the line where this ended early, if so."""
    depth = count = line = 0
    event: Any
    try:
        for event in iter(CParser(data).get_event, None):
            line = event.start_mark.line + 1
            if line > wanted[-1]:
                return None
            count += 1
            # The same bounds as the reader's, which has said so: what is deep costs libyaml more than its length.
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > DEFAULT_LIMITS.depth or count > 2 * DEFAULT_LIMITS.nodes:
                return line
            if isinstance(event, yaml.ScalarEvent):
                _note(spans, event, wanted)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = error.problem_mark if isinstance(error, yaml.MarkedYAMLError) else None
        return mark.line + 1 if mark else line
    return None


def _note(spans: _Spans, event: Any, wanted: list[int]) -> None:
    first, last = event.start_mark, event.end_mark
    block = event.style in ("|", ">")
    for number in wanted[bisect_left(wanted, first.line + 1) : bisect_right(wanted, last.line + 1)]:
        start = first.column if number == first.line + 1 else 0
        end = last.column if number == last.line + 1 else inf
        if block and number == first.line + 1:
            end = start + 1  # behind `|` there is nothing but a comment
        spans.setdefault(number, []).append((start, end))
