"""Blocks equal up to constants -> one template with arguments, and the values that each of them gives."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

from modelpack.architecture import Apply, Argument, Block, ByMode, Use
from modelpack.dims import Dim, Expr, floor_div, symbol
from modelpack.layers.kinds import Literal, has_arguments
from modelpack.templates.literals import Key, Place, same, with_literals

__all__ = ["marked", "template"]

_KINDS: Mapping[type, str] = {bool: "bool", int: "int", float: "float", str: "str", tuple: "list"}
_FACTORS = range(2, 9)
_ENOUGH = 3
"""Different values in which one argument must be a multiple of another to be one by more than coincidence."""
_MOST_PLACES = 2
"""How many times the places of its base a multiple may have: arithmetic all over a block reads worse than one more argument."""
_LEAST_PLACES = 2
"""Places that a base has: what stands at one place only isn't what a block is told by."""
_DERIVED = frozenset({"num_features", "normalized_shape", "num_channels", "num_groups", "groups"})
"""Settings that repeat a width which other settings name better."""
_ANY = symbol("$any")


def marked(block: Block) -> Block:
    """`block` with marks in place of the constants that an argument could give: equal for blocks that one template can be."""
    return with_literals(block, lambda place, value: _mark(place, value, ()))


def _mark(place: Place, value: Literal, index: tuple[int, ...]) -> Literal:
    whole, found = value, index
    for at in index:
        assert isinstance(whole, tuple)
        whole = whole[at]
    if isinstance(whole, tuple):
        return tuple(_mark(place, value, (*index, at)) for at in range(len(whole)))
    number, of = _factored(whole)
    if number is None or isinstance(number, Expr) or not _takes(place, _put(value, {found: _ANY * of})):
        return whole
    return f"\0{_KINDS[type(number)]} {of}"  # no text of an architecture has such a character


def _factored(value: Literal) -> tuple[Literal, Dim]:
    """The number in `9*batch`, and what it's a factor of; a value that is no such product by itself."""
    if not isinstance(value, Expr) or len(value.terms) != 1 or has_arguments(value):
        return value, 1
    number = value.terms[0][1]
    return number, floor_div(value, number)


def _takes(place: Place, value: Literal) -> bool:
    try:
        place.kind.read(value)
    except ValueError:
        return False
    return True


def _put(value: Literal, items: Mapping[tuple[int, ...], Literal], index: tuple[int, ...] = ()) -> Literal:
    """`value` with `items` at their indices."""
    if index in items:
        return items[index]
    if isinstance(value, tuple):
        return tuple(_put(item, items, (*index, at)) for at, item in enumerate(value))
    return value


# ------------------------------------------------------------------------------------------------- the template


@dataclass(frozen=True, slots=True)
class _Hole:
    """A constant, or one item of a list, in which the blocks differ."""

    place: Place
    index: tuple[int, ...]
    values: tuple[Literal, ...]
    """one for each block"""
    of: Dim = 1
    """what the values are factors of (`batch` in `9*batch`)"""


@dataclass(slots=True)
class _Value:
    """Holes in which every block has the same value: one argument, unless it is arithmetic on another."""

    values: tuple[Literal, ...]
    holes: list[_Hole] = field(default_factory=list[_Hole])

    @property
    def kind(self) -> str:
        return _KINDS[type(self.values[0])]


def template(
    blocks: Sequence[Block], templates: Mapping[str, Block]
) -> tuple[Block, list[dict[str, Literal]]]:
    """One block for all of `blocks`, which are equal once `marked`, and what each gives for its new arguments; `templates`
    are those that they use."""
    by_mode = frozenset(key for block in blocks for key in _by_mode(block))
    found = [_literals(block, by_mode) for block in blocks]
    holes = [
        hole
        for key, (place, _) in found[0].items()
        for hole in _holes(place, tuple(each[key][1] for each in found), ())
    ]
    values: dict[str, _Value] = {}
    for hole in holes:
        text = repr([(type(value).__name__, value) for value in hole.values])
        values.setdefault(text, _Value(hole.values)).holes.append(hole)
    named, expressions = _named(list(values.values()), set(blocks[0].arguments))
    filled: dict[Key, dict[tuple[int, ...], Literal]] = {}
    for value, expression in zip(values.values(), expressions, strict=True):
        for hole in value.holes:
            product = expression * hole.of if isinstance(expression, Expr) else expression
            filled.setdefault(hole.place.key, {})[hole.index] = product

    def put(place: Place, literal: Literal) -> Literal:
        items = filled.get(place.key)
        return place.kind.read(_put(literal, items)) if items else literal

    body = with_literals(blocks[0], put, by_mode)
    arguments = {
        name: Argument(value.kind, _usual(value, blocks[0], templates)) for name, value in named.items()
    }
    given = [{name: value.values[at] for name, value in named.items()} for at in range(len(blocks))]
    return replace(body, arguments={**body.arguments, **arguments}), given


def _usual(value: _Value, block: Block, templates: Mapping[str, Block]) -> Literal:
    """The default that everything that takes the value has, if that is what a good part of the blocks say."""
    alone = [hole for hole in value.holes if not hole.index and hole.of == 1]
    defaults = [_default(hole.place.key, block, templates) for hole in alone]
    first = defaults[0] if len(defaults) == len(value.holes) else None
    agreed = first is not None and all(same(each, first) for each in defaults)
    return (
        first if agreed and 4 * sum(same(each, first) for each in value.values) >= len(value.values) else None
    )


