"""Random numbers of distributions that the inputs or settings describe."""

from __future__ import annotations

from modelpack.dims import Dim, exceeds
from modelpack.dtypes import DType
from modelpack.layers.base import Layer, aten, example, flag, number, operand, operation, setting
from modelpack.layers.kinds import DTypeName, Integer, Integers, Nullable, Number
from modelpack.layers.random import OF_INPUT
from modelpack.layers.rules import (
    BOOLEAN,
    COMPLEX,
    FLOATS,
    NUMBERS,
    elementwise,
    few_axes,
    fits,
    of_dtypes,
    of_rank,
    of_result,
)
from modelpack.layers.shape import stretched
from modelpack.tensors import Mismatch, TensorSpec

__all__ = [
    "OF_PARAMETERS",
    "Bernoulli",
    "BernoulliLike",
    "Cauchy",
    "Exponential",
    "Geometric",
    "LogNormal",
    "Multinomial",
    "Normal",
    "NormalLike",
    "Uniform",
]

_CONTINUOUS = FLOATS | COMPLEX
_POSITIVE = Number(5e-324)
_SIZES = Integers(Integer(0, symbolic=True))


@operation(source=aten("torch.bernoulli"), name="bernoulli")
class Bernoulli(Layer):
    """1 with the probability that the input holds, else 0.

    Shapes: any, unchanged.
    """

    examples = (example("float32[batch, 3]"), example("float64[batch]"), example("float32[]"))

    def infer(self, input: TensorSpec) -> TensorSpec:
        return of_dtypes(input, FLOATS)


@operation(source=aten("torch.Tensor.bernoulli_"), name="bernoulli_like")
class BernoulliLike(Layer):
    __doc__ = f"""1 with probability `p`, else 0, {OF_INPUT} (`Tensor.bernoulli_`).

    Shapes: that of the input, to which `p` broadcasts.
    """

    p: object = operand("one probability for all")

    examples = (
        example("float32[batch, 3]", p=0.25),
        example("float32[batch, 3]", "float32[batch, 1]"),
        example("int64[batch, 3]", "float64[3]"),
    )

    def infer(self, input: TensorSpec, p: TensorSpec | None = None) -> TensorSpec:
        if p is None:
            _probability(self.p, "p")
        else:
            if p.dtype not in FLOATS:
                raise Mismatch(f"its p must be floats, not {p}", code="MP306", port="p")
            stretched(p, input.shape, None, "p")
        return of_dtypes(input, NUMBERS | BOOLEAN)


def _probability(value: object, name: str) -> None:
    """Refuse a number that is no probability.

    Raises:
        Mismatch: it is less than 0 or more than 1.
    """
    if isinstance(value, int | float) and not 0 <= value <= 1:
        raise Mismatch(f"{name} is {value}; a probability lies between 0 and 1", code="MP308", setting=name)


