"""Operations that repeat elements or put them in another order along axes."""

from __future__ import annotations

from modelpack.dims import Dim, floor_div, may_equal, remainder
from modelpack.dtypes import DType, Kind
from modelpack.layers.axes import axes_of, existing_axis
from modelpack.layers.base import Layer, aten, example, operation, setting
from modelpack.layers.kinds import Axes, DTypeName, Integer, Integers, Nullable
from modelpack.layers.rules import (
    ARITHMETIC,
    BOOLEAN,
    COMPLEX,
    COUNTABLE,
    few_axes,
    of_rank_from,
    of_result,
    show_shape,
)
from modelpack.tensors import Mismatch, TensorSpec, number_of_elements

__all__ = [
    "FLIPPED",
    "Flip",
    "MoveDim",
    "RepeatInterleave",
    "Roll",
    "Rot90",
    "SumToSize",
    "Tile",
    "ViewDType",
]

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


@operation(source=aten("torch.rot90"), name="rot90")
class Rot90(Layer):
    """Turned by 90 degrees `k` times, from the first of two axes towards the second.

    Shapes: the two axes exchanged where `k` is odd.
    """

    k: int = setting(Integer(), "how many times; below 0, the other way round", default=1)
    dims: tuple[int, ...] = setting(Integers(), "the two axes", default=(0, 1))

    examples = (
        example("float32[batch, 3]"),
        example("float32[batch, 3, 4]", k=-1, dims=(1, 2)),
        example("int64[2, batch, 3]", k=2, dims=(-1, 0)),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        axes = [existing_axis(input, axis, "dims") for axis in self.dims]
        if len(axes) != 2 or axes[0] == axes[1]:
            raise Mismatch(
                f"dims must name two axes of its input {input}, not {show_shape(self.dims)}",
                code="MP302",
                setting="dims",
            )
        if self.k % 4 == 0:
            return input
        of_result(input, ARITHMETIC | BOOLEAN)
        one, two = axes
        if self.k % 2 == 0:
            return input
        return input.with_axis(one, input.shape[two]).with_axis(two, input.shape[one])


def _flipped(name: str, doc: str, least: int) -> type[Layer]:
    @operation(source=aten(f"torch.{name}"), name=name)
    class Flipped(Layer):
        __doc__ = f"{doc}\n\nShapes: any of at least {least} axes, unchanged."
        examples = tuple(map(example, ("float32[batch, 3]", "int64[2, batch]", "bool[batch, 3, 4]")))

        def infer(self, input: TensorSpec) -> TensorSpec:
            return of_rank_from(of_result(input, ARITHMETIC | BOOLEAN), least)

    return Flipped


FLIPPED = (
    _flipped("fliplr", "The elements along the second axis in reverse order.", 2),
    _flipped("flipud", "The elements along the first axis in reverse order.", 1),
)


@operation(source=aten("torch.movedim"), name="movedim")
class MoveDim(Layer):
    """Axes put in other places; the others keep their order.

    Shapes: axis ``source[i]`` of the input is axis ``destination[i]`` of the output.
    """

    source: tuple[int, ...] = setting(Axes(), "where the axes are")
    destination: tuple[int, ...] = setting(Axes(), "where they go")

    examples = (
        example("float32[batch, 3, 4]", source=1, destination=-1),
        example("float32[batch, 3, 4, 5]", source=(0, -1), destination=(1, 0)),
        example("int64[]", source=0, destination=-1),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        sources = axes_of(input, self.source, "source")
        targets = axes_of(input, self.destination, "destination")
        if len(sources) != len(targets):
            raise Mismatch(
                "source and destination must name as many axes", code="MP308", setting="destination"
            )
        if not input.rank:
            return input
        rest = iter(at for at in range(input.rank) if at not in sources)
        places = dict(zip(targets, sources, strict=True))
        return input.with_shape(
            *(input.shape[places[at] if at in places else next(rest)] for at in range(input.rank))
        )


@operation(source=aten("torch.Tensor.view"), name="view_dtype")
class ViewDType(Layer):
    """The bits of the elements, read as another dtype (`Tensor.view(dtype)`).

    Shapes: any; where the new elements are wider or narrower, the last axis becomes shorter or longer.
    """

    dtype: DType = setting(DTypeName(), "the new dtype")

    examples = (
        example("float32[batch, 3]", dtype="int32"),
        example("float32[batch, 3]", dtype="int16"),
        example("int16[batch, 4]", dtype="int64"),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        for each in (input.dtype, self.dtype):
            if each.bits < 8:
                raise Mismatch(f"{each} has less than a byte for an element", code="MP306", setting="dtype")
        result = input.with_dtype(self.dtype)
        old, new = input.dtype.bits, self.dtype.bits
        if old == new:
            return result
        if not input.rank:
            raise Mismatch(f"its input must have at least 1 axis, {input} has none", code="MP302")
        bits = input.shape[-1] * old
        if not may_equal(remainder(bits, new), 0):
            raise Mismatch(f"the last axis of its input {input} doesn't fill elements of {self.dtype}")
        return result.with_axis(-1, floor_div(bits, new))


@operation(
    source="https://docs.pytorch.org/docs/2.13/tensors.html#torch.Tensor.sum_to_size", name="sum_to_size"
)
class SumToSize(Layer):
    """Sums along the axes that were stretched if `size` had been broadcast to the input's shape.

    Shapes: any, to `size`, which broadcasts to it; sums of integers are int64.
    """

    size: tuple[Dim, ...] = setting(_SIZES, "the new shape")

    examples = (
        example("float32[batch, 3, 4]", size=(3, 1)),
        example("int32[batch, 3]", size=("batch", 1)),
        example("bool[batch, 3]", size=("batch", 3)),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        added = input.rank - len(self.size)
        told = f"size {show_shape(self.size)} doesn't broadcast to its input {input}"
        if added < 0:
            raise Mismatch(told, code="MP305", setting="size")
        summed = added > 0
        for old, new in zip(input.shape[added:], self.size, strict=True):
            if old != 1 and new == 1:
                summed = True
            elif not may_equal(old, new):
                raise Mismatch(told, code="MP305", setting="size")
        result = input.with_shape(*self.size)
        if not summed:
            return result
        of_result(result, COUNTABLE | COMPLEX)
        whole = result.dtype.kind in (Kind.BOOLEAN, Kind.INTEGER)
        return result.with_dtype(DType.INT64) if whole else result
