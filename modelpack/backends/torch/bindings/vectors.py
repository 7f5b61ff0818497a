"""Operations on vectors along an axis."""

from __future__ import annotations

import torch

from modelpack.backends.torch.rows import OperationRow, Row, overloads

ROWS: tuple[Row, ...] = (
    OperationRow("cross", torch.cross, overloads("cross")),
    OperationRow("vander", torch.vander, overloads("vander")),
    *(
        OperationRow(f"linalg_{name}", getattr(torch.linalg, name), overloads(f"linalg_{name}"))
        for name in ("cross", "vecdot", "vander")
    ),
)
