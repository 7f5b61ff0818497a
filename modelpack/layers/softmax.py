"""Activations over an axis: softmaxes and a gate."""

from __future__ import annotations

from modelpack.dims import floor_div, may_equal
from modelpack.layers.base import Layer, example, layer, setting, torch_nn
from modelpack.layers.kinds import Integer, Nullable
from modelpack.layers.rules import FLOATS, of_dtypes, of_rank
from modelpack.tensors import Mismatch, TensorSpec

__all__ = ["GLU", "LogSoftmax", "Softmax", "Softmax2d", "Softmin"]


@layer(source=torch_nn("GLU"))
class GLU(Layer):
    """Gated linear unit: ``a * sigmoid(b)`` where ``a`` and ``b`` are the halves of the input along `dim`.

    Shapes: that axis is halved. Paper: Dauphin et al. 2016, "Language Modeling with Gated Convolutional Networks".
    """

    dim: int = setting(Integer(), "the axis that is split", default=-1)

    examples = (
        example("float32[batch, 8]"),
        example("float32[batch, 6, length]", dim=1),
        example("float64[2, length]", dim=-2),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        length = of_dtypes(input, FLOATS).shape[input.axis(self.dim)]
        if not may_equal(length % 2, 0):
            told = f"axis {self.dim} of its input {input} is {length}, which can't be halved"
            raise Mismatch(told, setting="dim")
        return input.with_axis(self.dim, floor_div(length, 2))


def _softmax(name: str, formula: str) -> type[Layer]:
    @layer(source=torch_nn(name), name=name)
    class OverAxis(Layer):
        __doc__ = f"""{formula}, the sum along `dim`.

        Shapes: any, unchanged.
        """

        dim: int | None = setting(
            Nullable(Integer()),
            "the axis; null (deprecated in torch) for 0 in inputs of 0, 1 or 3 axes, else 1",
            default=None,
        )

        examples = (
            example("float32[batch, 7]", dim=1),
            example("float32[batch, 3, length]", dim=-1),
            example("float64[batch, 3, 4]"),
        )

        def infer(self, input: TensorSpec) -> TensorSpec:
            # A scalar counts as having one axis here.
            if self.dim is not None and not (input.rank == 0 and self.dim in (0, -1)):
                input.axis(self.dim)
            return of_dtypes(input, FLOATS)

    return OverAxis


Softmax = _softmax("Softmax", "``exp(x) / sum(exp(x))``")
Softmin = _softmax("Softmin", "``exp(-x) / sum(exp(-x))``")
LogSoftmax = _softmax("LogSoftmax", "``log(exp(x) / sum(exp(x)))``")


@layer(source=torch_nn("Softmax2d"))
class Softmax2d(Layer):
    """Softmax over the channels at each place.

    Shapes: ``[batch, channels, height, width]`` or ``[channels, height, width]``, unchanged.
    """

    examples = (example("float32[batch, 3, height, width]"), example("float64[3, height, width]"))

    def infer(self, input: TensorSpec) -> TensorSpec:
        return of_dtypes(of_rank(input, 3, 4), FLOATS)
