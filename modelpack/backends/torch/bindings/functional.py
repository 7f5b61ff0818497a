"""Layers as functions."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional

from modelpack.backends.torch.rows import OperationRow, Row, overloads

aten = torch.ops.aten

_CUDNN = {"cudnn_enable": (True, False), "cudnn_enabled": (True, False)}
"""Which of its kernels torch may use on a GPU."""


def _conv(n: int) -> OperationRow:
    function: Any = getattr(functional, f"conv{n}d")
    return OperationRow(f"conv{n}d", function, overloads(f"conv{n}d", "default", "padding"))


def _layer_norm(input: Any, weight: Any, bias: Any, normalized_shape: Any, eps: float) -> Any:
    return functional.layer_norm(input, normalized_shape, weight, bias, eps)


def _rms_norm(input: Any, weight: Any, normalized_shape: Any, eps: float | None) -> Any:
    return functional.rms_norm(input, normalized_shape, weight, eps)


def _group_norm(input: Any, weight: Any, bias: Any, num_groups: int, eps: float) -> Any:
    return functional.group_norm(input, num_groups, weight, bias, eps)


def _batch_norm(
    input: Any, weight: Any, bias: Any, mean: Any, var: Any, training: bool, momentum: float, eps: float
) -> Any:
    return functional.batch_norm(input, mean, var, weight, bias, training, momentum, eps)


def _weight_norm(v: Any, g: Any, dim: int) -> Any:
    return torch._weight_norm(v, g, dim)


ROWS: tuple[Row, ...] = (
    OperationRow("linear", functional.linear, overloads("linear")),
    *(_conv(n) for n in (1, 2, 3)),
    OperationRow("layer_norm", _layer_norm, overloads("layer_norm"), fixed=_CUDNN),
    OperationRow("rms_norm", _rms_norm, overloads("rms_norm")),
    OperationRow("group_norm", _group_norm, overloads("group_norm"), fixed=_CUDNN),
    OperationRow("batch_norm", _batch_norm, overloads("batch_norm"), fixed=_CUDNN),
    OperationRow("embedding", torch.embedding, overloads("embedding")),
    OperationRow(
        "scaled_dot_product_attention",
        functional.scaled_dot_product_attention,
        overloads("scaled_dot_product_attention"),
    ),
    OperationRow("weight_norm", _weight_norm, overloads("_weight_norm")),
)
