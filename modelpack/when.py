"""A wired node -> what it may not take: what is there in the other mode only; in an `assign`, anything but an own buffer."""

from __future__ import annotations

from collections.abc import Iterator

from modelpack.architecture import Apply, Block, Node, Use
from modelpack.layers.base import Port
from modelpack.layers.stateful import Assign, EitherMode
from modelpack.network import Slot, Wiring, slots

__all__ = ["untimely", "untimely_outputs"]

Told = tuple[str, str, str | None]
"""Code, message, hint."""


def untimely(
    block: Block, node: Node, action: Apply | Use | None, ports: tuple[Port, ...], inputs: tuple[Wiring, ...]
) -> Iterator[Told]:
    """What `node` takes and may not: something of one mode in another; an `assign`, anything but the block's own buffer.

    `inputs` are in the order of `ports`; slots count nodes.
    """
    kind = action.type if isinstance(action, Apply) else None
    for port, wiring in zip(ports, inputs, strict=True):
        for slot in slots(wiring):
            name, only = _only_in(block, slot)
            if only is None or only == node.when or (kind is EitherMode.type and only == port.name):
                continue
            yield "MP322", f"takes '{name}', which is there in {only} mode only", _WAY_OUT
    if kind is Assign.type:
        if node.repeat is not None:
            yield "MP323", "an assignment can't be repeated", None
        if not _is_own_buffer(block, inputs[0]):
            yield (
                "MP323",
                "assigns to what isn't a buffer of this block",
                "name one of `buffers` as first input",
            )


def untimely_outputs(block: Block, outputs: Wiring) -> Iterator[Told]:
    """The outputs that aren't there in both modes."""
    for slot in slots(outputs):
        name, only = _only_in(block, slot)
        if only is not None:
            yield "MP322", f"gives '{name}', which is there in {only} mode only", "take it through by_mode"


_WAY_OUT = "take it through by_mode, or say `when` here too"


def _only_in(block: Block, slot: Slot) -> tuple[str, str | None]:
    """The name of the node that gives a slot, and the only mode in which it is there."""
    at = slot.index - len(block.inputs) - len(block.tensors)
    return (block.nodes[at].name, block.nodes[at].when) if at >= 0 else ("", None)


def _is_own_buffer(block: Block, wiring: Wiring) -> bool:
    if not isinstance(wiring, Slot) or wiring.path:
        return False
    at = wiring.index - len(block.inputs)
    tensors = list(block.tensors.values())
    return 0 <= at < len(tensors) and not tensors[at].is_parameter
