"""Operations that find places in an order."""

from __future__ import annotations

from modelpack.dims import may_equal
from modelpack.dtypes import DType
from modelpack.layers.base import Layer, aten, example, flag, operand, operation, setting
from modelpack.layers.indexing import indices
from modelpack.layers.kinds import Choice, Nullable
from modelpack.layers.rules import NUMBERS, of_dtypes, of_shape
from modelpack.tensors import Mismatch, TensorSpec

__all__ = ["ORDERS"]


@operation(source=aten("torch.bucketize"), name="bucketize")
class Bucketize(Layer):
    """Between which boundaries each element lies: the place of the first that isn't below it.

    Shapes: that of `input`; int64, or int32. `boundaries` is a vector in order.
    """

    out_int32: bool = flag("whether places are int32", default=False)
    right: bool = flag("whether the place is that of the first above it", default=False)

    examples = (
        example("float32[batch, 5]", "float32[3]"),
        example("int64[batch]", "float32[length]", out_int32=True, right=True),
        example("float64[]", "float32[3]"),
    )

    def infer(self, input: TensorSpec, boundaries: TensorSpec) -> TensorSpec:
        for each in (input, boundaries):
            of_dtypes(each, NUMBERS)
        if boundaries.rank != 1:
            raise Mismatch(
                f"its boundaries must be a vector, not {boundaries}", code="MP302", port="boundaries"
            )
        return input.with_dtype(DType.INT32 if self.out_int32 else DType.INT64)


@operation(source=aten("torch.searchsorted"), name="searchsorted")
class SearchSorted(Layer):
    """Where each element would have to stand for rows in order to stay in order.

    Shapes: that of `input`, which may be a number; int64, or int32. `sorted_sequence` is one vector, or has the axes in
    front of `input`; `sorter`, as long, says where its elements in order are.
    """

    input: object = operand("a number in place of the second input")
    out_int32: bool = flag("whether places are int32", default=False)
    right: bool = flag("whether equals come before, not after, it", default=False)
    side: str | None = setting(
        Nullable(Choice(("left", "right"))), "`right` in words; null: as `right` says", default=None
    )

    examples = (
        example("float32[3]", "float32[batch, 5]"),
        example("float32[batch, length]", "float32[batch, 5]", out_int32=True, right=True),
        example("int64[3]", "int64[batch]", "int64[3]", side="left"),
        example("float64[3]", input=0.5, side="right"),
    )

    def infer(
        self, sorted_sequence: TensorSpec, input: TensorSpec | None = None, sorter: TensorSpec | None = None
    ) -> TensorSpec:
        for each in (sorted_sequence, input):
            if each is not None:
                of_dtypes(each, NUMBERS)
        if self.right and self.side == "left":
            raise Mismatch("side is left, but right is true", code="MP308", setting="side")
        if not sorted_sequence.rank:
            raise Mismatch(
                "its sorted_sequence must have at least 1 axis", code="MP302", port="sorted_sequence"
            )
        shape = () if input is None else input.shape
        if sorted_sequence.rank > 1 and (
            len(shape) != sorted_sequence.rank or not all(map(may_equal, shape[:-1], sorted_sequence.shape))
        ):
            raise Mismatch(
                f"the axes in front of its inputs {sorted_sequence} and {input} differ",
                port="sorted_sequence",
            )
        if sorter is not None:
            of_shape(indices(sorter, "sorter", frozenset({DType.INT64})), sorted_sequence.shape, "sorter")
        return TensorSpec(DType.INT32 if self.out_int32 else DType.INT64, shape)


ORDERS = (Bucketize, SearchSorted)
