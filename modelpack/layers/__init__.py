"""The registry: every layer type and operation, one declaration each, a file per family."""

from modelpack.layers import (
    activation,
    adaptive_pooling,
    arithmetic,
    attention,
    convolution,
    distance,
    dropout,
    embedding,
    linear,
    normalization,
    padding,
    pooling,
    recurrent,
    shape_layers,
    softmax,
    transformer,
    transformer_layer,
    upsampling,
    vision,
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
    softmax,
    dropout,
    padding,
    embedding,
    recurrent,
    attention,
    transformer_layer,
    transformer,
    shape_layers,
    vision,
    upsampling,
    distance,
    arithmetic,
)
"""The modules that declare types, in the order of the documentation."""
