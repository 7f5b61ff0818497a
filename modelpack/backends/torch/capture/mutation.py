"""In-place operators: where an operation that gives a new tensor does the same, and where it wouldn't.

`y += x` is `y = y + x` for all who use `y` afterwards under this very shape. A view of `y` taken before sees the change too;
a new tensor wouldn't be seen through it, so that is refused, as is a change to an input or a parameter, which outlives the call.
A buffer that is changed, whole, is assigned its new value: who names it afterwards means that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import torch
from torch import fx
from torch.multiprocessing.reductions import StorageWeakRef

from modelpack.backends.torch.capture.failures import failure
from modelpack.backends.torch.capture.markers import SET
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
        self._buffers: dict[fx.Node, fx.Node] = {}
        """change -> the buffer that it changes"""
        given = program.root.enter.args[0]
        self._outliving = {
            storage: node
            for node in (*(given if isinstance(given, list | tuple) else ()), *program.lifted)
            if isinstance(node, fx.Node) and (storage := _storage(node)) is not None
        }
        nodes = list(own_nodes(program.root, is_opaque))
        for node in nodes:
            if is_in_place(node) and node.target not in _SAME_TENSOR:
                self._note(node)
        if self._changes:
            self._refuse_views(nodes)
            self._refuse_replaced(nodes)

    @property
    def of_buffers(self) -> Iterable[fx.Node]:
        """The changes of buffers, which count though nothing takes what they give."""
        return self._buffers.keys()

    def buffer_of(self, node: fx.Node) -> fx.Node | None:
        """The buffer that `node` changes."""
        return self._buffers.get(node)

    def plain_value(self, node: fx.Node) -> fx.Node | None:
        """What a buffer is assigned as it is, by a copy that converts nothing."""
        if node not in self._buffers or node.target not in (aten.copy_.default, SET):
            return None
        value = node.args[1]
        if not isinstance(value, fx.Node):
            return None
        source, changed = value.meta.get("val"), self._buffers[node].meta.get("val")
        if not isinstance(source, torch.Tensor) or not isinstance(changed, torch.Tensor):
            return None
        return value if (source.shape, source.dtype) == (changed.shape, changed.dtype) else None

    def latest(self, node: fx.Node, user: fx.Node) -> fx.Node:
        """The value that `node` names when `user` takes it."""
        base = self._base(node)
        changes = self._changes.get(base, ())
        if changes and changes[0] in self._buffers:
            return base  # its name means what it holds when it's taken
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
        owner = base if base.op == "placeholder" else self._owner(base)
        if owner is not None:
            lifted = self._program.lifted.get(owner)
            if lifted is not None and lifted.is_buffer and owner is base:
                self._buffers[node] = base
                self._changes.setdefault(base, []).append(node)
                return
            told = f"the tensor {lifted.name}" if lifted is not None else "an input of the network"
            if owner is not base:
                told = f"a part of {told}"
            raise failure(
                "MP607",
                f"{node.target} changes {told}, which outlives the call",
                region.path,
                node,
                hint="give a new tensor instead (x = x + y), or change a clone",
            )
        self._changes.setdefault(base, []).append(node)

    def _owner(self, node: fx.Node) -> fx.Node | None:
        """The input, parameter, buffer or constant in whose memory `node` lies."""
        storage = _storage(node)
        return self._outliving.get(storage) if storage is not None else None

    def _refuse_replaced(self, nodes: list[fx.Node]) -> None:
        """What a buffer was before its attribute was set to another tensor may not be used after the call in which that was."""
        order = self._program.order
        changed = {
            self._buffers[node]: node for node in nodes if node.target is SET and node in self._buffers
        }
        for user in nodes if changed else ():
            for used in user.all_input_nodes if user.target is not SET else ():
                base = self._base(used)
                if base in changed and order[user] > order[changed[base]]:
                    told = f"uses {self._program.lifted[base].name} as it was before it was set anew"
                    raise failure("MP607", told, self._region_of(user), user)

    def _region_of(self, node: fx.Node) -> str:
        region = self._program.home.get(node)
        return region.path if region is not None else ""

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
