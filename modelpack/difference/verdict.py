"""Two networks -> whether the first's weights fill the second's architecture: by their names, by a map, or not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping

from modelpack.difference.report import Verdict
from modelpack.difference.tensors import firsts_of, stored_pairs
from modelpack.difference.words import modules_of, some
from modelpack.match import stored_names
from modelpack.network import Network, TensorEntry
from modelpack.renames import condensed

__all__ = ["verdict"]

_MOST_CONDENSED = 2_000
"""Renamed tensors that are gathered into modules: where a hostile network has more, each is told by itself."""


def verdict(first: Network, second: Network, same: Mapping[str, str]) -> Verdict:
    """The judgement; `same` says which tensor of the first is which of the second, by all their names.

    Strict: each tensor of both has exactly one partner of its shape and dtype.
    """
    before, after, names = stored_names(first), stored_names(second), stored_pairs(first, second, same)
    if before.keys() == after.keys() and not any(_unlike(before[name], after[name]) for name in before):
        return Verdict("compatible", {}, (), len(after), len(after))
    fitting = {name: other for name, other in names.items() if not _unlike(before[name], after[other])}
    filled, firsts = set(fitting.values()), firsts_of(second)
    # All names of what is tied: whoever has a module has all of them.
    rename: dict[str, str | None] = {}
    for name in first.tensors:
        other = fitting.get(name) if name in before else same.get(name)
        rename[name] = other if other is not None and firsts.get(other, other) in filled else None
    empty = [name for name in second.tensors if firsts.get(name, name) not in filled]
    reasons = (
        *_missing(after, names.values(), "is missing from the first", first),
        *_missing(before, names, "has no place in the second", second),
        *_misfits(before, after, names),
    )
    return Verdict(
        "incompatible" if reasons else "renamed",
        _map(rename),
        tuple(modules_of(empty, second.tensors)),
        len(fitting),
        len(after),
        reasons,
    )


def _map(names: Mapping[str, str | None]) -> dict[str, str | None]:
    """The shortest map, unless there is too much to condense."""
    renamed = {name: other for name, other in names.items() if name != other}
    return condensed(names) if len(renamed) <= _MOST_CONDENSED else renamed


def _missing(
    wanted: Mapping[str, TensorEntry], partners: Collection[str], what: str, other: Network
) -> Iterator[str]:
    """What has no partner in the `other`, whole modules at once."""
    known = set(partners)
    alone = [name for name in wanted if name not in known]
    tied = firsts_of(other)
    for module, inside in modules_of(alone, wanted).items():
        told = _told(wanted[module]) if module in wanted else f"{len(inside)} tensors"
        where = f", where it is tied to {tied[module]}" if module in tied else ""
        yield f"{module or 'all'} ({told}) {what}{where}"


def _misfits(
    before: Mapping[str, TensorEntry], after: Mapping[str, TensorEntry], names: Mapping[str, str]
) -> Iterator[str]:
    """What has another shape or dtype; of those that differ alike, many are told as one."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for name, other in names.items():
        unlike = _unlike(before[name], after[other])
        if unlike:
            found[unlike].append(other if other == name else f"{name} as {other}")
    for unlike, alike in found.items():
        yield f"{some(alike)}: {unlike}"


def _unlike(before: TensorEntry, after: TensorEntry) -> str:
    if before.shape != after.shape:
        return f"the first has {list(before.shape)}, the second wants {list(after.shape)}"
    return (
        "" if before.dtype is after.dtype else f"the first has {before.dtype}, the second wants {after.dtype}"
    )


def _told(entry: TensorEntry) -> str:
    return f"{entry.dtype}[{', '.join(map(str, entry.shape))}]"
