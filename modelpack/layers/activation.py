"""Activations: functions of each element."""

from __future__ import annotations

from dataclasses import replace
from math import inf

from modelpack.dims import may_equal
from modelpack.dtypes import DType, Kind
from modelpack.layers.base import (
    Layer,
    Tensor,
    choice,
    example,
    flag,
    layer,
    number,
    parameter,
    parameter_dtype,
    setting,
    size,
    torch_nn,
)
from modelpack.layers.initial import Init
from modelpack.layers.kinds import Number as NumberKind
from modelpack.layers.rules import COMPLEX, FLOATS, NUMBERS, holds, of_dtype, of_dtypes
from modelpack.tensors import Mismatch, TensorSpec

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "SELU",
    "Hardshrink",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "LeakyReLU",
    "LogSigmoid",
    "Mish",
    "PReLU",
    "RReLU",
    "ReLU",
    "ReLU6",
    "SiLU",
    "Sigmoid",
    "Softplus",
    "Softshrink",
    "Softsign",
    "Tanh",
    "Tanhshrink",
    "Threshold",
]

_COUNTABLE = NUMBERS | {DType.BOOL, DType.UINT16, DType.UINT32, DType.UINT64}
_INPUTS = ("float32[batch, 7]", "float64[batch, 3, 4]", "float32[]")


def _inplace() -> bool:
    return flag("whether the input's memory is reused", default=False)


def _elementwise(
    name: str,
    doc: str,
    accepts: frozenset[DType] = FLOATS,
    choices: tuple[dict[str, float | bool | str], ...] = ({},),
    **settings: object,
) -> type[Layer]:
    """A function of each element. It gives floats for integers, where it accepts any but isn't for numbers as such.

    `choices` are the settings of the examples; a flag `inplace` is added to the last.
    """

    class Elementwise(Layer):
        __doc__ = f"{doc}\n\nShapes: any, unchanged."
        examples = tuple(
            replace(example(text), settings=choices[i] if i < len(choices) else {})
            for i, text in enumerate(_INPUTS)
        )

        def infer(self, input: TensorSpec) -> TensorSpec:
            return of_dtypes(input, accepts)

    for setting_name, each in settings.items():
        setattr(Elementwise, setting_name, each)
    return layer(source=torch_nn(name), name=name)(Elementwise)


def _to_floats(name: str, doc: str, accepts: frozenset[DType]) -> type[Layer]:
    """A function of each element whose result isn't an integer: integers count as float32."""

    @layer(source=torch_nn(name), name=name)
    class ToFloats(Layer):
        __doc__ = f"{doc}\n\nShapes: any, unchanged; integers give float32."
        examples = (*map(example, _INPUTS), example("int64[batch, 3]"))

        def infer(self, input: TensorSpec) -> TensorSpec:
            of_dtypes(input, accepts)
            if input.dtype.kind in (Kind.BOOLEAN, Kind.INTEGER):
                return input.with_dtype(DType.FLOAT32)
            return input

    return ToFloats


_IN_PLACE: tuple[dict[str, float | bool | str], ...] = ({}, {"inplace": True})

