"""CosineSimilarity, PairwiseDistance."""

from __future__ import annotations

from modelpack.dtypes import DType, Kind
from modelpack.layers.base import Layer, example, flag, layer, number, setting, torch_nn
from modelpack.layers.kinds import Integer, Number
from modelpack.layers.rules import FLOATS, NUMBERS, axis_of, elementwise, of_dtypes
from modelpack.tensors import Mismatch, TensorSpec

__all__ = ["CosineSimilarity", "PairwiseDistance"]


@layer(source=torch_nn("CosineSimilarity"))
class CosineSimilarity(Layer):
    """``x1 · x2 / (max(|x1|, eps) * max(|x2|, eps))`` along one axis.

    Shapes: `x1` and `x2`, broadcast, to the same without axis `dim`.
    """

    dim: int = setting(Integer(), "axis of the vectors; negative ones count from the end", default=1)
    eps: float = number("least length of a vector", default=1e-8, minimum=0)

    examples = (
        example("float32[batch, 3]", "float32[batch, 3]"),
        example("float64[batch, 3, 4]", "float64[3, 1]", dim=-2),
        example("float32[3]", "float32[3]", dim=0, eps=0.01),
    )

    def infer(self, x1: TensorSpec, x2: TensorSpec) -> TensorSpec:
        both = of_dtypes(elementwise(x1, x2), FLOATS)
        at = axis_of(both, self.dim)
        return both.with_shape(*both.shape[:at], *both.shape[at + 1 :])


@layer(source=torch_nn("PairwiseDistance"))
class PairwiseDistance(Layer):
    """The p-norm of ``x1 - x2 + eps`` along the last axis.

    Shapes: `x1` and `x2`, broadcast, to the same without the last axis.
    """

    p: float = setting(Number(finite=False), "p of the norm", default=2.0)
    eps: float = number("added to each difference", default=1e-6)
    keepdim: bool = flag("whether the last axis stays, with one element", default=False)

    examples = (
        example("float32[batch, 3]", "float32[batch, 3]"),
        example("float64[batch, 2, 3]", "float64[2, 1]", p=1.0, eps=0.01, keepdim=True),
        example("int64[batch, 3]", "int64[3]", p=float("inf")),
    )

    def infer(self, x1: TensorSpec, x2: TensorSpec) -> TensorSpec:
        for port, x in (("x1", x1), ("x2", x2)):
            if x.dtype is DType.BOOL:
                raise Mismatch(f"its {port} {x} is not of numbers", code="MP306", port=port)
        both = of_dtypes(elementwise(x1, x2), NUMBERS | {DType.COMPLEX64})
        shape = (*both.shape[:-1], 1) if self.keepdim and both.rank else both.shape[:-1]
        return TensorSpec(both.dtype if both.dtype.kind is Kind.FLOAT else DType.FLOAT32, shape)
