"""Operations that pick elements by place, or put them there."""

from __future__ import annotations

from modelpack.dims import Dim, exceeds, floor_div, may_equal
from modelpack.dtypes import DType
from modelpack.layers.axes import axis_or_scalar, existing_axis, slice_size
from modelpack.layers.base import Layer, aten, example, flag, operand, operation, setting, size
from modelpack.layers.kinds import Choice, Integer, Nullable
from modelpack.layers.rules import ARITHMETIC, BOOLEAN, of_rank_from, of_result
from modelpack.tensors import Mismatch, TensorSpec, broadcast

__all__ = [
    "Gather",
    "Index",
    "IndexPut",
    "IndexSelect",
    "Narrow",
    "OneHot",
    "Scatter",
    "Select",
    "Slice",
    "Triangles",
    "Unfold",
    "indices",
    "picked",
    "within",
]

_INDEX = frozenset({DType.INT32, DType.INT64})
_DIM = "the axis"


def indices(spec: TensorSpec, port: str, allowed: frozenset[DType] = _INDEX) -> TensorSpec:
    """`spec`, which must hold places.

    Raises:
        Mismatch: it has a dtype that can't.
    """
    if spec.dtype not in allowed:
        raise Mismatch(
            f"its {port} must be int64{' or int32' if len(allowed) > 1 else ''}, not {spec}",
            code="MP306",
            port=port,
        )
    return spec


