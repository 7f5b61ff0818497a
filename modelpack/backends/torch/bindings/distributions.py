"""Random numbers of distributions, from torch's global generator."""

from __future__ import annotations

from typing import Any

import torch

from modelpack.backends.torch.bindings.random import GLOBAL
from modelpack.backends.torch.rows import OperationRow, Row, overloads

aten = torch.ops.aten


def _bernoulli_like(input: Any, p: Any) -> Any:
    return torch.empty_like(input).bernoulli_(p)


def _normal(mean: Any, std: Any, size: Any, dtype: Any, device: Any) -> Any:
    if size is None:
        return torch.normal(mean, std)
    return torch.normal(mean, std, size, dtype=dtype, device=device)


def _uniform(input: Any, low: float, high: float) -> Any:
    return torch.empty_like(input).uniform_(low, high)


def _geometric(input: Any, p: float) -> Any:
    return torch.empty_like(input).geometric_(p)


ROWS: tuple[Row, ...] = (
    OperationRow("bernoulli", torch.bernoulli, (aten.bernoulli.default,), fixed=GLOBAL),
    OperationRow(
        "bernoulli_like",
        _bernoulli_like,
        (aten.bernoulli.p, aten.bernoulli.Tensor, aten.bernoulli_.float, aten.bernoulli_.Tensor),
        fixed=GLOBAL,
    ),
    OperationRow("multinomial", torch.multinomial, overloads("multinomial"), fixed=GLOBAL),
    OperationRow(
        "normal",
        _normal,
        overloads("normal", "Tensor_float", "float_Tensor", "Tensor_Tensor", "float_float"),
        fixed=GLOBAL,
        makes_tensor=True,
    ),
    OperationRow(
        "normal_functional",
        torch.ops.aten.normal_functional,
        (aten.normal_functional.default, aten.normal_.default),
        fixed=GLOBAL,
    ),
    OperationRow(
        "uniform", _uniform, overloads("uniform"), schema={"from": "low", "to": "high"}, fixed=GLOBAL
    ),
    *(
        OperationRow(name, getattr(aten, name), overloads(name), fixed=GLOBAL)
        for name in ("cauchy", "log_normal", "exponential")
    ),
    OperationRow("geometric", _geometric, overloads("geometric"), fixed=GLOBAL),
    OperationRow("poisson", torch.poisson, overloads("poisson"), fixed=GLOBAL),
    OperationRow("standard_gamma", aten._standard_gamma, overloads("_standard_gamma"), fixed=GLOBAL),
)
