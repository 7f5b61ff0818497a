"""Losses of classes."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional

from modelpack.backends.torch.bindings.losses import REDUCTION, loss_row
from modelpack.backends.torch.rows import OperationRow, Row

aten = torch.ops.aten


def _multi_margin_loss(input: Any, target: Any, weight: Any, p: Any, margin: Any, reduction: str) -> Any:
    return functional.multi_margin_loss(input, target, p, margin, weight, reduction=reduction)


ROWS: tuple[Row, ...] = (
    loss_row("cross_entropy_loss", aten.cross_entropy_loss.default),
    loss_row("nll_loss", aten.nll_loss_nd.default, aten.nll_loss.default, aten.nll_loss2d.default),
    OperationRow(
        "multi_margin_loss",
        _multi_margin_loss,
        (aten.multi_margin_loss.default,),
        read=REDUCTION,
    ),
    loss_row("multilabel_margin_loss", aten.multilabel_margin_loss.default),
)
