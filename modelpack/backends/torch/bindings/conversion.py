"""Other dtypes and layouts, dropouts."""

from __future__ import annotations

from typing import Any

import torch

from modelpack.backends.torch.rows import OperationRow, Row, overloads

aten = torch.ops.aten

_FORMATS = ("contiguous_format", "channels_last", "channels_last_3d", "preserve_format")


def _to(input: Any, dtype: Any) -> Any:
    return input if dtype is None else input.to(dtype)


def _contiguous(input: Any, memory_format: str) -> Any:
    return input.contiguous(memory_format=getattr(torch, memory_format))


def _format_name(value: Any) -> str:
    """What ATen gives: torch's object, or its number where the schema's default stands."""
    return _FORMATS[0] if value == 0 else str(value).removeprefix("torch.")


ROWS: tuple[Row, ...] = (
    *(
        OperationRow(name, getattr(torch, name), overloads(name))
        for name in ("dropout", "feature_dropout", "alpha_dropout", "feature_alpha_dropout")
    ),
    OperationRow(
        "to",
        _to,
        (aten.to.dtype, aten.to.device, aten.to.dtype_layout),
        fixed={
            # Whether the result may be the input itself, or is waited for, changes no value.
            "copy": (False, True),
            "non_blocking": (False, True),
            "memory_format": (None, torch.preserve_format),
        },
    ),
    OperationRow(
        "type_as",
        torch.Tensor.type_as,
        (aten.type_as.default, aten.to.other),
        fixed={
            "copy": (False, True),
            "non_blocking": (False, True),
            "memory_format": (None, torch.preserve_format),
        },
    ),
    OperationRow("contiguous", _contiguous, overloads("contiguous"), read={"memory_format": _format_name}),
)
