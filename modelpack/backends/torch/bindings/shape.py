"""The same elements in another shape or order."""

from __future__ import annotations

from typing import Any

import torch

from modelpack.backends.torch.rows import OperationRow, Row, aliases, overloads

aten = torch.ops.aten


def _squeeze(input: Any, dim: tuple[int, ...] | None) -> Any:
    return torch.squeeze(input) if dim is None else torch.squeeze(input, dim)


def _expand(input: Any, size: tuple[int, ...]) -> Any:
    return input.expand(size)


def _reshape_as(input: Any, other: Any) -> Any:
    return input.reshape_as(other)


def _matrix_transpose(input: Any) -> Any:
    return input.mT


ROWS: tuple[Row, ...] = (
    # A view is a reshape that doesn't copy, and a reshape doesn't where it needn't.
    OperationRow(
        "reshape",
        torch.reshape,
        (aten.reshape.default, aten.view.default, aten._unsafe_view.default),
        schema={"size": "shape"},
    ),
    OperationRow("reshape_as", _reshape_as, (aten.reshape_as.default, aten.view_as.default)),
    OperationRow("flatten", torch.flatten, (*overloads("flatten", "using_ints"), *overloads("ravel"))),
    OperationRow("unflatten", torch.unflatten, overloads("unflatten", "int")),
    OperationRow(
        "transpose",
        torch.transpose,
        (
            *overloads("transpose", "int"),
            *overloads("swapaxes"),
            *overloads("swapdims"),
        ),
        schema={"axis0": "dim0", "axis1": "dim1"},
    ),
    OperationRow("permute", torch.permute, overloads("permute")),
    OperationRow("t", torch.t, (*overloads("t"), aten.numpy_T.default)),
    OperationRow("matrix_transpose", _matrix_transpose, overloads("mT")),
    OperationRow("adjoint", torch.adjoint, aliases("adjoint", "mH", "matrix_H")),
    OperationRow("squeeze", _squeeze, overloads("squeeze", "default", "dim", "dims")),
    OperationRow("unsqueeze", torch.unsqueeze, overloads("unsqueeze")),
    OperationRow("expand", _expand, aliases("expand", "broadcast_to"), fixed={"implicit": (False, True)}),
    OperationRow("expand_as", torch.Tensor.expand_as, overloads("expand_as")),
)
