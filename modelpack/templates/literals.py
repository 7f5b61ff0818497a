"""A block's constants, each with its place: settings, arguments of what it uses, sizes of inputs and tensors, repetitions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import cast

from modelpack.architecture import (
    ARGUMENT_KINDS,
    Apply,
    Block,
    ByMode,
    Inputs,
    InputSpec,
    Node,
    RawTensor,
    SettingValue,
    Use,
)
from modelpack.dims import Dim
from modelpack.layers.base import Setting
from modelpack.layers.kinds import Integer, Kind, Literal
from modelpack.layers.settings import PARAMETER_DTYPE

__all__ = ["Key", "Place", "Replace", "same", "with_literals"]

Key = tuple[str | int, ...]
SETTING, AXIS, OPERAND, NUMBER = range(4)
"""What a constant is: a setting of a layer, an axis that has a name, a setting of an operation, an axis by its number."""

_SIZE = Integer(minimum=0, symbolic=True)
_COUNT = Integer(minimum=1)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a constant stands: `key` tells it from others, `owner` is the layer or tensor, `name` what the constant is there."""

    key: Key
    owner: str
    name: str
    kind: Kind
    tells: int
    """how well `name` names the constant, 0 best: see `SETTING` and its like"""


Replace = Callable[[Place, Literal], Literal]
"""What stands at a place -> what is to stand there."""


def with_literals(block: Block, put: Replace, by_mode: frozenset[Key] = frozenset()) -> Block:
    """`block` with every constant as `put` gives it. Settings left out count as their defaults. Those at `by_mode` count as
    one for each mode, and so do those that have one for each; `put` is asked twice."""
    inputs = {name: _input(each, name, ("inputs", name), put) for name, each in block.inputs.items()}
    tensors = {name: _tensor(each, name, put) for name, each in block.tensors.items()}
    nodes = tuple(_node(node, at, put, by_mode) for at, node in enumerate(block.nodes))
    return replace(block, inputs=inputs, tensors=tensors, nodes=nodes)


def same(first: object, second: object) -> bool:
    """Equal in kind too: 1 is neither true nor 1.0, 0.0 isn't -0.0."""
    return type(first) is type(second) and repr(first) == repr(second)


def _node(node: Node, at: int, put: Replace, by_mode: frozenset[Key]) -> Node:
    action = node.action
    if isinstance(action, Apply):
        tells = OPERAND if action.type.is_operation else SETTING
        settings = {
            each.name: _setting(
                action.settings.get(each.name, each.default),
                each,
                node.name,
                ("node", at),
                tells,
                put,
                by_mode,
            )
            for each in action.type.settings.values()
            # The dtype of parameters that say none is the architecture's, which is no constant.
            if each.name in action.settings or not (each.required or each.default == PARAMETER_DTYPE)
        }
        kept = {
            name: value
            for name, value in settings.items()
            if name in action.type.required or not same(value, action.type.settings[name].default)
        }
        action = Apply(action.type, kept)
    elif isinstance(action, Use):
        given = {
            name: put(Place(("node", at, name), node.name, name, _kind_of(value), SETTING), value)
            for name, value in action.arguments.items()
        }
        action = Use(action.block, given)
    count = node.repeat
    if count is not None:
        count = put(Place(("repeat", at), node.name, "repeat", _COUNT, SETTING), count)
    return replace(node, action=action, repeat=count)


def _kind_of(value: Literal) -> Kind:
    kinds = {bool: "bool", float: "float", str: "str", tuple: "list"}
    return ARGUMENT_KINDS[kinds.get(type(value), "dim")]


def _setting(
    given: SettingValue,
    each: Setting,
    owner: str,
    key: Key,
    tells: int,
    put: Replace,
    by_mode: frozenset[Key],
) -> SettingValue:
    key = (*key, each.name)
    if isinstance(given, ByMode) or key in by_mode:
        train, evaluate = (given.train, given.eval) if isinstance(given, ByMode) else (given, given)
        train = put(Place((*key, "train"), owner, each.name, each.kind, tells), train)
        evaluate = put(Place((*key, "eval"), owner, each.name, each.kind, tells), evaluate)
        return train if same(train, evaluate) else ByMode(train, evaluate)
    return put(Place(key, owner, each.name, each.kind, tells), given)


def _input(value: Inputs, name: str, key: Key, put: Replace) -> Inputs:
    if isinstance(value, InputSpec):
        if value.shape is None:
            return value
        rank = len(value.shape)
        shape = tuple(_size(dim, _axis(axis, rank, name, key), put) for axis, dim in enumerate(value.shape))
        return replace(value, shape=shape)
    if isinstance(value, Mapping):
        return {each: _input(item, each, (*key, each), put) for each, item in value.items()}
    return tuple(_input(item, name, (*key, at), put) for at, item in enumerate(value))


def _axis(axis: int, rank: int, owner: str, key: Key) -> Place:
    name = "in_features" if axis == rank - 1 else f"size_{axis}"
    return Place((*key, axis), owner, name, _SIZE, AXIS)


def _tensor(value: RawTensor, name: str, put: Replace) -> RawTensor:
    alone = len(value.shape) == 1
    told, tells = ("features", AXIS) if alone else ("size", NUMBER)
    shape = tuple(
        _size(dim, Place(("tensor", name, axis), name, told, _SIZE, tells), put)
        for axis, dim in enumerate(value.shape)
    )
    return replace(value, shape=shape)


def _size(dim: Dim, place: Place, put: Replace) -> Dim:
    return cast("Dim", put(place, dim))
