"""Linear algebra on matrices."""

from __future__ import annotations

import torch

from modelpack.backends.torch.rows import OperationRow, Row, aliases, overloads

aten = torch.ops.aten

_MATRIX = {"A": "input"}

ROWS: tuple[Row, ...] = (
    *(
        OperationRow(
            f"linalg_{name}",
            getattr(torch.linalg, name),
            aliases(f"linalg_{name}", *others),
            schema=_MATRIX,
        )
        for name, others in {
            "inv": ("inverse",),
            "det": ("det",),
            "slogdet": ("slogdet",),
            "inv_ex": (),
        }.items()
    ),
    *(
        OperationRow(f"linalg_{name}", getattr(torch.linalg, name), aliases(f"linalg_{name}", *others))
        for name, others in {
            "matrix_exp": ("matrix_exp",),
            "matrix_power": ("matrix_power",),
            "cholesky": ("cholesky",),
            "cholesky_ex": (),
            "solve": (),
            "solve_triangular": (),
        }.items()
    ),
    *(
        OperationRow(name, getattr(torch, name), overloads(name))
        for name in ("logdet", "cholesky_inverse", "cholesky_solve")
    ),
    OperationRow(
        "linalg_householder_product",
        torch.linalg.householder_product,
        aliases("linalg_householder_product", "orgqr"),
        schema={"input2": "tau"},
    ),
)
