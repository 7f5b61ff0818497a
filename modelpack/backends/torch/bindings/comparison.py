"""Comparisons, logic and bits."""

from __future__ import annotations

import torch

from modelpack.backends.torch.rows import OperationRow, Row, overloads

_COMPARISONS = {
    "eq": (),
    "ne": ("not_equal",),
    "lt": ("less",),
    "le": ("less_equal",),
    "gt": ("greater",),
    "ge": ("greater_equal",),
}
"""Each with the other name that torch has for it."""

ROWS: tuple[Row, ...] = (
    *(
        OperationRow(
            name,
            getattr(torch, name),
            tuple(each for title in (name, *others) for each in overloads(title, "Tensor", "Scalar")),
        )
        for name, others in _COMPARISONS.items()
    ),
    *(
        # `x & y` calls the operator with underscores.
        OperationRow(
            f"bitwise_{name}",
            getattr(torch, f"bitwise_{name}"),
            (
                *overloads(f"bitwise_{name}", "Tensor", "Scalar"),
                *overloads(f"__{name}__", "Tensor", "Scalar"),
            ),
        )
        for name in ("and", "or", "xor")
    ),
    *(
        OperationRow(name, getattr(torch, name), overloads(name))
        for name in (
            "logical_and",
            "logical_or",
            "logical_xor",
            "logical_not",
            "bitwise_not",
            "isnan",
            "isinf",
            "isfinite",
            "isreal",
            "isposinf",
            "isneginf",
            "signbit",
        )
    ),
)
