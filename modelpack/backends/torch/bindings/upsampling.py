"""Upsample, UpsamplingNearest2d, UpsamplingBilinear2d."""

from __future__ import annotations

from torch import nn

from modelpack.backends.torch.rows import ModuleRow, Row

ROWS: tuple[Row, ...] = (
    ModuleRow("Upsample", nn.Upsample),
    ModuleRow("UpsamplingNearest2d", nn.UpsamplingNearest2d),
    ModuleRow("UpsamplingBilinear2d", nn.UpsamplingBilinear2d),
)
