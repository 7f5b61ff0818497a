"""Products beyond those of matrices."""

from __future__ import annotations

from typing import Any

import torch

from modelpack.backends.torch.rows import OperationRow, Row, aliases, overloads


def _tensordot(input: Any, other: Any, dims_self: tuple[int, ...], dims_other: tuple[int, ...]) -> Any:
    return torch.tensordot(input, other, dims=(list(dims_self), list(dims_other)))


def _chain_matmul(matrices: list[Any]) -> Any:
    return torch.chain_matmul(*matrices)


ROWS: tuple[Row, ...] = (
    OperationRow("outer", torch.outer, aliases("outer", "ger")),
    *(
        OperationRow(name, getattr(torch, name), overloads(name))
        for name in ("inner", "kron", "addmv", "addbmm", "addr", "cross", "vander")
    ),
    OperationRow("tensordot", _tensordot, overloads("tensordot")),
    *(
        OperationRow(f"linalg_{name}", getattr(torch.linalg, name), overloads(f"linalg_{name}"))
        for name in ("multi_dot", "cross", "vecdot", "vander")
    ),
    OperationRow("chain_matmul", _chain_matmul, overloads("chain_matmul")),
)
