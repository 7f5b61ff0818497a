"""Document and marks -> Notes: to which entry each comment belongs.

A comment on a line of its own goes with the entry that follows it; where it is indented more than that, it is the end of the
collection in whose column it begins, as is one before a closing bracket. Any other goes with the outermost of the entries on its
line that end there. Where several would have to stand behind one entry, the last does, and those before it go on lines above.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from modelpack import source
from modelpack.formatting.marks import Mark, Marks, Position
from modelpack.layout import Note

__all__ = ["Notes", "attach"]

Notes = dict[source.Value, Note]
"""By the values of the entries; values compare by identity."""


@dataclass(slots=True, eq=False)
class _Entry:
    """A value with its key or dash, and what gathers around it."""

    value: source.Value
    start: Position
    """of its key, or else of the value"""
    parent: _Entry | None
    is_first: bool
    """in its parent"""
    close: Position | None
    """where its closing bracket is"""
    before: list[str] = field(default_factory=list[str])
    trailing: str = ""
    end: list[str] = field(default_factory=list[str])
    one_line: bool = False

    @property
    def is_item(self) -> bool:
        return self.parent is None or isinstance(self.parent.value, source.Sequence)

    @property
    def is_leaf(self) -> bool:
        return not any(True for _ in _inner(self.value))

    def note(self) -> Note:
        return Note(tuple(self.before), self.trailing, tuple(self.end), self.one_line)


def attach(document: source.Value, marks: Marks) -> Notes:
    """The notes of all entries that have some."""
    entries = list(_entries(document, (0, 0), None, True, marks))
    waiting = list(reversed(marks.found))
    for at, entry in enumerate(entries):
        following = entries[at + 1] if at + 1 < len(entries) else None
        gap: list[Mark] = []
        while waiting and (following is None or waiting[-1].at < following.start):
            gap.append(waiting.pop())
        if gap:
            _place(gap, entry, following)
    notes = {entry.value: entry.note() for entry in entries}
    return {value: note for value, note in notes.items() if note != Note()}


def _inner(value: source.Value) -> Iterator[tuple[source.Value, Position]]:
    """What is directly in a value, each with where its entry begins."""
    if isinstance(value, source.Mapping):
        for key, item in value.entries.items():
            yield item, value.key_places[key]
    elif isinstance(value, source.Sequence):
        for item in value.items:
            yield item, (item.line, item.column)


def _entries(
    value: source.Value, start: Position, parent: _Entry | None, is_first: bool, marks: Marks
) -> Iterator[_Entry]:
    """All entries in the order of the text, outer before inner."""
    close = None if isinstance(value, source.Scalar) else marks.closes.get((value.line, value.column))
    entry = _Entry(value, start, parent, is_first, close)
    yield entry
    for at, (item, begins) in enumerate(_inner(value)):
        yield from _entries(item, begins, entry, at == 0, marks)


def _place(gap: list[Mark], entry: _Entry, following: _Entry | None) -> None:
    """Give what is between the begin of an entry and that of the next one to whom it belongs."""
    count = _behind(gap, entry)
    behind, rest = gap[:count], gap[count:]
    closing = _closing(entry, following)
    if behind:
        _put_behind(behind, entry, closing)
    if following is not None and following.parent is entry:
        _outermost(following).before += _texts(rest)
        return
    column = _column(following.parent) if following and following.parent else 0
    blank = False
    for mark in rest:
        closing = _still_open(closing, mark, column)
        if mark.text:
            place = closing[0].end if closing else _before_or_end(entry, following)
            place += [*([""] if blank else []), mark.text]
        blank = not mark.text
    if blank and following is not None:
        following.before.append("")


def _behind(gap: list[Mark], entry: _Entry) -> int:
    """How many marks come before the end of the entry's own line: up to the last that isn't alone, or before its value."""
    value_at = (0, 0)
    if entry.is_leaf:
        value_at = entry.close or (entry.value.line, entry.value.column)
    wanted = (at for at in range(len(gap), 0, -1) if not gap[at - 1].alone or gap[at - 1].at < value_at)
    return next((at for at in wanted if gap[at - 1].text), 0)


def _put_behind(marks: list[Mark], entry: _Entry, closing: list[_Entry]) -> None:
    last = marks[-1]
    # A list's item that is a collection begins on the line of its dash, which has no room of its own.
    has_line = entry.is_leaf or not entry.is_item
    if has_line and not last.alone:
        marks = marks[:-1]
        whole = _whole_line(entry, closing, last.at[0]) if entry.is_leaf else None
        (whole or entry).trailing = last.text
        (whole or entry).one_line = whole is not None
    _outermost(entry).before += [mark.text for mark in marks if mark.text]


def _whole_line(entry: _Entry, closing: list[_Entry], line: int) -> _Entry | None:
    """The outermost of an entry and those that end with it which begins on this line."""
    return next((each for each in reversed([entry, *closing]) if each.start[0] == line), None)


def _outermost(entry: _Entry) -> _Entry:
    """The entry on whose line `entry` begins: several dashes may share one, and the document begins with its first key."""
    while entry.is_first and entry.parent is not None and entry.parent.is_item:
        entry = entry.parent
    return entry


def _closing(entry: _Entry, following: _Entry | None) -> list[_Entry]:
    """The collections that end between an entry and the next one, the innermost first."""
    found: list[_Entry] = []
    stays = following.parent if following else None
    outer = entry.parent
    while outer is not None and outer is not stays:
        found.append(outer)
        outer = outer.parent
    return found


def _still_open(closing: list[_Entry], mark: Mark, column: int) -> list[_Entry]:
    """Those of `closing` that aren't over before `mark`, which is followed by what begins in `column`."""
    if not mark.text:
        return closing
    return next((closing[at:] for at, each in enumerate(closing) if _holds(each, mark, column)), [])


def _holds(entry: _Entry, mark: Mark, column: int) -> bool:
    if entry.close is not None:
        return mark.at < entry.close
    return column < _column(entry) <= mark.column


def _column(entry: _Entry) -> int:
    """Where the entries of a collection without brackets begin, its dashes included."""
    return entry.value.column


def _before_or_end(entry: _Entry, following: _Entry | None) -> list[str]:
    if following is not None:
        return following.before
    while entry.parent is not None:
        entry = entry.parent
    return entry.end


def _texts(marks: Sequence[Mark]) -> list[str]:
    """The comments, each run of blank lines as one."""
    texts = [mark.text for mark in marks]
    return [text for at, text in enumerate(texts) if text or at == 0 or texts[at - 1]]
