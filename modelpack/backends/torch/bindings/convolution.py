"""Convolutions and transposed convolutions."""

from __future__ import annotations

from torch import nn

from modelpack.backends.torch.rows import ModuleRow, Row, has_bias

_ZEROS_ONLY = {"padding_mode": "torch itself refuses all but 'zeros' here"}

ROWS: tuple[Row, ...] = (
    *(
        ModuleRow(module.__name__, module, read={"bias": has_bias})
        for module in (nn.Conv1d, nn.Conv2d, nn.Conv3d)
    ),
    *(
        ModuleRow(module.__name__, module, read={"bias": has_bias}, ignored=_ZEROS_ONLY)
        for module in (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
    ),
)
