"""Layers as functions."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional

from modelpack.backends.torch.rows import OperationRow, Row, overloads

aten = torch.ops.aten


def _conv(n: int) -> OperationRow:
    function: Any = getattr(functional, f"conv{n}d")
    return OperationRow(f"conv{n}d", function, overloads(f"conv{n}d", "default", "padding"))


ROWS: tuple[Row, ...] = (
    OperationRow("linear", functional.linear, overloads("linear")),
    *(_conv(n) for n in (1, 2, 3)),
    OperationRow("embedding", torch.embedding, overloads("embedding")),
    OperationRow(
        "scaled_dot_product_attention",
        functional.scaled_dot_product_attention,
        overloads("scaled_dot_product_attention"),
    ),
)
