"""Functions of each element, and of each row where elements share one (softmax): as operations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from modelpack.dims import Dim, floor_div, may_equal
from modelpack.dtypes import DType, Kind
from modelpack.layers.axes import axis_or_scalar, existing_axis
from modelpack.layers.base import Layer, aten, choice, example, number, operation, setting
from modelpack.layers.kinds import DTypeName, Integer, Literal, Nullable
from modelpack.layers.rules import (
    ARITHMETIC,
    BOOLEAN,
    COMPLEX,
    COUNTABLE,
    FLOATS,
    NUMBERS,
    of_dtypes,
)
from modelpack.tensors import Mismatch, TensorSpec

__all__ = [
    "GATED",
    "ROWS",
    "SETTINGS",
    "TO_FLOATS",
    "UNCHANGED",
    "PReLU",
    "Round",
    "to_floats",
]

_ANY = frozenset(DType)
_SIGNED = NUMBERS - {DType.UINT8}
_ROUNDED = COUNTABLE - BOOLEAN
_ACTIVATION = "torch.nn.functional."


def _same(
    name: str,
    doc: str,
    accepts: frozenset[DType],
    source: str,
    choices: tuple[dict[str, Literal], ...] = ({},),
    valid: Callable[[Layer], None] = lambda _: None,
    **settings: object,
) -> type[Layer]:
    """A function of each element that keeps the dtype. `choices` are the settings of the examples; `valid` refuses
    settings."""

    class Same(Layer):
        __doc__ = f"{doc}\n\nShapes: any, unchanged."
        examples = tuple(
            replace(example(text), settings=choices[i % len(choices)])
            for i, text in enumerate(("float32[batch, 7]", "float64[batch, 3, 4]", "float32[]"))
        )

        def infer(self, input: TensorSpec) -> TensorSpec:
            valid(self)
            return of_dtypes(input, accepts)

    for setting_name, each in settings.items():
        setattr(Same, setting_name, each)
    return operation(source=aten(source), name=name)(Same)


def _divides(net: Layer) -> None:
    if vars(net)["alpha"] == 0:
        raise Mismatch("alpha must not be 0: x is divided by it", code="MP308", setting="alpha")


def _in_order(net: Layer) -> None:
    low, high = vars(net)["min_val"], vars(net)["max_val"]
    if low > high:
        raise Mismatch(f"min_val {low} must not exceed max_val {high}", code="MP308", setting="min_val")


UNCHANGED = (
    _same("neg", "``-x``.", ARITHMETIC, "torch.neg"),
    _same(
        "sign",
        "-1, 0 or 1, as the element is negative, 0 or positive.",
        COUNTABLE - {DType.UINT16, DType.UINT32, DType.UINT64},
        "torch.sign",
    ),
    _same("ceil", "The smallest integer that isn't below the element.", _ROUNDED, "torch.ceil"),
    _same("floor", "The largest integer that isn't above the element.", _ROUNDED, "torch.floor"),
    _same("trunc", "The element without its fraction.", _ROUNDED, "torch.trunc"),
    _same("frac", "The fraction of the element.", FLOATS, "torch.frac"),
    _same("clone", "A copy.", _ANY, "torch.clone"),
    _same("detach", "The same values, through which no gradient flows.", _ANY, "torch.Tensor.detach"),
    _same("relu", "``max(0, x)``.", NUMBERS, f"{_ACTIVATION}relu"),
    _same("relu6", "``min(max(0, x), 6)``.", NUMBERS, f"{_ACTIVATION}relu6"),
    _same("silu", "``x * sigmoid(x)``.", FLOATS | COMPLEX, f"{_ACTIVATION}silu"),
    _same("mish", "``x * tanh(softplus(x))``.", FLOATS, f"{_ACTIVATION}mish"),
    _same(
        "selu",
        "``scale * (max(0, x) + min(0, alpha * (exp(x) - 1)))``, scale 1.0507…, alpha 1.6732….",
        FLOATS,
        f"{_ACTIVATION}selu",
    ),
    _same("hardswish", "``x * min(max(x + 3, 0), 6) / 6``.", FLOATS, f"{_ACTIVATION}hardswish"),
    _same("hardsigmoid", "``min(max(x + 3, 0), 6) / 6``.", FLOATS, f"{_ACTIVATION}hardsigmoid"),
    _same("log_sigmoid", "``log(sigmoid(x))``.", FLOATS, f"{_ACTIVATION}logsigmoid"),
)

SETTINGS = (
    _same(
        "gelu",
        "``x * Phi(x)``, Phi the distribution function of the standard normal.",
        FLOATS,
        f"{_ACTIVATION}gelu",
        ({}, {"approximate": "tanh"}),
        approximate=choice("none", "tanh", doc="how Phi is computed: exactly, or by tanh", default="none"),
    ),
    _same(
        "softplus",
        "``log(1 + exp(beta * x)) / beta``, and ``x`` where ``beta * x > threshold``.",
        FLOATS,
        f"{_ACTIVATION}softplus",
        ({}, {"beta": 2.0, "threshold": 1.0}),
        beta=number("how sharply it bends", default=1.0),
        threshold=number("above this it is the identity", default=20.0),
    ),
    _same(
        "elu",
        "``scale * x`` where positive, else ``scale * alpha * (exp(input_scale * x) - 1)``.",
        FLOATS,
        f"{_ACTIVATION}elu",
        ({}, {"alpha": 0.5}, {"scale": 1.1, "input_scale": 0.9}),
        alpha=number("the limit, negated, for small x", default=1.0),
        scale=number("what the result is multiplied by", default=1.0),
        input_scale=number("what negative x are multiplied by before the exponential", default=1.0),
    ),
    _same(
        "celu",
        "``max(0, x) + min(0, alpha * (exp(x / alpha) - 1))``.",
        FLOATS,
        f"{_ACTIVATION}celu",
        ({}, {"alpha": 0.5}),
        _divides,
        alpha=number("the limit, negated, for small x", default=1.0),
    ),
    _same(
        "leaky_relu",
        "``x`` where positive, else ``negative_slope * x``.",
        FLOATS,
        f"{_ACTIVATION}leaky_relu",
        ({}, {"negative_slope": 0.2}),
        negative_slope=number("the slope for negative x", default=0.01),
    ),
    _same(
        "hardtanh",
        "``min(max(x, min_val), max_val)``.",
        _SIGNED,
        f"{_ACTIVATION}hardtanh",
        ({}, {"min_val": -2.0, "max_val": 0.5}),
        _in_order,
        min_val=number("lower bound", default=-1.0),
        max_val=number("upper bound", default=1.0),
    ),
)


@operation(source=aten("torch.round"), name="round")
class Round(Layer):
    """The nearest integer, the even one of two; with `decimals`, the nearest number with so many digits after the point.

    Shapes: any, unchanged.
    """

    decimals: int = setting(
        Integer(),
        "digits after the point; below 0, zeros before it, and other than 0 for floats only",
        default=0,
    )

    examples = (
        example("float32[batch, 7]"),
        example("int64[batch]"),
        example("float64[batch, 3]", decimals=2),
        example("float32[]", decimals=-1),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        return of_dtypes(input, FLOATS if self.decimals else _ROUNDED)


def to_floats(
    name: str, doc: str, accepts: frozenset[DType], source: str | None = None, module: str = __name__
) -> type[Layer]:
    """A function of each element whose result isn't an integer: integers count as float32."""

    @operation(source=source or aten(f"torch.{name}"), name=name)
    class ToFloats(Layer):
        __module__ = module
        __doc__ = f"{doc}\n\nShapes: any, unchanged; integers give float32."
        examples = tuple(map(example, ("float32[batch, 7]", "float64[]", "int64[batch, 3]")))

        def infer(self, input: TensorSpec) -> TensorSpec:
            of_dtypes(input, accepts)
            whole = input.dtype.kind in (Kind.BOOLEAN, Kind.INTEGER)
            return input.with_dtype(DType.FLOAT32) if whole else input

    return ToFloats


