"""Operations that depend on more than their inputs: on the mode, and on what a buffer held before."""

from __future__ import annotations

from modelpack.layers.base import Layer, aten, example, operation, torch_nn
from modelpack.tensors import Mismatch, TensorSpec

__all__ = ["Assign", "EitherMode"]


@operation(source=torch_nn("Module"), name="by_mode")
class EitherMode(Layer):
    """In training what `train` gives, in evaluation what `eval` gives.

    It is the way out of layers that stand under ``when``: `train` may refer to those of ``when: train``, `eval` to those of
    ``when: eval``.
    Shapes: any, the same of both.
    """

    examples = (
        example("float32[batch, 3]", "float32[batch, 3]"),
        example("int64[]", "int64[]"),
    )

    def infer(self, train: TensorSpec, eval: TensorSpec) -> TensorSpec:
        if train != eval:
            raise Mismatch(f"gives {train} in training and {eval} in evaluation", code="MP319")
        return eval


@operation(source=aten("torch.Tensor.copy_"), name="assign")
class Assign(Layer):
    """The block's own `buffer` gets a new `value`, which is given on, without gradients.

    Layers that stand after it and refer to the buffer get the new value, those before it get the old one, whatever they are
    used for afterwards.
    Shapes: any, the same of both.
    """

    examples = (
        example("float32[3]", "float32[3]"),
        example("int64[]", "int64[]"),
    )

    def infer(self, buffer: TensorSpec, value: TensorSpec) -> TensorSpec:
        if buffer != value:
            raise Mismatch(f"the buffer is {buffer}, its new value {value}", code="MP323")
        return value
