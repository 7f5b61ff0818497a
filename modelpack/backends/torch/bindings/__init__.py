"""The rows of the torch backend, a file per family as in `modelpack.layers`."""

from __future__ import annotations

from modelpack.backends.torch.bindings import (
    activation,
    adaptive_pooling,
    arithmetic,
    attention,
    comparison,
    contraction,
    convolution,
    creation,
    distance,
    dropout,
    elementwise,
    embedding,
    functional,
    imaging,
    indexing,
    joining,
    linear,
    matrix,
    normalization,
    ordering,
    padding,
    pooling,
    rearrangement,
    recurrent,
    reduction,
    shape,
    shape_layers,
    softmax,
    transformer,
    upsampling,
    vision,
)
from modelpack.backends.torch.rows import Row

__all__ = ["ROWS"]

_FAMILIES = (
    linear,
    convolution,
    pooling,
    adaptive_pooling,
    normalization,
    activation,
    softmax,
    dropout,
    padding,
    embedding,
    recurrent,
    attention,
    transformer,
    shape_layers,
    vision,
    upsampling,
    distance,
    arithmetic,
    elementwise,
    comparison,
    reduction,
    ordering,
    shape,
    rearrangement,
    joining,
    indexing,
    creation,
    matrix,
    contraction,
    functional,
    imaging,
)

ROWS: dict[str, Row] = {row.type: row for family in _FAMILIES for row in family.ROWS}
"""Type -> row. The contract test names every registry type that is missing here."""
