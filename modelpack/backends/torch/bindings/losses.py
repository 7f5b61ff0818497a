"""Losses: ATen has a number for the reduction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from modelpack.backends.torch.rows import OperationRow, Row

aten = torch.ops.aten

_REDUCTIONS = ("none", "mean", "sum")

REDUCTION: dict[str, Callable[[Any], Any]] = {"reduction": lambda number: _REDUCTIONS[number]}


def _function(operator: Callable[..., Any]) -> Callable[..., Any]:
    def loss(*tensors: Any, reduction: str, **settings: Any) -> Any:
        return operator(*tensors, reduction=_REDUCTIONS.index(reduction), **settings)

    return loss


def loss_row(type: str, *overloads: torch._ops.OpOverload) -> OperationRow:
    """The row of a loss, which runs the first overload."""
    return OperationRow(type, _function(overloads[0]), overloads, read=REDUCTION)


ROWS: tuple[Row, ...] = tuple(
    loss_row(name, getattr(aten, name).default)
    for name in (
        "mse_loss",
        "l1_loss",
        "smooth_l1_loss",
        "huber_loss",
        "soft_margin_loss",
        "kl_div",
        "hinge_embedding_loss",
        "poisson_nll_loss",
        "binary_cross_entropy",
        "binary_cross_entropy_with_logits",
        "margin_ranking_loss",
        "cosine_embedding_loss",
        "triplet_margin_loss",
    )
)
