"""The one layer of the registry that torch.nn doesn't have."""

from __future__ import annotations

import torch
from torch import nn

__all__ = ["StochasticDepth"]


class StochasticDepth(nn.Module):
    """In training, drops rows or the whole of its input, drawing random numbers exactly as the libraries do that have it.

    Source: Huang et al. 2016, https://arxiv.org/abs/1603.09382
    """

    def __init__(
        self, p: float = 0.5, mode: str = "row", scale_by_keep: bool = True, draw: str = "bernoulli"
    ) -> None:
        super().__init__()
        self.p = p
        self.mode = mode
        self.scale_by_keep = scale_by_keep
        self.draw = draw

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """The input, some of it dropped; of the input's shape."""
        if not self.training or self.p == 0:
            return input
        keep = 1 - self.p
        rows = input.shape[:1] if self.mode == "row" else (1,) * min(input.dim(), 1)
        shape = (*rows, *(1 for _ in input.shape[1:]))
        if self.draw == "uniform":
            kept = torch.floor(torch.rand(shape, dtype=input.dtype, device=input.device) + keep)
            return (input.div(keep) if self.scale_by_keep else input) * kept
        kept = input.new_empty(shape).bernoulli_(keep)
        if self.scale_by_keep and keep > 0:
            kept.div_(keep)
        return input * kept

    def extra_repr(self) -> str:
        """The settings."""
        return f"p={self.p}, mode={self.mode}, scale_by_keep={self.scale_by_keep}, draw={self.draw}"
