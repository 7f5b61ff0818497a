"""Operations on two tensors or more, element by element, with broadcasting; all but the last take a number for one."""

from __future__ import annotations

from modelpack.dtypes import DType, Kind
from modelpack.layers.base import Layer, aten, example, operand, operation, setting
from modelpack.layers.kinds import Choice, Nullable, Scalar
from modelpack.layers.rules import (
    ARITHMETIC,
    BOOLEAN,
    COMPLEX,
    COUNTABLE,
    FLOATS,
    NUMBERS,
    dtype_of_number,
    elementwise,
    fits,
    of_result,
)
from modelpack.tensors import Mismatch, TensorSpec

__all__ = [
    "BINARY",
    "Add",
    "AddCDiv",
    "AddCMul",
    "Clamp",
    "ClampTensor",
    "Div",
    "Lerp",
    "MaskedFill",
    "Pow",
    "RSub",
    "Sub",
    "Where",
    "no_booleans",
    "scaled",
]

_SHAPES = "Shapes: broadcast."
_NUMBER = "a number in place of the second input"


def scaled(result: TensorSpec, name: str, factor: object) -> None:
    """Refuse a factor that the result's dtype can't hold.

    Raises:
        Mismatch: it is a float where the result is an integer or truth value, or a truth value where it is a number.
    """
    kind, of_result = dtype_of_number(factor).kind, result.dtype.kind
    if (kind is Kind.FLOAT and of_result.value < kind.value) or (
        kind is Kind.BOOLEAN and of_result is not kind
    ):
        raise Mismatch(f"{name} is {factor}, which {result.dtype} can't hold", code="MP306", setting=name)


def _summed(name: str, doc: str, accepts: frozenset[DType]) -> type[Layer]:
    @operation(source=aten(f"torch.{name}" if name != "rsub" else "torch.sub"), name=name)
    class Sum(Layer):
        __doc__ = f"{doc}\n\n{_SHAPES}"

        other: object = operand(_NUMBER)
        alpha: object = setting(Scalar(), "what the subtrahend or second summand is multiplied by", default=1)

        examples = (
            example("float32[batch, 3, 4]", "float32[3, 1]"),
            example("float32[batch, 3]", other=1.5),
            example("int64[batch, 3]", "float32[batch, 1]", alpha=2),
        )

        def infer(self, input: TensorSpec, other: TensorSpec | None = None) -> TensorSpec:
            second = self.other if other is None else other
            result = of_result(elementwise(input, second), accepts)
            if name != "add":
                no_booleans(input, second)
            scaled(result, "alpha", self.alpha)
            return result

    return Sum


def no_booleans(*operands: object) -> None:
    """Refuse truth values, which torch doesn't subtract.

    Raises:
        Mismatch: an operand is one.
    """
    for each in operands:
        if isinstance(each, bool) or (isinstance(each, TensorSpec) and each.dtype is DType.BOOL):
            raise Mismatch(
                f"truth values can't be subtracted, and one operand is {str(each).lower()}",
                code="MP306",
                hint="use logical_xor or logical_not",
            )


Add = _summed("add", "``input + alpha * other``.", ARITHMETIC | BOOLEAN)
Sub = _summed("sub", "``input - alpha * other``.", ARITHMETIC)
RSub = _summed("rsub", "``other - alpha * input``.", ARITHMETIC)


def _binary(name: str, doc: str, accepts: frozenset[DType], title: str | None = None) -> type[Layer]:
    @operation(source=aten(f"torch.{title or name}"), name=name)
    class Binary(Layer):
        __doc__ = f"{doc}\n\n{_SHAPES}"

        other: object = operand(_NUMBER)

        examples = (
            example("float32[batch, 3, 4]", "float32[3, 1]"),
            example("float32[batch, 3]", other=1.5),
            example("float64[batch, 3]", "float32[3]"),
        )

        def infer(self, input: TensorSpec, other: TensorSpec | None = None) -> TensorSpec:
            second = self.other if other is None else other
            result = of_result(elementwise(input, second), accepts)
            if name != "mul":
                _not_by_zero(result, second)
            return result

    return Binary


def _not_by_zero(result: TensorSpec, divisor: object) -> None:
    if result.dtype.kind is Kind.INTEGER and isinstance(divisor, int) and divisor == 0:
        raise Mismatch("integers can't be divided by 0", code="MP308", setting="other")


def _extreme(name: str, doc: str) -> type[Layer]:
    @operation(source=aten(f"torch.{name}"), name=name)
    class Extreme(Layer):
        __doc__ = f"{doc}\n\n{_SHAPES}"
        examples = (
            example("float32[batch, 3, 4]", "float32[3, 1]"),
            example("int64[batch]", "int64[]"),
            example("bool[batch, 3]", "int64[3]"),
        )

        def infer(self, input: TensorSpec, other: TensorSpec) -> TensorSpec:
            return of_result(elementwise(input, other), COUNTABLE - _WIDE)

    return Extreme


