"""The two markers of a call of a module in the graph of a trace.

They stand in the graph as calls of operators, so that torch.export takes them for part of the network, but nothing runs: the
tracer is told that from here on a tensor is what comes out of the marker. Sent through an operator, each tensor would be made
anew, and torch would reason about its sizes and strides again, which is most of what a trace would take.

A tensor gets another name only while nobody else may mean it by its former one. What a call is given gets its former name back
at the end. What it returns but hasn't made itself, as others hold it too, is made anew: an alias.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import fx
from torch.fx.experimental import proxy_tensor
from torch.fx.node import has_side_effect

from modelpack.backends.torch.capture.simpler import simpler

__all__ = ["ENTER", "LEAVE", "SET", "Markers", "enter"]

_LIBRARY = torch.library.Library("modelpack", "DEF")
_LIBRARY.define("enter(Tensor[] tensors, int call) -> Tensor[]")
_LIBRARY.define("leave(Tensor[] tensors, int call) -> Tensor[]")
_LIBRARY.define("set(Tensor(a!) buffer, Tensor value) -> ()")


def _set(buffer: torch.Tensor, value: torch.Tensor) -> None:
    buffer.copy_(value)


_LIBRARY.impl("set", _set, "CompositeExplicitAutograd")

ENTER = torch.ops.modelpack.enter.default
LEAVE = torch.ops.modelpack.leave.default
SET = torch.ops.modelpack.set.default
"""What ``self.buffer = tensor`` is: at the end of the call that does so, the buffer is given the tensor's value."""
# Or torch.export takes the markers of a call without inputs for dead code.
has_side_effect(ENTER)
has_side_effect(LEAVE)
has_side_effect(SET)

_alias = torch.ops.aten.alias.default


@dataclass(frozen=True, slots=True)
class Markers:
    """Of a call that has begun."""

    given: Sequence[torch.Tensor]
    """what it was given, as it's called inside"""
    _number: int
    _before: fx.Node
    _outside: Sequence[tuple[torch.Tensor, Any]]
    """the former names of what it was given"""

    def leave(self, tensors: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """The call ends and gives `tensors`; what they are outside."""
        tracer = _tracer()
        inside = [_named(tensor, tracer) for tensor in tensors]
        for tensor, name in self._outside:
            proxy_tensor.set_proxy_slot(tensor, tracer, name)
        held = {id(each) for each in self.given}
        made_here = [
            id(tensor) not in held and self._before < each.proxy.node and not _changes(each.proxy.node)
            for tensor, each in zip(tensors, inside, strict=True)
        ]
        with proxy_tensor.disable_proxy_modes_tracing():
            given = [simpler(each) if here else each for each, here in zip(tensors, made_here, strict=True)]
        return _mark(LEAVE, self._number, given, inside, made_here, tracer)


def enter(tensors: Sequence[torch.Tensor], number: int) -> Markers:
    """Call `number` begins, and is given `tensors`."""
    tracer = _tracer()
    outside = [_named(tensor, tracer) for tensor in tensors]
    before = next(iter(reversed(tracer.graph.nodes)))
    # A parameter may be read by its own name inside too, the network's inputs stay what they are.
    passing = [each.proxy.node.op == "call_function" for each in outside]
    given = _mark(ENTER, number, tensors, outside, passing, tracer)
    kept = [(tensor, name) for tensor, name, here in zip(tensors, outside, passing, strict=True) if here]
    return Markers(given, number, before, kept)


def _tracer() -> Any:
    mode = proxy_tensor.get_proxy_mode()
    assert mode is not None  # the forwards are watched only while torch.export runs them
    return mode.tracer


def _named(tensor: torch.Tensor, tracer: Any) -> Any:
    """What the tracer knows of `tensor`; of one that comes from outside of the trace, of its alias."""
    found = proxy_tensor.get_proxy_slot(tensor, tracer, None)
    return proxy_tensor.get_proxy_slot(_alias(tensor), tracer) if found is None else found


def _changes(node: fx.Node) -> bool:
    return isinstance(node.target, torch._ops.OpOverload) and node.target._schema.is_mutable


def _mark(
    marker: Any,
    number: int,
    tensors: Sequence[torch.Tensor],
    names: Sequence[Any],
    renamed: Sequence[bool],
    tracer: Any,
) -> list[torch.Tensor]:
    """Put a marker into the graph; the tensors that come out of it: the same where they are `renamed`, or else aliases."""
    sources = [each.proxy.node for each in names]
    node = tracer.create_node("call_function", marker, (sources, number), {})
    node.meta["val"] = [each.meta["val"] for each in sources]
    return [
        _item(node, at, *each, tracer) for at, each in enumerate(zip(tensors, names, renamed, strict=True))
    ]


def _item(
    marker: fx.Node, at: int, tensor: torch.Tensor, name: Any, renamed: bool, tracer: Any
) -> torch.Tensor:
    node = tracer.create_node("call_function", operator.getitem, (marker, at), {})
    source = name.proxy.node.meta
    node.meta.update({key: source[key] for key in ("val", "tensor_meta") if key in source})
    proxy = fx.Proxy(node, tracer)
    if (
        renamed and proxy_tensor.get_proxy_slot(tensor, tracer, None) is None
    ):  # of simpler sizes, and not yet known
        node.meta["val"] = tensor
        proxy_tensor.track_tensor(tensor, proxy, constant=name.constant, tracer=tracer)
        return tensor
    if renamed:
        proxy_tensor.set_proxy_slot(tensor, tracer, proxy_tensor._ProxyTensor(proxy, name.constant))
        return tensor
    with proxy_tensor.disable_proxy_modes_tracing():
        alias = _alias(tensor)
    proxy_tensor.track_tensor(alias, proxy, constant=name.constant, tracer=tracer)
    return alias