ReLU = _elementwise("ReLU", "``max(0, x)``.", NUMBERS, _IN_PLACE, inplace=_inplace())
ReLU6 = _elementwise("ReLU6", "``min(max(0, x), 6)``.", NUMBERS, _IN_PLACE, inplace=_inplace())
SELU = _elementwise(
    "SELU",
    "``scale * (max(0, x) + min(0, alpha * (exp(x) - 1)))``, scale 1.0507…, alpha 1.6732….\n\n"
    'Paper: Klambauer et al. 2017, "Self-Normalizing Neural Networks".',
    choices=_IN_PLACE,
    inplace=_inplace(),
)
SiLU = _elementwise(
    "SiLU",
    "``x * sigmoid(x)``.\n\n"
    'Paper: Elfwing et al. 2017, "Sigmoid-Weighted Linear Units for Neural Network Function Approximation".',
    FLOATS | COMPLEX,
    _IN_PLACE,
    inplace=_inplace(),
)
Mish = _elementwise(
    "Mish",
    '``x * tanh(softplus(x))``.\n\nPaper: Misra 2019, "Mish: A Self Regularized Non-Monotonic Activation Function".',
    choices=_IN_PLACE,
    inplace=_inplace(),
)
Hardswish = _elementwise(
    "Hardswish",
    '``x * min(max(x + 3, 0), 6) / 6``.\n\nPaper: Howard et al. 2019, "Searching for MobileNetV3".',
    choices=_IN_PLACE,
    inplace=_inplace(),
)
Hardsigmoid = _elementwise(
    "Hardsigmoid", "``min(max(x + 3, 0), 6) / 6``.", choices=_IN_PLACE, inplace=_inplace()
)
ELU = _elementwise(
    "ELU",
    "``x`` where positive, else ``alpha * (exp(x) - 1)``.\n\n"
    'Paper: Clevert et al. 2015, "Fast and Accurate Deep Network Learning by Exponential Linear Units".',
    choices=({}, {"alpha": 0.5}, {"inplace": True}),
    alpha=number("the limit, negated, for small x", default=1.0),
    inplace=_inplace(),
)
LeakyReLU = _elementwise(
    "LeakyReLU",
    "``x`` where positive, else ``negative_slope * x``.",
    choices=({}, {"negative_slope": 0.2}, {"inplace": True}),
    negative_slope=number("the slope for negative x", default=0.01),
    inplace=_inplace(),
)
GELU = _elementwise(
    "GELU",
    "``x * Phi(x)``, Phi the distribution function of the standard normal.\n\n"
    'Paper: Hendrycks and Gimpel 2016, "Gaussian Error Linear Units".',
    choices=({}, {"approximate": "tanh"}),
    approximate=choice("none", "tanh", doc="how Phi is computed: exactly, or by tanh", default="none"),
)
Hardshrink = _elementwise(
    "Hardshrink",
    "``x`` where ``|x| > lambd``, else 0.",
    choices=({}, {"lambd": 0.1}),
    lambd=number("half the width of the gap", default=0.5),
)
Softshrink = _elementwise(
    "Softshrink",
    "``x`` moved towards 0 by `lambd`, but not across it.",
    choices=({}, {"lambd": 0.1}),
    lambd=number("how far elements are moved", default=0.5, minimum=0),
)
Softplus = _elementwise(
    "Softplus",
    "``log(1 + exp(beta * x)) / beta``, and ``x`` where ``beta * x > threshold``.",
    choices=({}, {"beta": 2.0, "threshold": 1.0}),
    beta=number("how sharply it bends", default=1.0),
    threshold=number("above this it is the identity", default=20.0),
)
LogSigmoid = _elementwise("LogSigmoid", "``log(1 / (1 + exp(-x)))``.")
Sigmoid = _to_floats("Sigmoid", "``1 / (1 + exp(-x))``.", _COUNTABLE | COMPLEX)
Tanh = _to_floats("Tanh", "Hyperbolic tangent.", _COUNTABLE | COMPLEX)
Tanhshrink = _to_floats("Tanhshrink", "``x - tanh(x)``.", (_COUNTABLE | COMPLEX) - {DType.BOOL})
Softsign = _to_floats("Softsign", "``x / (1 + |x|)``.", NUMBERS | COMPLEX)


