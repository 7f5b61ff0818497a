"""Places in an order."""

from __future__ import annotations

from typing import Any

import torch

from modelpack.backends.torch.rows import OperationRow, Row, overloads


def _searchsorted(
    sorted_sequence: Any, input: Any, sorter: Any, out_int32: bool, right: bool, side: str | None
) -> Any:
    return torch.searchsorted(
        sorted_sequence, input, out_int32=out_int32, right=right, side=side, sorter=sorter
    )


ROWS: tuple[Row, ...] = (
    OperationRow("bucketize", torch.bucketize, overloads("bucketize", "Tensor")),
    OperationRow("searchsorted", _searchsorted, overloads("searchsorted", "Tensor", "Scalar")),
)
