"""A number that the model's code computes from sizes (``0.5 / float(height)``) -> the operations that compute it.

They are those that the code applied, in its order, on tensors without axes of the precision that Python computes in, so that
every bit is the same. Powers and roots are none of them: torch and Python round them apart.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import fx

from modelpack.architecture import Apply, Structure
from modelpack.dims import Dim
from modelpack.layers import BUILTIN
from modelpack.layers.kinds import Literal

__all__ = ["as_size", "as_tensor", "can_be_tensor", "is_fraction"]

_OPERATIONS = {operator.add: "add", operator.sub: "sub", operator.mul: "mul", operator.truediv: "div"}


def is_fraction(value: Any) -> bool:
    """Whether `value` is a node that gives a number in floating point, computed from sizes."""
    return isinstance(value, fx.Node) and isinstance(value.meta.get("val"), torch.SymFloat)


def as_size(value: fx.Node, node: fx.Node, kind: str) -> fx.Node:
    """The size that `value` is the float of, where `node`, of this type, gives the same for it; else `value`."""
    same = kind == "div" or (kind in _OPERATIONS.values() and any(map(_is_float, node.all_input_nodes)))
    (size,) = value.args if same and value.target is torch.sym_float else (value,)
    return size if isinstance(size, fx.Node) else value


def can_be_tensor(value: Any, node: fx.Node, kind: str) -> bool:
    """Whether `node`, of this type, gives the same for a tensor without axes as for the number that `value` gives."""
    if not is_fraction(value) or kind not in _OPERATIONS.values():
        return False
    # Another tensor has to say the dtype of the result: one without axes doesn't.
    given = [each for each in node.all_input_nodes if _is_float(each) and each.meta["val"].dim()]
    return bool(given) and _is_said(value)


def _is_float(node: fx.Node) -> bool:
    given = node.meta.get("val")
    return isinstance(given, torch.Tensor) and given.is_floating_point()


def _is_said(value: Any) -> bool:
    if not is_fraction(value):
        return True
    return value.target is torch.sym_float or (value.target in _OPERATIONS and all(map(_is_said, value.args)))


def as_tensor(
    value: fx.Node,
    size: Callable[[Any], Dim],
    add: Callable[[Apply, Mapping[str, Structure]], str],
    known: dict[fx.Node, str],
) -> str:
    """How the number that `value` gives is called, once `add` has added what computes it; `known` are those already there."""

    def scalar(number: Dim | float) -> str:
        kind = BUILTIN["scalar_tensor"]
        given: dict[str, Literal] = {"s": number, "dtype": "float64"}
        return add(
            Apply(kind, {name: kind.settings[name].kind.read(each) for name, each in given.items()}), {}
        )

    def operand(given: Any) -> str:
        if not isinstance(given, fx.Node):
            return scalar(float(given))
        return computed(given) if is_fraction(given) else scalar(size(given.meta["val"]))

    def computed(node: fx.Node) -> str:
        if node not in known:
            if node.target is torch.sym_float:
                known[node] = operand(node.args[0])
            else:
                first, second = map(operand, node.args)
                operation = Apply(BUILTIN[_OPERATIONS[node.target]], {})
                known[node] = add(operation, {"input": first, "other": second})
        return known[node]

    return computed(value)
