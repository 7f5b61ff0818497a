"""Values that pass by a module's side door -> arguments and results of its call.

A cache that attention fills, a mask kept in an attribute: a module may use tensors that nobody gave it, and others may use what
it made without its returning it. Said as one more argument and one more result, the module can stay a block.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import fx

from modelpack.backends.torch.capture.regions import Program, Region
from modelpack.backends.torch.capture.values import Described, Mark

__all__ = ["make_crossings_explicit"]

IsLeaf = Callable[[Region], bool]


def make_crossings_explicit(program: Program, is_leaf: IsLeaf) -> None:
    """Change `program` so that each value that is used in a call, or comes out of one, goes through its markers."""
    crossings = _Crossings(program)
    for region in list(program.root.regions()):
        if _is_in_leaf(region, is_leaf):
            continue
        if region.parent is not None:
            crossings.follow(region.enter, region.parent)
        if is_leaf(region):
            continue
        for item in region.items:
            if isinstance(item, fx.Node):
                crossings.follow(item, region)
        crossings.follow(region.leave, region)


def _is_in_leaf(region: Region, is_leaf: IsLeaf) -> bool:
    above = region.parent
    while above is not None:
        if is_leaf(above):
            return True
        above = above.parent
    return False


class _Crossings:
    def __init__(self, program: Program) -> None:
        self._program = program

    def follow(self, user: fx.Node, region: Region) -> None:
        """Give `user`, which happens in `region`, its inputs as the region knows them."""
        for used in user.all_input_nodes:
            value = self._program.resolve(used)
            if value in self._program.home and isinstance(value.meta.get("val"), torch.Tensor):
                known = self._known_in(value, region)
                if known is not value:
                    user.replace_input_with(used, known)

    def _known_in(self, value: fx.Node, region: Region) -> fx.Node:
        home = self._program.home[value]
        if home is region:
            return value
        if _is_above(home, region):
            assert region.parent is not None  # `home` is above it
            return self._given(region, self._known_in(value, region.parent))
        return self._known_in(self._returned(home, value), region)

    def _given(self, region: Region, value: fx.Node) -> fx.Node:
        """`value` as an argument of the call: what it's called inside."""
        index, is_new = _place(region.enter, value)
        if is_new:
            name = _new_name("taken", region.call.arguments)
            region.call.arguments = {**region.call.arguments, name: Mark(index)}
        return self._item(region.enter, index, value, region)

    def _returned(self, region: Region, value: fx.Node) -> fx.Node:
        """`value` as a result of the call: what it's called outside."""
        index, is_new = _place(region.leave, value)
        if is_new:
            region.call.outputs = _with(region.call.outputs, Mark(index))
        assert region.parent is not None  # nothing is used outside of the network
        return self._item(region.leave, index, value, region.parent)

    def _item(self, marker: fx.Node, index: int, value: fx.Node, home: Region) -> fx.Node:
        for user in marker.users:
            if user.target is operator.getitem and user.args[1] == index:
                return user
        with marker.graph.inserting_after(marker):
            made = marker.graph.call_function(operator.getitem, (marker, index))
        made.meta["val"] = value.meta["val"]
        self._program.home[made] = home
        self._program.order[made] = self._program.order[marker]
        return made


def _is_above(region: Region, other: Region) -> bool:
    above = other.parent
    while above is not None and above is not region:
        above = above.parent
    return above is region


def _place(marker: fx.Node, value: fx.Node) -> tuple[int, bool]:
    """Where `value` stands in what goes through `marker`, put there if it doesn't yet."""
    through: list[Any] = list(marker.args[0])  # type: ignore[arg-type]
    if value in through:
        return through.index(value), False
    marker.args = ([*through, value], *marker.args[1:])
    return len(through), True


def _with(outputs: Described, mark: Mark) -> Described:
    if isinstance(outputs, tuple):
        return (*outputs, mark)
    if isinstance(outputs, Mapping):
        return {**outputs, _new_name("kept", outputs): mark}
    return (outputs, mark)


def _new_name(base: str, taken: Mapping[str, Any]) -> str:
    name, count = base, 0
    while name in taken:
        count += 1
        name = f"{base}_{count}"
    return name
