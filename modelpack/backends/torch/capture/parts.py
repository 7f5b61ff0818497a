"""Writes into a part of a tensor (`mask[a:b] = 1`) -> a new tensor with that part replaced, which is used from then on."""

from __future__ import annotations

from typing import Any

import torch
from torch import fx
from torch._C._functorch import get_unwrapped, is_functorch_wrapped_tensor

__all__ = ["replace_parts"]

aten = torch.ops.aten

_SCATTER: dict[Any, Any] = {
    aten.slice.Tensor: aten.slice_scatter.default,
    aten.select.int: aten.select_scatter.default,
}
"""How a part is taken -> how it's put back."""


def replace_parts(module: fx.GraphModule) -> None:
    """Change `module` and its subgraphs; a write that other views would notice stays as it is, to be refused."""
    for each in module.modules():
        if isinstance(each, fx.GraphModule):
            for node in list(each.graph.nodes):
                functional = _functional(node)
                if functional is not None and node.args[0].target in _SCATTER:
                    _put_back(node, functional, each.graph)


def _functional(node: fx.Node) -> torch._ops.OpOverload | None:
    """What gives the result of `node`, if that changes its first argument and no other, without changing it."""
    if not isinstance(node.target, torch._ops.OpOverload) or not node.args:
        return None
    first, *others = node.target._schema.arguments
    if not first.is_write or any(each.is_write for each in others) or not isinstance(node.args[0], fx.Node):
        return None
    name, overload = node.target._schema.name.partition("::")[2], node.target._overloadname
    packet = getattr(aten, name.removesuffix("_"), None)
    return getattr(packet, overload) if packet is not None and overload in packet.overloads() else None


def _put_back(write: fx.Node, functional: torch._ops.OpOverload, graph: fx.Graph) -> None:
    part: Any = write.args[0]
    chain: list[fx.Node] = []
    while part.target in _SCATTER:
        chain.append(part)
        part = part.args[0]
    order = {node: at for at, node in enumerate(graph.nodes)}
    if part.op == "placeholder" or _is_seen_otherwise(write, part, order):
        return
    write.target = functional
    write.meta["val"] = _like(write.meta["val"])
    changed, after = write, write
    for taken in chain:
        source: Any = taken.args[0]
        with graph.inserting_after(after):
            changed = graph.call_function(_SCATTER[taken.target], (source, changed, *taken.args[1:]))
        changed.meta.update({**write.meta, "val": _like(source.meta["val"])})
        after = changed
    part.replace_all_uses_with(changed, delete_user_cb=lambda user: order.get(user, -1) > order[write])


def _is_seen_otherwise(write: fx.Node, base: fx.Node, order: dict[fx.Node, int]) -> bool:
    """Whether another name of the same memory, or a part that was taken before, is used after the write; who gave an input has
    it still."""
    storage = _storage(base)
    if storage is None:
        return True
    names = [
        node
        for node in order
        if _storage(node) == storage and order[node] < order[write] and node is not base
    ]
    return any(
        node.op == "placeholder" or order[user] > order[write] for node in names for user in node.users
    )


def _storage(node: fx.Node) -> int | None:
    value = node.meta.get("val")
    # What vmap maps over has the memory of the tensor inside.
    while isinstance(value, torch.Tensor) and is_functorch_wrapped_tensor(value):
        value = get_unwrapped(value)
    return value.untyped_storage()._cdata if isinstance(value, torch.Tensor) else None


def _like(value: Any) -> torch.Tensor:
    with value.fake_mode:
        return torch.empty_like(value)
