"""A place in a text -> where the name that stands there is declared and used, and the edits that give it another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from modelpack.errors import Problem
from modelpack.language_server.roles import Role, spot_of
from modelpack.language_server.symbols import Index, Mention, Sort, Symbol, index
from modelpack.language_server.texts import Text
from modelpack.language_server.tree import Mapping, Word, find
from modelpack.reading import NAME, PATH
from modelpack.scalars import resolve

__all__ = ["CantRename", "Edit", "definition", "imported", "mention_at", "rename", "uses"]


class CantRename(Exception):  # noqa: N818  (no error: an answer)
    """Why a name can't be given."""


@dataclass(frozen=True, slots=True)
class Edit:
    """`text` instead of what stands between two offsets."""

    start: int
    end: int
    text: str


def mention_at(text: Text, offset: int) -> Mention | None:
    """The name at `offset`."""
    return index(text.text).at(offset)


def definition(text: Text, offset: int) -> Mention | None:
    """Where the name at `offset` is declared, if it is."""
    told = index(text.text)
    mention = told.at(offset)
    return told.definition(mention.symbol) if mention else None


def imported(text: Text, offset: int) -> str | None:
    """The pack that an import names, as it is written there, where `offset` is in the import's name or its path."""
    told = index(text.text)
    way = find(told.outline.root, offset)
    spot = spot_of(way.path, is_key=way.is_key) if way else None
    if way is None or spot is None or spot.role not in (Role.IMPORT_NAME, Role.IMPORT_VALUE):
        return None
    entry = told.outline.imports.get(str(way.path[1]))
    pack = entry.value.get("pack") if entry and isinstance(entry.value, Mapping) else None
    return pack.value if isinstance(pack, Word) else None


def uses(text: Text, offset: int) -> list[Mention]:
    """All places of the name at `offset`, its declaration among them, in order."""
    told = index(text.text)
    mention = told.at(offset)
    return told.of(mention.symbol) if mention else []


def rename(text: Text, offset: int, name: str) -> list[Edit]:
    """The edits that call what stands at `offset` `name`, wherever it is mentioned.

    Raises:
        CantRename: nothing there has a name, `name` is none, or is taken, or the document would mean something else.
    """
    told = index(text.text)
    mention = told.at(offset)
    if mention is None or told.definition(mention.symbol) is None:
        raise CantRename("nothing here has a name that the document declares")
    symbol = mention.symbol
    _check_name(told, symbol, name)
    words: dict[int, list[Mention]] = {}
    for each in told.of(symbol):
        words.setdefault(id(each.word), []).append(each)
    edits = [_written(mentions, name) for mentions in words.values()]
    _check_same(told, symbol, name, _edited(text.text, edits))
    return edits


def _check_name(told: Index, symbol: Symbol, name: str) -> None:
    dotted = symbol.sort in (Sort.NODE, Sort.TENSOR)
    if not (PATH if dotted else NAME).fullmatch(name):
        parts = "letters, digits, '_' and '-', with dots between" if dotted else "letters, digits and '_'"
        raise CantRename(f"'{name}' can't be the name of a {symbol.sort.value}: {parts}")
    if name != symbol.name and name in _taken(told, symbol):
        raise CantRename(f"the name '{name}' is taken")


def _taken(told: Index, symbol: Symbol) -> set[str]:
    """The names of what `symbol` could be taken for."""
    body = told.outline.bodies.get(symbol.body)
    if symbol.sort in (Sort.BLOCK, Sort.IMPORT):
        return {*told.outline.blocks, *told.outline.imports}
    if body is None:
        return set()
    if symbol.sort is Sort.ARGUMENT:
        return set(body.arguments)
    if symbol.sort is Sort.DIMENSION:
        mine = (each.symbol for each in told.mentions)
        return {"max", "min"} | {
            each.name for each in mine if (each.sort, each.body) == (symbol.sort, symbol.body)
        }
    return {*body.inputs, *body.tensors, *body.nodes}


def _written(mentions: list[Mention], name: str) -> Edit:
    """The word in which all of `mentions` are, with the new name, quoted as it was, or where it must be."""
    word, old = mentions[0].word, mentions[0].symbol.name
    parts: list[str] = []
    last = 0
    for at in sorted(each.start for each in mentions):
        parts += [word.value[last:at], name]
        last = at + len(old)
    value = "".join([*parts, word.value[last:]])
    if word.quote in ("'", '"') and word.is_exact:
        written = f"{word.quote}{value}{word.quote}"
    elif not word.quote and not isinstance(resolve(value), Problem | int | float | None):
        written = value
    else:
        written = _quoted(value)
    return Edit(word.start, word.end, written)


def _quoted(value: str) -> str:
    escaped = value.replace("'", "''")
    return f"'{escaped}'"


def _check_same(told: Index, symbol: Symbol, name: str, after: str) -> None:
    """Every name is still declared by what declared it: dots may have made a longer name of two."""
    renamed = [_renamed(each, symbol, name) for each in told.mentions]
    if sorted(renamed, key=str) != sorted(
        ((each.symbol, each.is_definition) for each in index(after).mentions), key=str
    ):
        raise CantRename(f"with the name '{name}' other names of the document would mean something else")


def _renamed(mention: Mention, symbol: Symbol, name: str) -> tuple[Symbol, bool]:
    here = mention.symbol
    body = name if symbol.sort is Sort.BLOCK and here.body == symbol.name else here.body
    told = name if here == symbol else here.name
    return Symbol(here.sort, body, told), mention.is_definition


def _edited(text: str, edits: list[Edit]) -> str:
    return "".join(_pieces(text, edits))


def _pieces(text: str, edits: list[Edit]) -> Iterator[str]:
    last = 0
    for edit in sorted(edits, key=lambda each: each.start):
        yield text[last : edit.start]
        yield edit.text
        last = edit.end
    yield text[last:]
