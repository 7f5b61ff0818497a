"""Weights -> the module's tensors: mapped from the file and put in place, without a copy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import nn

from modelpack.backends.torch.dtypes import to_torch
from modelpack.errors import BuildError, Problem
from modelpack.weights import LazyTensor, Weights

__all__ = ["fill"]


@dataclass(slots=True)
class _Place:
    """A tensor of a module and every spot where it stands; several where it is tied."""

    tensor: torch.Tensor
    spots: list[tuple[str, nn.Module, str]]
    """full name, module and the name there"""


def fill(
    module: nn.Module,
    weights: Weights,
    *,
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
    copy: bool = False,
) -> nn.Module:
    """Give every tensor of `module` its values from `weights`, non-persistent buffers included; returns `module`.

    The tensors are views of one private mapping of each weight file: nothing is read before it's used, and what training changes
    stays in this process. With `copy` they are read into memory at once, and the file may change afterwards. `device` moves them,
    `dtype` converts those of floating point (as `nn.Module.to` does). Tied tensors stay one.

    Raises:
        BuildError: MP720 tensors for which there are no values; MP721 a shape or dtype differs; MP713 torch lacks a dtype.
        PackError: MP508 the file is shorter than it was.
    """
    places = list(_places(module))
    names = [_stored(place, weights) for place in places]
    _refuse_missing(places, names)
    spans = weights.load() if copy else weights.map()
    for place, name in zip(places, names, strict=True):
        if name is not None:
            value = _tensor(weights.tensors[name], spans[name], place.tensor)
            _put(place, _converted(value, device, dtype))
    return module


def _places(module: nn.Module) -> Iterator[_Place]:
    """Every tensor once."""
    found: dict[int, _Place] = {}
    seen: set[nn.Module] = set()
    stack = [("", module)]
    while stack:
        prefix, owner = stack.pop()
        if owner in seen:
            continue
        seen.add(owner)
        for tensors in (owner._parameters, owner._buffers):
            for name, tensor in tensors.items():
                if tensor is None:
                    continue
                spot = (prefix + name, owner, name)
                known = found.get(id(tensor))
                if known is None:
                    found[id(tensor)] = _Place(tensor, [spot])
                else:
                    known.spots.append(spot)
        stack += [(f"{prefix}{name}.", child) for name, child in owner._modules.items() if child is not None]
    yield from found.values()


def _stored(place: _Place, weights: Weights) -> str | None:
    """The name under which the file has the tensor."""
    tensors: Mapping[str, LazyTensor] = weights.tensors
    for name, _, _ in place.spots:
        if name in tensors:
            return name
    return None


def _refuse_missing(places: list[_Place], names: list[str | None]) -> None:
    missing = [place.spots[0][0] for place, name in zip(places, names, strict=True) if name is None]
    if missing:
        raise BuildError([Problem("MP720", "the weights have no such tensor", path=name) for name in missing])


def _tensor(stored: LazyTensor, span: memoryview, wanted: torch.Tensor) -> torch.Tensor:
    """The tensor that lies in `span`, sharing its memory."""
    info = stored.info
    try:
        dtype = to_torch(info.dtype)
    except ValueError as error:
        raise BuildError(Problem("MP713", str(error), path=info.name)) from None
    shape = info.shape
    if wanted.shape != shape or wanted.dtype is not dtype:
        there = f"{info.dtype}{list(shape)}"
        here = f"{str(wanted.dtype).removeprefix('torch.')}{list(wanted.shape)}"
        raise BuildError(Problem("MP721", f"the weights have {there}, the module has {here}", path=info.name))
    if info.start == info.stop:
        return torch.empty(shape, dtype=dtype)
    flat = torch.frombuffer(span, dtype=dtype)
    return flat if len(shape) == 1 else flat.view(shape)


def _converted(
    value: torch.Tensor, device: torch.device | str | None, dtype: torch.dtype | None
) -> torch.Tensor:
    if dtype is not None and (value.is_floating_point() or value.is_complex()):
        value = value.to(dtype)
    return value if device is None else value.to(device)


def _put(place: _Place, value: torch.Tensor) -> None:
    wanted = place.tensor
    if isinstance(wanted, nn.Parameter):
        value = nn.Parameter(value, requires_grad=wanted.requires_grad)
    for _, owner, name in place.spots:
        if type(owner).__setattr__ is not nn.Module.__setattr__:
            # An LSTM keeps a list of its parameters beside.
            setattr(owner, name, value)
        elif isinstance(value, nn.Parameter) and name in owner._parameters:
            owner._parameters[name] = value
        else:
            owner._buffers[name] = value
