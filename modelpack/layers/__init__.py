"""The registry: every layer type and operation, one declaration each, a file per family."""

from modelpack.layers import (
    activation,
    adaptive_pooling,
    arithmetic,
    convolution,
    dropout,
    linear,
    normalization,
    padding,
    pooling,
)
from modelpack.layers.base import BUILTIN, Layer, LayerType

__all__ = ["BUILTIN", "FAMILIES", "Layer", "LayerType"]

FAMILIES = (
    linear,
    convolution,
    pooling,
    adaptive_pooling,
    normalization,
    activation,
    dropout,
    padding,
    arithmetic,
)
"""The modules that declare types, in the order of the documentation."""
