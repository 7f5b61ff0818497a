"""Operations that make tensors from nothing, or from another's shape."""

from __future__ import annotations

from math import ceil, floor, isfinite

from modelpack.dims import Dim, Expr, ceil_div, exceeds, is_exact
from modelpack.dtypes import DType
from modelpack.layers.axes import not_below_0
from modelpack.layers.base import Layer, aten, example, operation, setting
from modelpack.layers.kinds import DTypeName, Integer, Integers, Nullable, Scalar
from modelpack.layers.rules import (
    ARITHMETIC,
    COMPLEX,
    COUNTABLE,
    NUMBERS,
    dtype_of_number,
    few_axes,
    fits,
    of_result,
)
from modelpack.layers.shape import stretched
from modelpack.tensors import Mismatch, TensorSpec

__all__ = ["CONSTANTS", "FULL_LIKE", "LIKE", "NEW", "Arange", "Copy", "Eye", "Full", "Linspace"]

_SIZES = Integers(Integer(0, symbolic=True))
_SIZE = "the shape"
_AS_INPUT = "dtype of the result; null: that of the input"


def _dtype(doc: str) -> DType | None:
    return setting(Nullable(DTypeName()), doc, default=None)


def _sized(dtype: DType, size: tuple[Dim, ...]) -> TensorSpec:
    return TensorSpec(dtype, tuple(few_axes(size, "size")))


def _filled(result: TensorSpec, number: object) -> TensorSpec:
    fits(of_result(result, COUNTABLE | COMPLEX), number, "fill_value")
    return result


def _constant(name: str, doc: str) -> type[Layer]:
    @operation(source=aten(f"torch.{name}"), name=name)
    class Constant(Layer):
        __doc__ = f"{doc}\n\nShapes: takes nothing, gives `size`."

        size: tuple[Dim, ...] = setting(_SIZES, _SIZE)
        dtype: DType | None = _dtype("dtype of the result; null: float32")

        examples = (
            example(size=(2, 3)),
            example(size=(4,), dtype="int64"),
            example(size=(), dtype="bool"),
        )

        def infer(self) -> TensorSpec:
            return _sized(self.dtype or DType.FLOAT32, self.size)

    return Constant


CONSTANTS = (_constant("zeros", "Zeros."), _constant("ones", "Ones."))


@operation(source=aten("torch.full"), name="full")
class Full(Layer):
    """One number everywhere.

    Shapes: takes nothing, gives `size`.
    """

    size: tuple[Dim, ...] = setting(_SIZES, _SIZE)
    fill_value: object = setting(Scalar(), "the number")
    dtype: DType | None = _dtype("dtype of the result; null: float32, or int64 or bool as the number is")

    examples = (
        example(size=(2, 3), fill_value=1.5),
        example(size=(4,), fill_value=7),
        example(size=(4,), fill_value=-1, dtype="float64"),
    )

    def infer(self) -> TensorSpec:
        return _filled(_sized(self.dtype or dtype_of_number(self.fill_value), self.size), self.fill_value)


def _like(name: str, doc: str) -> type[Layer]:
    @operation(source=aten(f"torch.{name}"), name=name)
    class Like(Layer):
        __doc__ = f"{doc}\n\nShapes: that of the input."

        dtype: DType | None = _dtype(_AS_INPUT)

        examples = (
            example("float32[batch, 3]"),
            example("float32[batch]", dtype="int64"),
            example("bool[]"),
        )

        def infer(self, input: TensorSpec) -> TensorSpec:
            return input.with_dtype(self.dtype or input.dtype)

    return Like


LIKE = (
    _like("zeros_like", "Zeros in the shape of the input."),
    _like("ones_like", "Ones in the shape of the input."),
)