_WIDE = frozenset({DType.UINT16, DType.UINT32, DType.UINT64})

BINARY = (
    _binary("mul", "``input * other``.", ARITHMETIC | BOOLEAN),
    _binary("floor_divide", "``input / other``, rounded down.", NUMBERS),
    _binary("remainder", "What is left of ``input / other``, of the sign of `other`.", NUMBERS),
    _binary("fmod", "What is left of ``input / other``, of the sign of `input`.", NUMBERS),
    _extreme("maximum", "The larger of each pair of elements; NaN where one of them is."),
    _extreme("minimum", "The smaller of each pair of elements; NaN where one of them is."),
    _extreme("fmax", "The larger of each pair of elements; NaN only where both are."),
    _extreme("fmin", "The smaller of each pair of elements; NaN only where both are."),
)


@operation(source=aten("torch.div"), name="div")
class Div(Layer):
    """``input / other``: of integers float32, unless rounded.

    Shapes: broadcast.
    """

    other: object = operand(_NUMBER)
    rounding_mode: str | None = setting(
        Nullable(Choice(("trunc", "floor"))), "towards zero, downwards, or null: not at all", default=None
    )

    examples = (
        example("float32[batch, 3, 4]", "float32[3, 1]"),
        example("int64[batch, 3]", other=2),
        example("int64[batch, 3]", other=2, rounding_mode="floor"),
        example("float32[batch, 3]", other=0.5, rounding_mode="trunc"),
    )

    def infer(self, input: TensorSpec, other: TensorSpec | None = None) -> TensorSpec:
        second = self.other if other is None else other
        result = elementwise(input, second)
        if self.rounding_mode is not None:
            _not_by_zero(result, second)
            return of_result(result, NUMBERS)
        if result.dtype.kind in (Kind.BOOLEAN, Kind.INTEGER):
            return result.with_dtype(DType.FLOAT32)
        return of_result(result, FLOATS | COMPLEX)


@operation(source=aten("torch.pow"), name="pow")
class Pow(Layer):
    """``input ** exponent``; one of the two may be a number.

    Shapes: broadcast.
    """

    input: object = operand("a number as base, in place of the input")
    exponent: object = operand("a number as exponent, in place of the second input")

    examples = (
        example("float32[batch, 3]", exponent=2),
        example("float32[batch, 3]", "float32[3]"),
        example(None, "float32[batch, 3]", input=10000.0),
        example("int64[batch]", exponent=3),
        example("int64[batch, 2]", exponent=0.5),
    )

    def infer(self, input: TensorSpec | None = None, exponent: TensorSpec | None = None) -> TensorSpec:
        base = self.input if input is None else input
        power = self.exponent if exponent is None else exponent
        result = of_result(elementwise(base, power), ARITHMETIC)
        if type(power) is int and power < 0 and result.dtype.kind is Kind.INTEGER:
            raise Mismatch(
                f"integers can't be raised to the negative power {power}", code="MP306", setting="exponent"
            )
        return result


@operation(source=aten("torch.where"), name="where")
class Where(Layer):
    """`input` where `condition` holds, else `other`; each of the two may be a number.

    Shapes: all three broadcast.
    """

    input: object = operand("a number where the condition holds")
    other: object = operand("a number where it doesn't")

    examples = (
        example("bool[batch, 3]", "float32[batch, 3]", "float32[3]"),
        example("bool[batch, 3]", "float32[batch, 1]", other=0.0),
        example("bool[batch, 3]", None, "int64[3]", input=-1),
        example("bool[batch, 3]", input=1.0, other=0.0),
    )

    def infer(
        self, condition: TensorSpec, input: TensorSpec | None = None, other: TensorSpec | None = None
    ) -> TensorSpec:
        if condition.dtype is not DType.BOOL:
            raise Mismatch(f"its condition must be bool, not {condition}", code="MP306", port="condition")
        chosen = (self.input if input is None else input, self.other if other is None else other)
        dtype = elementwise(*chosen).dtype
        return elementwise(condition, *chosen).with_dtype(dtype)


