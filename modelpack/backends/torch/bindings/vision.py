"""Fold, Unfold, PixelShuffle, PixelUnshuffle, ChannelShuffle."""

from __future__ import annotations

from torch import nn

from modelpack.backends.torch.rows import ModuleRow, Row

ROWS: tuple[Row, ...] = (
    ModuleRow("Unfold", nn.Unfold),
    ModuleRow("Fold", nn.Fold),
    ModuleRow("PixelShuffle", nn.PixelShuffle),
    ModuleRow("PixelUnshuffle", nn.PixelUnshuffle),
    ModuleRow("ChannelShuffle", nn.ChannelShuffle),
)
