"""A place in a text -> what an editor shows there, in Markdown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from modelpack.language_server.knowledge import (
    KEYS,
    NODE_KEYS,
    code_text,
    initialiser_text,
    setting_text,
    type_text,
)
from modelpack.language_server.roles import Role, Spot, spot_of
from modelpack.language_server.shapes import node_shapes, node_tensors, value_shapes
from modelpack.language_server.symbols import Index, Mention, Sort, index
from modelpack.language_server.texts import Text
from modelpack.language_server.tree import Mapping, Value, Word, find
from modelpack.layers import BUILTIN
from modelpack.layers.initial import INITIALISERS
from modelpack.network import Network

__all__ = ["Hover", "hover"]

_IGNORE = re.compile(r"#\s*modelpack: ignore\[([^\[\]]*)\]")
_CODE = re.compile(r"MP[0-9]{1,3}")
_LONGEST = 128


@dataclass(frozen=True, slots=True)
class Hover:
    """Markdown for what stands between two offsets."""

    markdown: str
    start: int
    end: int


def hover(text: Text, offset: int, networks: Sequence[Network]) -> Hover | None:
    """What is to be said of the place; shapes are those in the first of `networks` that has what stands there."""
    told = index(text.text)
    in_comment = _ignored_code(text, offset)
    if in_comment is not None:
        return in_comment
    way = find(told.outline.root, offset)
    if way is None:
        return None
    spot = spot_of(way.path, is_key=way.is_key)
    mention = told.at(offset)
    if mention is not None:
        start, end = mention.span
        span = (start, end) if offset <= end else (mention.word.start, mention.word.end)
        return Hover(_mentioned(told, mention, spot, networks), *span)
    markdown = _keyed(way.word, spot, networks) if way.is_key else _valued(way.word, spot)
    return Hover(markdown, way.word.start, way.word.end) if markdown else None


def _ignored_code(text: Text, offset: int) -> Hover | None:
    number = text.line_of(offset)
    start = text.starts[number]
    for comment in _IGNORE.finditer(text.line(number)):
        for match in _CODE.finditer(comment[0]):
            first = start + comment.start() + match.start()
            told = code_text(match[0])
            if first <= offset <= first + len(match[0]) and told:
                return Hover(f"{told}\n\nPassed over on this line.", first, first + len(match[0]))
    return None


# ---------------------------------------------------------------------------------------------------- keys, values


def _keyed(word: Word, spot: Spot, networks: Sequence[Network]) -> str | None:
    name = word.value
    match spot.role:
        case Role.NODE_KEY if name in BUILTIN:
            return "\n\n".join([*_node_lines(spot, networks), type_text(BUILTIN[name])])
        case Role.NODE_KEY:
            return _described(name, NODE_KEYS)
        case Role.SETTING_KEY if spot.name in BUILTIN and name in BUILTIN[spot.name].settings:
            kind = BUILTIN[spot.name]
            return setting_text(kind, kind.settings[name])
        case Role.TOP_KEY | Role.BLOCK_KEY:
            return _described(name, KEYS)
        case Role.INITIALISER if name in INITIALISERS:
            return initialiser_text(name)
        case Role.INITIALISER_ARGUMENT_KEY if name in INITIALISERS.get(spot.name, {}):
            return f"**{name}** of {spot.name}: {INITIALISERS[spot.name][name].describe()}"
        case _:
            return None


def _valued(word: Word, spot: Spot) -> str | None:
    match spot.role:
        case Role.INITIALISER if word.value in INITIALISERS:
            return initialiser_text(word.value)
        case Role.SETTING_VALUE if spot.name in BUILTIN and spot.key in BUILTIN[spot.name].settings:
            kind = BUILTIN[spot.name]
            return setting_text(kind, kind.settings[spot.key])
        case _:
            return None


def _described(name: str, known: dict[str, str]) -> str | None:
    return f"**{name}**: {known[name]}" if name in known else None


def _node_lines(spot: Spot, networks: Sequence[Network]) -> list[str]:
    """Shapes and tensors of a layer."""
    for network in networks:
        shapes = node_shapes(network, spot.body, spot.node)
        tensors = [f"- {each}" for each in node_tensors(network, spot.body, spot.node)]
        if shapes:
            return [*(_code(each) for each in shapes), *(["\n".join(tensors)] if tensors else [])]
    return []


# -------------------------------------------------------------------------------------------------------- names


def _mentioned(told: Index, mention: Mention, spot: Spot, networks: Sequence[Network]) -> str:
    symbol = mention.symbol
    where = f" of the block {_quoted(symbol.body)}" if symbol.body else ""
    lines = [f"{symbol.sort.value} {_quoted(symbol.name)}{where}"]
    match symbol.sort:
        case Sort.NODE:
            lines += _node(told, mention, spot, networks)
        case Sort.INPUT | Sort.TENSOR:
            lines += _shapes(networks, symbol.body, symbol.name)
        case Sort.BLOCK:
            lines += _block(told, symbol.name)
        case Sort.ARGUMENT:
            lines += _argument(told, symbol.body, symbol.name)
        case Sort.IMPORT:
            entry = told.outline.imports.get(symbol.name)
            pack = entry.value.get("pack") if entry and isinstance(entry.value, Mapping) else None
            lines += [f"pack {_quoted(pack.value)}"] if isinstance(pack, Word) else []
        case Sort.DIMENSION:
            lines += ["the size of an axis, told by the inputs"]
    return "\n\n".join(lines)


def _node(told: Index, mention: Mention, spot: Spot, networks: Sequence[Network]) -> list[str]:
    symbol = mention.symbol
    body = told.outline.bodies.get(symbol.body)
    node = body.nodes.get(symbol.name) if body else None
    does = _quoted(f"{node.does} {node.target}".rstrip()) if node and node.does else ""
    lines = [does] if does else []
    if spot.role is Role.REFERENCE:
        return lines + _shapes(networks, symbol.body, mention.word.value)
    return lines + _node_lines(Spot(Role.NODE_KEY, symbol.body, symbol.name), networks)


def _shapes(networks: Sequence[Network], body: str, reference: str) -> list[str]:
    told = (value_shapes(network, body, reference) for network in networks)
    return [_code(each) for each in next(filter(None, told), [])]


def _block(told: Index, name: str) -> list[str]:
    body = told.outline.bodies.get(name)
    if body is None:
        return ["there is no such block"]
    arguments = [f"- {_quoted(each)}: {_kind(entry.value)}" for each, entry in body.arguments.items()]
    takes = ", ".join(map(_quoted, body.inputs)) or "nothing"
    layers = "1 layer" if len(body.nodes) == 1 else f"{len(body.nodes)} layers"
    return [f"takes {takes}; has {layers}", *(["\n".join(arguments)] if arguments else [])]


def _argument(told: Index, block: str, name: str) -> list[str]:
    body = told.outline.bodies.get(block)
    entry = body.arguments.get(name) if body else None
    return [_kind(entry.value)] if entry else []


def _kind(value: Value | None) -> str:
    """`int`, or `int, 3 if it isn't given`."""
    if not isinstance(value, Mapping):
        return _quoted(value.value) if isinstance(value, Word) else "?"
    kind, default = value.get("type"), value.get("default")
    told = _quoted(kind.value) if isinstance(kind, Word) else "?"
    return f"{told}, {_quoted(default.value)} where it isn't given" if isinstance(default, Word) else told


def _code(text: str) -> str:
    return f"```text\n{text}\n```"


def _quoted(text: str) -> str:
    """What a file says, as code: it may hold no Markdown of its own, such as a picture that an editor would fetch."""
    shown = "".join(each if each.isprintable() and each != "`" else "'" for each in text[:_LONGEST])
    return f"`{shown}`"
