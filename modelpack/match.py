"""Network x weights' table -> nothing missing, nothing unexpected, every name, shape and dtype as implied."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Protocol

from modelpack.dtypes import DType
from modelpack.errors import PackError, Problem, raise_if_any
from modelpack.network import Network, TensorEntry
from modelpack.reading import Comparisons

__all__ = ["Stored", "likeliest", "match", "stored_names"]


_Kind = tuple[tuple[int, ...], DType]


class Stored(Protocol):
    """What a weight file's header tells of a tensor."""

    @property
    def dtype(self) -> DType: ...
    @property
    def shape(self) -> tuple[int, ...]: ...


def stored_names(network: Network) -> dict[str, TensorEntry]:
    """The tensors that a weight file must hold: all but the later names of ties."""
    copies = {name for group in network.tied for name in group[1:]}
    return {name: entry for name, entry in network.tensors.items() if name not in copies}


def match(network: Network, weights: Mapping[str, Stored]) -> None:
    """Every parameter and buffer that `network` implies is in `weights`, and nothing else.

    Raises:
        PackError: with one problem for each tensor that is missing (MP401), unexpected (MP402), of another shape (MP403) or
            dtype (MP404), or stored beside what it is tied to (MP405); a missing one comes with a guess at its other name.
    """
    wanted = stored_names(network)
    raise_if_any(_problems(wanted, network, weights), PackError)


def _problems(
    wanted: Mapping[str, TensorEntry], network: Network, weights: Mapping[str, Stored]
) -> Iterator[Problem]:
    first = {name: group[0] for group in network.tied for name in group[1:]}
    missing = [name for name in wanted if name not in weights]
    unexpected = [name for name in weights if name not in wanted and name not in first]
    alike: defaultdict[_Kind, list[str]] = defaultdict(list)
    for name in unexpected:
        alike[weights[name].shape, weights[name].dtype].append(name)
    comparisons = Comparisons()
    for name in missing:
        entry = wanted[name]
        hint = _renamed(name, alike.get((entry.shape, entry.dtype), []), comparisons)
        yield Problem("MP401", f"{_told(wanted[name])} is missing from the weights", path=name, hint=hint)
    for name in unexpected:
        yield Problem("MP402", f"the weights hold {_told(weights[name])}, which no layer has", path=name)
    for name, entry in wanted.items():
        if name in weights:
            yield from _compare(name, entry, weights[name])
    for name, stored in first.items():
        if name in weights:
            yield Problem("MP405", f"is tied to {stored}, so it must not be stored by itself", path=name)


def _compare(name: str, entry: TensorEntry, stored: Stored) -> Iterator[Problem]:
    if stored.shape != entry.shape:
        yield Problem(
            "MP403",
            f"the layer implies the shape {list(entry.shape)}, the weights hold {list(stored.shape)}",
            path=name,
        )
    if stored.dtype is not entry.dtype:
        yield Problem("MP404", f"the layer implies {entry.dtype}, the weights hold {stored.dtype}", path=name)


def likeliest(name: str, alike: list[str], comparisons: Comparisons) -> str | None:
    """What `name` may have been called, out of tensors of its shape and dtype: the only one, or the one whose name is near."""
    if len(alike) > 1:
        near = get_close_matches(name, alike, n=1, cutoff=0.3) if comparisons.allow(name, alike) else []
        return near[0] if near else None
    return alike[0] if alike else None


def _renamed(name: str, alike: list[str], comparisons: Comparisons) -> str | None:
    near = likeliest(name, alike, comparisons)
    return None if near is None else f"was it renamed? the weights hold '{near}' of the same shape and dtype"


def _told(tensor: Stored | TensorEntry) -> str:
    return f"{tensor.dtype}[{', '.join(map(str, tensor.shape))}]"
