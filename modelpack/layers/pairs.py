"""Functions of pairs of elements beyond arithmetic: angles, logarithms, gammas, shifts, whether two are close."""

from __future__ import annotations

from collections.abc import Callable

from modelpack.dtypes import DType, Kind
from modelpack.layers.base import Layer, aten, example, flag, number, operand, operation
from modelpack.layers.rules import (
    ARITHMETIC,
    BOOLEAN,
    COMPLEX,
    COUNTABLE,
    FLOATS,
    INTEGERS,
    NUMBERS,
    elementwise,
    of_dtypes,
    of_result,
    one_dtype,
)
from modelpack.layers.special import FULL, torch_special, whole_to_float
from modelpack.tensors import Mismatch, TensorSpec, broadcast

__all__ = [
    "EITHER_A_NUMBER",
    "TENSORS",
    "CopySign",
    "FloatPower",
    "Heaviside",
    "IsClose",
    "IsIn",
    "LdExp",
]

_FIRST = "a number in place of the first input"
_SECOND = "a number in place of the second input"


def _of_tensors(
    name: str, doc: str, accepts: frozenset[DType], *inputs: tuple[str, str], source: str | None = None
) -> type[Layer]:
    """A function of two tensors; where it takes integers and isn't about them, it computes in float32."""
    whole: Callable[[TensorSpec], TensorSpec] = whole_to_float if accepts & FLOATS else lambda result: result

    @operation(source=source or aten(f"torch.{name}"), name=name)
    class OfTensors(Layer):
        __doc__ = f"{doc}\n\nShapes: broadcast."
        examples = tuple(example(*pair) for pair in inputs)

        def infer(self, input: TensorSpec, other: TensorSpec) -> TensorSpec:
            return whole(of_result(elementwise(input, other), accepts))

    return OfTensors


_OF_FLOATS = (
    ("float32[batch, 3, 4]", "float32[3, 1]"),
    ("float64[batch, 3]", "float32[3]"),
    ("float32[]", "float32[batch]"),
)
_OF_INTEGERS = (("int64[batch, 3]", "int64[3]"), ("int32[batch, 1]", "int64[2]"), ("uint8[]", "int8[batch]"))

TENSORS = (
    _of_tensors(
        "atan2",
        "The angle, in radians, of the point with `other` to the right and `input` up; of integers float32.",
        COUNTABLE,
        *_OF_FLOATS[:2],
        ("int64[batch]", "int64[]"),
    ),
    _of_tensors("hypot", "``sqrt(input ** 2 + other ** 2)``, without overflow.", FLOATS, *_OF_FLOATS),
    _of_tensors(
        "logaddexp", "``log(exp(input) + exp(other))``, without overflow.", FLOATS | COMPLEX, *_OF_FLOATS
    ),
    _of_tensors("logaddexp2", "``log2(2 ** input + 2 ** other)``, without overflow.", FLOATS, *_OF_FLOATS),
    _of_tensors("nextafter", "The float that comes after `input` towards `other`.", FLOATS, *_OF_FLOATS),
    _of_tensors(
        "igamma",
        "The regularized lower incomplete gamma function of `input` at `other`.",
        FLOATS,
        *_OF_FLOATS,
        source=torch_special("gammainc"),
    ),
    _of_tensors(
        "igammac",
        "The regularized upper incomplete gamma function of `input` at `other`.",
        FLOATS,
        *_OF_FLOATS,
        source=torch_special("gammaincc"),
    ),
    _of_tensors("gcd", "The greatest common divisor.", INTEGERS, *_OF_INTEGERS),
    _of_tensors("lcm", "The least common multiple.", INTEGERS, *_OF_INTEGERS),
)


def _either_a_number(
    name: str, doc: str, accepts: frozenset[DType], samples: tuple[str, int | float], source: str
) -> type[Layer]:
    """A function of two tensors, of which one may be a number. `samples` are a dtype and a number for the examples."""
    dtype, sample = samples
    whole: Callable[[TensorSpec], TensorSpec] = whole_to_float if accepts & FLOATS else lambda result: result

    @operation(source=source, name=name)
    class EitherANumber(Layer):
        __doc__ = f"{doc} One of the two may be a number.\n\nShapes: broadcast."

        input: object = operand(_FIRST)
        other: object = operand(_SECOND)

        examples = (
            example(f"{dtype}[batch, 3]", f"{dtype}[3]"),
            example(f"{dtype}[batch, 3]", other=sample),
            example(None, f"{dtype}[batch]", input=sample),
        )

        def infer(self, input: TensorSpec | None = None, other: TensorSpec | None = None) -> TensorSpec:
            result = elementwise(
                self.input if input is None else input, self.other if other is None else other
            )
            return whole(of_result(result, accepts))

    return EitherANumber


EITHER_A_NUMBER = (
    _either_a_number(
        "xlogy",
        "``input * log(other)``; 0 where `input` is 0.",
        COUNTABLE,
        ("float32", 1.5),
        aten("torch.xlogy"),
    ),
    _either_a_number(
        "special_xlog1py",
        "``input * log1p(other)``; 0 where `input` is 0.",
        COUNTABLE,
        ("float32", 1.5),
        torch_special("xlog1py"),
    ),
    _either_a_number(
        "special_zeta",
        "The Hurwitz zeta function of `input` at `other`.",
        FULL,
        ("float32", 2.5),
        torch_special("zeta"),
    ),
    _either_a_number(
        "bitwise_left_shift",
        "The bits of `input`, `other` places further left: ``input * 2 ** other``.",
        INTEGERS,
        ("int64", 3),
        aten("torch.bitwise_left_shift"),
    ),
    _either_a_number(
        "bitwise_right_shift",
        "The bits of `input`, `other` places further right; the sign stays.",
        INTEGERS,
        ("int64", 3),
        aten("torch.bitwise_right_shift"),
    ),
)


