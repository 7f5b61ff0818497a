"""`einsum`."""

from __future__ import annotations

from typing import Any

import torch

from modelpack.backends.torch.rows import OperationRow, Row, overloads


def _einsum(tensors: list[Any], equation: str) -> Any:
    return torch.einsum(equation, tensors)


ROWS: tuple[Row, ...] = (OperationRow("einsum", _einsum, overloads("einsum"), fixed={"path": (None,)}),)
