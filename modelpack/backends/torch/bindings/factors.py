"""Factors of matrices."""

from __future__ import annotations

from typing import Any

import torch

from modelpack.backends.torch.rows import OperationRow, Row, overloads

aten = torch.ops.aten

_MATRIX = {"A": "input"}
_DRIVER = {"driver": (None,)}
"""Which routine of an accelerator's library is used."""
_TOLERANCES = ("atol_rtol_float", "atol_rtol_tensor")
"""The latter is what is called without tolerances."""


def _mode(value: Any) -> Any:
    """What `qr` says of `some`."""
    return {True: "reduced", False: "complete"}.get(value, value) if isinstance(value, bool) else value


ROWS: tuple[Row, ...] = (
    OperationRow(
        "linalg_qr",
        torch.linalg.qr,
        (*overloads("linalg_qr"), *overloads("qr")),
        schema={"A": "input", "some": "mode"},
        read={"mode": _mode},
    ),
    *(
        OperationRow(
            f"linalg_{name}",
            getattr(torch.linalg, name),
            overloads(f"linalg_{name}"),
            schema=_MATRIX,
            fixed={"pivot": (True,)},
        )
        for name in ("lu", "lu_factor")
    ),
    *(
        OperationRow(
            f"linalg_{name}",
            getattr(torch.linalg, name),
            overloads(f"linalg_{name}"),
            schema=_MATRIX,
            fixed=_DRIVER,
        )
        for name in ("svd", "svdvals")
    ),
    *(
        OperationRow(f"linalg_{name}", getattr(torch.linalg, name), overloads(f"linalg_{name}"))
        for name in ("eigh", "eigvalsh", "eig", "eigvals")
    ),
    OperationRow(
        "linalg_pinv",
        torch.linalg.pinv,
        (*overloads("linalg_pinv", *_TOLERANCES, "default"), *overloads("pinverse")),
        schema={"rcond": "rtol"},
    ),
    OperationRow(
        "linalg_matrix_rank", torch.linalg.matrix_rank, overloads("linalg_matrix_rank", *_TOLERANCES)
    ),
    OperationRow(
        "linalg_matrix_norm",
        torch.linalg.matrix_norm,
        overloads("linalg_matrix_norm", "default", "str_ord"),
    ),
    OperationRow("linalg_norm", torch.linalg.norm, overloads("linalg_norm", "default", "ord_str")),
)
