"""Layers whose inner steps tell less about sizes than the layer's rule: while they are traced, something of the same shapes runs.

A recurrent layer is a loop over time steps for torch.export, which fixes their number; EmbeddingBag counts its bags in a way
in which they don't look like the batch; max_pool1d asks the length for its number; batch normalisation with a cumulative
average reads a tensor's value. Of a known layer's inside nothing is kept but the shapes of its outputs, so a stand-in may
compute anything, as long as it demands of the sizes what the layer demands.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from modelpack.backends.torch.capture.packing import RECURRENT, OverLengths
from modelpack.backends.torch.capture.reparametrized import carried_hooks, computed_tensor, with_hooks

_BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)

__all__ = ["has_stand_in", "stand_in"]


def stand_in(module: nn.Module, is_layer: bool) -> Callable[..., Any]:
    """What runs in place of the forward of a module while it is traced; all steps count of one that is no layer, as a network
    that is itself an LSTM.
    """
    if carried_hooks(module):
        return with_hooks(module)
    return (_of_layer(module) if is_layer else None) or computed_tensor(module) or module.forward


def _of_layer(module: nn.Module) -> Callable[..., Any] | None:
    if type(module) in RECURRENT and isinstance(module, nn.RNNBase):
        return lambda input, hx=None: _recurrent(module, input, hx)
    if type(module) is nn.EmbeddingBag:
        return lambda input, offsets=None, per_sample_weights=None: _bags(
            module, input, offsets, per_sample_weights
        )
    if type(module) is nn.MaxPool1d:
        return lambda input: _pooled(module, input)
    if _averages(module):
        return lambda input: _normalised(module, input)
    return None


def has_stand_in(module: nn.Module) -> bool:
    """Whether the trace says nothing of what is inside."""
    return type(module) in (*RECURRENT, nn.EmbeddingBag) or _averages(module)


def _averages(module: nn.Module) -> bool:
    """Whether it's batch normalisation with a cumulative average, whose factor is read off a tensor."""
    return type(module) in _BATCH_NORMS and getattr(module, "momentum", 0) is None


def _normalised(module: nn.Module, input: torch.Tensor) -> torch.Tensor:
    torch._check(input.shape[1] == module.num_features)
    return torch.zeros_like(input)


def _pooled(module: nn.MaxPool1d, input: torch.Tensor) -> Any:
    """As a pool over a plane of height 1, which asks for no number."""
    if module.return_indices:
        return type(module).forward(module, input)
    given = (module.kernel_size, module.stride, module.padding, module.dilation)
    (kernel, stride, padding, dilation) = (each[0] if isinstance(each, tuple) else each for each in given)
    plane = functional.max_pool2d(
        input.unsqueeze(-2), (1, kernel), (1, stride), (0, padding), (1, dilation), module.ceil_mode
    )
    return plane.squeeze(-2)


def _recurrent(module: nn.RNNBase, input: Any, hx: Any) -> Any:
    batch_first = module.batch_first
    if isinstance(input, OverLengths):
        input, batch_first = input.padded, input.batch_first
        torch._check(input.dim() == 3)
    if not isinstance(input, torch.Tensor) or input.dim() not in (2, 3):
        return type(module).forward(module, input, hx)
    directions = 2 if module.bidirectional else 1
    outputs = module.proj_size or module.hidden_size
    torch._check(input.shape[-1] == module.input_size)
    batch = () if input.dim() == 2 else (input.shape[0 if batch_first else 1],)
    widths = (outputs, module.hidden_size) if isinstance(module, nn.LSTM) else (outputs,)
    states = [input.new_zeros((module.num_layers * directions, *batch, width)) for width in widths]
    given = () if hx is None else hx if isinstance(hx, tuple) else (hx,)
    for state, expected in zip(given, states, strict=False):
        _same_shape(state, expected)
    output = input.new_zeros((*input.shape[:-1], directions * outputs))
    return output, tuple(states) if isinstance(module, nn.LSTM) else states[0]


def _bags(module: nn.EmbeddingBag, input: Any, offsets: Any, weights: Any) -> Any:
    if not isinstance(input, torch.Tensor) or input.dim() != 2 or offsets is not None:
        return type(module).forward(module, input, offsets, weights)
    if weights is not None:
        _same_shape(input, weights)
    return module.weight.new_zeros((input.shape[0], module.embedding_dim))


def _same_shape(first: torch.Tensor, second: torch.Tensor) -> None:
    """Makes torch.export equate the sizes."""
    torch._check(first.dim() == second.dim())
    for one, other in zip(first.shape, second.shape, strict=False):
        torch._check(one == other)
