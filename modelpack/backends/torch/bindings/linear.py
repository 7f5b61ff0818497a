"""Linear, Bilinear, Identity."""

from __future__ import annotations

from torch import nn

from modelpack.backends.torch.rows import ModuleRow, Row, has_bias

ROWS: tuple[Row, ...] = (
    ModuleRow("Linear", nn.Linear, read={"bias": has_bias}),
    ModuleRow("Bilinear", nn.Bilinear, read={"bias": has_bias}),
    ModuleRow("Identity", nn.Identity, ignored={"args": "it takes and forgets any", "kwargs": "likewise"}),
)
