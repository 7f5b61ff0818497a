"""A place in a text, which may be broken there -> words to complete it with."""

from __future__ import annotations

import re
from dataclasses import dataclass

from modelpack.language_server.bodies import outline
from modelpack.language_server.proposals import Proposal, Shape, proposals
from modelpack.language_server.roles import Spot, spot_of
from modelpack.language_server.sketch import sketch
from modelpack.language_server.texts import Text
from modelpack.language_server.tree import Way, find
from modelpack.layers import BUILTIN
from modelpack.layers.base import LayerType

__all__ = ["Completion", "completions"]

_MARK = "\ue000"
"""Stands in for the cursor, so that there is a word even where nothing has been written; of no use to anybody else."""
_BEHIND = re.compile(r"[A-Za-z0-9_.$-]*")
_BEFORE = re.compile(r"[A-Za-z0-9_.$-]*\Z")
_COLON = re.compile(r"['\"]?[ \t]*:")
_MOST_BEFORE = 256


@dataclass(frozen=True, slots=True)
class Completion:
    """`proposal` as text in place of what stands between two offsets; as a snippet it has `${1}` where more is to be written."""

    proposal: Proposal
    text: str
    snippet: str
    start: int
    end: int


def completions(text: Text, offset: int) -> list[Completion]:
    """What the word at `offset` may become."""
    start, end = _word(text, offset)
    written = text.text
    marked = f"{written[:start]}{written[start:offset]}{_MARK}{written[offset:]}"
    root = sketch(marked)
    way = find(root, offset)
    if way is None or _MARK not in way.word.value:
        return []
    told = outline(root)
    spot = _spot(way)
    has_colon = way.is_key and _COLON.match(written, end) is not None
    found = proposals(told, way, spot)
    line = text.starts[text.line_of(start)]
    in_brackets = not way.is_key and bool(written[line:start].strip(" \t"))
    return [_completion(each, start, end, has_colon=has_colon, in_brackets=in_brackets) for each in found]


def _word(text: Text, offset: int) -> tuple[int, int]:
    """From where to where the word around `offset` is."""
    line = text.starts[text.line_of(offset)]
    first = max(line, offset - _MOST_BEFORE)
    before = _BEFORE.search(text.text[first:offset])
    behind = _BEHIND.match(text.text, offset)
    return offset - len(before[0] if before else ""), behind.end() if behind else offset


def _spot(way: Way) -> Spot:
    """What stands there, without the mark in the names of what it stands in."""
    spot = spot_of(way.path, is_key=way.is_key)
    if not way.is_key or _MARK not in spot.key:
        return spot
    return Spot(spot.role, spot.body, spot.node, spot.name)


def _completion(each: Proposal, start: int, end: int, *, has_colon: bool, in_brackets: bool) -> Completion:
    """`has_colon`: it is there already; `in_brackets`: a key is to be written behind another's colon."""
    if has_colon:
        return Completion(each, each.word, _escaped(each.word), start, end)
    text, snippet = _laid_out(each)
    if in_brackets and each.shape is not Shape.VALUE:
        text, snippet = f"{{{text}}}", f"{{{snippet}}}"
    return Completion(each, text, snippet, start, end)


def _laid_out(each: Proposal) -> tuple[str, str]:
    """A proposal with what belongs behind it, as text and as a snippet."""
    word = _escaped(each.word)
    match each.shape:
        case Shape.VALUE:
            return each.word, word
        case Shape.KEY:
            return f"{each.word}: ", f"{word}: $0"
        case Shape.LIST:
            return f"{each.word}: []", f"{word}: [$0]"
        case Shape.MAPPING:
            return f"{each.word}: ", f"{word}: $0"
        case Shape.TYPE:
            return f"{each.word}: {{}}", f"{word}: {{{_required(BUILTIN[each.word])}}}"


def _required(kind: LayerType) -> str:
    """The settings that must be given, each with a place to write."""
    return ", ".join(f"{name}: ${{{at}}}" for at, name in enumerate(kind.required, 1)) or "$0"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("$", "\\$").replace("}", "\\}")
