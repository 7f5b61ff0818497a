"""The seed of every run whose outputs are compared: those of the original and the captured network, and of a pack's samples.

A network that draws random numbers gives the same for the same seed, so that it can be judged like any other.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import torch

__all__ = ["SEED", "seeded"]

SEED = 20240229
"""Part of what a pack's samples mean: it can't change."""


@contextmanager
def seeded() -> Generator[None]:
    """Random numbers from `SEED` on; afterwards the generators are as they were."""
    with torch.random.fork_rng():
        torch.manual_seed(SEED)
        yield
