"""Elements put, added or taken by place."""

from __future__ import annotations

from typing import Any

import torch

from modelpack.backends.torch.bindings.indexing import first_place, last_place
from modelpack.backends.torch.rows import OperationRow, Row, overloads


def _scatter_add(input: Any, index: Any, src: Any, dim: int) -> Any:
    return torch.scatter_add(input, dim, index, src)


def _scatter_reduce(input: Any, index: Any, src: Any, dim: int, reduce: str, include_self: bool) -> Any:
    return torch.scatter_reduce(input, dim, index, src, reduce, include_self=include_self)


def _index_add(input: Any, index: Any, source: Any, dim: int, alpha: Any) -> Any:
    return torch.index_add(input, dim, index, source, alpha=alpha)


def _index_copy(input: Any, index: Any, source: Any, dim: int) -> Any:
    return torch.index_copy(input, dim, index, source)


def _index_reduce(input: Any, index: Any, source: Any, dim: int, reduce: str, include_self: bool) -> Any:
    return torch.index_reduce(input, dim, index, source, reduce, include_self=include_self)


def _index_fill(input: Any, index: Any, value: Any, dim: int) -> Any:
    return torch.index_fill(input, dim, index, value)


ROWS: tuple[Row, ...] = (
    # `take` is a keyword of nodes.
    OperationRow("take_flat", torch.take, overloads("take")),
    OperationRow("scatter_add", _scatter_add, overloads("scatter_add")),
    OperationRow("scatter_reduce", _scatter_reduce, overloads("scatter_reduce", "two")),
    OperationRow("index_add", _index_add, overloads("index_add")),
    OperationRow("index_copy", _index_copy, overloads("index_copy")),
    OperationRow("index_reduce", _index_reduce, overloads("index_reduce")),
    OperationRow("index_fill", _index_fill, overloads("index_fill", "int_Scalar", "int_Tensor")),
    *(
        OperationRow(name, getattr(torch, name), overloads(name))
        for name in ("take_along_dim", "put", "masked_scatter", "select_scatter")
    ),
    OperationRow(
        "slice_scatter",
        torch.slice_scatter,
        overloads("slice_scatter"),
        read={"start": first_place, "end": last_place},
    ),
)