@operation(source=aten("torch.multinomial"), name="multinomial")
class Multinomial(Layer):
    """The places of elements that are drawn from each row, with probabilities in the ratio of the elements.

    Shapes: ``[categories]`` or ``[batch, categories]`` to the same with `num_samples` in place of `categories`.
    """

    num_samples: Dim = setting(Integer(1, symbolic=True), "how many are drawn from a row")
    replacement: bool = flag("whether an element may be drawn again", default=False)

    examples = (
        example("float32[batch, 5]", num_samples=2),
        example("float32[3]", num_samples=8, replacement=True),
        example("float64[batch, 4]", num_samples=4),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        of_rank(of_dtypes(input, FLOATS), 1, 2)
        categories = input.shape[-1]
        if not self.replacement and exceeds(self.num_samples, categories):
            raise Mismatch(
                f"num_samples is {self.num_samples}, more than the {categories} categories of its input {input}",
                setting="num_samples",
            )
        return TensorSpec(DType.INT64, (*input.shape[:-1], self.num_samples))


@operation(source=aten("torch.normal"), name="normal")
class Normal(Layer):
    """Normally distributed numbers of these means and standard deviations.

    Shapes: `mean` and `std` broadcast; where both are numbers, it gives `size`.
    """

    mean: object = operand("one mean for all")
    std: object = operand("one standard deviation for all")
    size: tuple[Dim, ...] | None = setting(Nullable(_SIZES), "the shape where both are numbers", default=None)
    dtype: DType | None = setting(
        Nullable(DTypeName()), "dtype of the result where both are numbers; null: float32", default=None
    )

    examples = (
        example("float32[batch, 3]", std=0.5),
        example("float32[batch, 3]", "float32[3]"),
        example(None, "float64[batch]", mean=1.0),
        example(mean=1.0, std=2.0, size=(2, 3), dtype="float64"),
    )

    def infer(self, mean: TensorSpec | None = None, std: TensorSpec | None = None) -> TensorSpec:
        _not_negative(self.std, "std")
        if mean is None and std is None:
            if self.size is None:
                raise Mismatch("needs size where mean and std are numbers", code="MP308", setting="size")
            sized = TensorSpec(self.dtype or DType.FLOAT32, tuple(few_axes(self.size, "size")))
            return of_result(sized, _CONTINUOUS)
        for name in ("size", "dtype"):
            if vars(self)[name] is not None:
                raise Mismatch(f"{name} is only for numbers as mean and std", code="MP308", setting=name)
        if std is None and mean is not None:
            return of_result(mean, _CONTINUOUS)
        if mean is None and std is not None:
            return of_result(std, FLOATS)
        return _both(mean, std)


def _both(mean: TensorSpec | None, std: TensorSpec | None) -> TensorSpec:
    given = [each for each in (mean, std) if each is not None]
    of_result(given[0], _CONTINUOUS)
    of_result(given[1], NUMBERS | BOOLEAN)
    return elementwise(*given).with_dtype(given[0].dtype)


def _not_negative(value: object, name: str) -> None:
    if isinstance(value, int | float) and value < 0:
        raise Mismatch(f"{name} is {value}; it must not be negative", code="MP308", setting=name)


@operation(source=aten("torch.Tensor.normal_"), name="normal_functional")
class NormalLike(Layer):
    __doc__ = f"""Normally distributed numbers {OF_INPUT} (`Tensor.normal_`).

    Shapes: that of the input.
    """

    mean: float = number("their mean", default=0.0)
    std: float = number("their standard deviation", default=1.0, minimum=0)

    examples = (
        example("float32[batch, 3]"),
        example("float32[batch]", mean=1.0, std=0.02),
        example("float64[]", std=2.0),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        return of_dtypes(input, _CONTINUOUS)


@operation(source=aten("torch.Tensor.uniform_"), name="uniform")
class Uniform(Layer):
    __doc__ = f"""Numbers from `low` to before `high`, each as likely, {OF_INPUT} (`Tensor.uniform_`).

    Shapes: that of the input.
    """

    low: float = number("the least", default=0.0)
    high: float = number("what all are less than", default=1.0)

    examples = (
        example("float32[batch, 3]"),
        example("float32[batch]", low=-1.0, high=1.0),
        example("float64[]", high=2.0),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        of_dtypes(input, _CONTINUOUS)
        if self.low > self.high:
            raise Mismatch(f"high is {self.high}, less than low {self.low}", code="MP308", setting="high")
        fits(input, self.low, "low")
        fits(input, self.high, "high")
        return input


@operation(source=aten("torch.Tensor.cauchy_"), name="cauchy")
class Cauchy(Layer):
    __doc__ = f"""Numbers of a Cauchy distribution {OF_INPUT} (`Tensor.cauchy_`).

    Shapes: that of the input.
    """

    median: float = number("where they lie", default=0.0)
    sigma: float = setting(_POSITIVE, "how wide", default=1.0)

    examples = (
        example("float32[batch, 3]"),
        example("float32[batch]", median=0.5, sigma=0.25),
        example("float64[]", sigma=3.0),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        return of_dtypes(input, FLOATS)


@operation(source=aten("torch.Tensor.log_normal_"), name="log_normal")
class LogNormal(Layer):
    __doc__ = f"""Numbers whose logarithms are normally distributed {OF_INPUT} (`Tensor.log_normal_`).

    Shapes: that of the input.
    """

    mean: float = number("the mean of the logarithms", default=1.0)
    std: float = setting(_POSITIVE, "their standard deviation", default=2.0)

    examples = (
        example("float32[batch, 3]"),
        example("float32[batch]", mean=0.5, std=0.25),
        example("float64[]", std=1.0),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        return of_dtypes(input, FLOATS)


@operation(source=aten("torch.Tensor.exponential_"), name="exponential")
class Exponential(Layer):
    __doc__ = f"""Exponentially distributed numbers {OF_INPUT} (`Tensor.exponential_`).

    Shapes: that of the input.
    """

    lambd: float = setting(_POSITIVE, "the rate, 1 over the mean", default=1.0)

    examples = (
        example("float32[batch, 3]"),
        example("float32[batch]", lambd=0.5),
        example("float64[]", lambd=2.0),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        return of_dtypes(input, FLOATS)


@operation(source=aten("torch.Tensor.geometric_"), name="geometric")
class Geometric(Layer):
    __doc__ = f"""How often is tried until what has probability `p` comes, {OF_INPUT} (`Tensor.geometric_`).

    Shapes: that of the input.
    """

    p: float = number("the probability", minimum=0, maximum=1)

    examples = (
        example("float32[batch, 3]", p=0.5),
        example("int64[batch]", p=0.25),
        example("float64[]", p=0.75),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        if not 0 < self.p < 1:
            raise Mismatch(f"p is {self.p}; it must lie between 0 and 1", code="MP308", setting="p")
        return of_dtypes(input, NUMBERS)


def _of_parameters(name: str, doc: str, accepts: frozenset[DType]) -> type[Layer]:
    @operation(source=aten(f"torch.{name}"), name=name)
    class OfParameters(Layer):
        __doc__ = f"{doc}\n\nShapes: any, unchanged."

        examples = (example("float32[batch, 3]"), example("float64[batch]"), example("float32[]"))

        def infer(self, input: TensorSpec) -> TensorSpec:
            return of_dtypes(input, accepts)

    return OfParameters


OF_PARAMETERS = (
    _of_parameters("poisson", "Poisson-distributed numbers; the input holds their means.", FLOATS),
    _of_parameters(
        "standard_gamma",
        "Gamma-distributed numbers of rate 1; the input holds their shape parameters.",
        frozenset({DType.FLOAT32, DType.FLOAT64}),
    ),
)
