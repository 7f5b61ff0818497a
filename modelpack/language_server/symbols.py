"""Document -> mentions: each name that something in it declares or refers to, with its place."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Any, cast

from modelpack.architecture import ARGUMENT_KINDS
from modelpack.canonical import INDEX
from modelpack.language_server.bodies import Body, Outline, outlined
from modelpack.language_server.roles import Role, Spot, spot_of
from modelpack.language_server.tree import Mapping, Way, Word, words
from modelpack.layers import BUILTIN
from modelpack.layers.kinds import Kind

__all__ = ["Index", "Mention", "Sort", "Symbol", "dimensions_of", "index", "is_arithmetic", "split_head"]

_LONGEST = 256
_NAME = re.compile(r"\$?[A-Za-z_][A-Za-z0-9_]*")


class Sort(Enum):
    """What has a name."""

    BLOCK = "block"
    IMPORT = "import"
    INPUT = "input"
    TENSOR = "tensor"
    NODE = "layer"
    ARGUMENT = "argument"
    DIMENSION = "dimension"


@dataclass(frozen=True, slots=True)
class Symbol:
    """Something with a name, in the block `body` (empty: in the network itself, or in the whole document)."""

    sort: Sort
    body: str
    name: str


@dataclass(frozen=True, slots=True)
class Mention:
    """Where a symbol is declared or referred to: a whole word or a part of one. Where a word isn't written as it reads (escapes)
    the place is all of it."""

    symbol: Symbol
    word: Word
    start: int
    """within the word's value"""
    is_definition: bool

    @property
    def span(self) -> tuple[int, int]:
        """From where to where in the text; of an argument without its `$`."""
        if not self.word.is_exact:
            return self.word.start, self.word.end
        start = self.word.inner + self.start
        return start, start + len(self.symbol.name)


@dataclass(frozen=True, slots=True)
class Index:
    """What a document holds, for an editor's questions."""

    outline: Outline
    mentions: tuple[Mention, ...]
    """in order of place"""

    def at(self, offset: int) -> Mention | None:
        """The mention at `offset`, or directly before it; of what leads into a value (`lstm.h_n`) that of the value."""
        last = bisect_right(self.mentions, offset, key=lambda each: each.word.start)
        found: Mention | None = None
        for each in reversed(self.mentions[:last]):
            if each.word.end < offset:
                break
            start, end = each.span
            leads_on = each.word.value.startswith(".", each.start + len(each.symbol.name))
            if start <= offset and (offset <= end or leads_on) and (found is None or found.span[0] < start):
                found = each
        return found

    def of(self, symbol: Symbol) -> list[Mention]:
        return [each for each in self.mentions if each.symbol == symbol]

    def definition(self, symbol: Symbol) -> Mention | None:
        return next((each for each in self.mentions if each.is_definition and each.symbol == symbol), None)


@lru_cache(maxsize=8)
def index(text: str) -> Index:
    """The index of `text`, which may be broken."""
    return _Indexer(outlined(text)).index()


