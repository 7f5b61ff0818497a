"""Windows of signal processing, and other tensors made from nothing."""

from __future__ import annotations

import torch

from modelpack.backends.torch.rows import OperationRow, Row, overloads

ROWS: tuple[Row, ...] = (
    *(
        OperationRow(name, getattr(torch, name), overloads(name, "default", "periodic"), makes_tensor=True)
        for name in ("hann_window", "blackman_window", "bartlett_window")
    ),
    OperationRow(
        "hamming_window",
        torch.hamming_window,
        overloads("hamming_window", "default", "periodic", "periodic_alpha", "periodic_alpha_beta"),
        makes_tensor=True,
    ),
    OperationRow(
        "kaiser_window",
        torch.kaiser_window,
        overloads("kaiser_window", "default", "periodic", "beta"),
        makes_tensor=True,
    ),
    OperationRow("logspace", torch.logspace, overloads("logspace"), makes_tensor=True),
    OperationRow("scalar_tensor", torch.scalar_tensor, overloads("scalar_tensor"), makes_tensor=True),
)
