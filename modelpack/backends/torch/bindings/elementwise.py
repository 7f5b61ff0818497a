"""Functions of each element, and softmaxes, as operations."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional

from modelpack.backends.torch.rows import OperationRow, Row, aliases, overloads

aten = torch.ops.aten


def _elu(input: Any, alpha: float, scale: float, input_scale: float) -> Any:
    return aten.elu.default(input, alpha, scale, input_scale)


def _round(input: Any, decimals: int) -> Any:
    return torch.round(input, decimals=decimals) if decimals else torch.round(input)


def _glu(input: Any, dim: int) -> Any:
    return functional.glu(input, dim)


_OF_TORCH = (
    *("neg", "abs", "sign", "square", "real", "clone", "detach", "relu", "sigmoid", "erf", "reciprocal"),
    *("ceil", "floor", "trunc", "frac", "sqrt", "rsqrt"),
    *("exp", "expm1", "log", "log1p", "log2", "log10"),
    *("sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh"),
)
_OF_FUNCTIONAL = (
    *("relu6", "silu", "mish", "selu", "hardswish", "hardsigmoid"),
    *("celu", "leaky_relu", "hardtanh", "gelu", "softplus"),
)
_COPIES = {"clone": {"memory_format": (None, torch.preserve_format, torch.contiguous_format)}}
_OTHER_NAMES = {
    "neg": ("negative",),
    "abs": ("absolute",),
    "trunc": ("fix",),
    "sigmoid": ("special_expit",),
    "erf": ("special_erf",),
    "expm1": ("special_expm1",),
    "log1p": ("special_log1p",),
    "asin": ("arcsin",),
    "acos": ("arccos",),
    "atan": ("arctan",),
    # They give the input itself, or another look at it: the same values.
    "clone": ("positive", "resolve_conj", "resolve_neg"),
}
"""What else torch calls them."""

ROWS: tuple[Row, ...] = (
    *(
        OperationRow(
            name,
            getattr(torch, name),
            aliases(name, *_OTHER_NAMES.get(name, ())),
            fixed=_COPIES.get(name, {}),
        )
        for name in _OF_TORCH
    ),
    *(OperationRow(name, getattr(functional, name), overloads(name)) for name in _OF_FUNCTIONAL),
    OperationRow("log_sigmoid", functional.logsigmoid, overloads("log_sigmoid")),
    OperationRow("round", _round, (*overloads("round", "default", "decimals"), *overloads("special_round"))),
    OperationRow("elu", _elu, overloads("elu")),
    OperationRow("softmax", torch.softmax, (*overloads("softmax", "int"), *overloads("special_softmax"))),
    OperationRow(
        "log_softmax",
        torch.log_softmax,
        (*overloads("log_softmax", "int"), *overloads("special_log_softmax")),
    ),
    OperationRow("glu", _glu, overloads("glu")),
    OperationRow("prelu", torch.prelu, overloads("prelu")),
)
