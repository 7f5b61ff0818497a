"""Python values with tensors in them -> what capture keeps of them: structure, marks, constants.

A module's arguments and results are nested tuples, mappings and dataclass-like objects. `describe` gives their shape as plain
data; each tensor in it becomes a `Mark`, its position in the list of tensors that goes through a marker operator.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils import _pytree as pytree

from modelpack.architecture import Structure
from modelpack.backends.torch.capture.failures import failure

__all__ = [
    "Constant",
    "Described",
    "Mark",
    "Opaque",
    "alone",
    "describe",
    "map_tensors",
    "marks",
    "opened",
    "referring",
    "tensors_of",
    "tensors_only",
    "ways",
    "ways_to_leaves",
]


@dataclass(frozen=True, slots=True)
class Mark:
    """A tensor, by its position in the marker's list."""

    index: int


@dataclass(frozen=True, slots=True)
class Constant:
    """None, a number, a size, a string, a dtype: known without running."""

    value: Any


@dataclass(frozen=True, slots=True)
class Opaque:
    """An object that capture can't look into."""

    type: str


_SYMBOLIC = torch.SymInt | torch.SymFloat | torch.SymBool
_PLAIN = bool | int | float | complex | str | _SYMBOLIC | torch.dtype | torch.device | torch.Size
"""What is known without running. A size is one value, though torch keeps all its reasoning about sizes in it."""

Described = Mark | Constant | Opaque | tuple["Described", ...] | Mapping[str, "Described"]


def map_tensors(function: Callable[[torch.Tensor], torch.Tensor], value: Any) -> Any:
    """`value` with every tensor replaced, in registered pytrees and in plain dataclasses; objects stay what they are."""

    # The plain cases by hand, as every call of a module comes through here and pytrees are slow.
    if isinstance(value, torch.Tensor):
        return function(value)
    if type(value) in (tuple, list):
        return type(value)(map_tensors(function, each) for each in value)
    if type(value) is dict:
        return {key: map_tensors(function, each) for key, each in value.items()}
    if value is None or isinstance(value, bool | int | float | str):
        return value

    def leaf(each: Any) -> Any:
        if isinstance(each, torch.Tensor):
            return function(each)
        if dataclasses.is_dataclass(each) and not isinstance(each, type):
            changed = copy.copy(each)
            for field in dataclasses.fields(each):
                # A frozen dataclass has no other way to be copied with changes when its fields aren't its arguments.
                object.__setattr__(changed, field.name, map_tensors(function, getattr(each, field.name)))
            return changed
        return each

    return pytree.tree_map(leaf, value)


def opened(value: Any, around: tuple[int, ...] = ()) -> Any:
    """A network's result in which objects of a library's own (a cache of keys and values) are mappings of what they hold.

    What is no tensor and leads to none is left out of them: it says how the object came about, not what the network gives.
    So is what leads back to an object `around` it (by their ids), of which only the type is given.
    """
    if value is None or isinstance(value, torch.Tensor | _PLAIN):
        return value
    if id(value) in around:
        return type(value)
    around = (*around, id(value))
    if isinstance(value, Mapping):
        return {name: opened(item, around) for name, item in _by_name(value).items()}
    if isinstance(value, tuple | list):
        return tuple(opened(item, around) for item in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {each.name: opened(getattr(value, each.name), around) for each in dataclasses.fields(value)}
    held = {name: opened(each, around) for name, each in getattr(value, "__dict__", {}).items()}
    found = {name: each for name, each in held.items() if tensors_of(each)}
    return found or value


def tensors_of(value: Any) -> list[torch.Tensor]:
    """The tensors in `value`, in the order of `map_tensors`."""
    found: list[torch.Tensor] = []

    def note(tensor: torch.Tensor) -> torch.Tensor:
        found.append(tensor)
        return tensor

    map_tensors(note, value)
    return found


def describe(value: Any, index: Callable[[torch.Tensor], int]) -> Described:
    """The structure of `value`; `index` gives the mark of a tensor."""
    if isinstance(value, torch.Tensor):
        return Mark(index(value))
    if value is None or isinstance(value, _PLAIN):
        return Constant(value)
    if isinstance(value, Mapping):
        # Model outputs of libraries are dataclasses and mappings at once: the mapping leaves out what is None.
        return {name: describe(item, index) for name, item in _by_name(value).items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {each.name: describe(getattr(value, each.name), index) for each in dataclasses.fields(value)}
    if isinstance(value, tuple | list):
        return tuple(describe(item, index) for item in value)
    return Opaque(f"{type(value).__module__}.{type(value).__qualname__}")


def _by_name(mapping: Mapping[Any, Any]) -> dict[str, Any]:
    named = {str(key): item for key, item in mapping.items()}
    if len(named) < len(mapping):
        hint = "give each key a name of its own"
        raise failure("MP609", f"keys of a dictionary are one name: {list(mapping)}", hint=hint)
    return named


def marks(value: Described) -> Iterator[Mark]:
    """The marks of a structure, in order."""
    if isinstance(value, Mark):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from marks(item)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from marks(item)


def tensors_only(value: Described) -> Described | None:
    """`value` without what isn't a tensor; None where nothing is left."""
    if isinstance(value, Mark):
        return value
    if isinstance(value, tuple):
        kept = tuple(found for item in value if (found := tensors_only(item)) is not None)
        return kept or None
    if isinstance(value, Mapping):
        named = {key: found for key, item in value.items() if (found := tensors_only(item)) is not None}
        return named or None
    return None


def alone(value: Described | None) -> Described | None:
    """What a list of one holds, such as an output beside others that a call left out."""
    while isinstance(value, tuple) and len(value) == 1:
        (value,) = value
    return value


def ways_to_leaves(given: Described, way: str = "") -> Iterator[tuple[str, Mark | Constant | Opaque]]:
    """What a structure holds, each with the way to it: ``0.h``."""
    if isinstance(given, Mark | Constant | Opaque):
        yield way, given
        return
    for key, item in enumerate(given) if isinstance(given, tuple) else given.items():
        yield from ways_to_leaves(item, f"{way}.{key}" if way else str(key))


def referring(given: Described, reference: Callable[[Mark], str]) -> Structure:
    """The structure with references for marks."""
    if isinstance(given, Mark):
        return reference(given)
    if isinstance(given, tuple):
        return tuple(referring(item, reference) for item in given)
    if isinstance(given, Mapping):
        return {key: referring(item, reference) for key, item in given.items()}
    return None


def ways(given: Described, way: str = "") -> dict[int, str]:
    """Mark -> the way to it in the structure: ``.h.0``; the first, where it stands twice."""
    if isinstance(given, Mark):
        return {given.index: way}
    items = (
        enumerate(given) if isinstance(given, tuple) else given.items() if isinstance(given, Mapping) else ()
    )
    found: dict[int, str] = {}
    for key, item in items:
        found = ways(item, f"{way}.{key}") | found
    return found
