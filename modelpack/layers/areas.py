"""Areas below the line through the elements along an axis."""

from __future__ import annotations

from modelpack.dims import maximum
from modelpack.layers.axes import existing_axis, reduced
from modelpack.layers.base import Layer, aten, example, operation, setting
from modelpack.layers.kinds import Integer, Scalar
from modelpack.layers.rules import ARITHMETIC, elementwise, of_dtypes, of_result, of_shape
from modelpack.layers.special import whole_to_float
from modelpack.tensors import Mismatch, TensorSpec

__all__ = ["AREAS"]


def _area(name: str, doc: str, *, running: bool) -> type[Layer]:
    @operation(source=aten(f"torch.{name}"), name=name)
    class Area(Layer):
        __doc__ = doc

        dx: object = setting(Scalar(), "the distance of neighbours, where no `x` is given", default=1)
        dim: int = setting(Integer(), "the axis", default=-1)

        examples = (
            example("float32[batch, 3]"),
            example("int64[batch, 4]", dx=0.5),
            example("float32[batch, 3, 4]", "float32[3]", dim=1),
            example("float64[batch, 3]", "float32[batch, 3]", dim=0),
        )

        def infer(self, y: TensorSpec, x: TensorSpec | None = None) -> TensorSpec:
            axis = existing_axis(of_dtypes(y, ARITHMETIC), self.dim)
            if isinstance(self.dx, bool):
                raise Mismatch("dx must be a number, not true or false", code="MP308", setting="dx")
            if x is None:
                dtype = elementwise(y, self.dx).dtype
            else:
                dtype = elementwise(y, _placed(y, x, axis, self.dx).with_shape(*y.shape)).dtype
            result = whole_to_float(of_result(y.with_dtype(dtype), ARITHMETIC))
            if running:
                return result.with_axis(axis, maximum(y.shape[axis] - 1, 0))
            return reduced(result, (axis,), keepdim=False)

    return Area


def _placed(y: TensorSpec, x: TensorSpec, axis: int, dx: object) -> TensorSpec:
    """`x`, which must hold a place for each element of `y`, or for each along the axis."""
    if dx != 1:
        raise Mismatch(f"dx is {dx}, but the places are given as x", code="MP308", setting="dx")
    of_dtypes(x, ARITHMETIC)
    wanted = y.shape if x.rank != 1 else (y.shape[axis],)
    return of_shape(x, wanted, "x")


AREAS = (
    _area(
        "trapezoid",
        "The area below the line through the elements along an axis, which are at the places `x`, or `dx` apart.\n\n"
        "Shapes: the axis goes; `x` is a vector, or as `y`; of integers float32.",
        running=False,
    ),
    _area(
        "cumulative_trapezoid",
        "The areas below the line so far, as of `trapezoid`.\n\n"
        "Shapes: the axis becomes 1 shorter; `x` is a vector, or as `y`; of integers float32.",
        running=True,
    ),
)
