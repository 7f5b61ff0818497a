"""Normalisations as functions."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional

from modelpack.backends.torch.rows import OperationRow, Row, overloads
from modelpack.backends.torch.spectral_norm import SPECTRAL_NORM

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


_WHOLE = -1
"""The `dim` by which torch means one norm of the whole."""


def _weight_norm(v: Any, g: Any, dim: int | None) -> Any:
    return torch.ops.aten._weight_norm.default(v, g, _WHOLE if dim is None else dim)


def _axis(dim: int) -> int | None:
    return None if dim == _WHOLE else dim


def _spectral_norm(
    weight: Any, u: Any, v: Any, training: bool, n_power_iterations: int, dim: int, eps: float, first: str
) -> Any:
    return SPECTRAL_NORM(weight, u, v, training, n_power_iterations, dim, eps, first)


ROWS: tuple[Row, ...] = (
    OperationRow("layer_norm", _layer_norm, overloads("layer_norm"), fixed={"cudnn_enable": (True, False)}),
    OperationRow("rms_norm", _rms_norm, overloads("rms_norm")),
    OperationRow("group_norm", _group_norm, overloads("group_norm"), fixed=_CUDNN),
    OperationRow(
        "batch_norm",
        _batch_norm,
        overloads("batch_norm"),
        fixed=_CUDNN,
        updates=("running_mean", "running_var"),
    ),
    OperationRow("weight_norm", _weight_norm, overloads("_weight_norm"), read={"dim": _axis}),
    OperationRow("spectral_norm", _spectral_norm, (SPECTRAL_NORM,), updates=("u", "v")),
)
