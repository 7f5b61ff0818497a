"""Elements by place."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional

from modelpack.backends.torch.rows import OperationRow, Row, overloads

aten = torch.ops.aten


def _slice(input: Any, dim: int, start: int, end: int | None, step: int) -> Any:
    # Python leaves out a slice that takes all, and with it a copy of the gradient in another memory order, whose sums then differ
    # in the last bit.
    before = (...,) if dim < 0 else (slice(None),) * dim
    after = (slice(None),) * (-1 - dim) if dim < 0 else ()
    return input[(*before, slice(start, end, step), *after)]


def first_place(value: Any) -> Any:
    return 0 if value is None else value


def last_place(value: Any) -> Any:
    """The largest integer is how Python says "to the end"."""
    return None if type(value) is int and value == 2**63 - 1 else value


def _gather(input: Any, index: Any, dim: int) -> Any:
    return torch.gather(input, dim, index)


def _index_select(input: Any, index: Any, dim: int) -> Any:
    return torch.index_select(input, dim, index)


def _scatter(input: Any, index: Any, src: Any, dim: int, reduce: str | None) -> Any:
    if reduce is None:
        return torch.scatter(input, dim, index, src)
    return torch.scatter(input, dim, index, src, reduce=reduce)


def _index(input: Any, indices: list[Any]) -> Any:
    return aten.index.Tensor(input, indices)


def _index_put(input: Any, values: Any, indices: list[Any], accumulate: bool) -> Any:
    return aten.index_put.default(input, indices, values, accumulate)


def _unfold(input: Any, dimension: int, size: int, step: int) -> Any:
    return input.unfold(dimension, size, step)


ROWS: tuple[Row, ...] = (
    OperationRow("select", torch.select, overloads("select", "int")),
    OperationRow(
        "slice", _slice, overloads("slice", "Tensor"), read={"start": first_place, "end": last_place}
    ),
    OperationRow("narrow", torch.narrow, overloads("narrow")),
    OperationRow("index_select", _index_select, overloads("index_select")),
    OperationRow("gather", _gather, overloads("gather"), fixed={"sparse_grad": (False,)}),
    OperationRow(
        "scatter",
        _scatter,
        overloads("scatter", "src", "value", "reduce", "value_reduce"),
        schema={"value": "src"},
    ),
    OperationRow("index", _index, overloads("index", "Tensor")),
    OperationRow("index_put", _index_put, overloads("index_put")),
    OperationRow("tril", torch.tril, overloads("tril")),
    OperationRow("triu", torch.triu, overloads("triu")),
    OperationRow("one_hot", functional.one_hot, overloads("one_hot")),
    OperationRow("unfold", _unfold, overloads("unfold")),
)
