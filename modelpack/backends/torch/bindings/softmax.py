"""Activations over an axis."""

from __future__ import annotations

from torch import nn

from modelpack.backends.torch.rows import ModuleRow, Row

ROWS: tuple[Row, ...] = tuple(
    ModuleRow(module.__name__, module)
    for module in (nn.GLU, nn.Softmax, nn.Softmin, nn.LogSoftmax, nn.Softmax2d)
)
