"""Tensors put beside one another or cut apart along axes that the operation names: rows, columns, depth; blocks, grids."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from modelpack.dims import Dim
from modelpack.layers.base import MANY, Layer, aten, example, operation, setting
from modelpack.layers.joining import cut, equal_pieces, joined, some
from modelpack.layers.kinds import Either, Integer, Integers
from modelpack.layers.rules import of_rank_from
from modelpack.tensors import Mismatch, TensorSpec, broadcast, common_dtype, number_of_elements

__all__ = ["AT_LEAST", "SPLITS", "STACKS", "BlockDiag", "BroadcastTensors", "CartesianProd"]


def _at_least_1d(x: TensorSpec) -> TensorSpec:
    return x if x.rank else x.with_shape(1)


def _at_least_2d(x: TensorSpec) -> TensorSpec:
    return x if x.rank > 1 else x.with_shape(1, *_at_least_1d(x).shape)


def _at_least_3d(x: TensorSpec) -> TensorSpec:
    return x if x.rank > 2 else x.with_shape(*_at_least_2d(x).shape, 1)


def _at_least(name: str, doc: str, rule: Callable[[TensorSpec], TensorSpec]) -> type[Layer]:
    @operation(source=aten(f"torch.{name}"), name=name)
    class AtLeast(Layer):
        __doc__ = doc
        examples = tuple(
            map(example, ("float32[]", "float32[batch]", "int64[batch, 3]", "bool[batch, 3, 4]"))
        )

        def infer(self, input: TensorSpec) -> TensorSpec:
            return rule(input)

    return AtLeast


AT_LEAST = (
    _at_least("atleast_1d", "A scalar as a vector.\n\nShapes: ``[]`` to ``[1]``.", _at_least_1d),
    _at_least(
        "atleast_2d",
        "A scalar or vector as a matrix of one row.\n\nShapes: ``[]`` to ``[1, 1]``, ``[a]`` to ``[1, a]``.",
        _at_least_2d,
    ),
    _at_least(
        "atleast_3d",
        "A scalar, vector or matrix with three axes.\n\n"
        "Shapes: ``[]`` to ``[1, 1, 1]``, ``[a]`` to ``[1, a, 1]``, ``[a, b]`` to ``[a, b, 1]``.",
        _at_least_3d,
    ),
)


def _horizontally(tensors: Sequence[TensorSpec]) -> TensorSpec:
    some(tensors)
    each = [_at_least_1d(x) for x in tensors]
    return joined(each, 0 if each[0].rank == 1 else 1)


def _vertically(tensors: Sequence[TensorSpec]) -> TensorSpec:
    return joined([_at_least_2d(x) for x in tensors], 0)


def _in_depth(tensors: Sequence[TensorSpec]) -> TensorSpec:
    return joined([_at_least_3d(x) for x in tensors], 2)


def _as_columns(tensors: Sequence[TensorSpec]) -> TensorSpec:
    return joined([x if x.rank > 1 else x.with_shape(*_at_least_1d(x).shape, 1) for x in tensors], 1)


def _stack(name: str, doc: str, rule: Callable[[Sequence[TensorSpec]], TensorSpec]) -> type[Layer]:
    @operation(source=aten(f"torch.{name}"), name=name)
    class Stack(Layer):
        __doc__ = doc
        examples = (
            example("float32[batch, 3]", "float32[batch, 3]"),
            example("float32[3]", "float32[3]", "float32[3]"),
            example("int64[2, batch, 4]", "float32[2, batch, 4]"),
        )

        def infer(self, *tensors: TensorSpec) -> TensorSpec:
            return rule(tensors)

    return Stack


STACKS = (
    _stack(
        "hstack",
        "Tensors beside one another: along the second axis, vectors along their only one.\n\n"
        "Shapes: equal but for that axis, whose sizes add up.",
        _horizontally,
    ),
    _stack(
        "vstack",
        "Tensors below one another: along the first axis, vectors as rows.\n\n"
        "Shapes: equal but for that axis, whose sizes add up.",
        _vertically,
    ),
    _stack(
        "dstack",
        "Tensors behind one another: along the third axis, which vectors and matrices get.\n\n"
        "Shapes: equal but for that axis, whose sizes add up.",
        _in_depth,
    ),
    _stack(
        "column_stack",
        "Tensors beside one another: along the second axis, vectors as columns.\n\n"
        "Shapes: equal but for that axis, whose sizes add up.",
        _as_columns,
    ),
)


def _split(name: str, doc: str, axis: int, least: int) -> type[Layer]:
    @operation(source=aten(f"torch.{name}"), name=name)
    class Split(Layer):
        __doc__ = (
            f"{doc}\n\nShapes: the axis becomes the size of each piece; a number of pieces must divide it."
        )
        outputs = MANY

        sections: int | tuple[int, ...] = setting(
            Either((Integer(1), Integers(Integer()))),
            "how many pieces, or where each but the first begins",
        )

        examples = (
            example("float32[6, 4, 8]", sections=2),
            example("float32[6, 6, 6, batch]", sections=(2, 5)),
            example("int64[4, 4, 4]", sections=(-1,)),
        )

        def infer(self, input: TensorSpec) -> tuple[TensorSpec, ...]:
            of_rank_from(input, least)
            at = min(axis, input.rank - 1)
            if isinstance(self.sections, tuple):
                return cut(input, at, self.sections)
            return equal_pieces(input, at, self.sections)

    return Split


SPLITS = (
    _split("hsplit", "Pieces along the second axis; of a vector, along its only one.", 1, 1),
    _split("vsplit", "Pieces along the first axis.", 0, 2),
    _split("dsplit", "Pieces along the third axis.", 2, 3),
)


@operation(source=aten("torch.block_diag"), name="block_diag")
class BlockDiag(Layer):
    """A matrix of matrices, each to the right of and below the one before, 0 elsewhere.

    Shapes: rows and columns add up; vectors count as one row, scalars as one element.
    """

    examples = (
        example("float32[batch, 3]", "float32[2, 4]"),
        example("float32[3]", "float32[batch, 2]", "float32[]"),
        example("int64[2, batch]"),
    )

    def infer(self, *tensors: TensorSpec) -> TensorSpec:
        some(tensors)
        rows: Dim = 0
        columns: Dim = 0
        for each in tensors:
            if each.rank > 2:
                raise Mismatch(f"its inputs must have at most 2 axes, not {each}", code="MP302")
            matrix = _at_least_2d(each)
            rows, columns = rows + matrix.shape[0], columns + matrix.shape[1]
        return TensorSpec(common_dtype(tensors), (rows, columns))


@operation(source=aten("torch.cartesian_prod"), name="cartesian_prod")
class CartesianProd(Layer):
    """Each combination of one element of each vector, a row each; one vector alone as it is.

    Shapes: n vectors, to ``[product of their lengths, n]``. All of one dtype.
    """

    examples = (
        example("float32[batch]", "float32[3]"),
        example("int64[2]", "int64[batch]", "int64[4]"),
        example("float32[batch]"),
    )

    def infer(self, *tensors: TensorSpec) -> TensorSpec:
        first = some(tensors)
        for each in tensors:
            if each.rank != 1:
                raise Mismatch(f"its inputs must be vectors, not {each}", code="MP302")
            if each.dtype is not first.dtype:
                raise Mismatch(f"its inputs must have one dtype, not {first} and {each}", code="MP306")
        if len(tensors) == 1:
            return first
        return first.with_shape(number_of_elements([each.shape[0] for each in tensors]), len(tensors))


@operation(source=aten("torch.broadcast_tensors"), name="broadcast_tensors")
class BroadcastTensors(Layer):
    """The inputs, all stretched to the shape to which they broadcast.

    Shapes: broadcast, each.
    """

    outputs = MANY

    examples = (
        example("float32[batch, 1]", "int64[3]"),
        example("float32[batch, 3]", "float32[]", "float32[1]"),
        example("float32[batch]"),
    )

    def infer(self, *tensors: TensorSpec) -> tuple[TensorSpec, ...]:
        some(tensors)
        shape = broadcast([each.shape for each in tensors])
        return tuple(each.with_shape(*shape) for each in tensors)
