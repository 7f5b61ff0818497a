"""Repetitions and other orders along axes."""

from __future__ import annotations

from typing import Any

import torch

from modelpack.backends.torch.rows import OperationRow, Row, overloads

aten = torch.ops.aten


def _tile(input: Any, repeats: tuple[int, ...]) -> Any:
    return input.repeat(repeats)


ROWS: tuple[Row, ...] = (
    OperationRow("tile", _tile, overloads("repeat")),
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
