"""Pools that are told the size of their output."""

from __future__ import annotations

from torch import nn

from modelpack.backends.torch.rows import ModuleRow, Row, one_for_all

ROWS: tuple[Row, ...] = (
    *(
        ModuleRow(module.__name__, module, arguments=one_for_all)
        for module in (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d)
    ),
    *(
        ModuleRow(module.__name__, module, arguments=one_for_all, fixed={"return_indices": False})
        for module in (nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d)
    ),
    *(
        ModuleRow(
            module.__name__,
            module,
            arguments=one_for_all,
            fixed={"return_indices": False, "_random_samples": None},
        )
        for module in (nn.FractionalMaxPool2d, nn.FractionalMaxPool3d)
    ),
)
