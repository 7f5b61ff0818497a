"""Functions of pairs of elements beyond arithmetic."""

from __future__ import annotations

from typing import Any

import torch

from modelpack.backends.torch.rows import OperationRow, Row, aliases, overloads

aten = torch.ops.aten


def _isin(elements: Any, test_elements: Any, assume_unique: bool, invert: bool) -> Any:
    return torch.isin(elements, test_elements, assume_unique=assume_unique, invert=invert)


ROWS: tuple[Row, ...] = (
    *(
        OperationRow(name, getattr(torch, name), aliases(name, *others))
        for name, others in {
            "atan2": ("arctan2",),
            "hypot": (),
            "logaddexp": (),
            "logaddexp2": (),
            "nextafter": (),
            "gcd": (),
            "lcm": (),
            "igamma": ("special_gammainc",),
            "igammac": ("special_gammaincc",),
            "heaviside": (),
            "isclose": (),
        }.items()
    ),
    OperationRow(
        "xlogy",
        torch.xlogy,
        (
            *overloads("xlogy", "Tensor", "Scalar_Self", "Scalar_Other"),
            *overloads("special_xlogy", "default", "self_scalar", "other_scalar"),
        ),
    ),
    *(
        OperationRow(
            f"special_{name}",
            getattr(torch.special, name),
            overloads(f"special_{name}", "default", "self_scalar", "other_scalar"),
        )
        for name in ("xlog1py", "zeta")
    ),
    *(
        # `x << y` calls the operator with underscores.
        OperationRow(
            f"bitwise_{name}_shift",
            getattr(torch, f"bitwise_{name}_shift"),
            (
                *overloads(f"bitwise_{name}_shift", "Tensor", "Tensor_Scalar", "Scalar_Tensor"),
                *overloads(f"__{name[0]}shift__", "Tensor", "Scalar"),
            ),
        )
        for name in ("left", "right")
    ),
    OperationRow("copysign", torch.copysign, overloads("copysign", "Tensor", "Scalar")),
    OperationRow(
        "float_power",
        torch.float_power,
        overloads("float_power", "Tensor_Tensor", "Tensor_Scalar", "Scalar"),
    ),
    OperationRow("ldexp", torch.ldexp, (aten.ldexp.Tensor, aten.ldexp_.default)),
    OperationRow(
        "isin",
        _isin,
        (aten.isin.Tensor_Tensor, aten.isin.Tensor_Scalar, aten.isin.Scalar_Tensor),
        schema={"element": "elements", "test_element": "test_elements"},
    ),
)
