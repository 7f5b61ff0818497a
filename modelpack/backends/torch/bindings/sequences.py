"""Recurrent networks as functions."""

from __future__ import annotations

from typing import Any

import torch

from modelpack.backends.torch.rows import OperationRow, Row

aten = torch.ops.aten


def _sequence(name: str) -> OperationRow:
    operator: Any = getattr(aten, name).input

    def run(input: Any, hx: Any, params: Any, **settings: Any) -> Any:
        return operator(input, hx, params, **settings)

    return OperationRow(name, run, (operator,))


def _lstm(input: Any, tensors: Any, **settings: Any) -> Any:
    return aten.lstm.input(input, tensors[:2], tensors[2:], **settings)


def _lstm_cell(input: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, hx: Any) -> Any:
    return torch.lstm_cell(input, hx, w_ih, w_hh, b_ih, b_hh)


ROWS: tuple[Row, ...] = (
    *(_sequence(name) for name in ("rnn_tanh", "rnn_relu", "gru")),
    OperationRow("lstm", _lstm, (aten.lstm.input,), schema={"hx": "tensors", "params": "tensors"}),
    OperationRow("lstm_cell", _lstm_cell, (aten.lstm_cell.default,)),
)
