"""Comparisons, logic and bits: mostly operations that give truth values."""

from __future__ import annotations

from modelpack.dtypes import DType
from modelpack.layers.base import Layer, aten, example, operand, operation
from modelpack.layers.rules import (
    ARITHMETIC,
    BOOLEAN,
    COMPLEX,
    COUNTABLE,
    INTEGERS,
    NUMBERS,
    elementwise,
    of_dtypes,
    of_result,
)
from modelpack.tensors import TensorSpec

__all__ = ["BITWISE", "COMPARISONS", "LOGICAL", "TESTS"]

_BITS = INTEGERS | BOOLEAN
_TRUTH = ARITHMETIC | BOOLEAN


def _comparison(name: str, doc: str, accepts: frozenset[DType]) -> type[Layer]:
    @operation(source=aten(f"torch.{name}"), name=name)
    class Comparison(Layer):
        __doc__ = f"{doc}\n\nShapes: broadcast; gives bool."

        other: object = operand("a number in place of the second input")

        examples = (
            example("float32[batch, 3, 4]", "float32[3, 1]"),
            example("int64[batch, 3]", other=1),
            example("int64[batch, 3]", "float32[3]"),
        )

        def infer(self, input: TensorSpec, other: TensorSpec | None = None) -> TensorSpec:
            result = of_result(elementwise(input, self.other if other is None else other), accepts)
            return result.with_dtype(DType.BOOL)

    return Comparison


_ORDERED = NUMBERS | BOOLEAN

COMPARISONS = (
    _comparison("eq", "Whether ``input == other``.", _TRUTH),
    _comparison("ne", "Whether ``input != other``.", _TRUTH),
    _comparison("lt", "Whether ``input < other``.", _ORDERED),
    _comparison("le", "Whether ``input <= other``.", _ORDERED),
    _comparison("gt", "Whether ``input > other``.", _ORDERED),
    _comparison("ge", "Whether ``input >= other``.", _ORDERED),
)


def _bitwise(name: str, doc: str) -> type[Layer]:
    @operation(source=aten(f"torch.{name}"), name=name)
    class Bitwise(Layer):
        __doc__ = f"{doc}\n\nShapes: broadcast."

        other: object = operand("an integer or truth value in place of the second input")

        examples = (
            example("bool[batch, 3]", "bool[3]"),
            example("int64[batch, 3]", other=3),
            example("bool[batch, 1]", "int64[3]"),
        )

        def infer(self, input: TensorSpec, other: TensorSpec | None = None) -> TensorSpec:
            return of_result(elementwise(input, self.other if other is None else other), _BITS)

    return Bitwise


BITWISE = (
    _bitwise("bitwise_and", "Each bit 1 where it is in both; for truth values: and."),
    _bitwise("bitwise_or", "Each bit 1 where it is in one; for truth values: or."),
    _bitwise("bitwise_xor", "Each bit 1 where it is in exactly one; for truth values: either, or."),
)


def _logical(name: str, doc: str) -> type[Layer]:
    @operation(source=aten(f"torch.{name}"), name=name)
    class Logical(Layer):
        __doc__ = f"{doc} Numbers other than 0 are true.\n\nShapes: broadcast; gives bool."
        examples = (
            example("bool[batch, 3]", "bool[3]"),
            example("float32[batch, 3]", "int64[3]"),
            example("bool[]", "bool[batch]"),
        )

        def infer(self, input: TensorSpec, other: TensorSpec) -> TensorSpec:
            return of_result(elementwise(input, other), _TRUTH).with_dtype(DType.BOOL)

    return Logical


LOGICAL = (
    _logical("logical_and", "Whether both are true."),
    _logical("logical_or", "Whether one is true."),
    _logical("logical_xor", "Whether exactly one is true."),
)


def _test(name: str, doc: str, accepts: frozenset[DType]) -> type[Layer]:
    @operation(source=aten(f"torch.{name}"), name=name)
    class Test(Layer):
        __doc__ = f"{doc}\n\nShapes: any, unchanged; gives bool."
        examples = tuple(map(example, ("float32[batch, 3]", "bool[batch]", "int64[]")))

        def infer(self, input: TensorSpec) -> TensorSpec:
            return of_dtypes(input, accepts).with_dtype(DType.BOOL)

    return Test


TESTS = (
    _test("logical_not", "Whether the element is 0 or false.", _TRUTH),
    _test("isnan", "Whether the element is not a number.", COUNTABLE | COMPLEX),
    _test("isinf", "Whether the element is infinite.", COUNTABLE | COMPLEX),
    _test("isfinite", "Whether the element is a finite number.", COUNTABLE | COMPLEX),
    _test("isreal", "Whether the element has no imaginary part.", COUNTABLE | COMPLEX),
    _test("isposinf", "Whether the element is infinite and positive.", COUNTABLE),
    _test("isneginf", "Whether the element is infinite and negative.", COUNTABLE),
    _test("signbit", "Whether the sign is minus, of -0.0 too.", COUNTABLE),
)


@operation(source=aten("torch.bitwise_not"), name="bitwise_not")
class BitwiseNot(Layer):
    """Each bit the other way round; for truth values: not.

    Shapes: any, unchanged.
    """

    examples = tuple(map(example, ("bool[batch, 3]", "int64[batch]", "uint8[]")))

    def infer(self, input: TensorSpec) -> TensorSpec:
        return of_dtypes(input, _BITS)
