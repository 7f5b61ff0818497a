"""Functions of each element, and softmaxes, as operations."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional

from modelpack.backends.torch.rows import OperationRow, Row, overloads

aten = torch.ops.aten

_FORMATS = ("contiguous_format", "channels_last", "channels_last_3d", "preserve_format")


def _to(input: Any, dtype: Any) -> Any:
    return input if dtype is None else input.to(dtype)


def _elu(input: Any, alpha: float, scale: float, input_scale: float) -> Any:
    return aten.elu.default(input, alpha, scale, input_scale)


def _glu(input: Any, dim: int) -> Any:
    return functional.glu(input, dim)


def _contiguous(input: Any, memory_format: str) -> Any:
    return input.contiguous(memory_format=getattr(torch, memory_format))


def _format_name(value: Any) -> str:
    """What ATen gives: torch's object, or its number where the schema's default stands."""
    return _FORMATS[0] if value == 0 else str(value).removeprefix("torch.")


_OF_TORCH = (
    "neg abs sign ceil floor round trunc frac clone detach relu exp expm1 log log1p log2 log10 sqrt rsqrt reciprocal square "
    "sin cos tan asin acos atan sinh cosh tanh sigmoid erf real"
).split()
_OF_FUNCTIONAL = "relu6 silu mish selu hardswish hardsigmoid celu leaky_relu hardtanh gelu softplus".split()
_COPIES = {"clone": {"memory_format": (None, torch.preserve_format, torch.contiguous_format)}}

ROWS: tuple[Row, ...] = (
    *(
        OperationRow(name, getattr(torch, name), overloads(name), fixed=_COPIES.get(name, {}))
        for name in _OF_TORCH
    ),
    *(OperationRow(name, getattr(functional, name), overloads(name)) for name in _OF_FUNCTIONAL),
    OperationRow("log_sigmoid", functional.logsigmoid, overloads("log_sigmoid")),
    OperationRow("elu", _elu, overloads("elu")),
    OperationRow("softmax", torch.softmax, overloads("softmax", "int")),
    OperationRow("log_softmax", torch.log_softmax, overloads("log_softmax", "int")),
    OperationRow("glu", _glu, overloads("glu")),
    OperationRow("prelu", torch.prelu, overloads("prelu")),
    *(
        OperationRow(name, getattr(torch, name), overloads(name))
        for name in ("dropout", "feature_dropout", "alpha_dropout")
    ),
    OperationRow(
        "to",
        _to,
        (aten.to.dtype, aten.to.device, aten.to.dtype_layout),
        fixed={
            # Whether the result may be the input itself, or is waited for, changes no value.
            "copy": (False, True),
            "non_blocking": (False, True),
            "memory_format": (None, torch.preserve_format),
        },
    ),
    OperationRow(
        "type_as",
        torch.Tensor.type_as,
        (aten.type_as.default, aten.to.other),
        fixed={
            "copy": (False, True),
            "non_blocking": (False, True),
            "memory_format": (None, torch.preserve_format),
        },
    ),
    OperationRow("contiguous", _contiguous, overloads("contiguous"), read={"memory_format": _format_name}),
)
