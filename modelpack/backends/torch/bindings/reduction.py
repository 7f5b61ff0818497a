"""Sums, means, extremes and norms along axes."""

from __future__ import annotations

from typing import Any

import torch

from modelpack.backends.torch.rows import OperationRow, Row, aliases, overloads

aten = torch.ops.aten


def _prod(input: Any, dim: int | None, keepdim: bool, dtype: Any) -> Any:
    return torch.prod(input, dtype=dtype) if dim is None else torch.prod(input, dim, keepdim, dtype=dtype)


def _amax(input: Any, dim: tuple[int, ...] | None, keepdim: bool) -> Any:
    return torch.amax(input, () if dim is None else dim, keepdim)


def _amin(input: Any, dim: tuple[int, ...] | None, keepdim: bool) -> Any:
    return torch.amin(input, () if dim is None else dim, keepdim)


def _linalg_vector_norm(input: Any, ord: float, dim: Any, keepdim: bool, dtype: Any) -> Any:
    return torch.linalg.vector_norm(input, ord, dim, keepdim, dtype=dtype)


def correction(value: Any) -> Any:
    """`unbiased` is a correction by 1, or none; so is a correction that isn't given."""
    return 1.0 if value is None else float(value)


def _power(value: Any) -> Any:
    """A norm whose power isn't given is the Euclidean one."""
    return 2.0 if value is None else float(value)


ROWS: tuple[Row, ...] = (
    OperationRow("sum", torch.sum, overloads("sum", "default", "dim_IntList")),
    OperationRow("mean", torch.mean, overloads("mean", "default", "dim")),
    OperationRow("nansum", torch.nansum, overloads("nansum")),
    OperationRow("nanmean", torch.nanmean, overloads("nanmean")),
    OperationRow("prod", _prod, overloads("prod", "default", "dim_int")),
    OperationRow("amax", _amax, overloads("amax")),
    OperationRow("amin", _amin, overloads("amin")),
    OperationRow("max", torch.max, overloads("max")),
    OperationRow("min", torch.min, overloads("min")),
    OperationRow("max_dim", torch.max, overloads("max", "dim")),
    OperationRow("min_dim", torch.min, overloads("min", "dim")),
    OperationRow("argmax", torch.argmax, overloads("argmax")),
    OperationRow("argmin", torch.argmin, overloads("argmin")),
    OperationRow("all", torch.all, overloads("all", "default", "dim", "dims")),
    OperationRow("any", torch.any, overloads("any", "default", "dim", "dims")),
    *(
        OperationRow(
            name,
            getattr(torch, name),
            overloads(name, "default", "dim", "correction"),
            schema={"unbiased": "correction"},
            read={"correction": correction},
        )
        for name in ("var", "std")
    ),
    OperationRow(
        "linalg_vector_norm",
        _linalg_vector_norm,
        (
            *overloads("linalg_vector_norm"),
            *overloads("norm", "Scalar", "ScalarOpt_dim", "ScalarOpt_dtype", "ScalarOpt_dim_dtype"),
            *overloads("frobenius_norm", "dim"),
        ),
        schema={"p": "ord"},
        read={"ord": _power},
    ),
    OperationRow("logsumexp", torch.logsumexp, aliases("logsumexp", "special_logsumexp")),
    OperationRow("histc", torch.histc, overloads("histc")),
)
