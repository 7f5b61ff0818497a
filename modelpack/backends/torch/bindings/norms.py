"""Normalisations as functions."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional

from modelpack.backends.torch.rows import OperationRow, Row, overloads

_CUDNN = {"cudnn_enabled": (True, False)}
"""Which of its kernels torch may use on a GPU."""


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
    return torch.ops.aten._weight_norm.default(v, g, dim)


ROWS: tuple[Row, ...] = (
    OperationRow("layer_norm", _layer_norm, overloads("layer_norm"), fixed={"cudnn_enable": (True, False)}),
    OperationRow("rms_norm", _rms_norm, overloads("rms_norm")),
    OperationRow("group_norm", _group_norm, overloads("group_norm"), fixed=_CUDNN),
    OperationRow("batch_norm", _batch_norm, overloads("batch_norm"), fixed=_CUDNN),
    OperationRow("weight_norm", _weight_norm, overloads("_weight_norm")),
)
