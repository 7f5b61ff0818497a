"""What a case of the zoo is: a network as its library gives it, and inputs of several sizes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

__all__ = ["PEERS", "Case", "Given", "images", "of_sizes", "tokens"]

Given = tuple[tuple[Any, ...], Mapping[str, Any]]
"""args and kwargs of a forward"""

PEERS = {"export": "net.pt2", "jit": "net.pt", "onnx": "net.onnx"}
"""Other ways to save a network, and the file that each writes: `torch.export.save`, `torch.jit.trace`, `torch.onnx.export`."""


@dataclass(frozen=True, slots=True)
class Case:
    """One network: how to make it with random weights, and its inputs at given sizes."""

    library: str
    name: str
    make: Callable[[], nn.Module]
    given: Callable[[int, int], Given]
    """batch, length or image side -> inputs"""
    size: int
    """the length or image side that the example has"""
    others: tuple[int, ...] = ()
    """sides or lengths to try beside it; those at which the original fails don't count"""


def images(channels: int = 3) -> Callable[[int, int], Given]:
    """Square images."""
    return lambda batch, side: ((torch.randn(batch, channels, side, side),), {})


def tokens(vocabulary: int, **more: Callable[[int, int], torch.Tensor]) -> Callable[[int, int], Given]:
    """`input_ids`, and other inputs by the functions in `more`."""

    def given(batch: int, length: int) -> Given:
        ids = torch.randint(3, vocabulary, (batch, length))
        return (), {"input_ids": ids, **{name: function(batch, length) for name, function in more.items()}}

    return given


def of_sizes(function: Callable[[int, int], Any]) -> Callable[[int, int], Given]:
    """One positional input."""
    return lambda batch, size: ((function(batch, size),), {})
