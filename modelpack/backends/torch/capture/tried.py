"""The model run at other sizes than the example's, before it's traced -> which axes of its inputs vary, and which only together.

What a run of a moment tells need not be found out by torch.export, which reasons for long about sizes that can't vary. Axes of
one size may be one dimension (ids and their mask): they are changed together and apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import torch
from torch import nn

from modelpack.backends.torch.capture.free import named_marks
from modelpack.backends.torch.capture.probing import grown, run_once
from modelpack.backends.torch.capture.tracing import arguments_of
from modelpack.backends.torch.capture.values import map_tensors, tensors_of

__all__ = ["Axis", "Tried", "try_sizes"]

_MANY = 6
"""Axes of one size, above which not each choice of them is tried."""

Axis = tuple[str, int]
"""An input's name, and one of its axes."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What the runs told."""

    fixed: frozenset[Axis]
    """axes of which no change lets the model run"""
    together: tuple[tuple[Axis, ...], ...]
    """axes that are one dimension"""


def try_sizes(model: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Tried:
    """Run the model with changed sizes of its inputs, axis by axis and all axes of one size together."""
    given = args, dict(kwargs)
    tensors = tensors_of(given)
    named = named_marks(arguments_of(model, *given))
    by_size: dict[int, list[Axis]] = {}
    for name, mark in named:
        for axis, size in enumerate(tensors[mark.index].shape):
            by_size.setdefault(size, []).append((name, axis))
    names = {mark.index: name for name, mark in named}
    shapes = {name: tuple(tensors[mark.index].shape) for name, mark in named}
    fixed: set[Axis] = set()
    together: list[tuple[Axis, ...]] = []
    for size, axes in by_size.items():
        taken = [
            choice
            for choice in _choices(axes)
            if any(_runs(model, given, names, choice, other) for other in _others(size))
        ]
        free = [axis for axis in axes if any(axis in choice for choice in taken)]
        fixed |= set(axes) - set(free)
        together += [tuple(group) for group in _groups(free, taken, shapes) if len(group) > 1]
    return Tried(frozenset(fixed), tuple(together))


def _groups(
    axes: list[Axis], taken: list[frozenset[Axis]], shapes: Mapping[str, tuple[int, ...]]
) -> list[list[Axis]]:
    """Axes that are one dimension."""
    groups: list[list[Axis]] = []
    for axis in axes:
        for group in groups:
            if not _apart(axis, group[0], taken, shapes):
                group.append(axis)
                break
        else:
            groups.append([axis])
    return groups


def _apart(
    one: Axis, other: Axis, taken: list[frozenset[Axis]], shapes: Mapping[str, tuple[int, ...]]
) -> bool:
    """Whether each varies without the other.

    Batches, and the axes of inputs of one shape (ids and their mask), are one wherever they can be: that a library fills a short
    mask up is no use of the model that anybody means, and `dynamic` can say so.
    """
    alike = one[1] == other[1] and (one[1] == 0 or shapes[one[0]] == shapes[other[0]])
    if alike and any({one, other} <= choice for choice in taken):
        return False
    alone = [choice & {one, other} for choice in taken]
    return {one} in alone and {other} in alone


def _choices(axes: list[Axis]) -> Iterator[frozenset[Axis]]:
    """Sets of axes to change at once, the largest first."""
    if len(axes) <= _MANY:
        for count in range(len(axes), 0, -1):
            yield from map(frozenset, combinations(axes, count))
        return
    yield frozenset(axes)
    for position in sorted({axis for _, axis in axes}):
        yield frozenset(each for each in axes if each[1] == position)
    yield from (frozenset({each}) for each in axes)


def _others(size: int) -> tuple[int, ...]:
    return (size + 1, 2 * size) if size > 1 else (2,)


def _runs(
    model: nn.Module,
    given: tuple[tuple[Any, ...], dict[str, Any]],
    names: Mapping[int, str],
    axes: frozenset[Axis],
    size: int,
) -> bool:
    position = iter(range(len(names)))

    def changed(tensor: torch.Tensor) -> torch.Tensor:
        name = names[next(position)]
        for axis in range(tensor.dim()):
            if (name, axis) in axes:
                tensor = grown(tensor, axis, size)
        return tensor

    try:
        run_once(model, *map_tensors(changed, given), training=False)
    except Exception:  # anything that the user's forward may raise
        return False
    return True