_WITH_COMPLEX = COUNTABLE | COMPLEX

TO_FLOATS = (
    to_floats("exp", "``e ** x``.", _WITH_COMPLEX),
    to_floats("expm1", "``e ** x - 1``, exact for small x.", _WITH_COMPLEX),
    to_floats("log", "The natural logarithm.", _WITH_COMPLEX),
    to_floats("log1p", "``log(1 + x)``, exact for small x.", _WITH_COMPLEX),
    to_floats("log2", "The logarithm to base 2.", _WITH_COMPLEX),
    to_floats("log10", "The logarithm to base 10.", _WITH_COMPLEX),
    to_floats("sqrt", "The square root.", _WITH_COMPLEX),
    to_floats("rsqrt", "1 over the square root.", _WITH_COMPLEX),
    to_floats("reciprocal", "``1 / x``.", _WITH_COMPLEX),
    to_floats("sin", "The sine of an angle in radians.", _WITH_COMPLEX),
    to_floats("cos", "The cosine of an angle in radians.", _WITH_COMPLEX),
    to_floats("tan", "The tangent of an angle in radians.", _WITH_COMPLEX),
    to_floats("asin", "The angle, in radians, of which the element is the sine.", _WITH_COMPLEX),
    to_floats("acos", "The angle, in radians, of which the element is the cosine.", _WITH_COMPLEX),
    to_floats("atan", "The angle, in radians, of which the element is the tangent.", _WITH_COMPLEX),
    to_floats("sinh", "The hyperbolic sine.", _WITH_COMPLEX),
    to_floats("cosh", "The hyperbolic cosine.", _WITH_COMPLEX),
    to_floats("tanh", "The hyperbolic tangent.", _WITH_COMPLEX),
    to_floats("sigmoid", "``1 / (1 + exp(-x))``.", _WITH_COMPLEX),
    to_floats("erf", "The error function.", COUNTABLE),
)


