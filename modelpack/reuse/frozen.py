"""Network -> the tensors that training leaves as they are."""

from __future__ import annotations

from modelpack.dtypes import Kind
from modelpack.network import Network, walk

__all__ = ["frozen_names"]


def frozen_names(network: Network) -> frozenset[str]:
    """Parameters that get no gradients though their dtype could, and all tensors of layers that are `frozen: true`: these keep to
    evaluation mode, so their running statistics stay too. A tensor is under all of its names.
    """
    held = {
        name
        for name, entry in network.tensors.items()
        if entry.is_parameter and not entry.requires_grad and entry.dtype.kind is Kind.FLOAT
    }
    layers = {name for name, step in walk(network.main) if step.node.frozen is True}
    if layers:
        held |= {name for name in network.tensors if _is_below(name, layers)}
    for group in network.tied:
        if not held.isdisjoint(group):
            held.update(group)
    return frozenset(held)


def _is_below(name: str, layers: set[str]) -> bool:
    parts = name.split(".")
    return any(".".join(parts[:count]) in layers for count in range(1, len(parts)))
