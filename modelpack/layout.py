"""A tree of texts -> the lines of the canonical text: what stands on a line of its own, and where comments go.

`writer` lays out an architecture, `formatting` a document as somebody wrote it, with the comments and blank lines in it.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto

from modelpack import scalars

__all__ = ["KEYS", "Note", "Path", "Tree", "lay_out", "number", "plain_word", "word"]

Tree = str | list["Tree"] | dict[str, "Tree"]
"""Texts of scalars, nested as the document nests."""

Path = tuple[str | int, ...]
"""The keys and positions that lead to a value."""


@dataclass(frozen=True, slots=True)
class Note:
    """What stands around an entry, its key or dash included, besides the entry itself."""

    before: tuple[str, ...] = ()
    """comments on lines of their own; blank lines are empty"""
    trailing: str = ""
    """the comment on the entry's line: behind its value, or behind its key where the value begins below"""
    end: tuple[str, ...] = ()
    """comments behind the last of what is in it"""
    one_line: bool = False
    """it is on one line, `trailing` behind it, which may mean all of it: it stays so, however long"""


class _Style(Enum):
    """How a value is laid out where no comment asks for more lines."""

    LINE = auto()
    ROW = auto()
    """on one line; a mapping that is too long for one, with a line for each of its entries"""
    LIST = auto()
    """the same of a list"""
    ROWS = auto()
    """a mapping, each entry a ROW"""
    BODY = auto()
    """a mapping by `KEYS`"""
    BODIES = auto()
    """a mapping, each entry a BODY"""


KEYS: Mapping[str, _Style] = {
    "modelpack": _Style.LINE,
    "name": _Style.LINE,
    "dtype": _Style.LINE,
    "modes": _Style.LINE,
    "imports": _Style.ROWS,
    "arguments": _Style.LINE,
    "inputs": _Style.ROWS,
    "requires": _Style.LIST,
    "parameters": _Style.ROWS,
    "buffers": _Style.ROWS,
    "blocks": _Style.BODIES,
    "layers": _Style.ROWS,
    "outputs": _Style.LINE,
    "tied": _Style.LINE,
}
"""The keys of a document and of a block, in their order."""

_ALWAYS_OPEN = frozenset({_Style.ROWS, _Style.BODY, _Style.BODIES})
_WIDTH = 120
_NO_NOTE = Note()


def lay_out(tree: Tree, notes: Mapping[Path, Note] | None = None) -> str:
    """The text of a document, ending with a newline; `notes` are by the paths of their values."""
    return "\n".join(_Layout(notes or {}).document(tree)) + "\n"


class _Layout:
    def __init__(self, notes: Mapping[Path, Note]) -> None:
        self._notes = notes
        self._noted: set[Path] = set()
        """paths at or below which there is a note"""
        for path in notes:
            above = path
            while above not in self._noted:
                self._noted.add(above)
                above = above[:-1]

    def document(self, tree: Tree) -> Iterator[str]:
        note = self._notes.get((), _NO_NOTE)
        yield from _without_blank(note.before)
        if isinstance(tree, str) or not tree:
            yield _commented(_flow(tree), note.trailing)
            yield from note.end
        else:
            yield from self._entries(tree, (), _Style.BODY)

    def _entries(self, tree: Tree, path: Path, style: _Style) -> Iterator[str]:
        for at, (key, item) in enumerate(_items(tree)):
            head = f"{word(key)}:" if isinstance(key, str) else "-"
            inside = (*path, key)
            before = self._notes.get(inside, _NO_NOTE).before
            yield from before if at else _without_blank(before)
            yield from self._entry(head, item, inside, _inner(style, key))
        yield from self._notes.get(path, _NO_NOTE).end

    def _entry(self, head: str, tree: Tree, path: Path, style: _Style) -> Iterator[str]:
        comment = None if _is_open(tree, style) else self._comment(tree, path)
        if comment is not None:
            line = f"{head} {_flow(tree)}"
            if _fits(line, tree, style) or self._notes.get(path, _NO_NOTE).one_line:
                yield _commented(line, comment)
                return
        lines = self._entries(tree, path, style)
        if head == "-":
            yield f"- {next(lines)}"
        else:
            yield _commented(head, self._notes.get(path, _NO_NOTE).trailing)
        yield from (f"  {line}" if line else "" for line in lines)

    def _comment(self, tree: Tree, path: Path) -> str | None:
        """The comment of an entry on one line, or "" if it has none; None if it has more than one line can bear."""
        if path not in self._noted:
            return ""
        note = self._notes.get(path, _NO_NOTE)
        last = ""
        for key, item in _items(tree):
            inside = (*path, key)
            found = self._comment(item, inside)
            if last or found is None or any(self._notes.get(inside, _NO_NOTE).before):
                return None
            last = found
        if note.end or (last and note.trailing):
            return None
        return last or note.trailing


