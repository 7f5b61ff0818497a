"""Products of vectors and matrices, distances."""

from __future__ import annotations

from typing import Any

import torch

from modelpack.backends.torch.rows import OperationRow, Row, aliases, overloads


def _cdist(x1: Any, x2: Any, p: float, compute_mode: int | None) -> Any:
    return torch.ops.aten.cdist.default(x1, x2, p, compute_mode)


ROWS: tuple[Row, ...] = (
    OperationRow("matmul", torch.matmul, aliases("matmul", "linalg_matmul")),
    *(
        OperationRow(name, getattr(torch, name), overloads(name))
        for name in ("mm", "bmm", "mv", "dot", "vdot", "addmm", "baddbmm", "cosine_similarity")
    ),
    OperationRow("cdist", _cdist, overloads("cdist")),
)
