"""What a network does, as plain tensors: the same is asked of the original and of what was loaded in another process."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import nn

__all__ = ["buffers_of", "leaves", "names_of", "outputs_of", "same", "train_steps", "trained_outputs"]

_SEED = 1729


def leaves(value: Any, at: str = "") -> Iterator[tuple[str, torch.Tensor]]:
    """The tensors in a result, each with the way to it.

    A library's object (a cache of keys and values) is followed through its iterator or its attributes, as the way to it is the
    library's own.
    """
    if isinstance(value, torch.Tensor):
        yield at, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from leaves(item, f"{at}.{key}")
    elif isinstance(value, tuple | list):
        for index, item in enumerate(value):
            yield from leaves(item, f"{at}.{index}")
    elif type(value).__name__.endswith("EncoderDecoderCache"):
        yield from leaves(value.self_attention_cache, f"{at}.self_attention_cache")
        yield from leaves(value.cross_attention_cache, f"{at}.cross_attention_cache")
    elif type(value).__name__.endswith("Cache"):
        for index, layer in enumerate(getattr(value, "layers", ())):
            yield from leaves(
                {key: each for key, each in vars(layer).items() if isinstance(each, torch.Tensor | dict)},
                f"{at}.layers.{index}",
            )
        # States beside the layers, of a linear attention (MiniMax).
        others = {key: each for key, each in vars(value).items() if isinstance(each, torch.Tensor | list)}
        yield from leaves({key: each for key, each in others.items() if key != "layers"}, at)
    elif value is not None and not isinstance(value, bool | int | float | str):
        yield from leaves(vars(value), at)


def outputs_of(module: nn.Module, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[torch.Tensor]:
    """In eval mode, from one seed."""
    module.eval()
    torch.manual_seed(_SEED)
    with torch.no_grad():
        return [each.clone() for _, each in leaves(module(*args, **kwargs))]


def trained_outputs(module: nn.Module, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[torch.Tensor]:
    """In train mode, from one seed."""
    module.train()
    torch.manual_seed(_SEED)
    return [each.detach().clone() for _, each in leaves(module(*args, **kwargs))]


def train_steps(
    module: nn.Module, args: Sequence[Any], kwargs: Mapping[str, Any], steps: int = 3
) -> list[float]:
    """The losses of steps of gradient descent, from one seed."""
    module.train()
    optimiser = torch.optim.SGD([each for each in module.parameters() if each.requires_grad], lr=1e-3)
    torch.manual_seed(_SEED)
    losses: list[float] = []
    for _ in range(steps):
        optimiser.zero_grad()
        tensors = [
            each
            for _, each in leaves(module(*args, **kwargs))
            if each.is_floating_point() and each.requires_grad
        ]
        loss = torch.stack([each.float().square().mean() for each in tensors]).sum()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses


def names_of(module: nn.Module) -> dict[str, list[str]]:
    """What `state_dict` holds, by name with shape and dtype, and which of it are parameters."""
    kept = module.state_dict()
    return {
        "state": sorted(f"{name} {each.dtype} {tuple(each.shape)}" for name, each in kept.items()),
        "parameters": sorted(name for name, _ in module.named_parameters(remove_duplicate=False)),
    }


def buffers_of(module: nn.Module) -> dict[str, torch.Tensor]:
    """The persistent buffers as they are now."""
    parameters = {name for name, _ in module.named_parameters(remove_duplicate=False)}
    return {name: each.clone() for name, each in module.state_dict().items() if name not in parameters}


def same(left: Any, right: Any) -> bool:
    """Equal bit by bit, where what is no number equals itself."""
    if isinstance(left, torch.Tensor):
        return (
            left.dtype == right.dtype
            and left.shape == right.shape
            and torch.equal(left.isnan(), right.isnan())
            and torch.equal(left.nan_to_num(), right.nan_to_num())
            if left.is_floating_point() and isinstance(right, torch.Tensor)
            else isinstance(right, torch.Tensor) and left.dtype == right.dtype and torch.equal(left, right)
        )
    if isinstance(left, float):
        return left == right or (math.isnan(left) and math.isnan(right))
    if isinstance(left, Mapping):
        return left.keys() == right.keys() and all(same(each, right[name]) for name, each in left.items())
    return len(left) == len(right) and all(same(one, other) for one, other in zip(left, right, strict=True))
