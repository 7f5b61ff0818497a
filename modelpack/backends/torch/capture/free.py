"""Which axes of the inputs are free: those that torch.export could leave symbolic, under the names that the field gives them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.export import Dim

from modelpack.backends.torch.capture.failures import failure
from modelpack.backends.torch.capture.regions import Program
from modelpack.backends.torch.capture.sizes import FreeNames, axis_name
from modelpack.backends.torch.capture.values import Described, Mark
from modelpack.errors import CaptureError

__all__ = ["Dynamic", "NotFree", "Wishes", "axes_with", "free_names", "named_marks"]

Dynamic = Mapping[str, Mapping[int, str]]
"""Input (`ids`, `pair.0` of a nested one) -> free axis -> its name."""


class NotFree(Exception):  # noqa: N818  (not an error: what has to be fixed for the captured network to be right)
    """At other sizes of these dimensions the model takes, or may take, another way than at the example's; `error` says in what
    it shows."""

    def __init__(self, names: frozenset[str], axes: frozenset[tuple[str, int]], error: CaptureError) -> None:
        super().__init__(str(error))
        self.names, self.axes, self.error = names, axes, error


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the caller says of free axes, by the position of each input tensor; None: find out."""

    names: Sequence[str]
    """of the input tensors, in order"""
    dynamic: Dynamic | None
    fixed: frozenset[tuple[str, int]] = frozenset()
    """input and axis, found out not to be free"""

    def axes(self, at: int, tensor: torch.Tensor) -> dict[int, Any]:
        """The axes that torch.export shall leave free."""
        if self.dynamic is not None:
            return dict.fromkeys(self.dynamic.get(self.names[at], {}), Dim.DYNAMIC)
        # Of axes of size 1 only a batch is free: others are there to be broadcast.
        return {
            axis: Dim.AUTO
            for axis, size in enumerate(tensor.shape)
            if (size > 1 or (axis == 0 and size == 1)) and (self.names[at], axis) not in self.fixed
        }

    def positions(self, groups: Sequence[Sequence[tuple[str, int]]]) -> list[list[tuple[int, int]]]:
        """The free ones among axes, by the positions of the inputs."""
        return [
            [(self.names.index(n), axis) for n, axis in each if (n, axis) not in self.fixed]
            for each in groups
        ]


def free_names(program: Program, wishes: Wishes) -> FreeNames:
    """A name for each dimension that stayed free.

    Raises:
        CaptureError: MP617 two axes that the caller gave one name are not one dimension, or one got two names.
    """
    free = FreeNames()
    for name, mark in named_marks(program.root.call.arguments):
        tensor = program.root.entered(mark.index).meta["val"]
        for axis, size in enumerate(tensor.shape):
            if isinstance(size, torch.SymInt) and size.node.expr.is_Symbol:
                told = (wishes.dynamic or {}).get(name, {}).get(axis)
                _name(free, size.node.expr, told, name, axis, tensor)
    return free


def axes_with(program: Program, symbols: Collection[Any]) -> frozenset[tuple[str, int]]:
    """The axes of inputs, by their names, whose sizes depend on these symbols."""
    return frozenset(
        (name, axis)
        for name, mark in named_marks(program.root.call.arguments)
        for axis, size in enumerate(program.root.entered(mark.index).meta["val"].shape)
        if isinstance(size, torch.SymInt) and not size.node.expr.free_symbols.isdisjoint(symbols)
    )


def named_marks(arguments: Mapping[str, Described]) -> list[tuple[str, Mark]]:
    """The tensors among the arguments of a call, each by its name (`pair.0`)."""
    found: list[tuple[str, Mark]] = []

    def collect(name: str, given: Described) -> None:
        if isinstance(given, Mark):
            found.append((name, given))
        elif isinstance(given, tuple):
            for at, item in enumerate(given):
                collect(f"{name}.{at}", item)
        elif isinstance(given, Mapping):
            for key, item in given.items():
                collect(f"{name}.{key}", item)

    for name, given in arguments.items():
        collect(name, given)
    return found


def _name(free: FreeNames, found: Any, told: str | None, name: str, axis: int, tensor: torch.Tensor) -> None:
    taken = set(free.names.values())
    if found in free.names:
        if told is not None and free.names[found] != told:
            raise failure(
                "MP617",
                f"axis {axis} of '{name}' is called {told}, but always equals {free.names[found]}",
                name,
            )
        return
    if told is not None:
        if told in taken:
            raise failure(
                "MP617", f"axis {axis} of '{name}' need not equal the other axes called {told}", name
            )
        free.names[found] = told
        return
    plain = name.replace(".", "_")
    usual = axis_name(axis, tensor.dim(), tensor.is_floating_point() or tensor.dim() <= 2)
    word = usual if usual is not None and usual not in taken else f"{plain}_{axis}"
    while word in taken:
        word += "_"
    free.names[found] = word
