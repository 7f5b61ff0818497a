"""One tensor of several, and several of one."""

from __future__ import annotations

from typing import Any

import torch

from modelpack.backends.torch.rows import OperationRow, Row, aliases, overloads

aten = torch.ops.aten


def _split(input: Any, split_size: Any, dim: int) -> Any:
    return torch.split(input, split_size, dim)


def _tensor_split(input: Any, sections: Any, dim: int) -> Any:
    return torch.tensor_split(input, sections, dim)


def _meshgrid(tensors: list[Any], indexing: str) -> Any:
    return torch.meshgrid(tensors, indexing=indexing)


ROWS: tuple[Row, ...] = (
    OperationRow("cat", torch.cat, (*overloads("cat"), *overloads("concat"), *overloads("concatenate"))),
    OperationRow("stack", torch.stack, overloads("stack")),
    OperationRow(
        "split",
        _split,
        (
            *(aten.split.Tensor, aten.split.sizes, aten.split_with_sizes.default),
            *(aten.unsafe_split.Tensor, aten.unsafe_split_with_sizes.default),
        ),
        schema={"split_sizes": "split_size"},
    ),
    OperationRow("chunk", torch.chunk, aliases("chunk", "unsafe_chunk")),
    OperationRow("unbind", torch.unbind, overloads("unbind", "int")),
    OperationRow(
        "tensor_split",
        _tensor_split,
        overloads("tensor_split", "sections", "indices"),
        schema={"indices": "sections"},
    ),
    OperationRow("meshgrid", _meshgrid, overloads("meshgrid", "default", "indexing")),
)
