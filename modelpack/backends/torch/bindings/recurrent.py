"""RNN, LSTM, GRU, and one step of each."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from modelpack.backends.torch.rows import ModuleRow, Row


def _with_two_states(
    input: torch.Tensor, h_0: torch.Tensor | None = None, c_0: torch.Tensor | None = None
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return (input, None if h_0 is None and c_0 is None else (h_0, c_0)), {}


def _flat(results: tuple[torch.Tensor, tuple[torch.Tensor, torch.Tensor]]) -> tuple[torch.Tensor, ...]:
    output, (h_n, c_n) = results
    return output, h_n, c_n


ROWS: tuple[Row, ...] = (
    ModuleRow("RNN", nn.RNN),
    ModuleRow("LSTM", nn.LSTM, call=_with_two_states, results=_flat),
    ModuleRow("GRU", nn.GRU),
    ModuleRow("RNNCell", nn.RNNCell),
    ModuleRow("LSTMCell", nn.LSTMCell, call=_with_two_states),
    ModuleRow("GRUCell", nn.GRUCell),
)
