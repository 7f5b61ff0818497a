"""Repetitions and other orders along axes."""

from __future__ import annotations

from typing import Any

import torch

from modelpack.backends.torch.rows import ANYTHING, OperationRow, Row, overloads

aten = torch.ops.aten


def _view(input: Any, dtype: Any) -> Any:
    return input.view(dtype)


def _sum_to_size(input: Any, size: tuple[int, ...]) -> Any:
    return input.sum_to_size(size)


ROWS: tuple[Row, ...] = (
    # The two differ only where `repeats` is shorter than the shape, which `repeat` doesn't take.
    OperationRow(
        "tile",
        torch.tile,
        (aten.repeat.default, aten.tile.default),
        rename={"repeats": "dims"},
        schema={"dims": "repeats"},
    ),
    OperationRow(
        "repeat_interleave",
        torch.repeat_interleave,
        (aten.repeat_interleave.self_int,),
        # How long the output is follows from the input.
        fixed={"output_size": ANYTHING},
    ),
    OperationRow("flip", torch.flip, overloads("flip")),
    OperationRow("roll", torch.roll, overloads("roll")),
    *(OperationRow(name, getattr(torch, name), overloads(name)) for name in ("rot90", "fliplr", "flipud")),
    OperationRow(
        "movedim",
        torch.movedim,
        (*overloads("movedim", "int", "intlist"), *overloads("moveaxis", "int", "intlist")),
    ),
    OperationRow("view_dtype", _view, overloads("view", "dtype")),
    OperationRow("sum_to_size", _sum_to_size, overloads("sum_to_size")),
)