def _with_rule(name: str, doc: str, accepts: frozenset[DType], becomes: dict[DType, DType]) -> type[Layer]:
    @operation(source=aten(f"torch.{name}"), name=name)
    class WithRule(Layer):
        __doc__ = f"{doc}\n\nShapes: any, unchanged."
        examples = tuple(map(example, ("float32[batch, 7]", "float64[]", "int64[batch, 3]")))

        def infer(self, input: TensorSpec) -> TensorSpec:
            of_dtypes(input, accepts)
            return input.with_dtype(becomes.get(input.dtype, input.dtype))

    return WithRule


_REAL_PART = {DType.COMPLEX64: DType.FLOAT32}

Abs = _with_rule("abs", "The distance from 0; of complex64 float32.", ARITHMETIC, _REAL_PART)
Real = _with_rule("real", "The real part.", COUNTABLE | COMPLEX, _REAL_PART)
Square = _with_rule("square", "``x * x``; of bool int64.", ARITHMETIC | BOOLEAN, {DType.BOOL: DType.INT64})


def _along(name: str, doc: str) -> type[Layer]:
    @operation(source=aten(f"torch.nn.functional.{name}"), name=name)
    class Along(Layer):
        __doc__ = f"{doc}\n\nShapes: any, unchanged."

        dim: int = setting(Integer(), "the axis whose elements are taken together")
        dtype: DType | None = setting(
            Nullable(DTypeName()), "what the input is converted to first; null: it isn't", default=None
        )

        examples = (
            example("float32[batch, 7]", dim=1),
            example("float64[batch, 2, 4, 4]", dim=-1),
            example("float32[batch, 3]", dim=0, dtype="float64"),
        )

        def infer(self, input: TensorSpec) -> TensorSpec:
            axis_or_scalar(input, self.dim)
            if self.dtype is None:
                return of_dtypes(input, FLOATS)
            return of_dtypes(input.with_dtype(self.dtype), FLOATS)

    return Along


ROWS = (
    _along("softmax", "``exp(x) / sum(exp(x))`` along one axis."),
    _along("log_softmax", "The logarithm of `softmax`."),
)


@operation(source=aten("torch.nn.functional.glu"), name="glu")
class GLU(Layer):
    """``a * sigmoid(b)``, where a and b are the halves of the input along an axis.

    Shapes: ``[…, 2 * size, …]`` to ``[…, size, …]``.
    Paper: Dauphin et al. 2016, "Language Modeling with Gated Convolutional Networks".
    """

    dim: int = setting(Integer(), "the axis that is halved", default=-1)

    examples = (
        example("float32[batch, 8]"),
        example("float32[batch, 6, 4]", dim=1),
        example("float64[batch, 2 * length]", dim=-1),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        of_dtypes(input, FLOATS)
        axis = existing_axis(input, self.dim)
        size: Dim = input.shape[axis]
        if not may_equal(size % 2, 0):
            raise Mismatch(
                f"axis {axis} of its input {input} is {size}, which can't be halved", setting="dim"
            )
        return input.with_axis(axis, floor_div(size, 2))


GATED = (GLU,)


@operation(source=aten("torch.nn.functional.prelu"), name="prelu")
class PReLU(Layer):
    """``x`` where positive, else ``weight * x``, with a weight for all or one for each channel (axis 1).

    Shapes: `input` any, unchanged; `weight` ``[]``, ``[1]`` or ``[channels]``.
    Paper: He et al. 2015, "Delving Deep into Rectifiers".
    """

    examples = (
        example("float32[batch, 3, 4]", "float32[3]"),
        example("float32[batch, 3]", "float32[1]"),
        example("float64[batch]", "float64[1]"),
    )

    def infer(self, input: TensorSpec, weight: TensorSpec) -> TensorSpec:
        of_dtypes(input, FLOATS)
        if weight.dtype is not input.dtype:
            raise Mismatch(
                f"its weight {weight} and its input {input} must have one dtype", code="MP306", port="weight"
            )
        if weight.rank > 1:
            raise Mismatch(
                f"its weight must have at most one axis, not {weight}", code="MP302", port="weight"
            )
        channels = 1 if input.rank < 2 else input.shape[1]
        if weight.rank and weight.shape[0] != 1 and not may_equal(weight.shape[0], channels):
            raise Mismatch(
                f"its weight {weight} must have one element, or one for each of the {channels} channels of {input}",
                port="weight",
            )
        return input
