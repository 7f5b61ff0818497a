"""What has tensors (a pack, a safetensors file, a module, a mapping) -> names with tensors, unread."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from modelpack import opened
from modelpack.backends.torch.dtypes import to_torch
from modelpack.errors import BuildError, Problem
from modelpack.pack import open_weights
from modelpack.weights import LazyTensor

__all__ = ["Held", "Source", "held_by", "of_module"]

Source = opened.OpenPack | nn.Module | Mapping[str, Any] | str | os.PathLike[str]
"""A pack or its path, the path of a ``.safetensors`` file, a module, or names with tensors (lazy ones of a pack, too)."""


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """A tensor that something has under a name."""

    dtype: str
    shape: tuple[int, ...]
    identity: Hashable
    """equal for the names of one tensor"""
    storage: Hashable
    """equal for tensors that may share memory; None for what lies in a file"""
    persistent: bool
    read: Callable[[], torch.Tensor]
    """the tensor itself; one of a file is read now"""
    lazy: LazyTensor | None = None
    flaw: str | None = None
    """why it can be neither read nor filled"""

    @property
    def kind(self) -> tuple[str, tuple[int, ...]]:
        return self.dtype, self.shape

    def __str__(self) -> str:
        return f"{self.dtype}[{', '.join(map(str, self.shape))}]"


@contextmanager
def held_by(source: Source) -> Generator[dict[str, Held]]:
    """The tensors of `source` by name; a file that is opened for this is closed afterwards.

    Raises:
        PackError: it isn't a sound pack or safetensors file (4xx, 5xx).
        ArchitectureError: the pack's architecture is wrong (1xx to 3xx).
        BuildError: MP739 it's nothing that has tensors.
    """
    match source:
        case nn.Module():
            yield of_module(source)
        case opened.OpenPack():
            yield _of_pack(source)
        case Mapping():
            yield {name: _of_value(name, value) for name, value in source.items()}
        case str() | os.PathLike() if Path(source).suffix == ".safetensors":
            with open_weights(source) as weights:
                yield {name: _of_file(lazy) for name, lazy in weights.tensors.items()}
        case str() | os.PathLike():
            with opened.open(source) as pack:
                yield _of_pack(pack)
        case _:
            message = f"the source is a {type(source).__name__}"
            hint = "pass a pack or its path, a .safetensors file, a module, or a mapping of names to tensors"
            raise BuildError(Problem("MP739", message, hint=hint))


def of_module(module: nn.Module) -> dict[str, Held]:
    """All parameters and buffers of `module`, each under all of its names."""
    return dict(_of_module(module))


def _of_module(module: nn.Module) -> Iterator[tuple[str, Held]]:
    for path, owner in module.named_modules(remove_duplicate=False):
        before = f"{path}." if path else ""
        fleeting = owner._non_persistent_buffers_set
        for name, parameter in owner.named_parameters(recurse=False, remove_duplicate=False):
            yield before + name, _of_tensor(parameter)
        for name, buffer in owner.named_buffers(recurse=False, remove_duplicate=False):
            yield before + name, _of_tensor(buffer, persistent=name not in fleeting)


def _of_pack(pack: opened.OpenPack) -> dict[str, Held]:
    """Those of its file, and the names that are tied to them."""
    network = pack.network
    held = {name: _of_file(lazy, network.tensors[name].persistent) for name, lazy in pack.tensors.items()}
    tied = {name: held[group[0]] for group in network.tied for name in group if group[0] in held}
    return {name: each for name in network.tensors if (each := held.get(name) or tied.get(name))}


def _of_file(lazy: LazyTensor, persistent: bool = True) -> Held:
    identity = ("file", id(lazy.window), lazy.info.start, lazy.name)
    return Held(
        dtype=str(lazy.dtype),
        shape=lazy.shape,
        identity=identity,
        storage=None,
        persistent=persistent,
        read=lambda: _read(lazy),
        lazy=lazy,
    )


def _read(lazy: LazyTensor) -> torch.Tensor:
    dtype = to_torch(lazy.dtype)
    if lazy.size == 0:
        return torch.empty(lazy.shape, dtype=dtype)
    return torch.frombuffer(lazy.read(), dtype=dtype).view(lazy.shape)


def _of_value(name: str, value: object) -> Held:
    if isinstance(value, LazyTensor):
        return _of_file(value)
    if isinstance(value, torch.Tensor):
        return _of_tensor(value)
    flaw = f"is a {type(value).__name__}, not a tensor"
    return Held(
        dtype=type(value).__name__,
        shape=(),
        identity=("no tensor", name),
        storage=None,
        persistent=True,
        read=torch.Tensor,
        flaw=flaw,
    )


def _of_tensor(tensor: torch.Tensor, persistent: bool = True) -> Held:
    flaw = _flaw(tensor)
    plain = flaw is None and tensor.numel() > 0
    storage = (tensor.device, tensor.untyped_storage().data_ptr()) if plain else None
    identity = (
        (storage, tensor.storage_offset(), tensor.shape, tensor.stride(), tensor.dtype)
        if plain
        else id(tensor)
    )
    return Held(
        dtype=str(tensor.dtype).removeprefix("torch."),
        shape=() if is_lazy(tensor) else tuple(tensor.shape),
        identity=identity,
        storage=storage,
        persistent=persistent,
        read=tensor.detach,
        flaw=flaw,
    )


def _flaw(tensor: torch.Tensor) -> str | None:
    """Why `tensor` can't be copied from or to like memory."""
    if is_lazy(tensor):
        return "has no shape yet, as its module is lazy: run the module once first"
    if type(tensor) not in (torch.Tensor, nn.Parameter):
        return f"is a {type(tensor).__name__}, not a plain tensor"
    if tensor.is_meta:
        return "has no values, as it's on the meta device: give it memory first, by `to_empty(device=…)`"
    if tensor.layout is not torch.strided or tensor.is_quantized:
        return "is sparse or quantised: make it dense first"
    return None
