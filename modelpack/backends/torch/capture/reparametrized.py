"""Tensors that a module computes from others before its forward: parametrizations, and the two older hooks of torch that do so.

Both are laid open: the parameters stand under their own names, and what computes the tensor becomes operations in the block of
the module that has it. A parametrization is a module, which is followed like any other. A hook runs outside of the forward,
which is what capture watches; so while the model is traced the hooks are off, and the forward begins with what they do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

from modelpack.backends.torch.spectral_norm import SPECTRAL_NORM

__all__ = [
    "carried_hooks",
    "computed_tensor",
    "is_laid_open",
    "is_reparametrized",
    "with_hooks",
    "without_hooks",
]

_Hook = WeightNorm | SpectralNorm

_LAID_OPEN = (parametrize.ParametrizationList, parametrizations._SpectralNorm, parametrizations._WeightNorm)


def carried_hooks(module: nn.Module) -> dict[int, _Hook]:
    """Its hooks of torch.nn.utils.weight_norm and of spectral_norm, which are known to the last step, by their ids."""
    hooks: dict[int, Any] = dict(module._forward_pre_hooks)
    return {key: each for key, each in hooks.items() if type(each) in (WeightNorm, SpectralNorm)}


def is_reparametrized(module: nn.Module) -> bool:
    """Whether a tensor of it, or of a module in it, is computed from others."""
    return any(carried_hooks(each) or parametrize.is_parametrized(each) for each in module.modules())


def is_laid_open(module: nn.Module) -> bool:
    """Whether it only computes such a tensor, which reads best in the block of the module that has the tensor."""
    return type(module) in _LAID_OPEN


def computed_tensor(module: nn.Module) -> Callable[..., torch.Tensor] | None:
    """What runs in place of the forward of torch's own parametrizations: one operation; None for other modules."""
    if type(module) is parametrizations._WeightNorm:
        return lambda g, v: _weight_norm(v, g, module.dim)
    if (
        type(module) is parametrizations._SpectralNorm and "_u" in module._buffers
    ):  # a vector is just divided by its norm
        return lambda weight: SPECTRAL_NORM(
            weight,
            module._u,
            module._v,
            module.training,
            module.n_power_iterations,
            module.dim,
            module.eps,
            "u",
        )
    return None


def with_hooks(module: nn.Module) -> Callable[..., Any]:
    """Its forward behind what its carried hooks do; the tensors that they set are what they were again afterwards."""
    hooks, forward = list(carried_hooks(module).values()), module.forward

    def hooked(*args: Any, **kwargs: Any) -> Any:
        before = {hook.name: getattr(module, hook.name) for hook in hooks}
        try:
            for hook in hooks:
                setattr(module, hook.name, _computed(hook, module))
            return forward(*args, **kwargs)
        finally:
            for name, tensor in before.items():
                setattr(module, name, tensor)

    return hooked


@contextmanager
def without_hooks(model: nn.Module) -> Iterator[None]:
    """While it lasts, the carried hooks are off."""
    taken = [
        (module, module._forward_pre_hooks.copy()) for module in model.modules() if carried_hooks(module)
    ]
    try:
        for module, _ in taken:
            for key in carried_hooks(module):
                del module._forward_pre_hooks[key]
        yield
    finally:
        for module, hooks in taken:
            module._forward_pre_hooks.update(hooks)


def _computed(hook: _Hook, module: nn.Module) -> torch.Tensor:
    if isinstance(hook, WeightNorm):
        return _weight_norm(getattr(module, f"{hook.name}_v"), getattr(module, f"{hook.name}_g"), hook.dim)
    weight, u, v = (getattr(module, f"{hook.name}_{each}") for each in ("orig", "u", "v"))
    return SPECTRAL_NORM(weight, u, v, module.training, hook.n_power_iterations, hook.dim, hook.eps, "v")


def _weight_norm(v: torch.Tensor, g: torch.Tensor, dim: int) -> torch.Tensor:
    # To torch, -1 isn't the last axis but no axis: one norm of the whole.
    return torch.ops.aten._weight_norm.default(v, g, dim if dim >= -1 else dim + v.dim())
