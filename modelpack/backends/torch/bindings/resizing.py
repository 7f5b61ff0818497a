"""Other sizes of images, signals and volumes."""

from __future__ import annotations

from typing import Any

import torch

from modelpack.backends.torch.rows import OperationRow, Row

aten = torch.ops.aten

_HIDDEN = (
    "nearest_exact1d",
    "nearest_exact2d",
    "nearest_exact3d",
    "bilinear2d_aa",
    "bicubic2d_aa",
    "lanczos2d_aa",
)
"""Operators whose name begins with a line."""


def _resize(name: str, operator: str) -> OperationRow:
    function: Any = getattr(aten, operator).vec
    if "nearest" in name:

        def nearest(input: Any, output_size: Any, scale_factors: Any) -> Any:
            return function(input, output_size, scale_factors)

        return OperationRow(name, nearest, (function,))

    def smooth(input: Any, output_size: Any, scale_factors: Any, align_corners: bool) -> Any:
        return function(input, output_size, align_corners, scale_factors)

    return OperationRow(name, smooth, (function,))


ROWS: tuple[Row, ...] = (
    *(
        _resize(f"upsample_{name}", f"upsample_{name}")
        for name in (
            "nearest1d",
            "nearest2d",
            "nearest3d",
            "linear1d",
            "bilinear2d",
            "bicubic2d",
            "trilinear3d",
        )
    ),
    *(_resize(f"upsample_{name}", f"_upsample_{name}") for name in _HIDDEN),
)
