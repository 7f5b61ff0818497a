"""Random numbers, from torch's global generator."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional

from modelpack.backends.torch.rows import OperationRow, Row, overloads

aten = torch.ops.aten

GLOBAL: dict[str, tuple[Any, ...]] = {"generator": (None,)}
"""A generator of the model's own can't be carried: its state is no tensor of the network."""

_LAYOUT: dict[str, tuple[Any, ...]] = {"memory_format": (None, torch.preserve_format)}
"""Numbers are drawn in the order in which elements lie in memory."""

_INT64 = 4
"""How a schema writes torch.int64 as a default."""


def _dtype(value: Any) -> Any:
    return "int64" if value == _INT64 else value


def _randint(low: Any, high: Any, size: Any, dtype: Any, device: Any) -> Any:
    return torch.randint(low, high, size, dtype=dtype, device=device)


def _random(input: Any, high: int | None) -> Any:
    drawn = torch.empty_like(input)
    return drawn.random_() if high is None else drawn.random_(high)


def _rrelu(input: Any, lower: Any, upper: Any, training: bool) -> Any:
    return functional.rrelu(input, lower, upper, training)


ROWS: tuple[Row, ...] = (
    OperationRow("rand", torch.rand, (aten.rand.default,), makes_tensor=True),
    OperationRow("randn", torch.randn, (aten.randn.default,), makes_tensor=True),
    OperationRow(
        "randint",
        _randint,
        (aten.randint.default, aten.randint.low),
        read={"dtype": _dtype},
        makes_tensor=True,
    ),
    OperationRow(
        "randperm", torch.randperm, (aten.randperm.default,), read={"dtype": _dtype}, makes_tensor=True
    ),
    OperationRow("rand_like", torch.rand_like, (aten.rand_like.default,), fixed=_LAYOUT),
    OperationRow("randn_like", torch.randn_like, (aten.randn_like.default,), fixed=_LAYOUT),
    OperationRow(
        "randint_like",
        torch.randint_like,
        (aten.randint_like.default, aten.randint_like.low_dtype),
        fixed=_LAYOUT,
    ),
    OperationRow(
        "random",
        _random,
        overloads("random", "default", "to"),  # torch.export writes no `from`, a keyword of Python
        schema={"to": "high"},
        fixed=GLOBAL,
    ),
    OperationRow("rrelu", _rrelu, overloads("rrelu"), fixed=GLOBAL),
)
