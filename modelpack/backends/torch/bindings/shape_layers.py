"""Flatten, Unflatten."""

from __future__ import annotations

from torch import nn

from modelpack.backends.torch.rows import ModuleRow, Row

ROWS: tuple[Row, ...] = (
    ModuleRow("Flatten", nn.Flatten),
    ModuleRow("Unflatten", nn.Unflatten),
)
