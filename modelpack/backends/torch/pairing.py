"""Names of a source and of a target -> which tensor goes where, and what has no partner."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Hashable, Iterator, Mapping
from dataclasses import dataclass, replace

from modelpack.backends.torch.holdings import Held
from modelpack.errors import Problem
from modelpack.match import likeliest
from modelpack.reading import Comparisons
from modelpack.renames import Renames, covers, guess, pair, roots

__all__ = ["Pairing", "paired"]

Table = Mapping[str, Held]


@dataclass(frozen=True, slots=True)
class Pairing:
    """The fate of every name of both sides; all names of one tensor share it, except those that are left out by name."""

    filled: Mapping[str, str]
    """the target's name -> the source's"""
    left: tuple[str, ...]
    used: tuple[str, ...]
    ignored: tuple[str, ...]
    problems: tuple[Problem, ...]
    """of what is in none of the four, or doesn't fit"""


def paired(given: Table, wanted: Table, renames: Renames, leave: Collection[str]) -> Pairing:
    """Pair the source's names, renamed, with the target's. With a hint how all would have a partner, if it can be guessed."""
    pairing = _paired(given, wanted, renames, leave)
    if pairing.problems and not renames.pairs and not leave and (hint := _guessed(given, wanted)):
        first, *others = pairing.problems
        unhinted = (replace(each, hint=None) for each in others)
        return replace(pairing, problems=(replace(first, hint=hint), *unhinted))
    return pairing


def _paired(given: Table, wanted: Table, renames: Renames, leave: Collection[str]) -> Pairing:
    places = {name: renames(name) for name in given}
    fates = _of_target(given, wanted, places, leave)
    met = {
        given[name].identity for names in (fates.filled.values(), *fates.clashing.values()) for name in names
    }
    needed = {each.identity for each in given.values() if each.persistent}
    used, ignored, lost = [], [], []
    for name, place in places.items():
        identity = given[name].identity
        if place is None:
            ignored.append(name)
        elif identity in met:
            used.append(name)
        else:
            (lost if identity in needed else ignored).append(name)
    problems = (
        *_unheeded(given, wanted, renames, leave),
        *_clashing(fates.clashing),
        *_differing(given, wanted, fates.filled),
        *_missing(given, wanted, fates.missing, lost),
        *(_lost(name, given[name], places[name] or "", wanted) for name in lost),
    )
    return Pairing(fates.filled, tuple(fates.left), tuple(used), tuple(ignored), problems)


@dataclass(frozen=True, slots=True)
class _Fates:
    filled: dict[str, str]
    left: list[str]
    missing: list[str]
    clashing: dict[str, list[str]]


def _of_target(
    given: Table, wanted: Table, places: Mapping[str, str | None], leave: Collection[str]
) -> _Fates:
    coming: defaultdict[Hashable, list[str]] = defaultdict(list)
    for name, place in places.items():
        if place is not None and place in wanted:
            coming[wanted[place].identity].append(name)
    kept = {each.identity for name, each in wanted.items() if any(covers(prefix, name) for prefix in leave)}
    needed = {each.identity for each in wanted.values() if each.persistent}
    fates = _Fates({}, [], [], {})
    for name, each in wanted.items():
        sources = coming[each.identity]
        if each.identity in kept:
            fates.left.append(name)
        elif len({given[source].identity for source in sources}) > 1:
            fates.clashing[name] = sources
        elif sources:
            fates.filled[name] = next((source for source in sources if places[source] == name), sources[0])
        else:
            (fates.missing if each.identity in needed else fates.left).append(name)
    return fates


# ---------------------------------------------------------------------------------------------- what is wrong


def _unheeded(given: Table, wanted: Table, renames: Renames, leave: Collection[str]) -> Iterator[Problem]:
    heeded = {renames.rule(name) for name in given}
    for key in renames.pairs:
        if key not in heeded:
            covered = any(covers(key, name) for name in given)
            why = (
                "longer names in `map` decide on all of it"
                if covered
                else "the source has nothing of this name"
            )
            yield Problem("MP738", f"named in `map`, but {why}", path=key)
    for prefix in leave:
        if not any(covers(prefix, name) for name in wanted):
            yield Problem("MP738", "named in `leave`, but the target has nothing of this name", path=prefix)


def _clashing(clashing: Mapping[str, list[str]]) -> Iterator[Problem]:
    for name, sources in clashing.items():
        told = " and ".join(f"'{each}'" for each in sources)
        hint = "map={'…': None} leaves one out"
        yield Problem(
            "MP737", f"one tensor of the target, for which the source has {told}", path=name, hint=hint
        )


def _differing(given: Table, wanted: Table, filled: Mapping[str, str]) -> Iterator[Problem]:
    for name, source in filled.items():
        here, there = wanted[name], given[source]
        told = f"the target has {here}, the source's '{source}' is {there}"
        if there.flaw is None and here.flaw is None and here.shape != there.shape:
            yield Problem("MP735", told, path=name)
        elif there.flaw is None and here.dtype != there.dtype:
            hint = (
                f"nothing is converted by itself: target.to(torch.{there.dtype}) first, or convert the source"
            )
            yield Problem("MP736", told, path=name, hint=hint)


def _missing(given: Table, wanted: Table, missing: list[str], lost: list[str]) -> Iterator[Problem]:
    alike: defaultdict[Hashable, list[str]] = defaultdict(list)
    for name in lost:
        alike[given[name].kind].append(name)
    comparisons = Comparisons()
    for name in missing:
        near = likeliest(name, alike[wanted[name].kind], comparisons)
        hint = (
            near
            and f"was it renamed? the source has '{near}' of the same shape and dtype: {_told_pair(near, name)}"
        )
        yield Problem(
            "MP734", f"nothing in the source goes to this {wanted[name]} of the target", path=name, hint=hint
        )


def _lost(name: str, held: Held, place: str, wanted: Table) -> Problem:
    why = "`leave` keeps what the target has there" if place in wanted else "the target has no such tensor"
    goes = "" if place == name else f"would go to '{place}', but "
    return Problem("MP733", f"{held} of the source: {goes}{why}", path=name)


def _told_pair(source: str, target: str) -> str:
    before, after = pair(source, target)
    return f"map={{{before!r}: {after!r}}}"


def _guessed(given: Table, wanted: Table) -> str | None:
    """Arguments with which every tensor would have its place, and most of them a partner; tried here, done by the user only."""
    renames = Renames(
        guess(
            {name: each.kind for name, each in given.items()},
            {name: each.kind for name, each in wanted.items()},
        )
    )
    reached = {place for name in given if (place := renames(name)) is not None}
    missing = [name for name, each in wanted.items() if name not in reached and each.persistent]
    leave = roots(missing, [name for name in wanted if name in reached])
    tried = _paired(given, wanted, renames, leave)
    if tried.problems or 2 * len(tried.filled) < min(len(given), len(wanted)):
        return None
    said = [f"map={dict(renames.pairs)}"] if renames.pairs else []
    said += [f"leave={leave}"] if leave else []
    return f"is this what you mean? {', '.join(said)} fills {len(tried.filled)} of {len(wanted)}"
