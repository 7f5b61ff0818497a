"""Functions of each element that are 0, or another constant, up to a threshold."""

from __future__ import annotations

from modelpack.layers.base import Layer, aten, example, operation, setting
from modelpack.layers.kinds import Scalar
from modelpack.layers.rules import FLOATS, NUMBERS, fits, of_dtypes
from modelpack.tensors import Mismatch, TensorSpec

__all__ = ["HardShrink", "SoftShrink", "Threshold"]


def _shrunk(name: str, doc: str) -> type[Layer]:
    @operation(source=aten(f"torch.nn.functional.{name}"), name=name)
    class Shrunk(Layer):
        __doc__ = f"{doc}\n\nShapes: any, unchanged."

        lambd: object = setting(Scalar(), "the threshold", default=0.5)

        examples = (
            example("float32[batch, 3]"),
            example("float32[batch, 3]", lambd=0.25),
            example("float64[]", lambd=1),
        )

        def infer(self, input: TensorSpec) -> TensorSpec:
            if name == "softshrink" and isinstance(self.lambd, int | float) and self.lambd < 0:
                raise Mismatch(
                    f"lambd is {self.lambd}; it must not be negative", code="MP308", setting="lambd"
                )
            return of_dtypes(input, FLOATS)

    return Shrunk


HardShrink = _shrunk("hardshrink", "``x`` where it is farther from 0 than `lambd`, else 0.")
SoftShrink = _shrunk("softshrink", "``x``, moved towards 0 by `lambd`, at most to 0.")


@operation(source=aten("torch.nn.functional.threshold"), name="threshold")
class Threshold(Layer):
    """``x`` where it is more than `threshold`, else `value`.

    Shapes: any, unchanged.
    """

    threshold: object = setting(Scalar(), "what an element must be more than to stay")
    value: object = setting(Scalar(), "what the others become")

    examples = (
        example("float32[batch, 3]", threshold=0.5, value=0.0),
        example("int64[batch, 3]", threshold=1, value=-1),
        example("float64[]", threshold=0, value=20.0),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        of_dtypes(input, NUMBERS)
        fits(input, self.threshold, "threshold")
        fits(input, self.value, "value")
        return input
