"""Areas below the line through elements."""

from __future__ import annotations

from typing import Any

import torch

from modelpack.backends.torch.rows import OperationRow, Row, overloads


def _trapezoid(y: Any, x: Any, dx: Any, dim: int) -> Any:
    return torch.trapezoid(y, dx=dx, dim=dim) if x is None else torch.trapezoid(y, x, dim=dim)


def _cumulative_trapezoid(y: Any, x: Any, dx: Any, dim: int) -> Any:
    if x is None:
        return torch.cumulative_trapezoid(y, dx=dx, dim=dim)
    return torch.cumulative_trapezoid(y, x, dim=dim)


ROWS: tuple[Row, ...] = (
    OperationRow(
        "trapezoid", _trapezoid, (*overloads("trapezoid", "x", "dx"), *overloads("trapz", "x", "dx"))
    ),
    OperationRow("cumulative_trapezoid", _cumulative_trapezoid, overloads("cumulative_trapezoid", "x", "dx")),
)
