"""Module -> another one like it, without its constructor: several times quicker, where copying is known to be safe."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from types import BuiltinFunctionType, FunctionType
from typing import Any, Generic, TypeVar

import torch
from torch import nn

__all__ = ["Prototypes", "another", "can_repeat", "give"]

Tensors = Mapping[str, torch.Tensor]
"""Full name -> the tensor that a module is to have there."""

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

    def __init__(self, tensors: Tensors) -> None:
        self._tensors = tensors
        self._first: dict[_Key, nn.Module] = {}
        self._repeatable: dict[_Key, bool] = {}

    def another(self, key: _Key, prefix: str) -> nn.Module | None:
        """A module like the first for `key`, with the tensors whose names begin with `prefix`; None where there is none, or none
        that can be repeated."""
        first = self._first.get(key)
        if first is None:
            return None
        if key not in self._repeatable:
            self._repeatable[key] = can_repeat(first)
        return another(first, self._tensors, prefix) if self._repeatable[key] else None

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


def another(module: nn.Module, tensors: Tensors, prefix: str) -> nn.Module:
    """A module like `module`, with those of `tensors` whose names begin with `prefix`."""
    made = object.__new__(type(module))
    state = dict(vars(module))
    for name, value in state.items():
        kind = type(value)
        if kind in _COLLECTIONS:
            state[name] = kind(value) if value else kind()
    for name in _TENSORS:
        held: dict[str, torch.Tensor | None] = state[name]
        for key, tensor in held.items():
            if tensor is not None:
                held[key] = tensors[prefix + key]
    children: dict[str, nn.Module | None] = state["_modules"]
    for key, child in children.items():
        if child is not None:
            children[key] = another(child, tensors, f"{prefix}{key}.")
    vars(made).update(state)
    return made


def give(module: nn.Module, tensors: Tensors, prefix: str) -> None:
    """Put those of `tensors` whose names begin with `prefix` in the place of the module's own."""
    # An LSTM keeps a list of its parameters beside.
    put = setattr if type(module).__setattr__ is not nn.Module.__setattr__ else _put
    for key, tensor in [*module._parameters.items(), *module._buffers.items()]:
        if tensor is not None:
            put(module, key, tensors[prefix + key])
    for key, child in module._modules.items():
        if child is not None:
            give(child, tensors, f"{prefix}{key}.")


def _put(module: nn.Module, name: str, tensor: torch.Tensor) -> None:
    """As `setattr` does in the end."""
    if isinstance(tensor, nn.Parameter):
        module._parameters[name] = tensor
    else:
        module._buffers[name] = tensor


def _is_plain(value: Any) -> bool:
    kind = type(value)
    if kind in _IMMUTABLE or (kind in _COLLECTIONS and not value):
        return True
    if kind in (dict, OrderedDict):
        return all(map(_is_immutable, value.values()))
    return all(map(_is_immutable, value)) if kind in _COLLECTIONS else _is_immutable(value)


def _is_immutable(value: Any) -> bool:
    return type(value) in _IMMUTABLE or (type(value) is tuple and all(map(_is_immutable, value)))