@operation(source=aten("torch.Tensor.masked_fill"), name="masked_fill")
class MaskedFill(Layer):
    """`input`, with `value` in place of the elements at which `mask` is true.

    Shapes: `input` and `mask` broadcast; `value` is a number or a tensor without axes.
    """

    value: object = operand("the number that is filled in")

    examples = (
        example("float32[batch, 4, 4]", "bool[4, 4]", value=float("-inf")),
        example("float32[batch, 3]", "bool[batch, 1]", "float32[]"),
        example("int64[batch, 3]", "bool[batch, 3]", value=0),
    )

    def infer(self, input: TensorSpec, mask: TensorSpec, value: TensorSpec | None = None) -> TensorSpec:
        if mask.dtype is not DType.BOOL:
            raise Mismatch(f"its mask must be bool, not {mask}", code="MP306", port="mask")
        if value is not None and value.rank:
            raise Mismatch(
                f"its value must be a tensor without axes, not {value}", code="MP302", port="value"
            )
        of_result(input, ARITHMETIC | BOOLEAN)
        if value is None:
            fits(input, self.value, "value")
        elif value.dtype in COMPLEX and input.dtype not in COMPLEX:
            raise Mismatch(f"{input.dtype} can't hold its value {value}", code="MP306", port="value")
        return elementwise(input, mask).with_dtype(input.dtype)


@operation(source=aten("torch.clamp"), name="clamp")
class Clamp(Layer):
    """Each element, but at least `min` and at most `max`.

    Shapes: any, unchanged. For bounds that are tensors: `clamp_tensor`.
    """

    min: object = setting(Nullable(Scalar()), "lower bound", default=None)
    max: object = setting(Nullable(Scalar()), "upper bound", default=None)

    examples = (
        example("float32[batch, 3]", min=0.0),
        example("float32[batch, 3]", min=-1, max=1.5),
        example("int64[batch, 3]", max=4),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        bounds = [each for each in (self.min, self.max) if each is not None]
        if not bounds:
            raise Mismatch("needs min, max or both", code="MP308", setting="min")
        return of_result(elementwise(input, *bounds), NUMBERS)


@operation(source=aten("torch.clamp"), name="clamp_tensor")
class ClampTensor(Layer):
    """Each element, but at least that of `min` and at most that of `max`.

    Shapes: broadcast. `maximum` and `minimum` give the same, but share the gradient between equals.
    """

    examples = (
        example("float32[batch, 3]", "float32[3]", "float32[]"),
        example("float32[batch, 1]", None, "float64[batch, 4]"),
        example("int64[batch, 3]", "int64[batch, 3]"),
    )

    def infer(
        self, input: TensorSpec, min: TensorSpec | None = None, max: TensorSpec | None = None
    ) -> TensorSpec:
        bounds = [each for each in (min, max) if each is not None]
        if not bounds:
            raise Mismatch("needs min, max or both", code="MP312", port="min")
        return of_result(elementwise(input, *bounds), NUMBERS)


def _fused(name: str, doc: str, accepts: frozenset[DType], factors: frozenset[DType]) -> type[Layer]:
    @operation(source=aten(f"torch.{name}"), name=name)
    class Fused(Layer):
        __doc__ = f"{doc}\n\nShapes: all three broadcast."

        value: object = setting(Scalar(), "what the second term is multiplied by", default=1)

        examples = (
            example("float32[batch, 3]", "float32[batch, 3]", "float32[3]"),
            example("float32[batch, 3]", "float32[batch, 1]", "float32[3]", value=0.5),
            example("float64[3]", "float64[batch, 1]", "float64[]", value=2),
        )

        def infer(self, input: TensorSpec, tensor1: TensorSpec, tensor2: TensorSpec) -> TensorSpec:
            result = of_result(elementwise(input, tensor1, tensor2), accepts)
            # torch divides no integers, whatever they are added to.
            of_result(elementwise(tensor1, tensor2), factors)
            scaled(result, "value", self.value)
            return result

    return Fused


AddCMul = _fused("addcmul", "``input + value * tensor1 * tensor2``.", ARITHMETIC, ARITHMETIC | BOOLEAN)
AddCDiv = _fused(
    "addcdiv", "``input + value * tensor1 / tensor2``, not of integers.", FLOATS | COMPLEX, FLOATS | COMPLEX
)


@operation(source=aten("torch.lerp"), name="lerp")
class Lerp(Layer):
    """``input + weight * (end - input)``.

    Shapes: all three broadcast; all of one dtype.
    """

    weight: object = operand("a number as weight")

    examples = (
        example("float32[batch, 3]", "float32[batch, 3]", weight=0.25),
        example("float32[batch, 3]", "float32[3]", "float32[batch, 1]"),
        example("float64[3]", "float64[batch, 3]", weight=1),
    )

    def infer(self, input: TensorSpec, end: TensorSpec, weight: TensorSpec | None = None) -> TensorSpec:
        tensors = (input, end) if weight is None else (input, end, weight)
        for each in tensors:
            if each.dtype is not input.dtype:
                raise Mismatch(f"its inputs must have one dtype, not {input} and {each}", code="MP306")
        return of_result(elementwise(*tensors), FLOATS | COMPLEX)
