"""A finding -> edits that an editor offers: the name that was meant, or a comment that passes it over."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from modelpack.language_server.bodies import outlined
from modelpack.language_server.navigation import Edit
from modelpack.language_server.texts import Text
from modelpack.language_server.tree import Word, words
from modelpack.lint.comments import IDLE
from modelpack.scalars import resolve

__all__ = ["Action", "actions"]

_MEANT = re.compile(r"did you mean '([^']+)'\?")
_UNKNOWN = re.compile(r"unknown [a-z A-Z0-9_]+ '([^']+)'")
_ARGUMENT = re.compile(r"write \$([A-Za-z_]\w*): it is an argument")
_IGNORE = re.compile(r"(#\s*modelpack: ignore\[[^\[\]]*)\]")
_WHOLE = re.compile(r"\s*#\s*modelpack: ignore\[MP[0-9]{1,3}\]\s*$")
_CODE = re.compile(r"MP[0-9]{1,3}")


@dataclass(frozen=True, slots=True)
class Action:
    """An edit with what it does, in a few words."""

    title: str
    edit: Edit
    is_preferred: bool


def actions(text: Text, code: str, message: str, offset: int) -> Iterator[Action]:
    """What may be done about the problem `code` at `offset`, as its message and hint say."""
    unknown, meant = _UNKNOWN.search(message), _MEANT.search(message)
    if unknown and meant:
        word = _word(text, unknown[1], offset)
        if word is not None and isinstance(resolve(meant[1]), str):
            edit = Edit(word.start, word.end, meant[1])
            yield Action(f"Write '{meant[1]}' instead of '{unknown[1]}'", edit, is_preferred=True)
    argument = _ARGUMENT.search(message)
    if argument:
        yield from _with_dollar(text, argument[1], offset)
    if code == IDLE:
        yield Action("Remove what passes over nothing", _without(text, offset), is_preferred=True)
        return
    # A text that can't be read has no lines of which something could be passed over.
    if not code.startswith("MP1"):
        yield Action(f"Pass over {code} on this line", _ignoring(text, code, offset), is_preferred=False)


def _with_dollar(text: Text, name: str, offset: int) -> Iterator[Action]:
    """The first word from the problem's place on that has `name` in it, as an argument is written."""
    bare = re.compile(rf"(?<![$\w.]){name}(?!\w)")
    found = (way.word for way in words(outlined(text.text).root))
    word = next((each for each in found if each.start >= offset and bare.search(each.value)), None)
    if word is not None:
        written = bare.sub(lambda match: f"${match[0]}", text.text[word.start : word.end])
        yield Action(f"Write '${name}'", Edit(word.start, word.end, written), is_preferred=True)


def _word(text: Text, name: str, offset: int) -> Word | None:
    """The first word that says `name` from the problem's place on; the place may be that of the layer around it."""
    found = (way.word for way in words(outlined(text.text).root))
    return next((each for each in found if each.value == name and each.start >= offset), None)


def _without(text: Text, offset: int) -> Edit:
    """The comment goes with its last code."""
    number = text.line_of(offset)
    start, line = text.starts[number], text.line(number)
    whole = _WHOLE.search(line)
    if whole is not None:
        return Edit(start + whole.start(), start + whole.end(), "")
    code = _CODE.match(line, offset - start)
    first, last = (offset - start, code.end()) if code else (0, 0)
    behind = re.compile(r"\s*,\s*").match(line, last)
    before = re.compile(r",\s*$").search(line, 0, first)
    if behind:
        last = behind.end()
    elif before:
        first = before.start()
    return Edit(start + first, start + last, "")


def _ignoring(text: Text, code: str, offset: int) -> Edit:
    number = text.line_of(offset)
    start, line = text.starts[number], text.line(number)
    comment = _IGNORE.search(line)
    if comment is not None:
        at = start + comment.end(1)
        return Edit(at, at, f", {code}")
    end = start + len(line.rstrip())
    return Edit(end, start + len(line), f"  # modelpack: ignore[{code}]")