@layer(source=torch_nn("CELU"))
class CELU(Layer):
    """``max(0, x) + min(0, alpha * (exp(x / alpha) - 1))``.

    Shapes: any, unchanged. Paper: Barron 2017, "Continuously Differentiable Exponential Linear Units".
    """

    alpha: float = number("the limit, negated, for small x", default=1.0)
    inplace: bool = _inplace()

    examples = (
        example("float32[batch, 7]"),
        example("float64[batch, 3, 4]", alpha=0.5),
        example("float32[7]", inplace=True),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        if self.alpha == 0:
            raise Mismatch("alpha must not be 0: x is divided by it", code="MP308", setting="alpha")
        return of_dtypes(input, FLOATS)


@layer(source=torch_nn("Threshold"))
class Threshold(Layer):
    """``x`` where ``x > threshold``, else `value`.

    Shapes: any, unchanged.
    """

    threshold: float = setting(NumberKind(finite=False), "what elements must exceed to stay")
    value: float = setting(NumberKind(finite=False), "what the others become")
    inplace: bool = _inplace()

    examples = (
        example("float32[batch, 7]", threshold=0.1, value=20.0),
        example("float64[batch, 3, 4]", threshold=0.0, value=-inf, inplace=True),
        example("int64[batch, 3]", threshold=-1.0, value=5.5),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        holds(of_dtypes(input, NUMBERS), self.threshold, "threshold")
        holds(input, self.value, "value")
        return input


@layer(source=torch_nn("Hardtanh"))
class Hardtanh(Layer):
    """``min(max(x, min_val), max_val)``.

    Shapes: any, unchanged.
    """

    min_val: float = setting(NumberKind(finite=False), "the least that comes out", default=-1.0)
    max_val: float = setting(NumberKind(finite=False), "the most that comes out", default=1.0)
    inplace: bool = _inplace()

    examples = (
        example("float32[batch, 7]"),
        example("float64[batch, 3, 4]", min_val=0.0, max_val=6.0),
        example("float32[7]", min_val=-inf, inplace=True),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        if self.max_val <= self.min_val:
            told = f"max_val {self.max_val} must be greater than min_val {self.min_val}"
            raise Mismatch(told, code="MP308", setting="max_val")
        if input.dtype is DType.UINT8 and self.min_val < 0:
            told = f"min_val is {self.min_val}, but its input {input} has no negative numbers"
            raise Mismatch(told, code="MP306", setting="min_val")
        if input.dtype not in FLOATS:
            # torch clamps integers by 64-bit integers, whatever their own width.
            holds(input.with_dtype(DType.INT64), self.min_val, "min_val")
            holds(input.with_dtype(DType.INT64), self.max_val, "max_val")
        return of_dtypes(input, NUMBERS)


@layer(source=torch_nn("RReLU"))
class RReLU(Layer):
    """``x`` where positive, else ``a * x`` with ``a`` drawn between `lower` and `upper`; their mean in evaluation.

    Shapes: any, unchanged.
    Paper: Xu et al. 2015, "Empirical Evaluation of Rectified Activations in Convolution Network".
    """

    lower: float = number("least slope for negative x", default=1 / 8)
    upper: float = number("greatest slope for negative x", default=1 / 3)
    inplace: bool = _inplace()

    examples = (
        example("float32[batch, 7]"),
        example("float64[batch, 3, 4]", lower=0.1, upper=0.2),
        example("float32[7]", inplace=True),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        if self.lower > self.upper:
            told = f"lower {self.lower} must not exceed upper {self.upper}"
            raise Mismatch(told, code="MP308", setting="lower")
        return of_dtypes(input, FLOATS)


@layer(source=torch_nn("PReLU"))
class PReLU(Layer):
    """``x`` where positive, else ``weight * x`` with a learned slope, one for all or one for each channel.

    Shapes: any, unchanged; the channels are axis 1. Paper: He et al. 2015, "Delving Deep into Rectifiers".
    """

    num_parameters: int = size("how many slopes: 1, or as many as channels", default=1)
    init: float = number("first value of the slopes", default=0.25)
    dtype: DType = parameter_dtype()

    examples = (
        example("float32[batch, 7]"),
        example("float32[batch, 3, height]", num_parameters=3, init=0.1),
        example("float64[5]", dtype="float64"),
    )

    def tensors(self) -> tuple[Tensor, ...]:
        return (
            parameter("weight", (self.num_parameters,), self.dtype, Init("constant", {"val": self.init})),
        )

    def infer(self, input: TensorSpec) -> TensorSpec:
        of_dtype(input, self.dtype)
        if self.num_parameters == 1:
            return input
        channels = input.shape[1] if input.rank > 1 else 1
        if not may_equal(channels, self.num_parameters):
            told = f"num_parameters is {self.num_parameters}, but axis 1 of its input {input} is {channels}"
            if input.rank < 2:
                told = (
                    f"num_parameters is {self.num_parameters}, but its input {input} has no axis of channels"
                )
            raise Mismatch(told, code="MP303", setting="num_parameters")
        return input
