"""Pairs of names -> what a reviewer calls the renaming: `features.3 to features.6 are now features.4 to features.7`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from modelpack.difference.views import prefixes

__all__ = ["Run", "counts_on", "modules", "runs"]


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbours that were renamed alike: their numbers count on, on both sides."""

    before: tuple[str, ...]
    after: tuple[str, ...]

    @property
    def text(self) -> str:
        """In words."""
        if len(self.before) == 1:
            return f"{self.before[0]} is now {self.after[0]}"
        return f"{self.before[0]} to {self.before[-1]} are now {self.after[0]} to {self.after[-1]}"


def runs(pairs: Sequence[tuple[str, str]], first: Iterable[str], second: Iterable[str]) -> list[Run]:
    """The names that differ, whole modules where all in them went along, neighbours together.

    `first` and `second` are all names on the two sides, those without a partner too.
    """
    found: list[tuple[list[str], list[str]]] = []
    for before, after in modules(pairs, first, second):
        last = found[-1] if found else None
        if last and counts_on(last[0][-1], before) and counts_on(last[1][-1], after):
            last[0].append(before)
            last[1].append(after)
        else:
            found.append(([before], [after]))
    return [Run(tuple(before), tuple(after)) for before, after in found]


def modules(
    pairs: Sequence[tuple[str, str]], first: Iterable[str], second: Iterable[str]
) -> list[tuple[str, str]]:
    """The pairs whose names differ, those of one module as the pair of modules; each once, in order."""
    known = dict(pairs)
    forth = _above(known, first)
    back = _above({after: before for before, after in known.items()}, second)
    found: dict[tuple[str, str], None] = {}
    for before, after in pairs:
        if before != after:
            found[_outermost(before, after, forth, back)] = None
    return list(found)


def _above(known: dict[str, str], names: Iterable[str]) -> dict[str, set[str]]:
    """Each module -> what it would have to be called after what is in it, empty for what has no partner."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for name in names:
        other = known.get(name, "")
        for above in prefixes(name):
            rest = name[len(above) :]
            found[above].add(other[: -len(rest)] if other.endswith(rest) else "")
    return found


def _outermost(
    before: str, after: str, forth: dict[str, set[str]], back: dict[str, set[str]]
) -> tuple[str, str]:
    """The largest modules around the two that correspond as a whole; else they themselves."""
    for above in prefixes(before):
        rest = before[len(above) :]
        other = after[: -len(rest)] if after.endswith(rest) else ""
        if other and above != other and forth.get(above) == {other} and back.get(other) == {above}:
            return above, other
    return before, after


def counts_on(last: str, name: str) -> bool:
    """Whether `name` is `last` with one of its numbers one higher."""
    one, other = last.split("."), name.split(".")
    differing = [at for at, (x, y) in enumerate(zip(one, other, strict=False)) if x != y]
    if len(one) != len(other) or len(differing) != 1:
        return False
    x, y = one[differing[0]], other[differing[0]]
    return x.isdecimal() and y.isdecimal() and len(y) < 10 and len(x) < 10 and int(y) == int(x) + 1
