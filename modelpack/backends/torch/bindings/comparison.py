"""Comparisons, logic and bits."""

from __future__ import annotations

import torch

from modelpack.backends.torch.rows import OperationRow, Row, overloads

ROWS: tuple[Row, ...] = (
    *(
        OperationRow(name, getattr(torch, name), overloads(name, "Tensor", "Scalar"))
        for name in ("eq", "ne", "lt", "le", "gt", "ge")
    ),
    *(
        # `x & y` calls the operator with underscores.
        OperationRow(
            f"bitwise_{name}",
            getattr(torch, f"bitwise_{name}"),
            (
                *overloads(f"bitwise_{name}", "Tensor", "Scalar"),
                *overloads(f"__{name}__", "Tensor", "Scalar"),
            ),
        )
        for name in ("and", "or", "xor")
    ),
    *(
        OperationRow(name, getattr(torch, name), overloads(name))
        for name in (
            "logical_and",
            "logical_or",
            "logical_xor",
            "logical_not",
            "bitwise_not",
            "isnan",
            "isinf",
            "isfinite",
        )
    ),
)
