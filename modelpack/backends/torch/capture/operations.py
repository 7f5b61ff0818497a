"""A call of an ATen operator -> the operation with its settings, and its inputs by port."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Protocol

import torch
from torch import fx

from modelpack.architecture import Apply, SettingValue, Structure
from modelpack.backends.torch.bindings import ROWS
from modelpack.backends.torch.capture.failures import failure
from modelpack.backends.torch.capture.fractions import as_size, can_be_tensor, is_fraction
from modelpack.backends.torch.capture.sizes import SizeError
from modelpack.backends.torch.dtypes import from_torch
from modelpack.backends.torch.rows import OperationRow
from modelpack.dims import Dim
from modelpack.layers import BUILTIN, LayerType
from modelpack.layers.base import MANY
from modelpack.layers.kinds import Literal

__all__ = ["Surroundings", "is_size", "is_tensor", "operation", "output_port", "row_of"]


class Surroundings(Protocol):
    """What a call refers to, in the words of the block that it stands in."""

    path: str

    def reference(self, node: fx.Node, user: fx.Node) -> str: ...
    def size(self, value: Any) -> Dim: ...
    def fraction(self, value: fx.Node) -> str: ...


@cache
def _rows() -> Mapping[torch._ops.OpOverload, OperationRow]:
    return {each: row for row in ROWS.values() if isinstance(row, OperationRow) for each in row.overloads}


def row_of(node: fx.Node) -> OperationRow | None:
    """The row of the operation that `node` calls."""
    return _rows().get(node.target) if isinstance(node.target, torch._ops.OpOverload) else None


def is_tensor(value: Any) -> bool:
    """Whether `value` is a node that gives a tensor."""
    return isinstance(value, fx.Node) and isinstance(value.meta.get("val"), torch.Tensor)


def is_size(node: fx.Node) -> bool:
    """Whether `node` computes a size, which is known as an expression."""
    return isinstance(
        node.meta.get("val"), torch.SymInt | torch.SymBool | torch.SymFloat | int | float | bool
    )


def output_port(node: fx.Node, index: Any) -> str:
    """How output `index` of an operation is called."""
    row = row_of(node)
    outputs = BUILTIN[row.type].outputs if row is not None else MANY
    return str(index) if outputs == MANY else outputs[index]


def operation(node: fx.Node, around: Surroundings) -> tuple[Apply, Mapping[str, Structure]]:
    """The operation that `node` is.

    Raises:
        CaptureError: MP602 no operation is this operator; MP613 an argument that no setting carries.
    """
    row = row_of(node)
    if node.target is torch.ops.aten.index.Tensor and any(map(_is_mask, node.all_input_nodes[1:])):
        hint = "where(mask, x, 0) keeps the shape"
        raise failure("MP615", "picks by a mask how many values there are", around.path, node, hint=hint)
    if row is None:
        raise failure(
            "MP602",
            f"calls {_called(node.target)}, which is no operation of modelpack",
            around.path,
            node,
            hint="write the forward with operations listed in spec/layers.md",
        )
    kind = BUILTIN[row.type]
    ports = {port.name for port in kind.ports}
    inputs: dict[str, Structure] = {}
    settings: dict[str, SettingValue] = {}
    for argument, value in _arguments(node):
        name = row.schema.get(argument.name, "input" if argument.name == "self" else argument.name)
        value = as_size(value, node, row.type) if is_fraction(value) else value
        if name in ports and can_be_tensor(value, node, row.type):
            inputs[name] = _fraction(node, name, value, around)
        elif name in ports and _holds_tensors(value):
            given = _structure(value, lambda each: around.reference(each, node))
            inputs[name] = _joined(inputs[name], given) if name in inputs else given
        elif name in ports and name not in kind.settings:
            if value is not None and value != []:
                raise _not_carried(node, argument.name, value, around)
        elif name in kind.settings:
            meaning = row.read.get(name)
            literal = _setting(node, name, value if meaning is None else meaning(value), kind, around)
            if _differs(literal, kind, name):
                settings[name] = literal
        elif not _is_told_otherwise(node, argument, value, row):
            raise _not_carried(node, argument.name, value, around)
    return Apply(kind, settings), inputs


def _fraction(node: fx.Node, name: str, value: fx.Node, around: Surroundings) -> str:
    try:
        return around.fraction(value)
    except SizeError as error:
        raise failure("MP613", f"{node.target}: its {name} {error}", around.path, node) from error


def _is_mask(node: fx.Node) -> bool:
    return is_tensor(node) and node.meta["val"].dtype in (torch.bool, torch.uint8)


def _called(target: Any) -> str:
    if isinstance(target, torch._ops.OpOverload):
        return str(target)
    return (
        f"{getattr(target, '__module__', '')}.{getattr(target, '__name__', target)}"  # no address in memory
    )


def _arguments(node: fx.Node) -> list[tuple[torch.Argument, Any]]:
    assert isinstance(node.target, torch._ops.OpOverload)  # row_of has found it
    found: list[tuple[torch.Argument, Any]] = []
    for at, argument in enumerate(node.target._schema.arguments):
        given = at < len(node.args)
        value = node.args[at] if given else node.kwargs.get(argument.name, argument.default_value)
        found.append((argument, value))
    return found


def _holds_tensors(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return any(map(_holds_tensors, value))
    return is_tensor(value)


def _structure(value: Any, reference: Callable[[fx.Node], str]) -> Structure:
    if isinstance(value, list | tuple):
        return tuple(_structure(item, reference) for item in value)
    return None if value is None else reference(value)


def _joined(first: Structure, second: Structure) -> Structure:
    """Two lists of tensors that are one variadic port."""
    return (*_listed(first), *_listed(second))


def _listed(structure: Structure) -> tuple[Structure, ...]:
    return structure if isinstance(structure, tuple) else (structure,)


def _setting(node: fx.Node, name: str, value: Any, kind: LayerType, around: Surroundings) -> Literal:
    try:
        return kind.settings[name].kind.read(_literal(value, around))
    except (ValueError, SizeError) as error:
        raise failure("MP613", f"{kind.name}: its {name} {error}", around.path, node) from error


def _literal(value: Any, around: Surroundings) -> Literal:
    if isinstance(value, fx.Node):
        return around.size(value.meta.get("val"))
    if isinstance(value, torch.SymInt):
        return around.size(value)
    if isinstance(value, list | tuple):
        return tuple(_literal(item, around) for item in value)
    if isinstance(value, torch.dtype):
        return from_torch(value).value
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise ValueError(f"is {value}, which no setting holds")


def _differs(literal: Literal, kind: LayerType, name: str) -> bool:
    each = kind.settings[name]
    # By text, as -0.0 equals 0.0 and 1 equals True, and neither is the same.
    return each.required or repr(literal) != repr(each.default)


def _is_told_otherwise(node: fx.Node, argument: torch.Argument, value: Any, row: OperationRow) -> bool:
    """Whether nothing is lost when an argument isn't stored."""
    if argument.name in row.fixed:
        return value in row.fixed[argument.name]
    if argument.name == "device":
        tensor = node.meta.get("val")
        # A device is never stored: what is made follows the network's inputs, which traced on one device are there.
        return value is None or (isinstance(tensor, torch.Tensor) and tensor.device == torch.device(value))
    if argument.name == "layout":
        return value in (None, torch.strided)
    if argument.name == "pin_memory":
        return not value
    return argument.has_default_value() and _same(value, argument.default_value)


def _same(value: Any, default: Any) -> bool:
    return repr(value) == repr(default)


def _not_carried(node: fx.Node, name: str, value: Any, around: Surroundings) -> Exception:
    return failure("MP613", f"{node.target}({name}={value}) can't be carried", around.path, node)