@operation(source=aten("torch.copysign"), name="copysign")
class CopySign(Layer):
    """The size of `input` with the sign of `other`; of integers float32.

    Shapes: broadcast.
    """

    other: object = operand(_SECOND)

    examples = (
        example("float32[batch, 3, 4]", "float32[3, 1]"),
        example("float32[batch, 3]", other=-0.0),
        example("int64[batch]", "int64[1]"),
    )

    def infer(self, input: TensorSpec, other: TensorSpec | None = None) -> TensorSpec:
        return whole_to_float(
            of_result(elementwise(input, self.other if other is None else other), COUNTABLE)
        )


@operation(source=aten("torch.float_power"), name="float_power")
class FloatPower(Layer):
    """``input ** exponent``, in float64; one of the two may be a number.

    Shapes: broadcast.
    """

    input: object = operand("a number as base, in place of the input")
    exponent: object = operand("a number as exponent, in place of the second input")

    examples = (
        example("float32[batch, 3]", exponent=2),
        example("int64[batch, 3]", "float32[3]"),
        example(None, "float32[batch, 3]", input=1.5),
    )

    def infer(self, input: TensorSpec | None = None, exponent: TensorSpec | None = None) -> TensorSpec:
        tensors = [of_dtypes(each, COUNTABLE) for each in (input, exponent) if each is not None]
        if not tensors:
            raise Mismatch("needs a tensor as input or as exponent", code="MP306", port="input")
        return TensorSpec(DType.FLOAT64, broadcast([each.shape for each in tensors]))


@operation(source=aten("torch.ldexp"), name="ldexp")
class LdExp(Layer):
    """``input * 2 ** other``; of integers float32. With a float as input, `other` may be no truth value.

    Shapes: broadcast.
    """

    examples = (
        example("float32[batch, 3]", "int64[3]"),
        example("float64[batch, 3]", "float32[batch, 1]"),
        example("int64[batch]", "int64[]"),
    )

    def infer(self, input: TensorSpec, other: TensorSpec) -> TensorSpec:
        if input.dtype in FLOATS and other.dtype.kind in (Kind.BOOLEAN, Kind.INTEGER):
            return elementwise(input, of_result(other, INTEGERS))
        return of_result(elementwise(input, whole_to_float(other)), FLOATS | COMPLEX)


@operation(source=aten("torch.heaviside"), name="heaviside")
class Heaviside(Layer):
    """0 where `input` is negative, 1 where it's positive, the element of `values` where it is 0.

    Shapes: broadcast; both of one dtype.
    """

    examples = (
        example("float32[batch, 3]", "float32[3]"),
        example("float64[batch]", "float64[]"),
        example("int64[batch, 1]", "int64[4]"),
    )

    def infer(self, input: TensorSpec, values: TensorSpec) -> TensorSpec:
        one_dtype(input, values, allowed=NUMBERS | BOOLEAN)
        return elementwise(input, values)


@operation(source=aten("torch.isclose"), name="isclose")
class IsClose(Layer):
    """Whether ``abs(input - other) <= atol + rtol * abs(other)``.

    Shapes: broadcast; both of one dtype; gives bool.
    """

    rtol: float = number("tolerance as a part of `other`", default=1e-05, minimum=0)
    atol: float = number("tolerance beside it", default=1e-08, minimum=0)
    equal_nan: bool = flag("whether NaN is close to NaN", default=False)

    examples = (
        example("float32[batch, 3]", "float32[3]"),
        example("float64[batch]", "float64[]", rtol=0.1, atol=0, equal_nan=True),
        example("float32[batch, 1]", "float32[4]", atol=0.5),
    )

    def infer(self, input: TensorSpec, other: TensorSpec) -> TensorSpec:
        one_dtype(input, other, allowed=ARITHMETIC | BOOLEAN)
        return elementwise(input, other).with_dtype(DType.BOOL)


@operation(source=aten("torch.isin"), name="isin")
class IsIn(Layer):
    """Whether each of `elements` is one of `test_elements`; one of the two may be a number.

    Shapes: that of `elements`; gives bool.
    """

    elements: object = operand(_FIRST)
    test_elements: object = operand(_SECOND)
    assume_unique: bool = flag("whether neither has an element twice, which is faster", default=False)
    invert: bool = flag("whether the answer is the other way round", default=False)

    examples = (
        example("float32[batch, 3]", "float32[2, 2]"),
        example("int64[batch]", test_elements=1, invert=True),
        example(None, "float32[batch, 3]", elements=0.5),
        example("int64[batch]", "int64[4]", assume_unique=True),
    )

    def infer(
        self, elements: TensorSpec | None = None, test_elements: TensorSpec | None = None
    ) -> TensorSpec:
        given = [of_dtypes(each, NUMBERS) for each in (elements, test_elements) if each is not None]
        if not given:
            raise Mismatch("needs a tensor as elements or as test_elements", code="MP306", port="elements")
        if isinstance(self.elements, bool) or isinstance(self.test_elements, bool):
            raise Mismatch("its number must not be true or false: of those there are no sets", code="MP306")
        return TensorSpec(DType.BOOL, () if elements is None else elements.shape)
