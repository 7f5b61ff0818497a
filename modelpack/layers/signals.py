"""Windows of signal processing, and other tensors made from nothing: powers of a base, one number."""

from __future__ import annotations

from modelpack.dtypes import DType
from modelpack.layers.base import Layer, aten, example, flag, number, operation, setting
from modelpack.layers.kinds import DTypeName, Integer, Nullable, Scalar
from modelpack.layers.rules import ARITHMETIC, BOOLEAN, COMPLEX, COUNTABLE, FLOATS, fits, of_result
from modelpack.tensors import TensorSpec

__all__ = ["WINDOWS", "HammingWindow", "KaiserWindow", "LogSpace", "ScalarTensor"]

_LENGTH = "how many elements"
_PERIODIC = "whether it is the beginning of a periodic one, not symmetric"
_DTYPE = "dtype of the result; null: float32"
_SHAPES = "Shapes: takes nothing, gives ``[window_length]``."


def _dtype() -> DType | None:
    return setting(Nullable(DTypeName()), _DTYPE, default=None)


def _window(length: int, dtype: DType | None) -> TensorSpec:
    return of_result(TensorSpec(dtype or DType.FLOAT32, (length,)), FLOATS)


def _named(name: str, doc: str) -> type[Layer]:
    @operation(source=aten(f"torch.{name}_window"), name=f"{name}_window")
    class Window(Layer):
        __doc__ = f"{doc}\n\n{_SHAPES}"

        window_length: int = setting(Integer(0), _LENGTH)
        periodic: bool = flag(_PERIODIC, default=True)
        dtype: DType | None = _dtype()

        examples = (
            example(window_length=8),
            example(window_length=5, periodic=False),
            example(window_length=1, dtype="float64"),
        )

        def infer(self) -> TensorSpec:
            return _window(self.window_length, self.dtype)

    return Window


WINDOWS = (
    _named("hann", "``sin(pi * n / N) ** 2``: the Hann window."),
    _named(
        "blackman", "``0.42 - 0.5 * cos(2 * pi * n / N) + 0.08 * cos(4 * pi * n / N)``: the Blackman window."
    ),
    _named("bartlett", "``1 - abs(2 * n / N - 1)``: the triangular window of Bartlett."),
)


@operation(source=aten("torch.hamming_window"), name="hamming_window")
class HammingWindow(Layer):
    """``alpha - beta * cos(2 * pi * n / N)``: the Hamming window.

    Shapes: takes nothing, gives ``[window_length]``.
    """

    window_length: int = setting(Integer(0), _LENGTH)
    periodic: bool = flag(_PERIODIC, default=True)
    alpha: float = number("the mean", default=0.54)
    beta: float = number("the height of the wave", default=0.46)
    dtype: DType | None = _dtype()

    examples = (
        example(window_length=8),
        example(window_length=5, periodic=False, alpha=0.5, beta=0.5),
        example(window_length=1, dtype="float64"),
    )

    def infer(self) -> TensorSpec:
        return _window(self.window_length, self.dtype)


@operation(source=aten("torch.kaiser_window"), name="kaiser_window")
class KaiserWindow(Layer):
    """``i0(beta * sqrt(1 - (2 * n / N - 1) ** 2)) / i0(beta)``: the Kaiser window.

    Shapes: takes nothing, gives ``[window_length]``.
    """

    window_length: int = setting(Integer(0), _LENGTH)
    periodic: bool = flag(_PERIODIC, default=True)
    beta: float = number("how narrow it is", default=12.0)
    dtype: DType | None = _dtype()

    examples = (
        example(window_length=8),
        example(window_length=5, periodic=False, beta=4.0),
        example(window_length=1, dtype="float64"),
    )

    def infer(self) -> TensorSpec:
        return _window(self.window_length, self.dtype)


@operation(source=aten("torch.logspace"), name="logspace")
class LogSpace(Layer):
    """`steps` powers of `base`, with exponents from `start` through `end`, equally far apart.

    Shapes: takes nothing, gives ``[steps]``.
    """

    start: object = setting(Scalar(), "the first exponent")
    end: object = setting(Scalar(), "the last exponent")
    steps: int = setting(Integer(0), "how many")
    base: float = number("what is raised", default=10.0)
    dtype: DType | None = _dtype()

    examples = (
        example(start=0, end=1, steps=5),
        example(start=-1.0, end=1.0, steps=3, base=2.0),
        example(start=0, end=4, steps=5, dtype="int64"),
    )

    def infer(self) -> TensorSpec:
        return of_result(TensorSpec(self.dtype or DType.FLOAT32, (self.steps,)), ARITHMETIC)


@operation(source=aten("torch.tensor"), name="scalar_tensor")
class ScalarTensor(Layer):
    """One number.

    Shapes: takes nothing, gives ``[]``.
    """

    s: object = setting(Scalar(), "the number")
    dtype: DType | None = _dtype()

    examples = (
        example(s=1.5),
        example(s=2),
        example(s=True, dtype="bool"),
    )

    def infer(self) -> TensorSpec:
        result = of_result(TensorSpec(self.dtype or DType.FLOAT32, ()), COUNTABLE | COMPLEX | BOOLEAN)
        fits(result, self.s, "s")
        return result
