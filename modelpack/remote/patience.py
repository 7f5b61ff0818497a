"""How often what failed is asked for again, and how much is asked for at one time."""

from __future__ import annotations

import random
from collections.abc import Iterator

__all__ = ["ATTEMPTS", "AT_ONCE", "pauses"]

AT_ONCE = 8
"""Requests that run at one time."""

PAUSES = (0.1, 0.4, 1.6)
ATTEMPTS = len(PAUSES) + 1


def pauses() -> Iterator[float | None]:
    """For each attempt the seconds to wait after it failed, longer each time; None for the last."""
    for pause in PAUSES:
        # Readers that failed at the same moment don't come back at the same moment.
        yield pause * random.uniform(0.5, 1.5)
    yield None
