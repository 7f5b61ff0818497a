"""In-place operators: where an operation that gives a new tensor does the same, and where it wouldn't.

`y += x` is `y = y + x` for all who use `y` afterwards under this very shape. A view of `y` taken before sees the change too;
a new tensor wouldn't be seen through it, so that is refused, as is a change to an input, a parameter or a buffer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import torch
from torch import fx
from torch.multiprocessing.reductions import StorageWeakRef

from modelpack.backends.torch.capture.failures import failure
from modelpack.backends.torch.capture.regions import Program, Region, marker_source

__all__ = ["Mutations", "is_in_place", "own_nodes"]

aten = torch.ops.aten
_SAME_TENSOR = (aten.alias.default, aten.detach_.default)


def is_in_place(node: fx.Node) -> bool:
    """Whether `node` changes one of its arguments."""
    return isinstance(node.target, torch._ops.OpOverload) and node.target._schema.is_mutable


class Mutations:
    """Who changed which tensor, so that each use gets the value of its time."""

    def __init__(self, program: Program, is_opaque: Callable[[Region], bool]) -> None:
        self._program = program
        self._changes: dict[fx.Node, list[fx.Node]] = {}
        nodes = list(own_nodes(program.root, is_opaque))
        for node in nodes:
            if is_in_place(node) and node.target not in _SAME_TENSOR:
                self._note(node)
        if self._changes:
            self._refuse_views(nodes)

    def latest(self, node: fx.Node, user: fx.Node) -> fx.Node:
        """The value that `node` names when `user` takes it."""
        changes = self._changes.get(self._base(node), ())
        order = self._program.order
        between = [each for each in changes if order.get(node, -1) < order[each] < order[user]]
        return between[-1] if between else node

    def _note(self, node: fx.Node) -> None:
        changed = node.args[0]
        region = self._program.home[node]
        # `out=` and the like, which no model of plain calls has.
        first = node.target._schema.arguments[0] if isinstance(node.target, torch._ops.OpOverload) else None
        if not isinstance(changed, fx.Node) or first is None or not first.is_write:
            raise failure(
                "MP607", f"{node.target} changes an argument that isn't its first", region.path, node
            )
        base = self._base(changed)
        if base.op == "placeholder":
            lifted = self._program.lifted.get(base)
            told = f"the tensor {lifted.name}" if lifted is not None else "an input of the network"
            raise failure(
                "MP607",
                f"{node.target} changes {told}, which outlives the call",
                region.path,
                node,
                hint="give a new tensor instead (x = x + y), or change a clone",
            )
        self._changes.setdefault(base, []).append(node)

    def _base(self, node: fx.Node) -> fx.Node:
        """The node that made the tensor which `node` names, whole and unchanged in shape."""
        while True:
            node = self._program.resolve(node)
            source = marker_source(node)
            if source is None and (node.target in _SAME_TENSOR or is_in_place(node)):
                first = node.args[0]
                source = first if isinstance(first, fx.Node) else None
            if source is None:
                return node
            node = source

    def _refuse_views(self, nodes: list[fx.Node]) -> None:
        """No value that shares memory with a changed one, but isn't it, may be used after the change."""
        order = self._program.order
        for base, changes in self._changes.items():
            storage = _storage(base)
            for user in nodes:
                if order[user] <= order[changes[0]]:
                    continue
                for used in user.all_input_nodes:
                    made_before = order.get(used, -1) < _last_before(changes, user, order)
                    if made_before and _shares(used, storage) and self._base(used) is not base:
                        raise failure(
                            "MP607",
                            f"{changes[0].target} changes a tensor of which another view is used afterwards",
                            self._program.home[changes[0]].path,
                            changes[0],
                            hint="give a new tensor instead (x = x + y), or change a clone",
                        )


def _last_before(changes: list[fx.Node], user: fx.Node, order: Mapping[fx.Node, int]) -> int:
    return max((order[each] for each in changes if order[each] < order[user]), default=-1)


def _shares(node: fx.Node, storage: StorageWeakRef | None) -> bool:
    own = _storage(node)  # a size has none
    return own is not None and storage is not None and own == storage


def _storage(node: fx.Node) -> StorageWeakRef | None:
    value = node.meta.get("val")
    return StorageWeakRef(value.untyped_storage()) if isinstance(value, torch.Tensor) else None


def own_nodes(region: Region, is_opaque: Callable[[Region], bool]) -> Iterable[fx.Node]:
    """The nodes of modules that are followed, markers included; not those inside a known layer."""
    yield region.enter
    for item in region.items if not is_opaque(region) else ():
        if isinstance(item, Region):
            yield from own_nodes(item, is_opaque)
        else:
            yield item
    yield region.leave
