"""Sorting, running totals, differences."""

from __future__ import annotations

from typing import Any

import torch

from modelpack.backends.torch.rows import OperationRow, Row, overloads


def _diff(input: Any, prepend: Any, append: Any, n: int, dim: int) -> Any:
    return torch.diff(input, n, dim, prepend, append)


def _is_stable(value: Any) -> bool:
    """ATen's null means false."""
    return bool(value)


ROWS: tuple[Row, ...] = (
    OperationRow("sort", torch.sort, overloads("sort", "default", "stable"), read={"stable": _is_stable}),
    OperationRow(
        "argsort", torch.argsort, overloads("argsort", "default", "stable"), read={"stable": _is_stable}
    ),
    OperationRow("topk", torch.topk, overloads("topk")),
    OperationRow("cumsum", torch.cumsum, overloads("cumsum")),
    OperationRow("cumprod", torch.cumprod, overloads("cumprod")),
    OperationRow("diff", _diff, overloads("diff")),
)
