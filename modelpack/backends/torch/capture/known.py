"""Modules of classes that no row names, but that are a layer of the registry all the same: how it's known, and proved.

Two ways. A class derived from a layer's that changes nothing of what the layer does is that layer. And classes of libraries whose
forward calls the same functions of torch in the same order as a layer's does, so that the two are equal on every device, stand
in a table by name: no library is imported. As libraries change, a name is not trusted: module and layer first run on a sample,
in both modes, and must give equal outputs, gradients and buffers, bit by bit. Where they don't, the module is followed.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

import torch
from torch import nn

from modelpack.backends.torch.bindings import ROWS
from modelpack.backends.torch.rows import ModuleRow
from modelpack.backends.torch.seed import seeded
from modelpack.backends.torch.stochastic_depth import StochasticDepth

__all__ = ["Known", "known"]


@dataclass(frozen=True, slots=True)
class Known:
    """What a module is."""

    layer: nn.Module
    """the layer, of exactly a class that a row names, with the very tensors of the module; mostly the module itself"""
    tail: tuple[str, ...] = ()
    """submodules that run behind it, one after the other"""


def known(module: nn.Module) -> Known | None:
    """The layer that `module` is, though its class is another."""
    base = _unchanged_base(type(module))
    if base is not None:
        # A class may hide a tensor or an attribute of its base behind a property.
        return None if _own_names(type(module), base) & _names(module) else Known(_seen_as(base)(module))
    entry = _entry(type(module))
    return None if entry is None else _proved(module, entry)


# ------------------------------------------------------------------------------------------- derived classes


class _Empty:
    """What every class has."""


_SHOWN = {
    "extra_repr",
    "__annotations__",
    "__annotate_func__",
    "__annotations_cache__",
    "__orig_bases__",
    "__parameters__",
}
_MADE = {"__init__", "reset_parameters", "_reset_parameters", "__constants__"}
_HARMLESS = _SHOWN | _MADE | vars(_Empty).keys()
"""What a derived class may define without changing what its instances do: how they are made and shown."""


@cache
def _unchanged_base(kind: type[nn.Module]) -> type[nn.Module] | None:
    """The class of a layer from which `kind` is derived, changing nothing of what it does."""
    layers = {row.module for row in ROWS.values() if isinstance(row, ModuleRow)}
    base = next((each for each in kind.__mro__ if each in layers), None)
    if base is None:
        return None
    own = _own_names(kind, base)
    changed = own & inspect.signature(base).parameters.keys() or any(hasattr(base, name) for name in own)
    return None if changed else base


def _own_names(kind: type[nn.Module], base: type[nn.Module]) -> set[str]:
    """What the classes between `kind` and `base` define."""
    between = [each for each in kind.__mro__ if each not in base.__mro__]
    return {name for each in between for name in vars(each)} - _HARMLESS


def _names(module: nn.Module) -> set[str]:
    return {*vars(module), *module._parameters, *module._buffers, *module._modules}


def _seen_as(base: type[nn.Module], tail: tuple[str, ...] = ()) -> Callable[[nn.Module], nn.Module]:
    """Makes of a module one of class `base` that has the same attributes and tensors, but not the submodules in `tail`."""

    def make(module: nn.Module) -> nn.Module:
        layer = base.__new__(base)
        layer.__dict__.update(vars(module))
        layer.__dict__["_modules"] = {n: each for n, each in module._modules.items() if n not in tail}
        return layer

    return make


# ------------------------------------------------------------------------------------------- classes by name


@dataclass(frozen=True, slots=True)
class _Entry:
    """What a class of a library is."""

    make: Callable[[Any], nn.Module]
    """the module -> the layer; it may raise anything if the module isn't as expected"""
    sample: Callable[[Any], tuple[int, ...]] = lambda _: (4, 3, 16, 17)
    """the module -> the shape of an input on which the two are compared"""
    tail: tuple[str, ...] = ()


def _last_axes(module: Any) -> tuple[int, ...]:
    return (4, 3, *module.normalized_shape)


_TAIL = ("drop", "act")


def _batch_norm(tail: tuple[str, ...] = ()) -> _Entry:
    return _Entry(_seen_as(nn.BatchNorm2d, tail), lambda module: (4, module.num_features, 3, 5), tail)


def _group_norm(tail: tuple[str, ...] = ()) -> _Entry:
    return _Entry(_seen_as(nn.GroupNorm, tail), lambda module: (4, module.num_channels, 3, 5), tail)


def _over_last_axes(base: type[nn.Module], tail: tuple[str, ...] = ()) -> _Entry:
    return _Entry(_seen_as(base, tail), _last_axes, tail)


def _not_in_place(make: Callable[[], nn.Module]) -> _Entry:
    """An activation whose layer has no form that changes its input."""

    def checked(module: Any) -> nn.Module:
        if getattr(module, "inplace", False):
            raise ValueError("changes its input")
        return make()

    return _Entry(checked)


