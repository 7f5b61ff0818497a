"""Lines, and the one where a parser gave up -> the one that is indented otherwise than its siblings."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["astray"]


def astray(lines: Sequence[str], at: int) -> tuple[int, int] | None:
    """Line and column, from 1, of what before `lines[at]` is to blame for a key that stands in no column of the mappings around
    it; None where it is that line's own fault, or nobody knows.

    A parser stops at the first line that doesn't fit those before it. Where the next one stands in the same column, it's the line
    before, alone in its own, that went astray.
    """
    column = _column(lines[at])
    before = _opener(lines, at, column)
    if column is None or before is None:
        return None
    other = _column(lines[before])
    for line in lines[at + 1 :]:
        after = _column(line)
        if after is not None and (after <= column or after == other):
            return (before + 1, (other or 0) + 1) if after == column else None
    return None


def _opener(lines: Sequence[str], at: int, column: int | None) -> int | None:
    """Where the mapping began that the line `at` is too far left for; where it's too far right, the line before it, if that
    has no siblings."""
    found: int | None = None
    least = 0
    for number in range(at - 1, -1, -1):
        each = _column(lines[number])
        if each is None or column is None:
            continue
        if found is None and each < column:
            return number if _is_alone(lines, number, column) else None
        if each <= column:
            break
        if found is None or each <= least:
            found, least = number, each
    return found


def _is_alone(lines: Sequence[str], at: int, column: int) -> bool:
    """Whether `lines[at]` has no sibling before it, but lines in `column` perhaps."""
    columns = (_column(line) for line in reversed(lines[:at]))
    return next((each for each in columns if each is not None and each <= column), -1) != _column(lines[at])


def _column(line: str) -> int | None:
    """How far a line is indented; None where there is nothing on it."""
    text = line.lstrip(" ")
    return None if not text.strip() or text.startswith("#") else len(line) - len(text)
