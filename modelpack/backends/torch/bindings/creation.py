"""Tensors from nothing, or from another's shape."""

from __future__ import annotations

from typing import Any

import torch

from modelpack.backends.torch.rows import OperationRow, Row, overloads

aten = torch.ops.aten

_LAYOUT = {"memory_format": (None, torch.preserve_format, torch.contiguous_format)}
"""Where elements lie in memory; no value depends on it."""


def _eye(n: int, m: int | None, dtype: Any, device: Any) -> Any:
    return torch.eye(n, n if m is None else m, dtype=dtype, device=device)


def _new_zeros(input: Any, size: Any, dtype: Any) -> Any:
    return input.new_zeros(size, dtype=dtype)


def _new_ones(input: Any, size: Any, dtype: Any) -> Any:
    return input.new_ones(size, dtype=dtype)


def _new_full(input: Any, size: Any, fill_value: Any, dtype: Any) -> Any:
    return input.new_full(size, fill_value, dtype=dtype)


def _copy(input: Any, src: Any) -> Any:
    # What is copied into lies in memory as it did: sums over it come in that order.
    form = torch.contiguous_format if input.is_contiguous() else torch.preserve_format
    return src.to(input.dtype).expand_as(input).clone(memory_format=form)


# An `empty` tensor may hold anything, so that zeros are a right answer, and always the same one.
ROWS: tuple[Row, ...] = (
    OperationRow(
        "zeros", torch.zeros, (aten.zeros.default, aten.empty.memory_format), fixed=_LAYOUT, makes_tensor=True
    ),
    OperationRow("ones", torch.ones, (aten.ones.default,), makes_tensor=True),
    OperationRow("full", torch.full, (aten.full.default,), makes_tensor=True),
    OperationRow(
        "zeros_like",
        torch.zeros_like,
        (aten.zeros_like.default, aten.empty_like.default, *overloads("zero")),
        fixed=_LAYOUT,
    ),
    OperationRow("ones_like", torch.ones_like, (aten.ones_like.default,), fixed=_LAYOUT),
    OperationRow(
        "full_like",
        torch.full_like,
        (aten.full_like.default, *overloads("fill", "Scalar")),
        schema={"value": "fill_value"},
        fixed=_LAYOUT,
    ),
    OperationRow("new_zeros", _new_zeros, (aten.new_zeros.default, aten.new_empty.default)),
    OperationRow("new_ones", _new_ones, (aten.new_ones.default,)),
    OperationRow("new_full", _new_full, (aten.new_full.default,)),
    OperationRow(
        "arange",
        torch.arange,
        (aten.arange.default, aten.arange.start, aten.arange.start_step),
        makes_tensor=True,
    ),
    OperationRow("linspace", torch.linspace, (aten.linspace.default,), makes_tensor=True),
    OperationRow("eye", _eye, (aten.eye.default, aten.eye.m), makes_tensor=True),
    OperationRow(
        "copy",
        _copy,
        (*overloads("copy"), *overloads("fill", "Tensor")),
        schema={"value": "src"},
        fixed={"non_blocking": (False, True)},
    ),
)
