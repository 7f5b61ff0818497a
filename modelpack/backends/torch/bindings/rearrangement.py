"""Repetitions and other orders along axes."""

from __future__ import annotations

import torch

from modelpack.backends.torch.rows import OperationRow, Row, overloads

aten = torch.ops.aten


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
        fixed={"output_size": (None,)},
    ),
    OperationRow("flip", torch.flip, overloads("flip")),
    OperationRow("roll", torch.roll, overloads("roll")),
)
