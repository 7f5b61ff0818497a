"""Pools with indices."""

from __future__ import annotations

from typing import Any

import torch

from modelpack.backends.torch.bindings.imaging import or_null
from modelpack.backends.torch.rows import OperationRow, Row, overloads

aten = torch.ops.aten


def _with_indices(name: str) -> OperationRow:
    operator: Any = getattr(aten, name).default

    def pool(input: Any, stride: Any, **settings: Any) -> Any:
        return operator(input, stride=[] if stride is None else stride, **settings)

    return OperationRow(name, pool, overloads(name), read={"stride": or_null})


def _fractional(name: str) -> OperationRow:
    operator: Any = getattr(aten, name).default

    def pool(input: Any, random_samples: Any, kernel_size: Any, output_size: Any) -> Any:
        return operator(input, kernel_size, output_size, random_samples)

    return OperationRow(name, pool, overloads(name))


ROWS: tuple[Row, ...] = (
    *(_with_indices(f"max_pool{n}d_with_indices") for n in (1, 2, 3)),
    *(
        OperationRow(name, getattr(aten, name).default, overloads(name))
        for name in (
            "adaptive_max_pool1d",
            "adaptive_max_pool2d",
            "adaptive_max_pool3d",
            "max_unpool2d",
            "max_unpool3d",
        )
    ),
    *(_fractional(f"fractional_max_pool{n}d") for n in (2, 3)),
)
