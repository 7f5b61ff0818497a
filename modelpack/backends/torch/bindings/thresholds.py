"""Thresholds."""

from __future__ import annotations

from torch.nn import functional

from modelpack.backends.torch.rows import OperationRow, Row, overloads

ROWS: tuple[Row, ...] = tuple(
    OperationRow(name, getattr(functional, name), overloads(name))
    for name in ("hardshrink", "softshrink", "threshold")
)
