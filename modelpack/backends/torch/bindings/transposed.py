"""Transposed convolutions and other layers as functions."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional

from modelpack.backends.torch.rows import OperationRow, Row, overloads

aten = torch.ops.aten


def _instance_norm(
    input: Any,
    weight: Any,
    bias: Any,
    mean: Any,
    var: Any,
    use_input_stats: bool,
    momentum: float,
    eps: float,
) -> Any:
    # Which of its kernels torch may use on a GPU.
    fast = torch.backends.cudnn.enabled
    return torch.instance_norm(input, weight, bias, mean, var, use_input_stats, momentum, eps, fast)


ROWS: tuple[Row, ...] = (
    OperationRow("conv_transpose1d", functional.conv_transpose1d, overloads("conv_transpose1d")),
    OperationRow("conv_transpose2d", functional.conv_transpose2d, overloads("conv_transpose2d", "input")),
    OperationRow("conv_transpose3d", functional.conv_transpose3d, overloads("conv_transpose3d", "input")),
    OperationRow("conv_tbc", functional.conv_tbc, overloads("conv_tbc"), schema={"self": "input"}),
    OperationRow("bilinear", functional.bilinear, overloads("bilinear")),
    OperationRow(
        "instance_norm",
        _instance_norm,
        overloads("instance_norm"),
        fixed={"cudnn_enabled": (True, False)},
    ),
)
