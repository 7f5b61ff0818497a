"""Operations that repeat elements or put them in another order along axes."""

from __future__ import annotations

from modelpack.dims import Dim
from modelpack.layers.axes import axes_of, existing_axis
from modelpack.layers.base import Layer, aten, example, operation, setting
from modelpack.layers.kinds import Axes, Integer, Integers, Nullable
from modelpack.layers.rules import ARITHMETIC, BOOLEAN, few_axes, of_result, show_shape
from modelpack.tensors import Mismatch, TensorSpec, number_of_elements

__all__ = ["Flip", "RepeatInterleave", "Roll", "Tile"]

_SIZES = Integers(Integer(symbolic=True))


@operation(source=aten("torch.Tensor.repeat"), name="tile")
class Tile(Layer):
    """The input repeated along its axes (`Tensor.repeat`); new axes in front. Axes that `repeats` doesn't reach stay.

    Shapes: ``[a, b]`` to ``[repeats[0] * a, repeats[1] * b]``.
    """

    repeats: tuple[Dim, ...] = setting(
        Integers(Integer(0, symbolic=True)), "how many times along each of the last axes of the output"
    )

    examples = (
        example("float32[batch, 3]", repeats=(1, 2)),
        example("float32[3]", repeats=(4, 2)),
        example("float32[batch, 1, 4]", repeats=(2, "batch", 1)),
        example("int64[batch, 2]", repeats=(3,)),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        rank = max(input.rank, len(few_axes(self.repeats, "repeats")))
        shape = (1,) * (rank - input.rank) + input.shape
        repeats = (1,) * (rank - len(self.repeats)) + self.repeats
        return input.with_shape(*(size * times for size, times in zip(shape, repeats, strict=True)))


@operation(source=aten("torch.repeat_interleave"), name="repeat_interleave")
class RepeatInterleave(Layer):
    """Each element along an axis, or of the flat input, `repeats` times in a row.

    Shapes: the axis becomes `repeats` times as long; without `dim`, one axis of all.
    """

    repeats: Dim = setting(Integer(0, symbolic=True), "how many times")
    dim: int | None = setting(Nullable(Integer()), "the axis; null: the flat input", default=None)

    examples = (
        example("float32[batch, 3]", repeats=2),
        example("float32[batch, 3, 4]", repeats=3, dim=1),
        example("int64[batch]", repeats="batch", dim=0),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        if self.dim is None:
            return input.with_shape(number_of_elements(input.shape) * self.repeats)
        axis = existing_axis(input, self.dim)
        return input.with_axis(axis, input.shape[axis] * self.repeats)


@operation(source=aten("torch.flip"), name="flip")
class Flip(Layer):
    """The elements along axes in reverse order.

    Shapes: any, unchanged.
    """

    dims: tuple[int, ...] = setting(Axes(), "the axes")

    examples = (
        example("float32[batch, 3]", dims=1),
        example("float32[batch, 3, 4]", dims=(-1, 0)),
        example("bool[batch]", dims=-1),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        axes_of(input, self.dims, "dims")
        return of_result(input, ARITHMETIC | BOOLEAN)


@operation(source=aten("torch.roll"), name="roll")
class Roll(Layer):
    """The elements moved along axes, those beyond the end to the front; without `dims`, along the flat input.

    Shapes: any, unchanged.
    """

    shifts: tuple[Dim, ...] = setting(_SIZES, "how far, for each axis")
    dims: tuple[int, ...] = setting(Integers(), "the axes; none: the flat input", default=())

    examples = (
        example("float32[batch, 3]", shifts=(1,)),
        example("float32[batch, 3, 4]", shifts=(1, -2), dims=(1, 2)),
        example("int64[batch]", shifts=("batch // 2",), dims=(-1,)),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        for axis in self.dims:
            existing_axis(input, axis, "dims")
        if len(self.shifts) != (len(self.dims) or 1):
            raise Mismatch(
                f"shifts {show_shape(self.shifts)} must have one number for each axis in dims {show_shape(self.dims)}",
                code="MP308",
                setting="shifts",
            )
        return input
