"""The registry: every layer type and operation, one declaration each, a file per family."""

from modelpack.layers.base import BUILTIN, Layer, LayerType

__all__ = ["BUILTIN", "Layer", "LayerType"]
