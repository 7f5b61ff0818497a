"""What a graph calls that is no operation of the registry, but can be said by one -> that one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import fx
from torch.export import ExportedProgram

__all__ = ["lower"]

aten = torch.ops.aten

_GROUPED = ("transformers::grouped_mm_fallback", "aten::_grouped_mm")
"""Both are `grouped_mm`. A library's own operator is known by its name alone; what is saved is proved by running, so one that
means something else is found out."""


def lower(program: ExportedProgram) -> None:
    """Change the calls of the graph and its subgraphs."""
    names = program.graph_signature.inputs_to_lifted_tensor_constants
    constants = {name: program.constants[target] for name, target in names.items()}
    for each in program.graph_module.modules():
        if isinstance(each, fx.GraphModule):
            for node in list(each.graph.nodes):
                _lower(node, constants)


def _lower(node: fx.Node, constants: Mapping[str, Any]) -> None:
    if not isinstance(node.target, torch._ops.OpOverload):
        return
    if node.target._schema.name in _GROUPED and _is_plain(node):
        node.target, node.kwargs = torch.ops.modelpack.grouped_mm.default, {}
    elif node.target is aten.cat.default:
        _without_empty(node)
    elif node.target is aten.fill_.Tensor:
        _with_number(node, constants)


def _with_number(node: fx.Node, constants: Mapping[str, Any]) -> None:
    """`mask[a:b] = 1` fills with a tensor that Python made of the number."""
    tensor, value = node.args
    while isinstance(value, fx.Node) and value.target is aten.lift_fresh_copy.default:
        value = value.args[0]
    constant = constants.get(value.name) if isinstance(value, fx.Node) else None
    if isinstance(constant, torch.Tensor) and constant.numel() == 1:
        node.target, node.args = aten.fill_.Scalar, (tensor, constant.item())


def _is_plain(node: fx.Node) -> bool:
    return len(node.args) == 3 and not any(node.kwargs.values()) and node.args[1].meta["val"].dim() == 3  # type: ignore[union-attr]


def _without_empty(node: fx.Node) -> None:
    """`cat` passes over tensors of shape [0], whatever the rank of the others: a cache begins with one."""
    tensors: Any = node.args[0]
    kept = [each for each in tensors if not _is_empty(each)]
    if kept:
        node.args = (kept, *node.args[1:])


def _is_empty(node: fx.Node) -> bool:
    shape = node.meta["val"].shape
    return len(shape) == 1 and isinstance(shape[0], int) and shape[0] == 0
