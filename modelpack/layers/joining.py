"""Operations that make one tensor of several, and several of one."""

from __future__ import annotations

from collections.abc import Sequence

from modelpack.dims import Dim, Expr, ceil_div, floor_div, may_equal, remainder
from modelpack.layers.axes import existing_axis, fixed_axis, slice_size
from modelpack.layers.base import MANY, Layer, aten, choice, example, operation, setting, size
from modelpack.layers.kinds import Either, Integer, Integers
from modelpack.layers.rules import few_axes
from modelpack.tensors import Mismatch, TensorSpec, common_dtype

__all__ = [
    "Cat",
    "Chunk",
    "MeshGrid",
    "Split",
    "Stack",
    "TensorSplit",
    "Unbind",
    "cut",
    "equal_pieces",
    "joined",
    "some",
]

_DIM = "the axis"


def some(tensors: Sequence[TensorSpec]) -> TensorSpec:
    """The first of the inputs.

    Raises:
        Mismatch: there is none.
    """
    if not tensors:
        raise Mismatch("needs at least one input", port="tensors")
    return tensors[0]


@operation(source=aten("torch.cat"), name="cat")
class Cat(Layer):
    """Tensors one after the other along an axis.

    Shapes: equal but for the axis `dim`, whose sizes add up.
    """

    dim: int = setting(Integer(), _DIM, default=0)

    examples = (
        example("float32[batch, 3]", "float32[batch, 3]"),
        example("float32[batch, 3]", "float32[batch, 4]", "float32[batch, 1]", dim=1),
        example("int64[batch, 2, 4]", "float32[batch, 2, 4]", dim=-1),
    )

    def infer(self, *tensors: TensorSpec) -> TensorSpec:
        return joined(tensors, self.dim)


def joined(tensors: Sequence[TensorSpec], dim: int) -> TensorSpec:
    """One tensor of several, along an axis.

    Raises:
        Mismatch: there are none, or they differ in another axis.
    """
    first = some(tensors)
    axis = existing_axis(first, dim)
    total: Dim = 0
    for each in tensors:
        if each.rank != first.rank:
            raise Mismatch(f"its inputs {first} and {each} have different numbers of axes", code="MP302")
        for at, (one, other) in enumerate(zip(first.shape, each.shape, strict=True)):
            if at != axis and not may_equal(one, other):
                raise Mismatch(f"its inputs {first} and {each} differ in axis {at}, not only in {axis}")
        total = total + each.shape[axis]
    return _best(tensors).with_axis(axis, total).with_dtype(common_dtype(tensors))


def _best(specs: Sequence[TensorSpec]) -> TensorSpec:
    """Shapes that are equal when called, as one: a number says more than an expression."""
    shape = list(specs[0].shape)
    for spec in specs[1:]:
        shape = [b if isinstance(b, int) else a for a, b in zip(shape, spec.shape, strict=True)]
    return specs[0].with_shape(*shape)


@operation(source=aten("torch.stack"), name="stack")
class Stack(Layer):
    """Tensors of one shape side by side along a new axis.

    Shapes: all equal; `dim` counts axes of the output.
    """

    dim: int = setting(Integer(), "where the new axis stands", default=0)

    examples = (
        example("float32[batch, 3]", "float32[batch, 3]"),
        example("float32[batch, 3]", "float32[batch, 3]", "float32[batch, 3]", dim=-1),
        example("int64[batch]", "float32[batch]", dim=1),
    )

    def infer(self, *tensors: TensorSpec) -> TensorSpec:
        first = some(tensors)
        for each in tensors:
            if each.rank != first.rank or not all(map(may_equal, first.shape, each.shape)):
                raise Mismatch(f"its inputs {first} and {each} have different shapes")
        if not -first.rank - 1 <= self.dim <= first.rank:
            raise Mismatch(
                f"dim is {self.dim}, but its output has {first.rank + 1} axes", code="MP302", setting="dim"
            )
        at = self.dim % (first.rank + 1)
        shape = _best(tensors).shape
        return TensorSpec(common_dtype(tensors), tuple(few_axes((*shape[:at], len(tensors), *shape[at:]))))


