"""Random numbers: drawn anew at every call, from the generator of the framework that runs the network.

With the same seed a rebuilt network draws what the original drew: each operation is the framework's own, called in the same
order. Which numbers a seed gives is the framework's matter, and may be another on another device or in another version.
"""

from __future__ import annotations

from modelpack.dims import Dim, Expr, exceeds
from modelpack.dtypes import DType, Kind
from modelpack.layers.base import Layer, aten, example, flag, operation, setting
from modelpack.layers.kinds import DTypeName, Integer, Integers, Nullable, Scalar
from modelpack.layers.rules import (
    BOOLEAN,
    COMPLEX,
    COUNTABLE,
    FLOATS,
    NUMBERS,
    few_axes,
    fits,
    of_dtypes,
    of_result,
)
from modelpack.tensors import Mismatch, TensorSpec

__all__ = ["LIKE", "MADE", "OF_INPUT", "RRelu", "RandInt", "RandIntLike", "RandPerm", "Random"]

_SIZES = Integers(Integer(0, symbolic=True))
_SIZE = "the shape"
_CONTINUOUS = FLOATS | COMPLEX
OF_INPUT = "in the shape and dtype of the input, whose elements don't count"
_WHOLE = Integer(symbolic=True)


def _dtype(doc: str) -> DType | None:
    return setting(Nullable(DTypeName()), doc, default=None)


def _made(name: str, doc: str) -> type[Layer]:
    @operation(source=aten(f"torch.{name}"), name=name)
    class Made(Layer):
        __doc__ = f"{doc}\n\nShapes: takes nothing, gives `size`."

        size: tuple[Dim, ...] = setting(_SIZES, _SIZE)
        dtype: DType | None = _dtype("dtype of the result; null: float32")

        examples = (example(size=(2, 3)), example(size=(4,), dtype="float64"), example(size=()))

        def infer(self) -> TensorSpec:
            result = TensorSpec(self.dtype or DType.FLOAT32, tuple(few_axes(self.size, "size")))
            return of_result(result, _CONTINUOUS)

    return Made


_EVEN, _BELL = (
    "Numbers from 0 to before 1, each as likely",
    "Numbers of mean 0 and variance 1, normally distributed",
)

MADE = (_made("rand", f"{_EVEN}."), _made("randn", f"{_BELL}."))


def _like(name: str, doc: str) -> type[Layer]:
    @operation(source=aten(f"torch.{name}"), name=name)
    class Like(Layer):
        __doc__ = f"{doc}, in the shape of the input.\n\nShapes: that of the input."

        dtype: DType | None = _dtype("dtype of the result; null: that of the input")

        examples = (
            example("float32[batch, 3]"),
            example("int64[batch]", dtype="float64"),
            example("float64[]"),
        )

        def infer(self, input: TensorSpec) -> TensorSpec:
            return of_result(input.with_dtype(self.dtype or input.dtype), _CONTINUOUS)

    return Like


LIKE = (_like("rand_like", _EVEN), _like("randn_like", _BELL))


def _between(result: TensorSpec, low: Dim, high: Dim) -> TensorSpec:
    """`result`, whose elements are drawn from `low` to before `high`.

    Raises:
        Mismatch: nothing lies between, or the dtype can't hold it.
    """
    if not exceeds(high, low) and not isinstance(high - low, Expr):
        raise Mismatch(f"high is {high}, which is no more than low {low}", code="MP308", setting="high")
    of_result(result, COUNTABLE)
    fits(result, low, "low")
    fits(result, high - 1, "high")
    if result.dtype.kind is Kind.BOOLEAN and (low not in (0, 1) or high not in (1, 2)):
        raise Mismatch(
            f"high is {high} and low {low}, beyond what a bool can be", code="MP306", setting="high"
        )
    return result


@operation(source=aten("torch.randint"), name="randint")
class RandInt(Layer):
    """Integers from `low` to before `high`, each as likely.

    Shapes: takes nothing, gives `size`.
    """

    low: Dim = setting(_WHOLE, "the least", default=0)
    high: Dim = setting(_WHOLE, "what all are less than")
    size: tuple[Dim, ...] = setting(_SIZES, _SIZE)
    dtype: DType = setting(DTypeName(), "dtype of the result", default="int64")

    examples = (
        example(high=5, size=(2, 3)),
        example(low=-3, high=3, size=(4,), dtype="int32"),
        example(high=2, size=(), dtype="float32"),
    )

    def infer(self) -> TensorSpec:
        return _between(TensorSpec(self.dtype, tuple(few_axes(self.size, "size"))), self.low, self.high)


@operation(source=aten("torch.randint_like"), name="randint_like")
class RandIntLike(Layer):
    """Integers from `low` to before `high`, each as likely, in the shape of the input.

    Shapes: that of the input.
    """

    low: Dim = setting(_WHOLE, "the least", default=0)
    high: Dim = setting(_WHOLE, "what all are less than")
    dtype: DType | None = _dtype("dtype of the result; null: that of the input")

    examples = (
        example("int64[batch, 3]", high=5),
        example("float32[batch]", low=-3, high=3),
        example("float32[batch, 2]", high=2, dtype="bool"),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        return _between(input.with_dtype(self.dtype or input.dtype), self.low, self.high)


@operation(source=aten("torch.randperm"), name="randperm")
class RandPerm(Layer):
    """The integers from 0 to before `n` in any order.

    Shapes: takes nothing, gives ``[n]``.
    """

    n: Dim = setting(Integer(0, symbolic=True), "how many")
    dtype: DType = setting(DTypeName(), "dtype of the result", default="int64")

    examples = (example(n=5), example(n=4, dtype="int32"), example(n=3, dtype="float32"))

    def infer(self) -> TensorSpec:
        result = of_result(TensorSpec(self.dtype, (self.n,)), NUMBERS)
        if isinstance(self.n, int) and self.n:
            fits(result, self.n - 1, "n")
        return result


@operation(source=aten("torch.Tensor.random_"), name="random")
class Random(Layer):
    __doc__ = f"""Whole numbers from 0 to before `high`, each as likely, {OF_INPUT} (`Tensor.random_`).

    Shapes: that of the input.
    """

    high: int | None = setting(
        Nullable(Integer(1)), "what all are less than; null: what the dtype counts up to", default=None
    )

    examples = (
        example("int64[batch, 3]"),
        example("float32[batch]", high=10),
        example("bool[2]", high=2),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        of_dtypes(input, NUMBERS | BOOLEAN)
        return input if self.high is None else _between(input, 0, self.high)


@operation(source=aten("torch.nn.functional.rrelu"), name="rrelu")
class RRelu(Layer):
    """Where negative, times a slope: in training drawn from `lower` to `upper` for each element, else their mean.

    Shapes: any, unchanged. `training` is usually ``{train: true, eval: false}``.
    Paper: Xu et al. 2015, "Empirical Evaluation of Rectified Activations in Convolution Network".
    """

    lower: object = setting(Scalar(), "least slope", default=0.125)
    upper: object = setting(Scalar(), "greatest slope", default=1 / 3)
    training: bool = flag("whether slopes are drawn", default=False)

    examples = (
        example("float32[batch, 3]"),
        example("float32[batch, 3]", training=True),
        example("float64[batch]", lower=0.25, upper=0.5, training=True),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        lower, upper = self.lower, self.upper
        if isinstance(lower, int | float) and isinstance(upper, int | float) and lower > upper:
            raise Mismatch(f"lower {lower} must not exceed upper {upper}", code="MP308", setting="lower")
        return of_dtypes(input, FLOATS)