@operation(source=aten("torch.select"), name="select")
class Select(Layer):
    """The slice at one place of an axis, which goes.

    Shapes: ``[…, a, …]`` to ``[…, …]``.
    """

    dim: int = setting(Integer(), _DIM)
    index: Dim = setting(Integer(symbolic=True), "the place; negative ones count from the end")

    examples = (
        example("float32[batch, 3, 4]", dim=1, index=0),
        example("float32[batch, 3, 4]", dim=-1, index=-2),
        example("float32[batch, length]", dim=1, index="length - 1"),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        return picked(input, self.dim, self.index)


def picked(x: TensorSpec, dim: int, index: Dim) -> TensorSpec:
    """The slice of `x` at one place of an axis.

    Raises:
        Mismatch: there is no such axis or place.
    """
    axis = existing_axis(x, dim)
    length = x.shape[axis]
    if exceeds(index + 1, length) or exceeds(-length, index):
        raise Mismatch(f"index is {index}, but axis {axis} of its input {x} has {length}", setting="index")
    return x.with_shape(*x.shape[:axis], *x.shape[axis + 1 :])


@operation(source="https://docs.pytorch.org/docs/2.13/tensor_view.html", name="slice")
class Slice(Layer):
    """Every `step`-th element of an axis from `start` to before `end`: ``input[…, start:end:step, …]``.

    Shapes: the axis becomes ``ceil((end - start) / step)``, where the bounds are drawn in to lie within it.
    """

    dim: int = setting(Integer(), _DIM, default=0)
    start: Dim = setting(
        Integer(symbolic=True), "the first place; negative ones count from the end", default=0
    )
    end: Dim | None = setting(
        Nullable(Integer(symbolic=True)), "the place after the last; null: as far as it goes", default=None
    )
    step: int = setting(Integer(1), "the distance", default=1)

    examples = (
        example("float32[batch, 8]", dim=1, start=2, end=6),
        example("float32[batch, 8]", dim=-1, start=-3, step=2),
        example("float32[batch, length]", dim=1, end=-1),
        example("float32[batch, length]", dim=1, start=1, end="length - 1"),
        example("float32[batch, length]", dim=1, end=3),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        axis = existing_axis(input, self.dim)
        return input.with_axis(axis, slice_size(input.shape[axis], self.start, self.end, self.step))


@operation(source=aten("torch.narrow"), name="narrow")
class Narrow(Layer):
    """`length` elements of an axis from `start` on, all of which must be there.

    Shapes: the axis becomes `length`.
    """

    dim: int = setting(Integer(), _DIM)
    start: Dim = setting(Integer(symbolic=True), "the first place; negative ones count from the end")
    length: Dim = setting(Integer(0, symbolic=True), "how many")

    examples = (
        example("float32[batch, 8]", dim=1, start=2, length=3),
        example("float32[batch, 8]", dim=-1, start=-3, length=2),
        example("float32[2 * batch, 3]", dim=0, start="batch", length="batch"),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        axis = existing_axis(input, self.dim)
        whole = input.shape[axis]
        first = whole + self.start if exceeds(0, self.start) else self.start
        if exceeds(first + self.length, whole) or exceeds(0, first):
            raise Mismatch(
                f"start {self.start} and length {self.length} lead beyond axis {axis} of its input {input}",
                setting="start",
            )
        return input.with_axis(axis, self.length)


@operation(source=aten("torch.index_select"), name="index_select")
class IndexSelect(Layer):
    """The slices of an axis at the places in `index`.

    Shapes: the axis becomes as long as `index`, a vector.
    """

    dim: int = setting(Integer(), _DIM)

    examples = (
        example("float32[5, batch]", "int64[3]", dim=0),
        example("float32[batch, 5, 2]", "int32[length]", dim=1),
        example("float32[batch, 5]", "int64[2]", dim=-1),
    )

    def infer(self, input: TensorSpec, index: TensorSpec) -> TensorSpec:
        axis = axis_or_scalar(of_result(input, ARITHMETIC | BOOLEAN), self.dim)
        if indices(index, "index").rank > 1:
            raise Mismatch(f"its index must be a vector, not {index}", code="MP302", port="index")
        count = index.shape[0] if index.rank else 1
        if not input.rank:
            if count != 1:
                raise Mismatch(f"a scalar has one place, its index {index} names {count}", port="index")
            return input
        return input.with_axis(axis, count)


@operation(source=aten("torch.gather"), name="gather")
class Gather(Layer):
    """Along an axis, the elements at the places in `index`: ``output[i][j] = input[index[i][j]][j]`` for axis 0.

    Shapes: `index` and the output are alike, and elsewhere no longer than `input`.
    """

    dim: int = setting(Integer(), _DIM)

    examples = (
        example("float32[batch, 5]", "int64[batch, 3]", dim=1),
        example("float32[batch, 5, 4]", "int64[batch, 2, 4]", dim=-2),
        example("float32[batch, 5]", "int64[1, 5]", dim=0),
    )

    def infer(self, input: TensorSpec, index: TensorSpec) -> TensorSpec:
        axis = axis_or_scalar(of_result(input, ARITHMETIC | BOOLEAN), self.dim)
        within(input, indices(index, "index"), axis, "index")
        return input.with_shape(*index.shape)


def within(x: TensorSpec, index: TensorSpec, axis: int | None, port: str) -> None:
    """Refuse an index that is longer than `x`, but along `axis`.

    Raises:
        Mismatch: it is, or has another number of axes.
    """
    if max(x.rank, 1) != max(index.rank, 1):
        raise Mismatch(f"its {port} {index} must have as many axes as {x}", code="MP302", port=port)
    for at, (length, reach) in enumerate(zip(x.shape or (1,), index.shape or (1,), strict=True)):
        if at != axis and exceeds(reach, length):
            raise Mismatch(f"axis {at} of its {port} {index} is longer than that of {x}", port=port)


@operation(source=aten("torch.scatter"), name="scatter")
class Scatter(Layer):
    """`input` with elements of `src`, or one number, put at the places in `index` along an axis.

    Shapes: that of `input`; `index` is no longer than `src`, and than `input` but along `dim`.
    """

    src: object = operand("a number that is put at all places")
    dim: int = setting(Integer(), _DIM)
    reduce: str | None = setting(
        Nullable(Choice(("add", "multiply"))),
        "how it is joined with what was there; null: put in its place",
        default=None,
    )

    examples = (
        example("float32[batch, 5]", "int64[batch, 1]", src=1.0, dim=1),
        example("float32[batch, 5]", "int64[batch, 2]", "float32[batch, 3]", dim=-1),
        example("float32[batch, 5]", "int64[batch, 2]", "float32[batch, 2]", dim=1, reduce="add"),
    )

    def infer(self, input: TensorSpec, index: TensorSpec, src: TensorSpec | None = None) -> TensorSpec:
        axis = axis_or_scalar(of_result(input, ARITHMETIC | BOOLEAN), self.dim)
        within(input, indices(index, "index"), axis, "index")
        if src is not None:
            if src.dtype is not input.dtype:
                raise Mismatch(
                    f"its src {src} must have the dtype of its input {input}", code="MP306", port="src"
                )
            within(src, index, None, "index")
        return input


@operation(source=aten("torch.Tensor.index_put"), name="index")
class Index(Layer):
    """``input[indices]`` with tensors of places, one for each axis; one that is left out takes the whole axis.

    Shapes: the indices broadcast; their axes stand where the indexed ones were, if those are neighbours, else in front.
    """

    examples = (
        example("float32[5, batch]", "int64[3]"),
        example("float32[batch, 5, 4]", None, "int64[2, 3]"),
        example("float32[batch, 5, 4]", "int64[batch, 1]", "int64[2]"),
        example("float32[3, batch, 4]", "int64[2]", None, "int64[2]"),
    )

    def infer(self, input: TensorSpec, *indices: TensorSpec | None) -> TensorSpec:
        return input.with_shape(*_indexed(input, indices))


def _indexed(x: TensorSpec, places: tuple[TensorSpec | None, ...]) -> tuple[Dim, ...]:
    """The shape of ``x[places]``."""
    used = [at for at, each in enumerate(places) if each is not None]
    given = [indices(each, f"index {at}", _PLACES) for at, each in enumerate(places) if each is not None]
    if len(places) > x.rank:
        raise Mismatch(f"{len(places)} indices are too many for its input {x}", code="MP302", port="indices")
    if not given:
        raise Mismatch("needs at least one index", port="indices")
    together = broadcast([each.shape for each in given])
    rest = [size for at, size in enumerate(x.shape) if at not in used]
    first = used[0] if used[-1] - used[0] == len(used) - 1 else 0
    return (*rest[:first], *together, *rest[first:])


_PLACES = frozenset({DType.INT64, DType.INT32})
"""No masks: how many elements they pick depends on their values."""


@operation(source=aten("torch.Tensor.index_put"), name="index_put")
class IndexPut(Layer):
    """`input` with `values` put at the places in `indices`, one tensor for each axis, or where one mask is true.

    Shapes: that of `input`; `values` broadcasts to ``input[indices]``, with a mask to ``[1, *rest]``.
    """

    accumulate: bool = flag("whether values are added to what was there", default=False)

    examples = (
        example("float32[5, batch]", "float32[3, batch]", "int64[3]"),
        example("float32[batch, 5]", "float32[]", None, "int64[2]"),
        example("float32[5, batch]", "float32[batch]", "int64[3]", accumulate=True),
        example("float32[batch, 3]", "float32[]", "bool[batch, 3]"),
    )

    def infer(self, input: TensorSpec, values: TensorSpec, *indices: TensorSpec | None) -> TensorSpec:
        of_result(input, ARITHMETIC | BOOLEAN)
        if values.dtype is not input.dtype:
            raise Mismatch(
                f"its values {values} must have the dtype of its input {input}", code="MP306", port="values"
            )
        target = _masked(input, indices[0]) if len(indices) == 1 else None
        if target is None:
            target = _indexed(input, indices)
        if values.rank > len(target) or broadcast([target, values.shape]) != target:
            told = f"its values {values} don't fit into {input.with_shape(*target)}"
            raise Mismatch(told, code="MP305", port="values")
        return input


def _masked(x: TensorSpec, mask: TensorSpec | None) -> tuple[Dim, ...] | None:
    """The shape into which values go where one mask picks the places, as far as it's known: one value goes to all of them."""
    if mask is None or mask.dtype is not DType.BOOL:
        return None
    if not 1 <= mask.rank <= x.rank or not all(map(may_equal, mask.shape, x.shape[: mask.rank])):
        raise Mismatch(f"its mask {mask} must have the first axes of its input {x}", port="indices")
    return (1, *x.shape[mask.rank :])


def _triangle(name: str, doc: str) -> type[Layer]:
    @operation(source=aten(f"torch.{name}"), name=name)
    class Triangle(Layer):
        __doc__ = f"{doc}\n\nShapes: ``[…, rows, columns]``, unchanged."

        diagonal: Dim = setting(
            Integer(symbolic=True), "which diagonal: above the main one, or below if negative", default=0
        )

        examples = (
            example("float32[4, 4]"),
            example("float32[batch, 3, 5]", diagonal=1),
            example("bool[length, length]", diagonal=-1),
        )

        def infer(self, input: TensorSpec) -> TensorSpec:
            return of_rank_from(of_result(input, ARITHMETIC | BOOLEAN), 2)

    return Triangle


Triangles = (
    _triangle("tril", "The elements on and below a diagonal, 0 elsewhere."),
    _triangle("triu", "The elements on and above a diagonal, 0 elsewhere."),
)


@operation(source=aten("torch.nn.functional.one_hot"), name="one_hot")
class OneHot(Layer):
    """For each number, a vector with 1 at its place and 0 elsewhere.

    Shapes: ``[…]`` to ``[…, num_classes]``, int64.
    """

    num_classes: int = size("how many places")

    examples = (
        example("int64[batch]", num_classes=4),
        example("int64[batch, length]", num_classes=2),
        example("int64[]", num_classes=3),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        indices(input, "input", frozenset({DType.INT64}))
        return input.with_shape(*input.shape, self.num_classes)


@operation(source=aten("torch.Tensor.unfold"), name="unfold")
class Unfold(Layer):
    """Windows along an axis, as a view; their elements are a new last axis.

    Shapes: the axis becomes ``(size - window) // step + 1``, and `size` is appended.
    """

    dimension: int = setting(Integer(), _DIM)
    size: int = setting(Integer(0), "length of a window")
    step: int = setting(Integer(1), "from one window to the next")

    examples = (
        example("float32[batch, 8]", dimension=1, size=3, step=1),
        example("float32[batch, 8, 2]", dimension=-2, size=2, step=3),
        example("float32[batch, length]", dimension=1, size=4, step=4),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        axis = axis_or_scalar(input, self.dimension, "dimension")
        whole = input.shape[axis] if input.rank else 1
        if exceeds(self.size, whole):
            raise Mismatch(
                f"size is {self.size}, but axis {axis} of its input {input} has {whole}", setting="size"
            )
        count = floor_div(whole - self.size, self.step) + 1
        shape = input.with_axis(axis, count).shape if input.rank else ()
        return input.with_shape(*shape, self.size)
