"""What depends on the mode, and what is remembered."""

from __future__ import annotations

from typing import Any

import torch

from modelpack.backends.torch.rows import OperationRow, Row


def _in_evaluation(train: Any, eval: Any) -> Any:
    return eval


def _assign(buffer: Any, value: Any) -> Any:
    with torch.no_grad():
        buffer.copy_(value)
    return value.detach()


ROWS: tuple[Row, ...] = (
    # A program takes the input of its mode and calls nothing.
    OperationRow("by_mode", _in_evaluation, ()),
    OperationRow("assign", _assign, (), updates=("buffer",)),
)