_TABLE: Mapping[str, Mapping[str, _Entry]] = {
    "timm": {
        "LayerNorm": _over_last_axes(nn.LayerNorm),
        "RmsNorm": _over_last_axes(nn.RMSNorm),
        "GroupNorm": _group_norm(),
        "GroupNorm1": _group_norm(),
        "BatchNormAct2d": _batch_norm(_TAIL),
        "GroupNormAct": _group_norm(_TAIL),
        "GroupNorm1Act": _group_norm(_TAIL),
        "LayerNormAct": _over_last_axes(nn.LayerNorm, _TAIL),
        "RmsNormAct": _over_last_axes(nn.RMSNorm, _TAIL),
        "Linear": _Entry(_seen_as(nn.Linear), lambda module: (4, 3, module.in_features)),
        "PReLU": _Entry(_seen_as(nn.PReLU), lambda module: (4, module.num_parameters, 16, 17)),
        "GELU": _not_in_place(nn.GELU),
        "GELUTanh": _not_in_place(lambda: nn.GELU("tanh")),
        "Sigmoid": _not_in_place(nn.Sigmoid),
        "Tanh": _not_in_place(nn.Tanh),
        "DropPath": _Entry(lambda module: StochasticDepth(module.drop_prob, "row", module.scale_by_keep)),
    },
    "torchvision": {
        "StochasticDepth": _Entry(lambda module: StochasticDepth(module.p, module.mode)),
    },
    "transformers": {
        "GELUActivation": _Entry(lambda _: nn.GELU()),
        "GELUTanh": _Entry(lambda _: nn.GELU("tanh")),
        "PytorchGELUTanh": _Entry(lambda _: nn.GELU("tanh")),
        "SiLUActivation": _Entry(lambda _: nn.SiLU()),
        "MishActivation": _Entry(lambda _: nn.Mish()),
        "LinearActivation": _Entry(lambda _: nn.Identity()),
        "*DropPath": _Entry(lambda module: StochasticDepth(module.drop_prob, draw="uniform")),
    },
}
"""Library -> name of a class, wherever in the library it stands -> what it is."""


@cache
def _entry(kind: type[nn.Module]) -> _Entry | None:
    classes = _TABLE.get(kind.__module__.partition(".")[0], {})
    return next((entry for name, entry in classes.items() if fnmatchcase(kind.__qualname__, name)), None)


# ------------------------------------------------------------------------------------------- the proof

_PROVED: dict[tuple[object, ...], bool] = {}
"""What a module is made of -> whether it was what its name says: a network has many that are alike."""


def _proved(module: nn.Module, entry: _Entry) -> Known | None:
    try:
        key = _made_of(module)
        if key not in _PROVED:
            _PROVED[key] = _is_equal(module, entry)
        return Known(entry.make(module).train(module.training), entry.tail) if _PROVED[key] else None
    except Exception:  # whatever a library that has changed makes of this; then the module is followed
        return None


_EVERY_MODULES = frozenset(vars(nn.Module()))


def _made_of(module: nn.Module) -> tuple[object, ...]:
    """All that its steps may depend on but the values of tensors."""
    facts: list[object] = []
    for name, each in module.named_modules():
        plain = sorted((key, repr(value)) for key, value in vars(each).items() if key not in _EVERY_MODULES)
        facts += [name, type(each), *plain]
    tensors = [*module.named_parameters(), *module.named_buffers()]
    return (*facts, *((name, tuple(each.shape), each.dtype) for name, each in tensors))


def _is_equal(module: nn.Module, entry: _Entry) -> bool:
    """Whether `module` and its layer, with the tail behind it, do the same on a sample, in both modes."""
    floats = [each.dtype for each in module.parameters() if each.is_floating_point()]
    dtype = floats[0] if floats else torch.float32
    for training in (True, False):
        first, second = (copy.deepcopy(module).cpu().train(training) for _ in range(2))
        layer = entry.make(second).train(training)
        behind = [second.get_submodule(name) for name in entry.tail]
        results = _results(first, [first], entry, dtype), _results(second, [layer, *behind], entry, dtype)
        if len(results[0]) != len(results[1]) or not all(map(torch.equal, *results)):
            return False
    return True


def _results(
    module: nn.Module, steps: list[nn.Module], entry: _Entry, dtype: torch.dtype
) -> list[torch.Tensor]:
    """The output of `steps` from one seed, the gradients of the input and of the module's parameters, its buffers afterwards."""
    with seeded(), torch.enable_grad():
        sample = torch.randn(entry.sample(module), dtype=dtype, requires_grad=True)
        output = sample * 3  # not the sample itself, as some change their input
        for step in steps:
            output = step(output)
        wanted = [sample, *(each for each in module.parameters() if each.requires_grad)]
        gradients = torch.autograd.grad(output.square().sum(), wanted, allow_unused=True)
    # A gradient that isn't there is an empty one: the same for both.
    return [output, *(torch.empty(0) if each is None else each for each in gradients), *module.buffers()]
