"""Names of tensors -> their names elsewhere, by prefixes; and a guess at those prefixes where nobody said them.

Renames.of({"backbone": "features"})     what a prefix is called elsewhere, or that it is left out
covers(prefix, name)                     a prefix ends at a dot, or is the whole name
guess(source, target)                    prefixes under which the source's modules hold what the target's do
"""

from __future__ import annotations

import re
from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

__all__ = ["Renames", "condensed", "covers", "guess", "pair", "roots"]

Table = Mapping[str, Hashable]
"""Name -> what must be equal for a tensor to stand for another: its shape and dtype."""

_MOST_PAIRS = 250_000
"""Pairs of neighbours that are aligned: lists of 500 modules each, where the worst take two seconds."""

_DEEPEST = 100

_MOVES = 3
"""How often what is left is aligned again."""


@dataclass(frozen=True, slots=True)
class Renames:
    """Prefix -> its new name, or None for what is left out. The longest prefix of a name decides; "" is one of every name."""

    pairs: Mapping[str, str | None]

    def rule(self, name: str) -> str | None:
        """The key that decides on `name`, if there is one."""
        return next((each for each in _prefixes(name) if each in self.pairs), None)

    def __call__(self, name: str) -> str | None:
        """What `name` is called elsewhere; None if it's left out."""
        key = self.rule(name)
        if key is None:
            return name
        new = self.pairs[key]
        return None if new is None else _joined(new, _rest(key, name))


def covers(prefix: str, name: str) -> bool:
    """Whether `name` is `prefix`, or something in the module of that name; "" covers everything."""
    return prefix in ("", name) or name.startswith(f"{prefix}.")


def roots(names: Collection[str], others: Collection[str]) -> list[str]:
    """The fewest prefixes that cover all of `names` and none of `others`."""
    foreign = {prefix for name in others for prefix in _prefixes(name)}
    found = (
        min((each for each in _prefixes(name) if each not in foreign), key=len, default=name)
        for name in names
    )
    return list(dict.fromkeys(found))


def pair(source: str, target: str) -> tuple[str, str]:
    """The shortest prefixes that make `target` of `source`: ``("features", "backbone")`` of ``features.0.weight``."""
    before, after = source.split("."), target.split(".")
    while len(before) > 1 and len(after) > 1 and before[-1] == after[-1]:
        before.pop()
        after.pop()
    return ".".join(before), ".".join(after)


# ---------------------------------------------------------------------------------------------- a guess


def guess(source: Table, target: Table) -> dict[str, str | None]:
    """Renames under which modules of `source` hold what modules of `target` do: names below them, shapes and dtypes.

    Modules are aligned like the lines of two texts, whole ones from the top down, or each by its own tensors where that finds
    more; in the order in which they are given, or in that of their names. What is left on both sides is aligned by itself: it
    was moved. It is a guess: where neighbours are alike, another may be meant. Empty where nothing is alike, and for
    networks too deep or too long to compare.
    """
    if not _is_comparable(source, target):
        return {}
    found: dict[str, str] = {}
    for _ in range(_MOVES):
        reached = set(found.values())
        rest = {name: kind for name, kind in source.items() if name not in found}
        found |= _alignment(rest, {name: kind for name, kind in target.items() if name not in reached})
    return condensed({name: found.get(name) for name in source}) if found else {}


def _alignment(source: Table, target: Table) -> dict[str, str]:
    orders = ((source, target), (_sorted(source), _sorted(target)))
    return max((dict(way(*order)) for way in (_whole_modules, _own_tensors) for order in orders), key=len)


def _is_comparable(source: Table, target: Table) -> bool:
    """Whether names aren't too deep; and no tensor has the name of a module, which in files is possible."""
    if max((name.count(".") for name in (*source, *target)), default=0) > _DEEPEST:
        return False
    return all(
        {prefix for each in table for prefix in list(_prefixes(each))[1:]}.isdisjoint(table)
        for table in (source, target)
    )


@dataclass(frozen=True, slots=True)
class _Node:
    """A module with all that is in it, or a tensor, which has no children."""

    children: Mapping[str, _Node]
    content: Hashable


def _tree(table: Table) -> _Node:
    below: dict[str, dict[str, Hashable]] = {}
    tensors: dict[str, _Node] = {}
    for name, kind in table.items():
        first, dot, rest = name.partition(".")
        if dot:
            below.setdefault(first, {})[rest] = kind
        else:
            tensors[first] = _Node({}, (first, kind))
    children = tensors | {name: _tree(each) for name, each in below.items()}
    return _Node(children, frozenset((name, each.content) for name, each in children.items()))


def _whole_modules(source: Table, target: Table) -> Iterator[tuple[str, str]]:
    pairs = dict(_pairs(_tree(source), _tree(target), "", ""))
    for name in source:
        module = next((each for each in _prefixes(name) if each in pairs), None)
        if module is not None:
            yield name, _joined(pairs[module], _rest(module, name))


