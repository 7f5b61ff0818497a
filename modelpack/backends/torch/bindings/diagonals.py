"""Diagonals of matrices."""

from __future__ import annotations

from typing import Any

import torch

from modelpack.backends.torch.rows import OperationRow, Row, overloads

aten = torch.ops.aten


def _tril_indices(row: int, col: int, offset: int, dtype: Any, device: Any) -> Any:
    return torch.tril_indices(row, col, offset, dtype=dtype, device=device)


def _triu_indices(row: int, col: int, offset: int, dtype: Any, device: Any) -> Any:
    return torch.triu_indices(row, col, offset, dtype=dtype, device=device)


def _dtype_name(value: Any) -> Any:
    """What ATen gives: torch's object, its name, or its number where the schema's default stands."""
    return "int64" if value == 4 else value


ROWS: tuple[Row, ...] = (
    OperationRow(
        "diagonal",
        torch.diagonal,
        (*overloads("diagonal"), aten.linalg_diagonal.default),
        schema={"A": "input"},
    ),
    *(
        OperationRow(name, getattr(torch, name), overloads(name))
        for name in ("diagonal_scatter", "diag", "diag_embed", "diagflat", "trace")
    ),
    OperationRow(
        "tril_indices",
        _tril_indices,
        overloads("tril_indices"),
        read={"dtype": _dtype_name},
        makes_tensor=True,
    ),
    OperationRow(
        "triu_indices",
        _triu_indices,
        overloads("triu_indices"),
        read={"dtype": _dtype_name},
        makes_tensor=True,
    ),
)
