"""Models that can't be carried exactly, each beside the same mended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn.utils import rnn


class Does(nn.Module):
    """`forward` is what the case says."""

    def __init__(self, forward: Callable[..., object]) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 4)
        self.register_buffer("count", torch.zeros(4))
        self.does = forward

    def forward(self, x):
        return self.does(self, x)


def outer(forward: Callable[..., object]) -> nn.Module:
    return nn.Sequential(nn.Linear(4, 4), Does(forward))


def plain() -> nn.Module:
    return outer(lambda self, x: self.fc(x))


# ---------------------------------------------------------------------------------------------- what was done to a module


def hooked() -> nn.Module:
    model = plain()
    model[1].fc.register_forward_hook(lambda module, args, output: output * 2)
    return model


def replaced() -> nn.Module:
    model = plain()
    model[1].fc.forward = lambda x: x
    return model


def mixed_modes() -> nn.Module:
    model = plain()
    model[1].fc.eval()
    return model


def half_shared(first: int = 8) -> nn.Module:
    """Two weights in one memory, that of the second from `first` on."""
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    memory = torch.randn(32)
    model[0].weight = nn.Parameter(memory[:16].view(4, 4))
    model[1].weight = nn.Parameter(memory[first : first + 16].view(4, 4))
    return model


def reshaped(*shape: int) -> nn.Module:
    module = nn.Linear(4, 4)
    module.weight = nn.Parameter(torch.zeros(shape))
    return module


class Phase(nn.Module):
    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self.phase = nn.Parameter(torch.zeros(2, dtype=dtype))

    def forward(self, x):
        return x * self.phase.real.sum()


# ---------------------------------------------------------------------------------------------- what a model does


def changes_its_input(self, x):
    return x.add_(1)


def changes_a_copy(self, x):
    return x.clone().add_(1)


def changes_under_a_view(self, x):
    y = self.fc(x)
    first = y[:, 0]
    y += 1
    return y + first.sum()


def changes_before_the_view(self, x):
    y = self.fc(x)
    y += 1
    first = y[:, 0]
    return y + first.sum()


def branches_on_values(self, x):
    return x if x.sum() > 0 else -x


def chooses_by_values(self, x):
    return torch.where(x.sum() > 0, x, -x)


@torch.library.custom_op("tests::twice", mutates_args=())
def twice(x: torch.Tensor) -> torch.Tensor:
    return 2 * x


@twice.register_fake
def _like(x: torch.Tensor) -> torch.Tensor:
    return torch.empty_like(x)


def unknown_operator(self, x):
    return twice(x)


def known_operator(self, x):
    return 2 * x


def draws_for_nothing(self, x):
    torch.rand_like(x)
    return x + torch.rand_like(x)


def draws(self, x):
    return x + torch.rand_like(x)


class Ratio(nn.Module):
    """Decides by a quotient, or by a comparison of integers."""

    def __init__(self, quotient: bool) -> None:
        super().__init__()
        self.quotient = quotient

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        narrow = x.shape[2] / 3 < 3.5 if self.quotient else x.shape[2] < 11
        return x * 2 if narrow else x


# ---------------------------------------------------------------------------------------------- packed sequences


class OfLengths(nn.Module):
    """A recurrent layer, and sequences that are packed by their lengths."""

    def __init__(self, does: Callable[..., object]) -> None:
        super().__init__()
        self.rnn = nn.GRU(4, 3, batch_first=True)
        self.does = does

    def forward(self, x: torch.Tensor, lengths: torch.Tensor) -> Any:
        packed = rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        return self.does(self, x, packed)


def pads_to_the_longest(self, x, packed):
    return rnn.pad_packed_sequence(self.rnn(packed)[0], batch_first=True)[0]


def pads_to_the_whole(self, x, packed):
    return rnn.pad_packed_sequence(self.rnn(packed)[0], batch_first=True, total_length=x.shape[1])[0]


def pads_with_ones(self, x, packed):
    return rnn.pad_packed_sequence(self.rnn(packed)[0], True, 1.0, x.shape[1])[0]
