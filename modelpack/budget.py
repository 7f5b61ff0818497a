"""How large a network may be: counted before anything of that size is made."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["DEFAULT_BUDGET", "Budget"]


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that an architecture may ask for; each has an error of its own (MP330 to MP338)."""

    steps: int = 200_000
    """layers and operations, repetitions and blocks laid open"""
    depth: int = 64
    """blocks inside blocks"""
    inferences: int = 10_000
    """steps whose shapes are worked out, beyond four for each that is written; equal uses of a block count once"""
    elements: int = 1 << 36
    """of one tensor, parameter or result, as far as its sizes are known"""
    tensors: int = 100_000
    """parameters and buffers, repetitions and blocks laid open"""
    parameters: int = 1 << 41
    """elements of all parameters and buffers together"""


DEFAULT_BUDGET = Budget()