@operation(source=aten("torch.full_like"), name="full_like")
class FullLike(Layer):
    """One number everywhere, in the shape of the input.

    Shapes: that of the input.
    """

    fill_value: object = setting(Scalar(), "the number")
    dtype: DType | None = _dtype(_AS_INPUT)

    examples = (
        example("float32[batch, 3]", fill_value=1.5),
        example("float32[batch]", fill_value=7, dtype="int64"),
        example("float32[batch, 2]", fill_value=float("-inf")),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        return _filled(input.with_dtype(self.dtype or input.dtype), self.fill_value)


FULL_LIKE = (FullLike,)


def _new(name: str, doc: str) -> type[Layer]:
    @operation(source=aten(f"torch.Tensor.{name}"), name=name)
    class New(Layer):
        __doc__ = f"{doc}\n\nShapes: `size`; the input only gives the dtype."

        size: tuple[Dim, ...] = setting(_SIZES, _SIZE)
        dtype: DType | None = _dtype(_AS_INPUT)

        examples = (
            example("float32[batch, 3]", size=(2, 3)),
            example("float64[batch]", size=("batch", 4)),
            example("float32[batch]", size=(), dtype="bool"),
        )

        def infer(self, input: TensorSpec) -> TensorSpec:
            return _sized(self.dtype or input.dtype, self.size)

    return New


@operation(source=aten("torch.Tensor.new_full"), name="new_full")
class NewFull(Layer):
    """One number everywhere, in the dtype of the input.

    Shapes: `size`; the input only gives the dtype.
    """

    size: tuple[Dim, ...] = setting(_SIZES, _SIZE)
    fill_value: object = setting(Scalar(), "the number")
    dtype: DType | None = _dtype(_AS_INPUT)

    examples = (
        example("float32[batch, 3]", size=(2, 3), fill_value=1.5),
        example("int64[batch]", size=("batch", 1), fill_value=7),
        example("float32[batch]", size=(), fill_value=True, dtype="bool"),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        return _filled(_sized(self.dtype or input.dtype, self.size), self.fill_value)


NEW = (
    _new("new_zeros", "Zeros in the dtype of the input."),
    _new("new_ones", "Ones in the dtype of the input."),
    NewFull,
)


@operation(source=aten("torch.arange"), name="arange")
class Arange(Layer):
    """Numbers from `start` to before `end`, `step` apart.

    Shapes: takes nothing, gives ``[ceil((end - start) / step)]``; int64 where all three are integers, else float32.
    """

    start: object = setting(Scalar(), "the first number", default=0)
    end: object = setting(Scalar(), "the number at which it stops")
    step: object = setting(Scalar(), "the distance", default=1)
    dtype: DType | None = _dtype("dtype of the result; null: int64 or float32 as the numbers are")

    examples = (
        example(end=5),
        example(start=1, end=8, step=2, dtype="int32"),
        example(end=1.0, step=0.25),
        example(start=4, end=-1, step=-2, dtype="float32"),
        example(start=4, end=-3, step=-1.0, dtype="int64"),
    )

    def infer(self) -> TensorSpec:
        numbers = (self.start, self.end, self.step)
        whole = all(isinstance(each, int | Expr) for each in numbers)
        dtype = self.dtype or (DType.INT64 if whole else DType.FLOAT32)
        return of_result(TensorSpec(dtype, (_steps(*map(_whole, numbers)),)), NUMBERS)


def _whole(number: object) -> object:
    """2 for 2.0, and anything else as it is."""
    return int(number) if isinstance(number, float) and number.is_integer() else number


def _steps(start: object, end: object, step: object) -> Dim:
    """How many numbers lie between.

    Raises:
        Mismatch: the step is 0, leads away from the end, or the count isn't integer arithmetic.
    """
    if isinstance(step, Expr):
        raise Mismatch(f"step is {step}, which is known only when called", setting="step")
    if not isinstance(step, int | float) or step == 0 or not isfinite(step):
        raise Mismatch(f"step is {step}; it must be a number other than 0", setting="step")
    if isinstance(start, int | Expr) and isinstance(end, int | Expr) and isinstance(step, int):
        distance = end - start if step > 0 else start - end
        if exceeds(0, distance):
            raise Mismatch(
                f"step {step} leads away from end {end}, counted from start {start}", setting="step"
            )
        return not_below_0(ceil_div(distance, abs(step)))
    if (
        isinstance(start, float)
        and isinstance(end, Expr)
        and isinstance(step, int)
        and step > 0
        and is_exact(start)
    ):
        return not_below_0(ceil_div(end - floor(start), step))
    if isinstance(start, int | float) and isinstance(end, int | float):
        count = (end - start) / step
        if not isfinite(count) or count < 0:
            raise Mismatch(f"step {step} doesn't lead from start {start} to end {end}", setting="step")
        return ceil(count)
    raise Mismatch("a start or end that is known only when called needs whole numbers", setting="end")


@operation(source=aten("torch.linspace"), name="linspace")
class Linspace(Layer):
    """`steps` numbers from `start` through `end`, equally far apart.

    Shapes: takes nothing, gives ``[steps]``.
    """

    start: object = setting(Scalar(), "the first number")
    end: object = setting(Scalar(), "the last number")
    steps: int = setting(Integer(0), "how many")
    dtype: DType | None = _dtype("dtype of the result; null: float32")

    examples = (
        example(start=0, end=1, steps=5),
        example(start=-1.0, end=1.0, steps=3, dtype="float64"),
        example(start=0, end=10, steps=6, dtype="int64"),
    )

    def infer(self) -> TensorSpec:
        return of_result(TensorSpec(self.dtype or DType.FLOAT32, (self.steps,)), ARITHMETIC)


@operation(source=aten("torch.eye"), name="eye")
class Eye(Layer):
    """Ones on the main diagonal, zeros elsewhere.

    Shapes: takes nothing, gives ``[n, m]``.
    """

    n: Dim = setting(Integer(0, symbolic=True), "rows")
    m: Dim | None = setting(
        Nullable(Integer(0, symbolic=True)), "columns; null: as many as rows", default=None
    )
    dtype: DType | None = _dtype("dtype of the result; null: float32")

    examples = (
        example(n=3),
        example(n=2, m=4),
        example(n=3, m=2, dtype="int64"),
    )

    def infer(self) -> TensorSpec:
        dtype = self.dtype or DType.FLOAT32
        return of_result(
            TensorSpec(dtype, (self.n, self.n if self.m is None else self.m)), ARITHMETIC | {DType.BOOL}
        )


@operation(source=aten("torch.Tensor.copy_"), name="copy")
class Copy(Layer):
    """The second input in the shape and dtype of the first (`Tensor.copy_`).

    Shapes: `src` broadcasts to that of `input`.
    """

    examples = (
        example("float32[batch, 3]", "float32[3]"),
        example("float32[batch, 3]", "int64[batch, 3]"),
        example("float64[batch]", "float32[]"),
    )

    def infer(self, input: TensorSpec, src: TensorSpec) -> TensorSpec:
        return stretched(src, input.shape, None, "src").with_dtype(input.dtype)
