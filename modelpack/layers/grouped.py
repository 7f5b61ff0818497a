"""Products of rows by groups, each with a matrix of its own: experts."""

from __future__ import annotations

from modelpack.dtypes import DType
from modelpack.layers.base import Layer, aten, example, operation
from modelpack.layers.matrix import meet, ranks
from modelpack.layers.rules import FLOATS, of_dtypes, one_dtype
from modelpack.tensors import TensorSpec

__all__ = ["GroupedMM"]


@operation(source=aten("torch.nn.functional.grouped_mm"), name="grouped_mm")
class GroupedMM(Layer):
    """Rows times the matrix of their group: rows up to ``offs[0]`` with the first, from there to ``offs[1]`` with the second.

    Rows behind the last group are 0.

    Shapes: ``[rows, k]``, ``[groups, k, n]`` and where each group ends, integers ``[groups]``, to ``[rows, n]``.
    """

    examples = (
        example("float32[batch, 8]", "float32[2, 8, 4]", "int32[2]"),
        example("float32[6, 3]", "float32[batch, 3, 5]", "int64[batch]"),
        example("float64[batch, 2]", "float64[3, 2, 4]", "int32[3]"),
    )

    def infer(self, input: TensorSpec, mat2: TensorSpec, offs: TensorSpec) -> TensorSpec:
        ranks(("input", input, 2), ("mat2", mat2, 3), ("offs", offs, 1))
        of_dtypes(input, FLOATS)
        one_dtype(input, mat2)
        of_dtypes(offs, frozenset({DType.INT32, DType.INT64}))
        meet(input, input.shape[1], mat2, mat2.shape[1])
        meet(offs, offs.shape[0], mat2, mat2.shape[0])
        return input.with_shape(input.shape[0], mat2.shape[2])
