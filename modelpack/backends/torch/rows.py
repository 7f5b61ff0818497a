"""What a row of the torch backend says: one row per type serves both directions, build and capture.

Mostly a pair of names. Where torch calls a setting otherwise, or needs its inputs in another structure, the row carries that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from modelpack.layers import Layer

__all__ = [
    "ANYTHING",
    "ModuleRow",
    "OperationRow",
    "Row",
    "Unsupported",
    "aliases",
    "has_bias",
    "one_for_all",
    "overloads",
    "unsupported",
]


def _same(value: Any) -> Any:
    return value


@dataclass(frozen=True, slots=True)
class ModuleRow:
    """A layer type that is a module class.

    build:   ``module(**arguments(layer))``, settings by their own names unless `rename` or `arguments` says otherwise;
    capture: each setting is read from the attribute of its name (or `rename`d), or by the function in `read`.
    """

    type: str
    module: type[nn.Module]
    rename: Mapping[str, str] = field(default_factory=dict[str, str])
    """setting -> constructor argument and attribute, where torch calls it otherwise"""
    read: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict[str, Callable[[Any], Any]])
    """setting -> how capture reads it from a module, where no attribute has it as it is"""
    arguments: Callable[[Layer], Mapping[str, Any]] | None = None
    """constructor arguments of a layer, where they aren't its settings (without dtype and device)"""
    ignored: Mapping[str, str] = field(default_factory=dict[str, str])
    """constructor argument that no setting carries -> why nothing is lost"""
    fixed: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """constructor argument and attribute that no setting carries -> its only value (False, None) in a pack"""
    call: Callable[..., tuple[tuple[Any, ...], dict[str, Any]]] | None = None
    """inputs in the order of the ports -> (args, kwargs) of the module's forward, where they aren't the same"""
    at_call: tuple[str, ...] = ()
    """settings that are keywords of the module's forward and not of its constructor: given with every call, and read off one"""
    run: Callable[..., Any] | None = None
    """the module, and what it's called with -> what it returns, where some input or setting isn't for the module itself"""
    results: Callable[[Any], Any] = _same
    """what the module returns -> its output ports, flat"""
    accepts: Callable[[nn.Module], str | None] | None = None
    """capture only: why this very module can't be carried, or None"""


class _Anything(tuple[Any, ...]):
    def __contains__(self, value: object) -> bool:
        return True


ANYTHING = _Anything()
"""In `OperationRow.fixed`: the argument only says again what follows from the others."""


@dataclass(frozen=True, slots=True)
class OperationRow:
    """An operation that is a function of torch.

    build:   ``function(*ports, **settings)``: the ports by position, in their order, a variadic one as one list; a port left
             out is None, or the number where a setting of its name has one; then the other settings by name (dtypes as torch's);
    capture: a call of one of `overloads`, whose arguments are ports (tensors) or settings (the rest) by their names in the ATen
             schema, where `self` is `input`.
    """

    type: str
    function: Callable[..., Any]
    overloads: tuple[torch._ops.OpOverload, ...]
    rename: Mapping[str, str] = field(default_factory=dict[str, str])
    """setting -> keyword of `function`, where it is called otherwise"""
    schema: Mapping[str, str] = field(default_factory=dict[str, str])
    """argument of the ATen schema -> setting or port, where it is called otherwise"""
    fixed: Mapping[str, tuple[Any, ...]] = field(default_factory=dict[str, tuple[Any, ...]])
    """argument of the ATen schema that no setting carries -> the values with which a call is this operation all the same"""
    read: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict[str, Callable[[Any], Any]])
    """setting -> what a call's argument means as a literal, where ATen writes it otherwise (a number for a word)"""
    makes_tensor: bool = False
    """it has no tensor to take the device from (`arange`): `function` gets ``device=``, that of the network's inputs"""
    updates: tuple[str, ...] = ()
    """ports whose tensors it changes where they stand: it must get the very buffers"""


@dataclass(frozen=True, slots=True)
class Unsupported:
    """A type that this backend can't run, and why."""

    type: str
    why: str


Row = ModuleRow | OperationRow | Unsupported


def unsupported(type: str, why: str) -> Unsupported:
    """A row for a type that this backend can't run."""
    return Unsupported(type, why)


def has_bias(module: nn.Module) -> bool:
    """How capture reads a setting `bias`: torch keeps the tensor, not the flag."""
    return getattr(module, "bias", None) is not None


def one_for_all(layer: Layer) -> Mapping[str, Any]:
    """The arguments of modules that keep sizes as they were given: 2 rather than (2, 2), as people write them."""
    return {name: _one_for_all(value) for name, value in vars(layer).items()}


def _one_for_all(value: Any) -> Any:
    sizes: tuple[Any, ...] = value if isinstance(value, tuple) else ()
    # (None, None), "as the input has it", has no short form.
    return sizes[0] if len(set(sizes)) == 1 and sizes[0] is not None else value


def overloads(operator: str, *names: str) -> tuple[torch._ops.OpOverload, ...]:
    """The overloads `names` (`default` if none) of an ATen operator and, where they exist, of its in-place form."""
    functional = getattr(torch.ops.aten, operator)
    in_place = getattr(torch.ops.aten, f"{operator}_", None)
    wanted = names or ("default",)
    found = [getattr(functional, name) for name in wanted]
    taken = [_taken(each) for each in found]
    # By name, or by what they take: `pow.Tensor_Tensor` and `pow_.Tensor` are one.
    changed = [
        getattr(in_place, name)
        for name in (in_place.overloads() if in_place is not None else ())
        if name in wanted or _taken(getattr(in_place, name)) in taken
    ]
    return (*found, *changed)


def _taken(overload: torch._ops.OpOverload) -> list[tuple[str, str]]:
    return [(each.name, str(each.type)) for each in overload._schema.arguments]


def aliases(*operators: str) -> tuple[torch._ops.OpOverload, ...]:
    """The default overloads of ATen operators that are one under several names."""
    return tuple(each for operator in operators for each in overloads(operator))
