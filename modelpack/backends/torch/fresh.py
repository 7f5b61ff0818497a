"""Architecture -> a module with first values, by `init` and by what each layer type says."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from modelpack.architecture import Architecture
from modelpack.backends.torch.bindings import ROWS
from modelpack.backends.torch.build import build
from modelpack.backends.torch.dtypes import to_torch
from modelpack.backends.torch.rows import Row
from modelpack.budget import DEFAULT_BUDGET, Budget
from modelpack.checker import check
from modelpack.network import TensorEntry
from modelpack.template import made, makeable

__all__ = ["build_architecture"]


def build_architecture(
    architecture: Architecture,
    *,
    seed: int = 0,
    device: torch.device | str = "cpu",
    rows: Mapping[str, Row] = ROWS,
    budget: Budget = DEFAULT_BUDGET,
) -> nn.Module:
    """The module that `architecture` describes, in train mode; equal seeds give equal weights, those of `modelpack init`.

    Raises:
        ArchitectureError: with all problems of the network (2xx, 3xx), or of its first values (MP410, MP411).
        BuildError: torch can't run it (7xx).
    """
    network = check(architecture, budget)
    entries = makeable(network)
    module = build(network, device=device, rows=rows)
    tensors = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    with torch.no_grad():
        for entry in entries:
            tensors[entry.name].copy_(_tensor(entry, seed))
    return module


def _tensor(entry: TensorEntry, seed: int) -> torch.Tensor:
    data, dtype = made(entry, seed), to_torch(entry.dtype)
    return (
        torch.frombuffer(data, dtype=dtype).view(entry.shape)
        if data
        else torch.empty(entry.shape, dtype=dtype)
    )
