"""Module -> another one like it, without its constructor: several times quicker, where copying is known to be safe."""

from __future__ import annotations

from collections import OrderedDict
from types import BuiltinFunctionType, FunctionType
from typing import Any, Generic, TypeVar

import torch
from torch import nn

__all__ = ["Prototypes", "another", "can_repeat"]

_IMMUTABLE = frozenset(
    {
        type(None),
        bool,
        int,
        float,
        str,
        torch.dtype,
        torch.device,
        torch.Size,
        FunctionType,
        BuiltinFunctionType,
    }
)
_COLLECTIONS = frozenset({dict, OrderedDict, set, list})
_TENSORS = ("_parameters", "_buffers")


_Key = TypeVar("_Key")


class Prototypes(Generic[_Key]):
    """The first module made for each key; whether it can be repeated is asked when there is a second."""

    def __init__(self) -> None:
        self._first: dict[_Key, nn.Module] = {}
        self._repeatable: dict[_Key, bool] = {}

    def another(self, key: _Key) -> nn.Module | None:
        """A module like the first for `key`; None where there is none, or none that can be repeated."""
        first = self._first.get(key)
        if first is None:
            return None
        if key not in self._repeatable:
            self._repeatable[key] = can_repeat(first)
        return another(first) if self._repeatable[key] else None

    def add(self, key: _Key, module: nn.Module) -> nn.Module:
        """Note the first module for `key`."""
        self._first.setdefault(key, module)
        return module


def can_repeat(module: nn.Module) -> bool:
    """Whether `another` gives just what the constructor would: the module and those in it hold tensors and modules where every
    module does, and beside them only plain values, alone or in flat collections."""
    if type(module).__setattr__ is not nn.Module.__setattr__:
        return False  # it keeps its tensors elsewhere too
    own = [value for name, value in vars(module).items() if name not in (*_TENSORS, "_modules")]
    return all(map(_is_plain, own)) and all(
        child is None or can_repeat(child) for child in module._modules.values()
    )


def another(module: nn.Module) -> nn.Module:
    """A module like `module`, with tensors of its own that aren't initialised."""
    made = object.__new__(type(module))
    state = dict(vars(module))
    for name, value in state.items():
        kind = type(value)
        if kind in _COLLECTIONS:
            state[name] = kind(value) if value else kind()
    for name in _TENSORS:
        tensors: dict[str, torch.Tensor | None] = state[name]
        for key, tensor in tensors.items():
            if tensor is not None:
                tensors[key] = _like(tensor)
    children: dict[str, nn.Module | None] = state["_modules"]
    for key, child in children.items():
        if child is not None:
            children[key] = another(child)
    vars(made).update(state)
    return made


def _like(tensor: torch.Tensor) -> torch.Tensor:
    # Not empty_like, which on meta goes through Python and costs a second import of half of torch.
    made = torch.empty(tensor.shape, dtype=tensor.dtype, device=tensor.device)
    return nn.Parameter(made, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else made


def _is_plain(value: Any) -> bool:
    kind = type(value)
    if kind in _IMMUTABLE or (kind in _COLLECTIONS and not value):
        return True
    if kind in (dict, OrderedDict):
        return all(map(_is_immutable, value.values()))
    return all(map(_is_immutable, value)) if kind in _COLLECTIONS else _is_immutable(value)


def _is_immutable(value: Any) -> bool:
    return type(value) in _IMMUTABLE or (type(value) is tuple and all(map(_is_immutable, value)))