MOST_PIECES = 1024
"""How many outputs an operation may have: each is a value of the network, so a short text must not ask for millions."""


def _few(count: int, x: TensorSpec, setting: str) -> int:
    """`count`, a number of outputs.

    Raises:
        Mismatch: it is above `MOST_PIECES`.
    """
    if count > MOST_PIECES:
        raise Mismatch(f"its input {x} would give {count} pieces, more than {MOST_PIECES}", setting=setting)
    return count


@operation(source=aten("torch.split"), name="split")
class Split(Layer):
    """Pieces along an axis: of one size, the last maybe smaller, or of the sizes that are listed.

    Shapes: the axis `dim` becomes the size of each piece.
    """

    outputs = MANY

    split_size: Dim | tuple[Dim, ...] = setting(
        Either((Integer(1, symbolic=True), Integers(Integer(0, symbolic=True)))),
        "the size of each piece, or of all",
    )
    dim: int = setting(Integer(), _DIM, default=0)

    examples = (
        example("float32[batch, 6]", split_size=2, dim=1),
        example("float32[batch, 7, 2]", split_size=3, dim=-2),
        example("float32[batch, 6]", split_size=(1, 2, 3), dim=1),
        example("float32[2 * batch, 6]", split_size="batch"),
    )

    def infer(self, input: TensorSpec) -> tuple[TensorSpec, ...]:
        axis = existing_axis(input, self.dim)
        whole = input.shape[axis]
        sizes = self.split_size
        if isinstance(sizes, tuple):
            _few(len(sizes), input, "split_size")
            if not may_equal(sum(sizes), whole):
                raise Mismatch(
                    f"split_size adds up to {sum(sizes)}, but axis {axis} of its input {input} is {whole}",
                    setting="split_size",
                )
        else:
            sizes = _pieces(input, axis, sizes, "split_size")
        return tuple(input.with_axis(axis, each) for each in sizes)


def _pieces(x: TensorSpec, axis: int, each: Dim, setting: str) -> tuple[Dim, ...]:
    """The sizes of pieces of `each` elements."""
    whole = x.shape[axis]
    count = ceil_div(whole, each)
    if isinstance(count, Expr):
        raise Mismatch(
            f"how many pieces axis {axis} of its input {x} gives is known only when called", setting=setting
        )
    if count < 1:
        return (whole,)
    _few(count, x, setting)
    return (*((each,) * (count - 1)), whole - (count - 1) * each)


@operation(source=aten("torch.chunk"), name="chunk")
class Chunk(Layer):
    """At most `chunks` pieces along an axis, of one size, the last maybe smaller.

    Shapes: the axis `dim` becomes ``ceil(size / chunks)``.
    """

    outputs = MANY

    chunks: int = size("how many pieces")
    dim: int = setting(Integer(), _DIM, default=0)

    examples = (
        example("float32[batch, 6]", chunks=2, dim=1),
        example("float32[batch, 7, 2]", chunks=3, dim=-2),
        example("float32[4 * batch, 6]", chunks=4),
    )

    def infer(self, input: TensorSpec) -> tuple[TensorSpec, ...]:
        axis = existing_axis(input, self.dim)
        whole = input.shape[axis]
        if whole == 0:
            return (input,) * _few(self.chunks, input, "chunks")
        return tuple(
            input.with_axis(axis, each)
            for each in _pieces(input, axis, ceil_div(whole, self.chunks), "chunks")
        )


@operation(source=aten("torch.unbind"), name="unbind")
class Unbind(Layer):
    """The slices along an axis, which goes.

    Shapes: ``[a, …]`` to `a` times ``[…]``; the axis must not depend on a free dimension.
    """

    outputs = MANY

    dim: int = setting(Integer(), _DIM, default=0)

    examples = (
        example("float32[3, batch]"),
        example("float32[batch, 2, 4]", dim=1),
        example("float32[batch, 2]", dim=-1),
    )

    def infer(self, input: TensorSpec) -> tuple[TensorSpec, ...]:
        axis = existing_axis(input, self.dim)
        count = _few(fixed_axis(input, axis, "a network has a fixed number of outputs"), input, "dim")
        return (input.with_shape(*input.shape[:axis], *input.shape[axis + 1 :]),) * count


