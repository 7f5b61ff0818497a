"""Products beyond those of matrices."""

from __future__ import annotations

from typing import Any

import torch

from modelpack.backends.torch.rows import OperationRow, Row, aliases, overloads


def _tensordot(input: Any, other: Any, dims_self: tuple[int, ...], dims_other: tuple[int, ...]) -> Any:
    return torch.ops.aten.tensordot.default(input, other, list(dims_self), list(dims_other))


def _chain_matmul(matrices: list[Any]) -> Any:
    return torch.chain_matmul(*matrices)


ROWS: tuple[Row, ...] = (
    OperationRow("outer", torch.outer, aliases("outer", "ger")),
    *(
        OperationRow(name, getattr(torch, name), overloads(name))
        for name in ("inner", "kron", "addmv", "addbmm", "addr")
    ),
    OperationRow("tensordot", _tensordot, overloads("tensordot")),
    OperationRow("linalg_multi_dot", torch.linalg.multi_dot, overloads("linalg_multi_dot")),
    OperationRow("chain_matmul", _chain_matmul, overloads("chain_matmul")),
)
