"""Normalizations."""

from __future__ import annotations

from torch import nn

from modelpack.backends.torch.rows import ModuleRow, Row, has_bias

# Without an affine map `bias` says nothing: its default is read then.
ROWS: tuple[Row, ...] = (
    *(
        ModuleRow(module.__name__, module, read={"bias": lambda m: has_bias(m) or not m.affine})
        for module in (
            nn.BatchNorm1d,
            nn.BatchNorm2d,
            nn.BatchNorm3d,
            nn.InstanceNorm1d,
            nn.InstanceNorm2d,
            nn.InstanceNorm3d,
            nn.GroupNorm,
        )
    ),
    ModuleRow(
        "SyncBatchNorm",
        nn.SyncBatchNorm,
        read={"bias": lambda m: has_bias(m) or not m.affine},
        fixed={"process_group": None},
    ),
    ModuleRow("LayerNorm", nn.LayerNorm, read={"bias": lambda m: has_bias(m) or not m.elementwise_affine}),
    ModuleRow("RMSNorm", nn.RMSNorm),
    ModuleRow("LocalResponseNorm", nn.LocalResponseNorm),
    ModuleRow("CrossMapLRN2d", nn.CrossMapLRN2d),
)