def _items(tree: Tree) -> Iterator[tuple[str | int, Tree]]:
    if isinstance(tree, dict):
        yield from tree.items()
    elif isinstance(tree, list):
        yield from enumerate(tree)


def _inner(style: _Style, key: str | int) -> _Style:
    """The style of what is under `key`."""
    match style:
        case _Style.BODY:
            return KEYS.get(key, _Style.LINE) if isinstance(key, str) else _Style.LINE
        case _Style.BODIES:
            return _Style.BODY
        case _Style.ROWS:
            return _Style.ROW
        case _:
            return _Style.LINE


def _is_open(tree: Tree, style: _Style) -> bool:
    return style in _ALWAYS_OPEN and isinstance(tree, dict) and bool(tree)


def _fits(line: str, tree: Tree, style: _Style) -> bool:
    wanted = {_Style.ROW: dict, _Style.LIST: list}.get(style)
    return wanted is None or len(line) <= _WIDTH or not isinstance(tree, wanted) or not tree


def _without_blank(before: tuple[str, ...]) -> tuple[str, ...]:
    """Nothing is told apart from what is first."""
    return before[1:] if before[:1] == ("",) else before


def _commented(line: str, comment: str) -> str:
    return f"{line}  {comment}" if comment else line


def _flow(tree: Tree) -> str:
    if isinstance(tree, dict):
        return "{" + ", ".join(f"{word(name)}: {_flow(item)}" for name, item in tree.items()) + "}"
    if isinstance(tree, list):
        return "[" + ", ".join(map(_flow, tree)) + "]"
    return tree


# --------------------------------------------------------------------------------------------------- scalars


_PLAIN = re.compile(r"(?:[0-9]+\*)?[A-Za-z_$(][A-Za-z0-9_$.()*/%+-]*(?: [A-Za-z0-9_$.()*/%+-]+)*")
_WORDS_OF_YAML_1_1 = frozenset({"yes", "no", "on", "off"})


def word(text: str) -> str:
    """A string, in quotes where plain it would be something else, to this reader or to one of YAML 1.1."""
    if _PLAIN.fullmatch(text) and _is_text(text):
        return text
    if text.isprintable():
        return "'" + text.replace("'", "''") + "'"
    return json.dumps(text, ensure_ascii=False)


_HARMLESS = re.compile(
    r"(?:\.{1,2}/|[0-9]+ ?(?:\*|\+|-|//|%) ?)*[A-Za-z_$(][A-Za-z0-9_$.()*/%+=<>!-]*(?: [A-Za-z0-9_$.()*/%+=<>!-]+)*"
)
"""Also paths, and expressions and comparisons with spaces as one likes."""


def plain_word(text: str) -> str:
    """A string that was written without quotes: so it stays, where all readers take it for the same."""
    return text if _HARMLESS.fullmatch(text) and _is_text(text) else word(text)


def _is_text(text: str) -> bool:
    return scalars.resolve(text) == text and text.lower() not in _WORDS_OF_YAML_1_1


def number(value: bool | int | float | None) -> str:
    """A number, a truth value or null."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if math.isnan(value):
        return ".nan"
    if math.isinf(value):
        return ".inf" if value > 0 else "-.inf"
    return repr(value)
