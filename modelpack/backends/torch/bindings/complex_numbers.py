"""Complex numbers."""

from __future__ import annotations

import torch

from modelpack.backends.torch.rows import OperationRow, Row, overloads

aten = torch.ops.aten

ROWS: tuple[Row, ...] = (
    *(
        OperationRow(name, getattr(torch, name), overloads(name))
        for name in ("complex", "polar", "view_as_complex", "view_as_real", "imag", "angle", "sgn")
    ),
    # torch notes a conjugation and carries it out later, here it is carried out.
    OperationRow(
        "conj", torch.conj_physical, (aten.conj.default, aten._conj.default, *overloads("conj_physical"))
    ),
)
