"""Steps of recurrent networks as functions."""

from __future__ import annotations

import torch

from modelpack.backends.torch.rows import OperationRow, Row, overloads

ROWS: tuple[Row, ...] = tuple(
    OperationRow(name, getattr(torch, name), overloads(name))
    for name in ("rnn_tanh_cell", "rnn_relu_cell", "gru_cell")
)