def _pairs(before: _Node, after: _Node, source: str, target: str) -> Iterator[tuple[str, str]]:
    """Paths of modules or tensors that hold the same; where two don't, of what is in them."""
    if before.content == after.content:
        yield source, target
        return
    deeper = [name for name, each in after.children.items() if each.content == before.content]
    higher = [name for name, each in before.children.items() if each.content == after.content]
    if deeper or higher:
        yield _joined(source, "".join(higher[:1])), _joined(target, "".join(deeper[:1]))
        return
    ours, theirs = list(before.children), list(after.children)
    aligned = _aligned(
        [before.children[name].content for name in ours], [after.children[name].content for name in theirs]
    )
    paired = {ours[here]: theirs[there] for here, there in aligned}
    paired |= _leftovers(
        [name for name in ours if name not in paired],
        [name for name in theirs if name not in paired.values()],
    )
    for here, there in paired.items():
        below = before.children[here], after.children[there]
        yield from _pairs(*below, _joined(source, here), _joined(target, there))


def _leftovers(ours: list[str], theirs: list[str]) -> dict[str, str]:
    """Of modules that hold something else: those of one name, or the only one of each side."""
    if len(ours) == len(theirs) == 1:
        return {ours[0]: theirs[0]}
    return {name: name for name in ours if name in theirs}


def _own_tensors(source: Table, target: Table) -> Iterator[tuple[str, str]]:
    before, after = _modules(source), _modules(target)
    sources, targets = list(before), list(after)
    for here, there in _aligned(list(before.values()), list(after.values())):
        for leaf, _ in before[sources[here]]:
            yield _joined(sources[here], leaf), _joined(targets[there], leaf)


def _modules(table: Table) -> dict[str, tuple[tuple[str, Hashable], ...]]:
    """Each module's own tensors: leaf name and kind."""
    found: dict[str, list[tuple[str, Hashable]]] = {}
    for name, kind in table.items():
        module, _, leaf = name.rpartition(".")
        found.setdefault(module, []).append((leaf, kind))
    return {module: tuple(sorted(own, key=lambda each: each[0])) for module, own in found.items()}


def _aligned(before: Sequence[Hashable], after: Sequence[Hashable]) -> Iterator[tuple[int, int]]:
    if len(before) * len(after) > _MOST_PAIRS:
        return
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    for block in matcher.get_matching_blocks():
        yield from ((block.a + at, block.b + at) for at in range(block.size))


def condensed(leaves: Mapping[str, str | None]) -> dict[str, str | None]:
    """The renames of single tensors as renames of modules, as high up as they hold for all that is in them."""
    below: dict[str, list[str]] = {}
    for name in leaves:
        for prefix in _prefixes(name):
            below.setdefault(prefix, []).append(name)
    found: dict[str, str | None] = {}
    # The shortest first, as in a file, where anything is possible, a tensor may have the name of a module.
    for name, new in sorted(leaves.items(), key=lambda each: each[0].count(".")):
        if Renames(found)(name) != new:
            # A later key leaves alone what earlier ones said: it holds for all that is in it.
            highest_first = reversed(list(_prefixes(name)))
            key = next((each for each in highest_first if _holds(each, name, below[each], leaves)), name)
            found[key] = _module(new, _rest(key, name))
    return {key: found[key] for key in below if key in found}


def _holds(key: str, name: str, below: list[str], leaves: Mapping[str, str | None]) -> bool:
    """Whether all `below` the module `key` go where `name` does."""
    new = leaves[name]
    module = _module(new, _rest(key, name))
    if module is None:
        return new is None and all(leaves[each] is None for each in below)
    return all(leaves[each] == _joined(module, _rest(key, each)) for each in below)


def _module(name: str | None, rest: str) -> str | None:
    """What stands before `rest` in `name`; None if `name` doesn't end so."""
    if name is None or name == rest:
        return None if name is None else ""
    if not rest:
        return name
    return name.removesuffix(f".{rest}") if name.endswith(f".{rest}") else None


# ---------------------------------------------------------------------------------------------- names


def _prefixes(name: str) -> Iterator[str]:
    """`name`, the modules that it is in, and "", longest first."""
    while name:
        yield name
        name = name.rpartition(".")[0]
    yield ""


def _rest(key: str, name: str) -> str:
    return name[len(key) :].removeprefix(".") if key else name


def _joined(module: str, leaf: str) -> str:
    return f"{module}.{leaf}" if module and leaf else module or leaf


def _sorted(table: Table) -> Table:
    return {name: table[name] for name in sorted(table, key=_natural)}


def _natural(name: str) -> list[tuple[int, str]]:
    """A key by which ``layer.10`` comes after ``layer.9``."""
    return [(int(each), "") if each.isdecimal() else (-1, each) for each in re.split(r"(\d+)", name)]
