"""Operations on two tensors or more, element by element."""

from __future__ import annotations

from typing import Any

import torch

from modelpack.backends.torch.rows import OperationRow, Row, overloads

aten = torch.ops.aten

_TENSOR_OR_NUMBER = ("Tensor", "Scalar")


def _masked_fill(input: Any, mask: Any, value: Any) -> Any:
    return input.masked_fill(mask, value)


def _where(condition: Any, input: Any, other: Any) -> Any:
    return torch.where(condition, input, other)


ROWS: tuple[Row, ...] = (
    OperationRow("add", torch.add, overloads("add", *_TENSOR_OR_NUMBER)),
    OperationRow(
        "sub",
        torch.sub,
        (*overloads("sub", *_TENSOR_OR_NUMBER), *overloads("subtract", *_TENSOR_OR_NUMBER)),
    ),
    OperationRow("rsub", torch.rsub, overloads("rsub", *_TENSOR_OR_NUMBER)),
    OperationRow(
        "mul",
        torch.mul,
        (*overloads("mul", *_TENSOR_OR_NUMBER), *overloads("multiply", *_TENSOR_OR_NUMBER)),
    ),
    OperationRow(
        "div",
        torch.div,
        (
            *overloads("div", *_TENSOR_OR_NUMBER, "Tensor_mode", "Scalar_mode"),
            *overloads("divide", *_TENSOR_OR_NUMBER, "Tensor_mode", "Scalar_mode"),
            *overloads("true_divide", *_TENSOR_OR_NUMBER),
        ),
    ),
    OperationRow("floor_divide", torch.floor_divide, overloads("floor_divide", "default", "Scalar")),
    OperationRow("remainder", torch.remainder, overloads("remainder", *_TENSOR_OR_NUMBER)),
    OperationRow("fmod", torch.fmod, overloads("fmod", *_TENSOR_OR_NUMBER)),
    OperationRow("pow", torch.pow, overloads("pow", "Tensor_Tensor", "Tensor_Scalar", "Scalar")),
    OperationRow("maximum", torch.maximum, (aten.maximum.default, aten.max.other)),
    OperationRow("minimum", torch.minimum, (aten.minimum.default, aten.min.other)),
    OperationRow("fmax", torch.fmax, overloads("fmax")),
    OperationRow("fmin", torch.fmin, overloads("fmin")),
    OperationRow("where", _where, overloads("where", "self", "ScalarOther", "ScalarSelf", "Scalar")),
    OperationRow("masked_fill", _masked_fill, overloads("masked_fill", *_TENSOR_OR_NUMBER[::-1])),
    OperationRow(
        "clamp",
        torch.clamp,
        (*overloads("clamp"), *overloads("clip"), *overloads("clamp_min"), *overloads("clamp_max")),
    ),
    OperationRow(
        "clamp_tensor",
        torch.clamp,
        tuple(
            each for name in ("clamp", "clip", "clamp_min", "clamp_max") for each in overloads(name, "Tensor")
        ),
    ),
    OperationRow("addcmul", torch.addcmul, overloads("addcmul")),
    OperationRow("addcdiv", torch.addcdiv, overloads("addcdiv")),
    OperationRow("lerp", torch.lerp, overloads("lerp", *_TENSOR_OR_NUMBER)),
)
