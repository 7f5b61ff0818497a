"""Pools, paddings and windows of images, signals and volumes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional

from modelpack.backends.torch.rows import OperationRow, Row, overloads

aten = torch.ops.aten

_INTERPOLATION = ("bilinear", "nearest", "bicubic")
_OUTSIDE = ("zeros", "border", "reflection")


def _grid_sampler(
    input: Any, grid: Any, interpolation_mode: str, padding_mode: str, align_corners: bool
) -> Any:
    return functional.grid_sample(input, grid, interpolation_mode, padding_mode, align_corners)


def _word(words: tuple[str, ...]) -> Callable[[Any], str]:
    """ATen counts its modes."""
    return lambda value: words[value]


def or_null(value: Any) -> Any:
    """ATen writes a stride that isn't given as an empty list."""
    return None if value is None or list(value) == [] else value


def _or_nothing(value: Any) -> Any:
    """Zeros are what is added where nothing is told."""
    return None if repr(value) in ("0", "0.0") else value


ROWS: tuple[Row, ...] = (
    *(
        OperationRow(name, getattr(functional, name), overloads(name), read={"stride": or_null})
        for name in ("max_pool1d", "max_pool2d", "max_pool3d", "avg_pool1d", "avg_pool2d", "avg_pool3d")
    ),
    *(
        OperationRow(name, getattr(functional, name), overloads(name))
        for name in ("adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d")
    ),
    OperationRow(
        "pad", functional.pad, (*overloads("pad"), *overloads("constant_pad_nd")), read={"value": _or_nothing}
    ),
    OperationRow(
        "grid_sampler",
        _grid_sampler,
        (*overloads("grid_sampler"), *overloads("grid_sampler_2d"), *overloads("grid_sampler_3d")),
        read={"interpolation_mode": _word(_INTERPOLATION), "padding_mode": _word(_OUTSIDE)},
    ),
    OperationRow("im2col", functional.unfold, overloads("im2col")),
    OperationRow("col2im", functional.fold, overloads("col2im")),
)