class _Indexer:
    def __init__(self, told: Outline) -> None:
        self._outline = told
        self._dimensions = {name: dimensions_of(body) for name, body in told.bodies.items()}

    def index(self) -> Index:
        found = [each for way in words(self._outline.root) for each in self._mentions(way)]
        return Index(self._outline, tuple(found))

    def _mentions(self, way: Way) -> Iterator[Mention]:
        word = way.word
        if not word.value or len(word.value) > _LONGEST or word.quote == "|":
            return
        spot = spot_of(way.path, is_key=way.is_key)
        match spot.role:
            case Role.BLOCK_NAME:
                yield self._definition(Sort.BLOCK, "", way)
            case Role.IMPORT_NAME:
                yield self._definition(Sort.IMPORT, "", way)
            case Role.ARGUMENT_NAME:
                yield self._definition(Sort.ARGUMENT, spot.body, way)
            case Role.INPUT_NAME:
                yield self._definition(Sort.INPUT, spot.body, way)
            case Role.TENSOR_NAME:
                yield self._definition(Sort.TENSOR, spot.body, way)
            case Role.NODE_NAME:
                yield self._definition(Sort.NODE, spot.body, way)
            case Role.USE:
                sort = Sort.IMPORT if word.value in self._outline.imports else Sort.BLOCK
                yield Mention(Symbol(sort, "", word.value), word, 0, is_definition=False)
            case Role.WITH_KEY if way.is_key:
                yield from self._in_block_used(spot, Sort.ARGUMENT, word)
            case Role.PORT_KEY if len(way.path) == (4 if spot.body == "" else 6):
                yield from self._in_block_used(spot, Sort.INPUT, word)
            case Role.REFERENCE:
                yield from self._path(spot.body, word, is_value=True)
            case Role.CALL | Role.TIED:
                yield from self._path(spot.body, word, is_value=False)
            case Role.FROZEN | Role.INITIALISED_KEY:
                yield from self._below(spot, word)
            case Role.AXIS | Role.REQUIREMENT | Role.COUNT:
                yield from self._expression(spot, word, way)
            case Role.SETTING_VALUE if not way.is_key:
                yield from self._setting(spot, word, way)
            case Role.WITH_VALUE if not way.is_key:
                yield from self._argument(spot, word, way)
            case _:
                return

    def _definition(self, sort: Sort, body: str, way: Way) -> Mention:
        return Mention(Symbol(sort, body, way.word.value), way.word, 0, is_definition=True)

    # ----------------------------------------------------------------------------------------------- paths

    def _path(self, body: str, word: Word, *, is_value: bool, at: int = 0) -> Iterator[Mention]:
        """The names in a path, one after the other into blocks; what is behind a value's name are ports."""
        while True:
            head = split_head(self._outline, body, word.value[at:])
            if head is None:
                return
            yield Mention(Symbol(head[0], body, head[1]), word, at, is_definition=False)
            node = self._outline.bodies[body].nodes.get(head[1]) if head[0] is Sort.NODE else None
            if is_value or node is None or node.does != "use" or node.target not in self._outline.bodies:
                return
            at += len(head[1]) + 1
            if node.is_repeated:
                number = word.value[at:].partition(".")[0]
                at += len(number) + 1 if INDEX.fullmatch(number) else 0
            body = node.target
            if at >= len(word.value):
                return

    def _below(self, spot: Spot, word: Word) -> Iterator[Mention]:
        """A path below a layer, which leads somewhere in the document if the layer is the use of a block."""
        node = (
            self._outline.bodies[spot.body].nodes.get(spot.node)
            if spot.body in self._outline.bodies
            else None
        )
        if node is not None and node.does == "use" and node.target in self._outline.bodies:
            yield from self._path(node.target, word, is_value=False)

    def _in_block_used(self, spot: Spot, sort: Sort, word: Word) -> Iterator[Mention]:
        node = (
            self._outline.bodies[spot.body].nodes.get(spot.node)
            if spot.body in self._outline.bodies
            else None
        )
        if node is not None and node.does == "use" and node.target in self._outline.bodies:
            yield Mention(Symbol(sort, node.target, word.value), word, 0, is_definition=False)

    # ------------------------------------------------------------------------------------------- expressions

    def _expression(self, spot: Spot, word: Word, way: Way) -> Iterator[Mention]:
        known = self._dimensions.get(spot.body, {})
        for match in _NAME.finditer(word.value):
            name = match[0]
            if name in ("max", "min") and word.value[match.end() :].lstrip().startswith("("):
                continue
            if name.startswith("$"):
                symbol = Symbol(Sort.ARGUMENT, spot.body, name[1:])
                yield Mention(symbol, word, match.start() + 1, is_definition=False)
            else:
                symbol = Symbol(Sort.DIMENSION, spot.body, name)
                defines = known.get(name) == word.start and not way.is_key
                yield Mention(symbol, word, match.start(), is_definition=defines)

    def _setting(self, spot: Spot, word: Word, way: Way) -> Iterator[Mention]:
        kind = BUILTIN.get(spot.name)
        setting = kind.settings.get(spot.key) if kind else None
        yield from self._of_kind(setting.kind if setting else None, spot, word, way)

    def _argument(self, spot: Spot, word: Word, way: Way) -> Iterator[Mention]:
        node = (
            self._outline.bodies[spot.body].nodes.get(spot.node)
            if spot.body in self._outline.bodies
            else None
        )
        block = self._outline.bodies.get(node.target) if node else None
        told = block.arguments.get(spot.key) if block else None
        word_of = told.value.get("type") if told and isinstance(told.value, Mapping) else told and told.value
        kind = ARGUMENT_KINDS.get(word_of.value) if isinstance(word_of, Word) else None
        yield from self._of_kind(kind, spot, word, way)

    def _of_kind(self, kind: Kind | None, spot: Spot, word: Word, way: Way) -> Iterator[Mention]:
        """An argument anywhere; dimensions where there is arithmetic, if all its names are known."""
        if word.value.startswith("$") or (kind is not None and is_arithmetic(kind)):
            found = list(self._expression(spot, word, way))
            known = self._dimensions.get(spot.body, {})
            if all(each.symbol.sort is Sort.ARGUMENT or each.symbol.name in known for each in found):
                yield from found


def split_head(told: Outline, body: str, path: str) -> tuple[Sort, str] | None:
    """What a path begins with: the longest name of an input, a tensor or a layer of `body` that it has at a dot."""
    names = told.bodies.get(body)
    head = path
    while names is not None and head:
        if head in names.inputs:
            return Sort.INPUT, head
        if head in names.tensors:
            return Sort.TENSOR, head
        if head in names.nodes:
            return Sort.NODE, head
        head = head.rpartition(".")[0]
    return None


@lru_cache(maxsize=1024)
def is_arithmetic(kind: Kind) -> bool:
    """Whether a text in a setting of this kind is an expression."""
    return _takes_expressions(kind.schema())


def _takes_expressions(schema: Any) -> bool:
    if isinstance(schema, dict):
        each = cast("dict[str, Any]", schema)
        if isinstance(each.get("type"), list) and "string" in each["type"]:
            return True
        return any(_takes_expressions(item) for item in each.values())
    return isinstance(schema, list) and any(map(_takes_expressions, cast("list[Any]", schema)))


def dimensions_of(body: Body) -> dict[str, int]:
    """The dimensions that stand as an axis by themselves in the inputs -> the place of the first such axis."""
    found: dict[str, int] = {}
    for name, entry in body.inputs.items():
        for way in words(entry.value, ("inputs", name)):
            spot = spot_of(way.path, is_key=way.is_key)
            if spot.role is Role.AXIS and _NAME.fullmatch(way.word.value) and way.word.value[:1] != "$":
                found.setdefault(way.word.value, way.word.start)
    return found
