"""Two bodies -> which of their steps are which; each pair of bodies is compared once, however often it is met."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from modelpack.difference.alignment import Entry, Work, align
from modelpack.difference.contents import Contents, exact
from modelpack.difference.views import Item, View, aligned_views, prefixes
from modelpack.network import Body, Child, Leaf, Network, Step

__all__ = ["Bodies", "Pair", "PairedBodies"]

_MOST_DIGESTS = 10_000
"""Tensors up to which weights are looked at to find out who is who: then equal blocks must be compared one by one."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One layer in both; `inside` is how its block differs, where it is one on both sides."""

    first: Item
    second: Item
    moved: bool
    inside: PairedBodies | None


@dataclass(frozen=True)
class PairedBodies:
    """What is which in two bodies."""

    first: View
    second: View
    pairs: tuple[Pair, ...]
    values: Mapping[str, str]
    """names of inputs, tensors and steps in the first -> those in the second"""
    raw: Mapping[str, str]
    """the part of `values` that are tensors"""

    @cached_property
    def removed(self) -> frozenset[str]:
        return frozenset(self.first.items.keys() - {pair.first.name for pair in self.pairs})

    @cached_property
    def added(self) -> frozenset[str]:
        return frozenset(self.second.items.keys() - {pair.second.name for pair in self.pairs})

    def path(self, name: str) -> str | None:
        """What a path below the first is below the second (`encoder.norm`); None where there is none."""
        if name in self.values:
            return self.values[name]
        for above in prefixes(name):
            pair = self._by_name.get(above)
            if pair is not None and pair.inside is not None:
                below = pair.inside.path(name[len(above) + 1 :])
                return None if below is None else f"{pair.second.name}.{below}"
        return None

    @cached_property
    def _by_name(self) -> dict[str, Pair]:
        return {pair.first.name: pair for pair in self.pairs}

    def tensors(self, first: str = "", second: str = "") -> Iterator[tuple[str, str]]:
        """The full names of each tensor that both have; `first` and `second` are the names of the bodies, with a dot."""
        for before, after in self.raw.items():
            yield first + before, second + after
        for pair in self.pairs:
            ahead = f"{first}{pair.first.name}.", f"{second}{pair.second.name}."
            if pair.inside is not None:
                yield from pair.inside.tensors(*ahead)
            elif isinstance(pair.first.step.does, Leaf) and isinstance(pair.second.step.does, Leaf):
                known = {tensor.name for tensor in pair.second.step.does.tensors}
                for tensor in pair.first.step.does.tensors:
                    if tensor.name in known:
                        yield ahead[0] + tensor.name, ahead[1] + tensor.name


class Bodies:
    """Compares the bodies of two networks; `digests` are those of their tensors, by full names, where they are known: of layers
    that are alike, they tell which is which.
    """

    def __init__(self, first: Mapping[str, str], second: Mapping[str, str]) -> None:
        self._contents = Contents()
        self._work = Work()
        few = max(len(first), len(second)) <= _MOST_DIGESTS
        self._digests = (first, second) if first and second and few else ({}, {})
        self._known: dict[object, tuple[Body, Body, PairedBodies]] = {}

    def networks(self, first: Network, second: Network) -> PairedBodies:
        """What is which in two whole networks."""
        return self._pair(first.main, second.main, "", "")

    def _pair(self, first: Body, second: Body, path: str, other: str) -> PairedBodies:
        """Of the bodies at two paths, which count only where there are weights to look at."""
        with_weights = self._digests[0] and first.tensor_count and second.tensor_count
        key = (id(first), id(second), path, other) if with_weights else (id(first), id(second))
        if key not in self._known:
            self._known[key] = first, second, self._paired(first, second, (path, other))
        return self._known[key][2]

    def _paired(self, first: Body, second: Body, paths: tuple[str, str]) -> PairedBodies:
        views = aligned_views(first, second)
        items = tuple(tuple(view.items.values()) for view in views)
        weights = self._weights(items, paths)
        entries = tuple(
            [self._entry(item, each) for item, each in zip(*side, strict=True)]
            for side in zip(items, weights, strict=True)
        )

        def likeness(at: int, other: int) -> float:
            one, two = items[0][at].step.does, items[1][other].step.does
            if isinstance(one, Child) and isinstance(two, Child):
                return self._contents.likeness(one.body, two.body)
            return 0.0

        found = align(entries[0], entries[1], likeness, self._work)
        pairs = tuple(
            self._pair_of(items[0][i], items[1][j], (i, j) in found.moved, paths) for i, j in found.pairs
        )
        raw = _paired_names(
            {name: (each.shape, each.dtype) for name, each in views[0].raw.items()},
            {name: (each.shape, each.dtype) for name, each in views[1].raw.items()},
        )
        inputs = _paired_names(dict.fromkeys(first.inputs), dict.fromkeys(second.inputs))
        steps = {pair.first.name: pair.second.name for pair in pairs}
        return PairedBodies(*views, pairs, {**inputs, **raw, **steps}, raw)

    def _pair_of(self, first: Item, second: Item, moved: bool, paths: tuple[str, str]) -> Pair:
        one, other = first.step.does, second.step.does
        if isinstance(one, Child) and isinstance(other, Child):
            inside = self._pair(one.body, other.body, f"{paths[0]}{first.name}.", f"{paths[1]}{second.name}.")
            return Pair(first, second, moved, inside)
        return Pair(first, second, moved, None)

    def _weights(
        self, items: tuple[tuple[Item, ...], ...], paths: tuple[str, str]
    ) -> tuple[list[int | None], ...]:
        """A number for the weights of each item, where both sides have such."""
        found = tuple(
            [_digests_in(item.step, f"{path}{item.name}.", digests) if digests else () for item in side]
            for side, path, digests in zip(items, paths, self._digests, strict=True)
        )
        both = {each: at for at, each in enumerate(dict.fromkeys(found[0])) if any(each)}
        both = {each: both[each] for each in set(found[1]) if each in both}
        return tuple([both.get(each) for each in side] for side in found)

    def _entry(self, item: Item, weights: int | None) -> Entry:
        step, required = item.step, ()
        match step.does:
            case Leaf():
                has_tensors, layer = bool(step.does.tensors), step.does.eval
                required = tuple(exact(vars(layer)[name]) for name in layer.type.required)
            case Child(body):
                has_tensors = body.tensor_count > 0
            case _:
                has_tensors = False
        content, kind = self._contents.of_step(step), self._contents.kind(step)
        return Entry(item.name, content, kind, has_tensors, required, weights)


def _digests_in(step: Step, path: str, digests: Mapping[str, str]) -> tuple[str | None, ...]:
    """Those of all tensors of a step, in order."""
    match step.does:
        case Leaf():
            return tuple(digests.get(path + tensor.name) for tensor in step.does.tensors)
        case Child(body) if body.tensor_count:
            raw = tuple(digests.get(path + entry.name) for entry in body.raw)
            below = (_digests_in(each, f"{path}{each.name}.", digests) for each in body.steps)
            return raw + tuple(each for inner in below for each in inner)
        case _:
            return ()


def _paired_names(first: Mapping[str, object], second: Mapping[str, object]) -> dict[str, str]:
    """Equal names, then those of equal things in order."""
    left: defaultdict[object, deque[str]] = defaultdict(deque)
    for name, what in second.items():
        if name not in first:
            left[what].append(name)
    pairs: dict[str, str] = {}
    for name, what in first.items():
        if name in second:
            pairs[name] = name
        elif left[what]:
            pairs[name] = left[what].popleft()
    return pairs
