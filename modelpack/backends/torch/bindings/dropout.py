"""Dropouts."""

from __future__ import annotations

from torch import nn

from modelpack.backends.torch.rows import ModuleRow, Row
from modelpack.backends.torch.stochastic_depth import StochasticDepth

ROWS: tuple[Row, ...] = tuple(
    ModuleRow(module.__name__, module)
    for module in (
        nn.Dropout,
        nn.Dropout1d,
        nn.Dropout2d,
        nn.Dropout3d,
        nn.AlphaDropout,
        nn.FeatureAlphaDropout,
        StochasticDepth,
    )
)
