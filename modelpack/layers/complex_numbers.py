"""Complex numbers: from parts or angles, as pairs of floats, and what is real about them. complex64 is the only dtype."""

from __future__ import annotations

from modelpack.dtypes import DType
from modelpack.layers.base import Layer, aten, example, operation
from modelpack.layers.rules import BOOLEAN, COMPLEX, COUNTABLE, NUMBERS, of_dtypes, of_rank_from
from modelpack.layers.special import whole_to_float
from modelpack.tensors import Mismatch, TensorSpec, broadcast

__all__ = ["FROM_FLOATS", "Angle", "Conj", "Imag", "Sgn", "ViewAsComplex", "ViewAsReal"]

_SINGLE = frozenset({DType.FLOAT32})
_PARTS = (
    ("float32[batch, 3]", "float32[batch, 3]"),
    ("float32[batch, 1]", "float32[4]"),
    ("float32[]", "float32[batch]"),
)


@operation(source=aten("torch.complex"), name="complex")
class Complex(Layer):
    """Complex numbers from their parts.

    Shapes: broadcast; float32 to complex64.
    """

    examples = tuple(example(*parts) for parts in _PARTS)

    def infer(self, real: TensorSpec, imag: TensorSpec) -> TensorSpec:
        return _of_parts(real, imag)


@operation(source=aten("torch.polar"), name="polar")
class Polar(Layer):
    """Complex numbers from their distances from 0 and their angles in radians.

    Shapes: broadcast; float32 to complex64.
    """

    examples = tuple(example(*parts) for parts in _PARTS)

    def infer(self, abs: TensorSpec, angle: TensorSpec) -> TensorSpec:
        return _of_parts(abs, angle)


def _of_parts(*parts: TensorSpec) -> TensorSpec:
    for each in parts:
        if each.dtype is not DType.FLOAT32:
            raise Mismatch(f"both inputs must be float32, not {each}", code="MP306")
    return TensorSpec(DType.COMPLEX64, broadcast([each.shape for each in parts]))


FROM_FLOATS = (Complex, Polar)


@operation(source=aten("torch.view_as_complex"), name="view_as_complex")
class ViewAsComplex(Layer):
    """Pairs of floats along the last axis, as complex numbers.

    Shapes: float32 ``[…, 2]`` to complex64 ``[…]``.
    """

    examples = tuple(map(example, ("float32[batch, 2]", "float32[batch, length, 4, 2]", "float32[2]")))

    def infer(self, input: TensorSpec) -> TensorSpec:
        of_rank_from(of_dtypes(input, _SINGLE), 1)
        if input.shape[-1] != 2:
            raise Mismatch(f"the last axis of its input {input} must be 2, the parts of a complex number")
        return input.with_shape(*input.shape[:-1]).with_dtype(DType.COMPLEX64)


@operation(source=aten("torch.view_as_real"), name="view_as_real")
class ViewAsReal(Layer):
    """Complex numbers as pairs of floats along a new last axis.

    Shapes: complex64 ``[…]`` to float32 ``[…, 2]``.
    """

    examples = tuple(map(example, ("complex64[batch]", "complex64[batch, length, 4]", "complex64[]")))

    def infer(self, input: TensorSpec) -> TensorSpec:
        return _complex(input).with_shape(*input.shape, 2).with_dtype(DType.FLOAT32)


def _complex(x: TensorSpec) -> TensorSpec:
    if x.dtype is not DType.COMPLEX64:
        raise Mismatch(f"its input must be complex64, not {x}", code="MP306")
    return x


@operation(source=aten("torch.imag"), name="imag")
class Imag(Layer):
    """The imaginary part.

    Shapes: any, unchanged; complex64 to float32.
    """

    examples = tuple(map(example, ("complex64[batch]", "complex64[batch, length, 4]", "complex64[]")))

    def infer(self, input: TensorSpec) -> TensorSpec:
        return _complex(input).with_dtype(DType.FLOAT32)


@operation(source=aten("torch.conj"), name="conj")
class Conj(Layer):
    """The number with the imaginary part negated.

    Shapes: any, unchanged.
    """

    examples = tuple(map(example, ("complex64[batch]", "complex64[batch, length, 4]", "complex64[]")))

    def infer(self, input: TensorSpec) -> TensorSpec:
        return of_dtypes(input, COUNTABLE | COMPLEX)


@operation(source=aten("torch.angle"), name="angle")
class Angle(Layer):
    """The angle of a complex number in radians; of others 0, or pi where negative.

    Shapes: any, unchanged; complex64 and integers give float32.
    """

    examples = tuple(map(example, ("complex64[batch, 3]", "float64[batch]", "int64[]")))

    def infer(self, input: TensorSpec) -> TensorSpec:
        if input.dtype is DType.COMPLEX64:
            return input.with_dtype(DType.FLOAT32)
        return whole_to_float(of_dtypes(input, COUNTABLE))


@operation(source=aten("torch.sgn"), name="sgn")
class Sgn(Layer):
    """The element divided by its distance from 0; 0 for 0.

    Shapes: any, unchanged.
    """

    examples = tuple(map(example, ("complex64[batch, 3]", "float64[batch]", "int64[]")))

    def infer(self, input: TensorSpec) -> TensorSpec:
        return of_dtypes(input, NUMBERS | BOOLEAN | COMPLEX)
