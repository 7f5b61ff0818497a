"""Pixels and channels rearranged, grids of coordinates, sequences padded, distances."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional

from modelpack.backends.torch.rows import OperationRow, Row, overloads

aten = torch.ops.aten


def _affine_grid(theta: Any, size: Any, align_corners: bool) -> Any:
    return torch.affine_grid_generator(theta, size, align_corners)


ROWS: tuple[Row, ...] = (
    OperationRow("pixel_shuffle", functional.pixel_shuffle, overloads("pixel_shuffle")),
    OperationRow("pixel_unshuffle", functional.pixel_unshuffle, overloads("pixel_unshuffle")),
    OperationRow(
        "channel_shuffle",
        functional.channel_shuffle,
        (*overloads("channel_shuffle"), *overloads("native_channel_shuffle")),
    ),
    OperationRow("affine_grid_generator", _affine_grid, overloads("affine_grid_generator")),
    OperationRow("pad_sequence", aten.pad_sequence.default, overloads("pad_sequence")),
    OperationRow("pairwise_distance", functional.pairwise_distance, overloads("pairwise_distance")),
    OperationRow("pdist", functional.pdist, overloads("pdist")),
)