@operation(source=aten("torch.tensor_split"), name="tensor_split")
class TensorSplit(Layer):
    """Pieces along an axis: a number of them, as equal as can be, or cut at the places that are listed.

    Shapes: the axis `dim` becomes the size of each piece.
    """

    outputs = MANY

    sections: Dim | tuple[Dim, ...] = setting(
        Either((Integer(1), Integers(Integer(symbolic=True)))),
        "how many pieces, or where each but the first begins",
    )
    dim: int = setting(Integer(), _DIM, default=0)

    examples = (
        example("float32[batch, 7]", sections=3, dim=1),
        example("float32[batch, 7]", sections=(2, 5), dim=-1),
        example("float32[batch, 6]", sections=(-1,)),
    )

    def infer(self, input: TensorSpec) -> tuple[TensorSpec, ...]:
        axis = existing_axis(input, self.dim)
        if isinstance(self.sections, tuple):
            return cut(input, axis, self.sections)
        count = _few(self.sections if isinstance(self.sections, int) else 1, input, "sections")
        whole = fixed_axis(input, axis, "the pieces differ by at most one element")
        small, larger = divmod(whole, count)
        return tuple(input.with_axis(axis, small + (at < larger)) for at in range(count))


def cut(x: TensorSpec, axis: int, places: Sequence[Dim]) -> tuple[TensorSpec, ...]:
    """The pieces of an axis, all but the first of which begin at `places`.

    Raises:
        Mismatch: they are too many.
    """
    _few(len(places), x, "sections")
    ends: tuple[Dim | None, ...] = (*places, None)
    starts: tuple[Dim, ...] = (0, *places)
    return tuple(
        x.with_axis(axis, slice_size(x.shape[axis], start, end, 1))
        for start, end in zip(starts, ends, strict=True)
    )


def equal_pieces(x: TensorSpec, axis: int, count: int) -> tuple[TensorSpec, ...]:
    """`count` pieces of an axis, all of one size.

    Raises:
        Mismatch: it can't be divided so, or they are too many.
    """
    size = x.shape[axis]
    if not may_equal(remainder(size, _few(count, x, "sections")), 0):
        raise Mismatch(
            f"axis {axis} of its input {x} is {size}, not to be divided by {count}", setting="sections"
        )
    return (x.with_axis(axis, floor_div(size, count)),) * count


@operation(source=aten("torch.meshgrid"), name="meshgrid")
class MeshGrid(Layer):
    """The coordinates of a grid, one tensor for each of the vectors that it is made from.

    Shapes: n vectors, to n tensors of n axes; with `xy` the first two axes are exchanged. All of one dtype.
    """

    outputs = MANY

    indexing: str = choice(
        "ij", "xy", doc="rows first as in matrices, or columns first as in plots", default="ij"
    )

    examples = (
        example("float32[batch]", "float32[4]"),
        example("int64[2]", "int64[3]", "int64[batch]", indexing="xy"),
        example("float32[batch]"),
    )

    def infer(self, *tensors: TensorSpec) -> tuple[TensorSpec, ...]:
        first = some(tensors)
        few_axes([1] * len(tensors))
        sizes: list[Dim] = []
        for each in tensors:
            if each.rank > 1:
                raise Mismatch(f"its inputs must be vectors or scalars, not {each}", code="MP302")
            if each.dtype is not first.dtype:
                raise Mismatch(f"its inputs must have one dtype, not {first} and {each}", code="MP306")
            sizes.append(each.shape[0] if each.rank else 1)
        if self.indexing == "xy" and len(sizes) > 1:
            sizes[0], sizes[1] = sizes[1], sizes[0]
        return (TensorSpec(first.dtype, tuple(sizes)),) * len(tensors)
