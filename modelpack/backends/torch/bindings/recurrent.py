"""RNN, LSTM, GRU, and one step of each."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn.utils import rnn

from modelpack.backends.torch.rows import ModuleRow, Row


def _with_two_states(
    input: torch.Tensor, h_0: torch.Tensor | None = None, c_0: torch.Tensor | None = None
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return (input, None if h_0 is None and c_0 is None else (h_0, c_0)), {}


def _with_two_states_and_lengths(
    input: torch.Tensor,
    h_0: torch.Tensor | None = None,
    c_0: torch.Tensor | None = None,
    lengths: torch.Tensor | None = None,
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    args, _ = _with_two_states(input, h_0, c_0)
    return args, {"lengths": lengths}


def _over_lengths(
    module: nn.RNNBase,
    input: torch.Tensor,
    hx: Any = None,
    lengths: torch.Tensor | None = None,
    enforce_sorted: bool = True,
) -> Any:
    """What `module` gives where each sequence counts up to its length."""
    if lengths is None:
        return module(input, hx)
    first = module.batch_first
    if lengths.device.type != "cpu":  # torch packs by lengths on the CPU, wherever the input is
        lengths = lengths.cpu()
    packed = rnn.pack_padded_sequence(input, lengths, first, enforce_sorted)
    output, states = module(packed, hx)
    padded, _ = rnn.pad_packed_sequence(output, first, total_length=input.shape[1 if first else 0])
    return padded, states


def _flat(results: tuple[torch.Tensor, tuple[torch.Tensor, torch.Tensor]]) -> tuple[torch.Tensor, ...]:
    output, (h_n, c_n) = results
    return output, h_n, c_n


ROWS: tuple[Row, ...] = (
    ModuleRow("RNN", nn.RNN, at_call=("enforce_sorted",), run=_over_lengths),
    ModuleRow(
        "LSTM",
        nn.LSTM,
        at_call=("enforce_sorted",),
        call=_with_two_states_and_lengths,
        run=_over_lengths,
        results=_flat,
    ),
    ModuleRow("GRU", nn.GRU, at_call=("enforce_sorted",), run=_over_lengths),
    ModuleRow("RNNCell", nn.RNNCell),
    ModuleRow("LSTMCell", nn.LSTMCell, call=_with_two_states),
    ModuleRow("GRUCell", nn.GRUCell),
)
