"""Special functions of each element: gamma, error and Bessel functions, orthogonal polynomials."""

from __future__ import annotations

from functools import partial

from modelpack.dtypes import DType, Kind
from modelpack.layers.base import Layer, aten, example, operand, operation, optional_number, setting
from modelpack.layers.elementwise import to_floats
from modelpack.layers.kinds import Integer
from modelpack.layers.rules import COMPLEX, COUNTABLE, FLOATS, NUMBERS, elementwise, of_dtypes, of_result
from modelpack.tensors import Mismatch, TensorSpec

__all__ = [
    "FREQUENT",
    "FULL",
    "POLYNOMIALS",
    "RARE",
    "Frexp",
    "Logit",
    "MvLGamma",
    "NanToNum",
    "PolyGamma",
    "torch_special",
    "whole_to_float",
]

_HALVES = frozenset({DType.FLOAT16, DType.BFLOAT16})
_ANY = COUNTABLE | COMPLEX


def torch_special(name: str) -> str:
    """Where PyTorch documents a function of `torch.special`, all of which share a page."""
    return f"https://docs.pytorch.org/docs/2.13/special.html#torch.special.{name}"


def whole_to_float(x: TensorSpec) -> TensorSpec:
    """`x`, float32 where it has integers or truth values: the dtype in which torch computes for them."""
    return x.with_dtype(DType.FLOAT32) if x.dtype.kind in (Kind.BOOLEAN, Kind.INTEGER) else x


_to_floats = partial(to_floats, module=__name__)

FREQUENT = (
    _to_floats("asinh", "The number of which the element is the hyperbolic sine.", _ANY),
    _to_floats("acosh", "The number of which the element is the hyperbolic cosine.", _ANY),
    _to_floats("atanh", "The number of which the element is the hyperbolic tangent.", _ANY),
    _to_floats("exp2", "``2 ** x``.", _ANY),
    _to_floats("sinc", "``sin(pi * x) / (pi * x)``, 1 at 0.", _ANY),
    _to_floats("deg2rad", "Radians of an angle in degrees.", COUNTABLE),
    _to_floats("rad2deg", "Degrees of an angle in radians.", COUNTABLE),
    _to_floats("erfc", "``1 - erf(x)``, exact for large x.", COUNTABLE),
    _to_floats("erfinv", "The number of which the element is the error function.", COUNTABLE),
    _to_floats("lgamma", "The logarithm of the gamma function's distance from 0.", COUNTABLE),
    _to_floats("digamma", "The derivative of `lgamma`.", COUNTABLE),
    _to_floats("i0", "The modified Bessel function of the first kind, of order 0.", COUNTABLE),
)


def _special(name: str, doc: str, accepts: frozenset[DType] = COUNTABLE) -> type[Layer]:
    return _to_floats(f"special_{name}", doc, accepts, torch_special(name))


FULL = COUNTABLE - _HALVES
"""torch has no kernels in half precision for the rarer functions, on any device."""

RARE = (
    _special("entr", "``-x * log(x)``; 0 at 0, minus infinity below."),
    _special("i0e", "``exp(-abs(x)) * i0(x)``."),
    _special("i1", "The modified Bessel function of the first kind, of order 1."),
    _special("i1e", "``exp(-abs(x)) * i1(x)``."),
    _special("ndtr", "The area under the standard normal density up to x."),
    _special("ndtri", "The number of which the element is `special_ndtr`.", FULL),
    _special("log_ndtr", "The logarithm of `special_ndtr`, exact for small x.", FULL),
    _special("erfcx", "``exp(x ** 2) * erfc(x)``.", FULL),
    _special("airy_ai", "The Airy function Ai.", FULL),
    _special("bessel_j0", "The Bessel function of the first kind, of order 0.", FULL),
    _special("bessel_j1", "The Bessel function of the first kind, of order 1.", FULL),
    _special("bessel_y0", "The Bessel function of the second kind, of order 0.", FULL),
    _special("bessel_y1", "The Bessel function of the second kind, of order 1.", FULL),
    _special("modified_bessel_i0", "The modified Bessel function of the first kind, of order 0.", FULL),
    _special("modified_bessel_i1", "The modified Bessel function of the first kind, of order 1.", FULL),
    _special("modified_bessel_k0", "The modified Bessel function of the second kind, of order 0.", FULL),
    _special("modified_bessel_k1", "The modified Bessel function of the second kind, of order 1.", FULL),
    _special("scaled_modified_bessel_k0", "``exp(x) * special_modified_bessel_k0(x)``.", FULL),
    _special("scaled_modified_bessel_k1", "``exp(x) * special_modified_bessel_k1(x)``.", FULL),
    _special("spherical_bessel_j0", "``sin(x) / x``, 1 at 0.", FULL),
)


