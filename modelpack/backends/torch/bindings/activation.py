"""Activations."""

from __future__ import annotations

from torch import nn

from modelpack.backends.torch.rows import ModuleRow, Row

_OLD_NAME = "the deprecated name of {}, under which torch stores it"

ROWS: tuple[Row, ...] = (
    *(
        ModuleRow(module.__name__, module)
        for module in (
            nn.ELU,
            nn.Hardshrink,
            nn.Hardsigmoid,
            nn.Hardswish,
            nn.LeakyReLU,
            nn.LogSigmoid,
            nn.PReLU,
            nn.ReLU,
            nn.ReLU6,
            nn.RReLU,
            nn.SELU,
            nn.CELU,
            nn.GELU,
            nn.Sigmoid,
            nn.SiLU,
            nn.Mish,
            nn.Softplus,
            nn.Softshrink,
            nn.Softsign,
            nn.Tanh,
            nn.Tanhshrink,
            nn.Threshold,
        )
    ),
    ModuleRow(
        "Hardtanh",
        nn.Hardtanh,
        ignored={"min_value": _OLD_NAME.format("min_val"), "max_value": _OLD_NAME.format("max_val")},
    ),
)
