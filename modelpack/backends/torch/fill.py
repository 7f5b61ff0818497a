"""Network x weights -> its tensors: mapped from the file where they lie as torch would have them, for `build` to put in place."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import nn

from modelpack.backends.torch.dtypes import to_torch
from modelpack.errors import BuildError, Problem
from modelpack.match import stored_names
from modelpack.network import Network, TensorEntry
from modelpack.safetensors_header import TensorInfo
from modelpack.safetensors_layout import ALIGNMENT
from modelpack.weights import LazyTensor, Weights

__all__ = ["aligned", "empty", "fill", "fill_from"]


def fill(
    network: Network,
    weights: Weights,
    *,
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
    copy: bool = False,
) -> dict[str, torch.Tensor]:
    """Every tensor of `network` by its full name, with its values from `weights`, non-persistent buffers included.

    The tensors are views of one private mapping of each weight file: nothing is read before it's used, and what training changes
    stays in this process. Only those that aren't at a multiple of 64 bytes in the file are copied at once, each by itself
    (see `aligned`). With `copy` all are read into memory at once, and the file may change afterwards. `device` moves them,
    `dtype` converts those of floating point (as `nn.Module.to` does). Tied tensors are one.

    Raises:
        BuildError: MP720 tensors for which there are no values; MP721 a shape or dtype differs; MP713 torch lacks a dtype.
        PackError: MP508 the file is shorter than it was.
    """
    spans = weights.load() if copy else weights.map()
    return fill_from(network, weights.tensors, spans, device=device, dtype=dtype)


def fill_from(
    network: Network,
    stored: Mapping[str, LazyTensor],
    spans: Mapping[str, memoryview],
    *,
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
) -> dict[str, torch.Tensor]:
    """As `fill`, with the bytes of each stored tensor in memory: the tensors are views of it.

    Raises:
        BuildError: as `fill`.
    """
    missing = [name for name in stored_names(network) if name not in stored]
    if missing:
        raise BuildError([Problem("MP720", "the weights have no such tensor", path=name) for name in missing])

    def value(entry: TensorEntry, torch_dtype: torch.dtype) -> torch.Tensor:
        tensor = _view(stored[entry.name].info, spans[entry.name], entry, torch_dtype)
        if dtype is not None and (tensor.is_floating_point() or tensor.is_complex()):
            tensor = tensor.to(dtype)
        return aligned(tensor if device is None else tensor.to(device))

    return _tensors(network, value)


def empty(network: Network, device: torch.device | str) -> dict[str, torch.Tensor]:
    """Every tensor of `network` by its full name, its memory not initialised.

    Raises:
        BuildError: MP713 torch lacks a dtype.
    """
    return _tensors(network, lambda entry, dtype: torch.empty(entry.shape, dtype=dtype, device=device))


def aligned(tensor: torch.Tensor) -> torch.Tensor:
    """`tensor`, or a copy where torch would have put it: vectorised kernels take the elements before a boundary by themselves, so
    that sums round in another way (`mv` does on x86).
    """
    return tensor if tensor.data_ptr() % ALIGNMENT == 0 else tensor.clone()


def _tensors(
    network: Network, value: Callable[[TensorEntry, torch.dtype], torch.Tensor]
) -> dict[str, torch.Tensor]:
    """What `value` makes for each entry, as a parameter where it is one; once for those that are tied."""
    made: dict[str, torch.Tensor] = {}
    for name, entry in stored_names(network).items():
        tensor = value(entry, _dtype(entry))
        made[name] = nn.Parameter(tensor, entry.requires_grad) if entry.is_parameter else tensor
    for first, *others in network.tied:
        for other in others:
            made[other] = made[first]
            if not network.tensors[other].requires_grad:
                made[first].requires_grad_(False)
    return made


def _dtype(entry: TensorEntry) -> torch.dtype:
    try:
        return to_torch(entry.dtype)
    except ValueError as error:
        raise BuildError(Problem("MP713", str(error), path=entry.name)) from None


def _view(info: TensorInfo, span: memoryview, entry: TensorEntry, dtype: torch.dtype) -> torch.Tensor:
    """The tensor that lies in `span`, sharing its memory."""
    shape = info.shape
    if shape != entry.shape or info.dtype is not entry.dtype:
        there, here = f"{info.dtype}{list(shape)}", f"{entry.dtype}{list(entry.shape)}"
        raise BuildError(
            Problem("MP721", f"the weights have {there}, the network has {here}", path=info.name)
        )
    if info.start == info.stop:
        return torch.empty(shape, dtype=dtype)
    flat = torch.frombuffer(span, dtype=dtype)
    return flat if len(shape) == 1 else flat.view(shape)
