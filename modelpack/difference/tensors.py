"""Two networks, with their weights or without -> what became of each tensor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from modelpack.difference.norms import equal, norms
from modelpack.difference.report import TensorChange
from modelpack.match import stored_names
from modelpack.network import Network, TensorEntry
from modelpack.weights import LazyTensor

__all__ = ["Side", "firsts_of", "stored_pairs", "tensor_changes"]


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two: a network, its weights and their digests where there are any."""

    name: str
    network: Network
    tensors: Mapping[str, LazyTensor] = field(default_factory=dict[str, LazyTensor])
    digests: Mapping[str, str] = field(default_factory=dict[str, str])


def stored_pairs(first: Network, second: Network, same: Mapping[str, str]) -> dict[str, str]:
    """Stored names of the first -> those of the same tensors in the second, one to one; `same` are all names."""
    firsts = firsts_of(first), firsts_of(second)
    found: dict[str, str] = {}
    taken: set[str] = set()
    for name, other in same.items():
        before, after = firsts[0].get(name, name), firsts[1].get(other, other)
        if before not in found and after not in taken:
            found[before] = after
            taken.add(after)
    return found


def firsts_of(network: Network) -> dict[str, str]:
    """The later names of ties -> the one that is stored."""
    return {name: group[0] for group in network.tied for name in group[1:]}


def tensor_changes(first: Side, second: Side, same: Mapping[str, str]) -> tuple[TensorChange, ...]:
    """Every tensor of both, in the order of the second; those that only the first has come last. `same` says which is which.

    Raises:
        PackError: MP508 a file ended.
    """
    return tuple(_changes(first, second, stored_pairs(first.network, second.network, same)))


def _changes(first: Side, second: Side, names: Mapping[str, str]) -> Iterator[TensorChange]:
    before, after = stored_names(first.network), stored_names(second.network)
    back = {other: name for name, other in names.items()}
    for name, entry in after.items():
        old = back.get(name)
        if old is None:
            yield TensorChange("added", None, name, (None, entry.shape), (None, entry.dtype))
        else:
            yield _both(first, second, (old, name), (before[old], entry))
    for name, entry in before.items():
        if name not in names:
            yield TensorChange("removed", name, None, (entry.shape, None), (entry.dtype, None))


def _both(
    first: Side, second: Side, names: tuple[str, str], entries: tuple[TensorEntry, TensorEntry]
) -> TensorChange:
    shapes = entries[0].shape, entries[1].shape
    dtypes = entries[0].dtype, entries[1].dtype
    one, other = first.tensors.get(names[0]), second.tensors.get(names[1])
    if shapes[0] != shapes[1]:
        return TensorChange("shape", *names, shapes, dtypes)
    if dtypes[0] is not dtypes[1]:
        return TensorChange("dtype", *names, shapes, dtypes)
    if one is None or other is None:
        return TensorChange("alike", *names, shapes, dtypes)
    digests = first.digests.get(names[0]), second.digests.get(names[1])
    known = None not in digests
    if digests[0] == digests[1] if known else equal(one, other):
        return TensorChange("equal", *names, shapes, dtypes)
    return TensorChange("changed", *names, shapes, dtypes, norms(one, other))
