"""Embedding, EmbeddingBag."""

from __future__ import annotations

from torch import nn

from modelpack.backends.torch.rows import ModuleRow, Row

_WEIGHT = "the table's first values, which are weights"

ROWS: tuple[Row, ...] = (
    ModuleRow(
        "Embedding",
        nn.Embedding,
        ignored={"_weight": _WEIGHT, "_freeze": "requires_grad of the table, which `frozen` carries"},
    ),
    ModuleRow("EmbeddingBag", nn.EmbeddingBag, ignored={"_weight": _WEIGHT}),
)
