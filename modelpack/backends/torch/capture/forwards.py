"""Which function a module's forward is: that of its class, or another of its methods that it has put in its place."""

from __future__ import annotations

from collections.abc import Callable
from types import MethodType
from typing import Any

from torch import nn

__all__ = ["forward_of", "is_replaced"]


def forward_of(module: nn.Module) -> Callable[..., Any]:
    """As the class has it, so with the module as its first argument."""
    own = _chosen(module)
    return type(module).forward if own is None else own.__func__


def is_replaced(module: nn.Module) -> bool:
    """Whether something stands in place of the forward that isn't a method of the module's own class."""
    return "forward" in vars(module) and _chosen(module) is None


def _chosen(module: nn.Module) -> MethodType | None:
    """The method that a class with several forwards chose when the module was made (``self.forward = self.forward_split``)."""
    own = vars(module).get("forward")
    if not isinstance(own, MethodType) or own.__self__ is not module:
        return None
    return own if getattr(type(module), own.__func__.__name__, None) is own.__func__ else None
