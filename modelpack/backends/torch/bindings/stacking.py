"""Tensors beside one another, and cut apart."""

from __future__ import annotations

from typing import Any

import torch

from modelpack.backends.torch.rows import OperationRow, Row, aliases, overloads


def _block_diag(tensors: list[Any]) -> Any:
    return torch.block_diag(*tensors)


def _cartesian_prod(tensors: list[Any]) -> Any:
    return torch.cartesian_prod(*tensors)


def _broadcast_tensors(tensors: list[Any]) -> Any:
    return torch.broadcast_tensors(*tensors)


def _split(name: str) -> OperationRow:
    function = getattr(torch, name)

    def split(input: Any, sections: Any) -> Any:
        return function(input, sections)

    return OperationRow(name, split, overloads(name, "int", "array"), schema={"indices": "sections"})


ROWS: tuple[Row, ...] = (
    *(
        OperationRow(name, getattr(torch, name), overloads(name))
        for name in ("atleast_1d", "atleast_2d", "atleast_3d")
    ),
    OperationRow("hstack", torch.hstack, overloads("hstack")),
    OperationRow("vstack", torch.vstack, aliases("vstack", "row_stack")),
    OperationRow("dstack", torch.dstack, overloads("dstack")),
    OperationRow("column_stack", torch.column_stack, overloads("column_stack")),
    *(_split(name) for name in ("hsplit", "vsplit", "dsplit")),
    OperationRow("block_diag", _block_diag, overloads("block_diag")),
    OperationRow("cartesian_prod", _cartesian_prod, overloads("cartesian_prod")),
    OperationRow("broadcast_tensors", _broadcast_tensors, overloads("broadcast_tensors")),
)