@operation(source=aten("torch.logit"), name="logit")
class Logit(Layer):
    """``log(x / (1 - x))``, of x drawn into ``[eps, 1 - eps]`` first where `eps` is given.

    Shapes: any, unchanged; integers give float32.
    """

    eps: float | None = optional_number("how far from 0 and 1 x is kept at least; null: it isn't")

    examples = (
        example("float32[batch, 7]"),
        example("float64[batch, 3, 4]", eps=1e-6),
        example("int64[batch]", eps=0.25),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        return whole_to_float(of_dtypes(input, COUNTABLE))


@operation(source=aten("torch.polygamma"), name="polygamma")
class PolyGamma(Layer):
    """The derivative of order `n` of `digamma`.

    Shapes: any, unchanged; integers give float32.
    """

    n: int = setting(Integer(0), "the order")

    examples = (
        example("float32[batch, 7]", n=1),
        example("float64[]", n=2),
        example("int64[batch, 3]", n=0),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        return whole_to_float(of_dtypes(input, COUNTABLE))


@operation(source=aten("torch.special.multigammaln"), name="mvlgamma")
class MvLGamma(Layer):
    """The logarithm of the multivariate gamma function of dimension `p`.

    Shapes: any, unchanged; integers give float32.
    """

    p: int = setting(Integer(1), "the dimension")

    examples = (
        example("float32[batch, 7]", p=2),
        example("float64[]", p=1),
        example("int64[batch, 3]", p=3),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        return whole_to_float(of_dtypes(input, NUMBERS))


@operation(source=aten("torch.nan_to_num"), name="nan_to_num")
class NanToNum(Layer):
    """Each element, with numbers in place of NaN and infinity.

    Shapes: any, unchanged.
    """

    nan: float | None = optional_number("in place of NaN; null: 0")
    posinf: float | None = optional_number("in place of infinity; null: the dtype's largest number")
    neginf: float | None = optional_number("in place of minus infinity; null: the dtype's smallest number")

    examples = (
        example("float32[batch, 7]"),
        example("float64[batch, 3]", nan=1.0, posinf=100.0, neginf=-100.0),
        example("int64[batch]"),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        return of_dtypes(input, _ANY)


@operation(source=aten("torch.frexp"), name="frexp")
class Frexp(Layer):
    """``x = mantissa * 2 ** exponent``, the mantissa from 0.5 to below 1 but for its sign.

    Shapes: any, unchanged; the exponent is int32.
    """

    outputs = ("mantissa", "exponent")

    examples = tuple(map(example, ("float32[batch, 7]", "float64[]", "float32[batch, 3, 2]")))

    def infer(self, input: TensorSpec) -> tuple[TensorSpec, TensorSpec]:
        of_dtypes(input, FLOATS)
        return input, input.with_dtype(DType.INT32)


def _polynomial(name: str, doc: str) -> type[Layer]:
    @operation(source=torch_special(name), name=f"special_{name}")
    class Polynomial(Layer):
        __doc__ = f"The {doc} of degree `n` at `x`; one of the two may be a number.\n\nShapes: broadcast; integers give float32."

        x: object = operand("a number in place of the first input")
        n: object = operand("a number as degree, in place of the second input")

        examples = (
            example("float32[batch, 3]", n=3),
            example("float64[batch, 3]", "float64[3]"),
            example(None, "int64[batch]", x=0.5),
        )

        def infer(self, x: TensorSpec | None = None, n: TensorSpec | None = None) -> TensorSpec:
            if x is None and n is None:
                raise Mismatch("needs a tensor as x or as n", code="MP306", port="x")
            result = elementwise(self.x if x is None else x, self.n if n is None else n)
            return whole_to_float(of_result(result, FULL))

    return Polynomial


POLYNOMIALS = (
    _polynomial("chebyshev_polynomial_t", "Chebyshev polynomial of the first kind"),
    _polynomial("chebyshev_polynomial_u", "Chebyshev polynomial of the second kind"),
    _polynomial("chebyshev_polynomial_v", "Chebyshev polynomial of the third kind"),
    _polynomial("chebyshev_polynomial_w", "Chebyshev polynomial of the fourth kind"),
    _polynomial("shifted_chebyshev_polynomial_t", "Chebyshev polynomial of the first kind, at 2x - 1,"),
    _polynomial("shifted_chebyshev_polynomial_u", "Chebyshev polynomial of the second kind, at 2x - 1,"),
    _polynomial("shifted_chebyshev_polynomial_v", "Chebyshev polynomial of the third kind, at 2x - 1,"),
    _polynomial("shifted_chebyshev_polynomial_w", "Chebyshev polynomial of the fourth kind, at 2x - 1,"),
    _polynomial("hermite_polynomial_h", "Hermite polynomial of the physicists"),
    _polynomial("hermite_polynomial_he", "Hermite polynomial of the statisticians"),
    _polynomial("laguerre_polynomial_l", "Laguerre polynomial"),
    _polynomial("legendre_polynomial_p", "Legendre polynomial"),
)
