"""CosineSimilarity, PairwiseDistance."""

from __future__ import annotations

from torch import nn

from modelpack.backends.torch.rows import ModuleRow, Row

ROWS: tuple[Row, ...] = (
    ModuleRow("CosineSimilarity", nn.CosineSimilarity),
    ModuleRow("PairwiseDistance", nn.PairwiseDistance, read={"p": lambda module: module.norm}),
)
