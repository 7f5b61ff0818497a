"""What a rule may look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelpack.network import Network

if TYPE_CHECKING:
    from modelpack.opened import OpenPack

__all__ = ["Budgets", "Subject"]


@dataclass(frozen=True, slots=True)
class Budgets:
    """What a network may cost, as `[tool.modelpack]` says; None: whatever it costs."""

    max_parameters: int | None = None
    max_flops: int | None = None
    max_memory: int | None = None
    """bytes of activations"""


@dataclass(frozen=True, slots=True)
class Subject:
    """A network that `check` found sound, and the pack that it lies in, if any."""

    network: Network
    pack: OpenPack | None = None
    budgets: Budgets = Budgets()
    values: bool = False
    """whether the values of tensors are to be read, which takes as long as reading them all"""
