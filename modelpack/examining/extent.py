"""A line and a column -> the column where the YAML token that begins there ends."""

from __future__ import annotations

import re

__all__ = ["end_column"]

_DOUBLE = re.compile(r'"(?:[^"\\]|\\.)*"?')
_SINGLE = re.compile(r"'(?:[^']|'')*'?")
_PLAIN_ENDS = re.compile(r"\s#|:(?=[\s,\[\]{}]|$)|,(?=\s|$)|[\]}]")
"""A comment, the colon behind a key, what comes next in a list, the end of a collection."""
_BETWEEN = re.compile(r""""(?:[^"\\]|\\.)*"?|'(?:[^']|'')*'?|\s#.*|[\[\]{}]""")
_OPENS, _CLOSES = "[{", "]}"


def end_column(line: str, column: int) -> int:
    """The column behind the last character of the key or value that begins in `column` of `line`; both count from 1.

    A collection in brackets ends with its bracket, or with the line. Behind the end of the line nothing begins: `column` again.
    """
    start = column - 1
    if start >= len(line):
        return column
    first = line[start]
    if first in _OPENS:
        return _collection(line, start) + 1
    quoted = _DOUBLE if first == '"' else _SINGLE if first == "'" else None
    if quoted is not None and (found := quoted.match(line, start)):
        return found.end() + 1
    ends = _PLAIN_ENDS.search(line, start + 1)
    end = ends.start() if ends else len(line)
    return start + max(len(line[start:end].rstrip()), 1) + 1


def _collection(line: str, start: int) -> int:
    """Where the collection that opens at `start` is behind its end, from 0."""
    depth = 0
    for found in _BETWEEN.finditer(line, start):
        if found[0] in _OPENS:
            depth += 1
        elif found[0] in _CLOSES:
            depth -= 1
        elif found[0].lstrip().startswith("#"):
            return found.start()
        if depth == 0:
            return found.end()
    return len(line.rstrip())
