"""Operations that give the same elements in another shape or order."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from modelpack.dims import Dim, cancelled, exceeds, floor_div, may_equal, remainder
from modelpack.layers.axes import axes_of, axis_or_scalar, existing_axis
from modelpack.layers.base import Layer, aten, example, operation, setting
from modelpack.layers.kinds import Axes, Integer, Integers
from modelpack.layers.rules import few_axes, show_shape
from modelpack.tensors import Mismatch, TensorSpec, number_of_elements

__all__ = [
    "Expand",
    "ExpandAs",
    "Flatten",
    "Permute",
    "Reshape",
    "ReshapeAs",
    "Squeeze",
    "Transpose",
    "Transposed",
    "Unflatten",
    "Unsqueeze",
]

_SIZES = Integers(Integer(symbolic=True))


def sized(x: TensorSpec, sizes: Sequence[Dim], elements: Dim, setting: str) -> tuple[Dim, ...]:
    """`sizes` with the one that is -1 worked out, so that they hold `elements`.

    Raises:
        Mismatch: they certainly can't, or -1 stands twice.
    """
    few_axes(sizes, setting)
    open_at = [at for at, size in enumerate(sizes) if size == -1]
    if len(open_at) > 1 or any(exceeds(-1, size) for size in sizes):
        raise Mismatch(
            f"{setting} {show_shape(tuple(sizes))} may have one -1 and nothing below", setting=setting
        )
    known = prod(size for size in sizes if size != -1)
    told = f"{setting} {show_shape(tuple(sizes))} doesn't hold the {elements} elements of its input {x}"
    if not open_at:
        if not may_equal(known, elements):
            raise Mismatch(told, setting=setting)
        return tuple(sizes)
    if known == 0:
        raise Mismatch(f"{told}: -1 beside 0 could be anything", setting=setting)
    whole, part = cancelled(elements, known)
    if not may_equal(remainder(whole, part), 0):
        raise Mismatch(told, setting=setting)
    filled = list(sizes)
    filled[open_at[0]] = floor_div(whole, part)
    return tuple(filled)


@operation(source=aten("torch.reshape"), name="reshape")
class Reshape(Layer):
    """The same elements in the same order, in another shape; one size may be -1: what is left.

    Shapes: any, to `shape`, which has as many elements.
    """

    shape: tuple[Dim, ...] = setting(_SIZES, "the new shape")

    examples = (
        example("float32[batch, 3, 4]", shape=(-1, 12)),
        example("float32[batch, length, 12]", shape=("batch", "length", 3, 4)),
        example("float32[batch, 2, 6]", shape=(-1,)),
        example("float32[1]", shape=()),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        return input.with_shape(*sized(input, self.shape, number_of_elements(input.shape), "shape"))


@operation(source=aten("torch.Tensor.reshape_as"), name="reshape_as")
class ReshapeAs(Layer):
    """The elements of the first input in the shape of the second.

    Shapes: as many elements in both.
    """

    examples = (
        example("float32[batch, 6]", "float32[batch, 2, 3]"),
        example("int64[12]", "float32[3, 4]"),
        example("float32[batch, 1]", "bool[batch]"),
    )

    def infer(self, input: TensorSpec, other: TensorSpec) -> TensorSpec:
        if not may_equal(number_of_elements(input.shape), number_of_elements(other.shape)):
            raise Mismatch(f"its input {input} and {other} have different numbers of elements", port="other")
        return input.with_shape(*other.shape)


@operation(source=aten("torch.flatten"), name="flatten")
class Flatten(Layer):
    """The axes from `start_dim` through `end_dim` as one.

    Shapes: ``[…, a, b, c, …]`` to ``[…, a * b * c, …]``; a scalar to ``[1]``.
    """

    start_dim: int = setting(Integer(), "first of the axes", default=0)
    end_dim: int = setting(Integer(), "last of the axes", default=-1)

    examples = (
        example("float32[batch, 3, 4]"),
        example("float32[batch, 3, 4, 5]", start_dim=1),
        example("float32[batch, 3, 4, 5]", start_dim=-3, end_dim=-2),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        start = axis_or_scalar(input, self.start_dim, "start_dim")
        end = axis_or_scalar(input, self.end_dim, "end_dim")
        if start > end:
            raise Mismatch(
                f"start_dim {self.start_dim} comes after end_dim {self.end_dim} in its input {input}",
                code="MP308",
                setting="start_dim",
            )
        one = number_of_elements(input.shape[start : end + 1])
        return input.with_shape(*input.shape[:start], one, *input.shape[end + 1 :])


@operation(source=aten("torch.unflatten"), name="unflatten")
class Unflatten(Layer):
    """One axis as several; one of their sizes may be -1: what is left.

    Shapes: ``[…, a * b, …]`` to ``[…, a, b, …]``.
    """

    dim: int = setting(Integer(), "the axis")
    sizes: tuple[Dim, ...] = setting(_SIZES, "the sizes of the new axes")

    examples = (
        example("float32[batch, 12]", dim=1, sizes=(3, 4)),
        example("float32[batch, 12, 2]", dim=-2, sizes=(2, -1, 2)),
        example("float32[2 * batch, 3]", dim=0, sizes=("batch", 2)),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        axis = existing_axis(input, self.dim)
        if not self.sizes:
            raise Mismatch("sizes must name at least one axis", setting="sizes")
        sizes = sized(input.with_shape(input.shape[axis]), self.sizes, input.shape[axis], "sizes")
        return input.with_shape(*input.shape[:axis], *sizes, *input.shape[axis + 1 :])


@operation(source=aten("torch.transpose"), name="transpose")
class Transpose(Layer):
    """Two axes exchanged.

    Shapes: ``[…, a, …, b, …]`` to ``[…, b, …, a, …]``.
    """

    dim0: int = setting(Integer(), "one of the axes")
    dim1: int = setting(Integer(), "the other")

    examples = (
        example("float32[batch, 3, 4]", dim0=1, dim1=2),
        example("float32[batch, 3, 4, 5]", dim0=-2, dim1=-1),
        example("int64[batch]", dim0=0, dim1=-1),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        first = axis_or_scalar(input, self.dim0, "dim0")
        second = axis_or_scalar(input, self.dim1, "dim1")
        order = list(range(input.rank))
        if order:
            order[first], order[second] = order[second], order[first]
        return input.with_shape(*(input.shape[at] for at in order))


@operation(source=aten("torch.permute"), name="permute")
class Permute(Layer):
    """The axes in another order.

    Shapes: axis `i` of the output is axis ``dims[i]`` of the input.
    """

    dims: tuple[int, ...] = setting(Integers(), "the axes in their new order")

    examples = (
        example("float32[batch, 3, 4, 5]", dims=(0, 2, 3, 1)),
        example("float32[batch, 3, 4]", dims=(-1, 0, 1)),
        example("float32[]", dims=()),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        order = [existing_axis(input, axis, "dims") for axis in self.dims]
        if sorted(order) != list(range(input.rank)):
            raise Mismatch(
                f"dims {show_shape(self.dims)} must name each axis of its input {input} once",
                code="MP302",
                setting="dims",
            )
        return input.with_shape(*(input.shape[at] for at in order))


def _transposed(name: str, doc: str, source: str, ranks: tuple[int, int], *inputs: str) -> type[Layer]:
    @operation(source=aten(source), name=name)
    class OfRank(Layer):
        __doc__ = doc
        examples = tuple(map(example, inputs))

        def infer(self, input: TensorSpec) -> TensorSpec:
            low, high = ranks
            if not low <= input.rank <= high:
                wanted = f"at least {low}" if high > 64 else f"at most {high}"
                raise Mismatch(f"its input must have {wanted} axes, {input} has {input.rank}", code="MP302")
            return input.with_shape(*input.shape[:-2], *reversed(input.shape[-2:]))

    return OfRank


Transposed = (
    _transposed(
        "t",
        "A matrix transposed; a vector or scalar as it is.\n\nShapes: ``[a, b]`` to ``[b, a]``.",
        "torch.t",
        (0, 2),
        "float32[batch, 3]",
        "float32[batch]",
        "int64[]",
    ),
    _transposed(
        "matrix_transpose",
        "Each matrix transposed.\n\nShapes: ``[…, a, b]`` to ``[…, b, a]``.",
        "torch.Tensor.mT",
        (2, 1 << 30),
        "float32[batch, 3]",
        "float32[batch, 3, 4]",
        "int64[2, batch, 3, 4]",
    ),
    _transposed(
        "adjoint",
        "Each matrix transposed, its numbers conjugated.\n\nShapes: ``[…, a, b]`` to ``[…, b, a]``.",
        "torch.adjoint",
        (2, 1 << 30),
        "float32[batch, 3]",
        "complex64[batch, 3, 4]",
        "int64[2, batch, 3, 4]",
    ),
)


@operation(source=aten("torch.squeeze"), name="squeeze")
class Squeeze(Layer):
    """Axes of length 1 taken out: those in `dim` that have it, or all.

    Shapes: the axes in `dim` go where they are 1. An axis with a free dimension counts as longer.
    """

    dim: tuple[int, ...] | None = setting(
        Axes(all_by_default=True), "the axes; null for all of length 1", default=None
    )

    examples = (
        example("float32[4, 1, 3]"),
        example("float32[batch, 1, 4]", dim=1),
        example("float32[batch, 1, 4, 1]", dim=(-1, 1, 2)),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        axes = axes_of(input, self.dim)
        return input.with_shape(*(size for at, size in enumerate(input.shape) if at not in axes or size != 1))


@operation(source=aten("torch.unsqueeze"), name="unsqueeze")
class Unsqueeze(Layer):
    """A new axis of length 1.

    Shapes: `dim` counts axes of the output.
    """

    dim: int = setting(Integer(), "where the new axis stands")

    examples = (
        example("float32[batch, 3]", dim=1),
        example("float32[batch, 3]", dim=-1),
        example("int64[]", dim=0),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        if not -input.rank - 1 <= self.dim <= input.rank:
            raise Mismatch(
                f"dim is {self.dim}, but its output has {input.rank + 1} axes", code="MP302", setting="dim"
            )
        at = self.dim % (input.rank + 1)
        return input.with_shape(*few_axes((*input.shape[:at], 1, *input.shape[at:])))


def stretched(x: TensorSpec, size: Sequence[Dim], setting: str | None, port: str | None) -> TensorSpec:
    """`x` with axes of 1 stretched to `size`; -1 keeps an axis.

    Raises:
        Mismatch: another axis differs, or one is lacking.
    """
    added = len(few_axes(size, setting)) - x.rank
    told = f"its input {x} can't be stretched to {show_shape(tuple(size))}"
    if added < 0:
        raise Mismatch(f"{told}, which has fewer axes", code="MP302", setting=setting, port=port)
    result: list[Dim] = []
    for at, wanted in enumerate(size):
        old = x.shape[at - added] if at >= added else 1
        if wanted == -1:
            if at < added:
                raise Mismatch(f"{told}: a new axis can't be -1", setting=setting, port=port)
            result.append(old)
        elif old == 1 or may_equal(old, wanted):
            result.append(wanted)
        else:
            raise Mismatch(f"{told}: {old} is not 1", code="MP305", setting=setting, port=port)
    if any(exceeds(0, each) for each in result):
        raise Mismatch(f"{told}: a size is negative", setting=setting, port=port)
    return x.with_shape(*result)


@operation(source=aten("torch.Tensor.expand"), name="expand")
class Expand(Layer):
    """Axes of length 1 repeated, without a copy; new axes in front.

    Shapes: any, to `size`, in which -1 keeps an axis.
    """

    size: tuple[Dim, ...] = setting(_SIZES, "the new shape")

    examples = (
        example("float32[1, 3]", size=(4, 3)),
        example("float32[batch, 1]", size=(2, -1, 5)),
        example("float32[batch, 1, length]", size=("batch", "length", "length")),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        return stretched(input, self.size, "size", None)


@operation(source=aten("torch.Tensor.expand_as"), name="expand_as")
class ExpandAs(Layer):
    """Axes of length 1 of the first input repeated, until it has the shape of the second.

    Shapes: `input` broadcasts to `other`.
    """

    examples = (
        example("float32[batch, 1]", "float32[batch, 3]"),
        example("float32[3]", "bool[batch, 3]"),
        example("int64[]", "float32[2, batch]"),
    )

    def infer(self, input: TensorSpec, other: TensorSpec) -> TensorSpec:
        return stretched(input, other.shape, None, "other")