def _default(key: Key, block: Block, templates: Mapping[str, Block]) -> Literal:
    if key[0] != "node":
        return None
    action, name = block.nodes[int(key[1])].action, str(key[2])
    if isinstance(action, Use):
        return templates[action.block].arguments[name].default
    setting = action.type.settings[name] if isinstance(action, Apply) else None
    return None if setting is None or setting.required else cast("Literal", setting.default)


def _by_mode(block: Block) -> Iterator[Key]:
    for at, node in enumerate(block.nodes):
        for name, value in node.action.settings.items() if isinstance(node.action, Apply) else ():
            if isinstance(value, ByMode):
                yield ("node", at, name)


def _literals(block: Block, by_mode: frozenset[Key]) -> dict[Key, tuple[Place, Literal]]:
    found: dict[Key, tuple[Place, Literal]] = {}

    def note(place: Place, literal: Literal) -> Literal:
        found[place.key] = (place, literal)
        return literal

    with_literals(block, note, by_mode)
    return found


def _holes(place: Place, values: tuple[Literal, ...], index: tuple[int, ...]) -> Iterator[_Hole]:
    first = values[0]
    if all(same(value, first) for value in values):
        return
    lists = [value for value in values if isinstance(value, tuple)]
    if len(lists) < len(values):
        numbers = tuple(_factored(value)[0] for value in values)
        yield _Hole(place, index, numbers, _factored(first)[1])
        return
    columns = list(zip(*lists, strict=True))
    integers = all(type(item) is int for each in lists for item in each)
    different = {column for column in columns if len(set(column)) > 1} if integers else set()
    if not index and len(different) > 1 and _takes(place, _ANY):
        yield _Hole(place, index, values)
        return
    for at, column in enumerate(columns):
        yield from _holes(place, column, (*index, at))


# ---------------------------------------------------------------------------------------- names and arithmetic


def _named(values: list[_Value], taken: set[str]) -> tuple[dict[str, _Value], list[Literal]]:
    """The values that are arguments, by their names, and what each value is in their terms."""
    of = _arithmetic(values)
    named: dict[str, _Value] = {}
    for at, value in enumerate(values):
        if at not in of:
            named[_name(value.holes, taken | named.keys())] = value
    symbols = {id(value): symbol(f"${name}") for name, value in named.items()}

    def expression(at: int) -> Literal:
        if at not in of:
            return symbols[id(values[at])]
        base, factor = of[at]
        argument = symbols[id(values[base])]
        return argument * factor if factor else floor_div(argument, 2)

    return named, [expression(at) for at in range(len(values))]


def _arithmetic(values: list[_Value]) -> dict[int, tuple[int, int]]:
    """Value -> the one that it is a multiple of, and the factor; 0 for half of it, rounded down."""
    numbers = {at: each.values for at, each in enumerate(values) if each.kind == "int"}
    order = sorted(numbers, key=lambda at: (_size(numbers[at]), at))
    usual = {
        at
        for at, each in numbers.items()
        if len(set(each)) >= _ENOUGH and len(values[at].holes) >= _LEAST_PLACES
    }
    found: dict[int, tuple[int, int]] = {}
    for at in order:
        bases = [base for base in order if base not in found and base in usual]
        ways = [
            (base, factor)
            for base in bases
            for factor in _FACTORS
            if base != at
            and numbers[at] == _times(numbers[base], factor)
            and len(values[at].holes) <= _MOST_PLACES * len(values[base].holes)
        ]
        if ways:
            found[at] = ways[0]
    for at in order:
        is_base = any(base == at for base, _ in found.values())
        for base in order if at not in found and not is_base else ():
            if base != at and base not in found and _is_half(numbers[at], numbers[base]):
                found[at] = (base, 0)
                break
    return found


def _size(numbers: tuple[Literal, ...]) -> int:
    return sum(abs(each) for each in numbers if isinstance(each, int))


def _times(numbers: tuple[Literal, ...], factor: int) -> tuple[Dim, ...]:
    return tuple(each * factor for each in numbers if isinstance(each, int))


def _is_half(numbers: tuple[Literal, ...], of: tuple[Literal, ...]) -> bool:
    halves = tuple(each // 2 for each in of if isinstance(each, int))
    return numbers == halves and len(set(of)) >= _ENOUGH and 0 not in of


def _name(holes: list[_Hole], taken: set[str]) -> str:
    """What the settings that it feeds call a value; with the layer's name before it where that is taken."""
    best = min(hole.place.tells for hole in holes)
    told = [_told(hole) for hole in holes if hole.place.tells == best]
    names = [place.name for place in told]
    word = _width(names) or next((name for name in names if name not in _DERIVED), names[0])
    owner = next((place for place in told if place.name == word), told[0]).owner
    last = owner.rpartition(".")[2]
    wishes = [word, f"{last}_{word}"] if last.isidentifier() else [word]
    numbered = (f"{word}_{count}" for count in itertools.count(2))
    return next(wish for wish in itertools.chain(wishes, numbered) if wish not in taken)


def _told(hole: _Hole) -> Place:
    return hole.place if hole.of == 1 else replace(hole.place, name="factor")


def _width(names: list[str]) -> str | None:
    """A width that one layer gives and another takes: `channels`, and `hidden_channels` if it stays inside."""
    ends = [name for name in names if name.startswith(("in_", "out_"))]
    for name in ends:
        stem = name.partition("_")[2]
        if f"in_{stem}" in ends and f"out_{stem}" in ends:
            inside = ends[0].startswith("out_") and ends[-1].startswith("in_")
            return f"hidden_{stem}" if inside else stem
    return None
