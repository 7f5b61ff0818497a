"""Medians, quantiles, running extremes, spreads with means."""

from __future__ import annotations

from typing import Any

import torch

from modelpack.backends.torch.bindings.reduction import correction
from modelpack.backends.torch.rows import OperationRow, Row, overloads


def _dist(input: Any, other: Any, p: float) -> Any:
    return torch.dist(input, other, p)


ROWS: tuple[Row, ...] = (
    *(
        OperationRow(
            name,
            getattr(torch, name),
            overloads(name, "default", "dim", "correction"),
            schema={"unbiased": "correction"},
            read={"correction": correction},
        )
        for name in ("var_mean", "std_mean")
    ),
    *(
        OperationRow(name, getattr(torch, name), overloads(name))
        for name in (
            *("median", "nanmedian", "mode", "kthvalue", "msort", "aminmax"),
            *("cummax", "cummin", "logcumsumexp", "renorm"),
        )
    ),
    OperationRow("median_dim", torch.median, overloads("median", "dim")),
    OperationRow("nanmedian_dim", torch.nanmedian, overloads("nanmedian", "dim")),
    OperationRow("count_nonzero", torch.count_nonzero, overloads("count_nonzero", "default", "dim_IntList")),
    *(
        OperationRow(name, getattr(torch, name), overloads(name, "default", "scalar"))
        for name in ("quantile", "nanquantile")
    ),
    OperationRow("dist", _dist, overloads("dist")),
)
