"""Linear, Bilinear, Identity."""

from __future__ import annotations

from math import sqrt

from modelpack.dims import may_equal
from modelpack.dtypes import DType
from modelpack.layers.base import (
    Layer,
    Tensor,
    example,
    flag,
    layer,
    parameter,
    parameter_dtype,
    size,
    torch_nn,
)
from modelpack.layers.initial import Init
from modelpack.layers.rules import of_dtype
from modelpack.tensors import Mismatch, TensorSpec


@layer(source=torch_nn("Linear"))
class Linear(Layer):
    """Affine map over the last axis: ``y = x @ weight.T + bias``.

    Shapes: ``[..., in_features]`` to ``[..., out_features]``.
    """

    in_features: int = size("length of the input's last axis", axis=-1)
    out_features: int = size("length of the output's last axis")
    bias: bool = flag("whether to add `bias`", default=True)
    dtype: DType = parameter_dtype()

    examples = (
        example("float32[batch, 20]", in_features=20, out_features=8),
        example("float32[batch, 5, 6]", in_features=6, out_features=1, bias=False),
        example("float64[20]", in_features=20, out_features=3, dtype="float64"),
    )

    def tensors(self) -> tuple[Tensor, ...]:
        weight = parameter(
            "weight",
            (self.out_features, self.in_features),
            self.dtype,
            Init("kaiming_uniform", {"a": sqrt(5)}),
        )
        if not self.bias:
            return (weight,)
        bound = 1 / sqrt(self.in_features)
        return (
            weight,
            parameter("bias", (self.out_features,), self.dtype, Init("uniform", {"a": -bound, "b": bound})),
        )

    def infer(self, input: TensorSpec) -> TensorSpec:
        return of_dtype(input, self.dtype).with_axis(-1, self.out_features)


@layer(source=torch_nn("Bilinear"))
class Bilinear(Layer):
    """Bilinear map of two inputs: ``y[k] = x1 @ weight[k] @ x2 + bias[k]``.

    Shapes: ``[..., in1_features]`` and ``[..., in2_features]`` to ``[..., out_features]``.
    """

    in1_features: int = size("length of the first input's last axis", axis=-1)
    in2_features: int = size("length of the second input's last axis")
    out_features: int = size("length of the output's last axis")
    bias: bool = flag("whether to add `bias`", default=True)
    dtype: DType = parameter_dtype()

    examples = (
        example("float32[batch, 4]", "float32[batch, 5]", in1_features=4, in2_features=5, out_features=3),
        example(
            "float32[batch, 2, 4]",
            "float32[batch, 2, 3]",
            in1_features=4,
            in2_features=3,
            out_features=1,
            bias=False,
        ),
        example("float64[3]", "float64[2]", in1_features=3, in2_features=2, out_features=2, dtype="float64"),
    )

    def tensors(self) -> tuple[Tensor, ...]:
        bound = 1 / sqrt(self.in1_features)
        uniform = Init("uniform", {"a": -bound, "b": bound})
        weight = parameter(
            "weight", (self.out_features, self.in1_features, self.in2_features), self.dtype, uniform
        )
        return (
            (weight, parameter("bias", (self.out_features,), self.dtype, uniform)) if self.bias else (weight,)
        )

    def infer(self, input1: TensorSpec, input2: TensorSpec) -> TensorSpec:
        of_dtype(input1, self.dtype)
        of_dtype(input2, self.dtype)
        if not input2.rank or not may_equal(input2.shape[-1], self.in2_features):
            told = f"in2_features is {self.in2_features}, but the last axis of its second input is that of {input2}"
            raise Mismatch(told, code="MP303", setting="in2_features", port="input2")
        first, second = input1.shape[:-1], input2.shape[:-1]
        if len(first) != len(second) or not all(map(may_equal, first, second)):
            told = f"its inputs {input1} and {input2} must agree in all axes but the last"
            raise Mismatch(told, code="MP304", port="input2")
        return input1.with_axis(-1, self.out_features)


@layer(source=torch_nn("Identity"))
class Identity(Layer):
    """Gives its input as it is."""

    examples = (example("float32[batch, 3]"), example("int64[batch]"))

    def infer(self, input: TensorSpec) -> TensorSpec:
        return input
