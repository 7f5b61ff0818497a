"""Pools with the places of what they took, and their inverses, as operations."""

from __future__ import annotations

from modelpack.dims import Dim, may_equal
from modelpack.dtypes import DType
from modelpack.layers.adaptive_pooling import (
    AdaptiveMaxPool1d,
    AdaptiveMaxPool2d,
    AdaptiveMaxPool3d,
    FractionalMaxPool2d,
    FractionalMaxPool3d,
)
from modelpack.layers.base import Layer, aten, example, flag, operation, setting, sizes
from modelpack.layers.functional import result_of
from modelpack.layers.kinds import Integer, Integers, Nullable
from modelpack.layers.pooling import MaxPool1d, MaxPool2d, MaxPool3d
from modelpack.layers.rules import FLOATS, NUMBERS, of_dtypes, of_shape
from modelpack.layers.windows import axis_names, spatial, with_spatial
from modelpack.tensors import Mismatch, TensorSpec

__all__ = ["ADAPTIVE", "FRACTIONAL", "UNPOOLS", "WITH_INDICES"]

_PLACES = "`indices` are the places of the elements within their channel, counted over all its axes"


def _both(pooled: TensorSpec) -> tuple[TensorSpec, ...]:
    return pooled, pooled.with_dtype(DType.INT64)


def _with_indices(n: int, module: type[Layer]) -> type[Layer]:
    axes = axis_names(n)

    @operation(source=aten(f"torch.nn.functional.max_pool{n}d"), name=f"max_pool{n}d_with_indices")
    class WithIndices(Layer):
        __doc__ = f"""The largest element of each window over the last {n} axes, and its place.

        {_PLACES}. Shapes: both as `MaxPool{n}d` has them.
        """

        kernel_size: tuple[int, ...] = sizes(n, "size of the window")
        stride: tuple[int, ...] | None = setting(
            Nullable(Integers(Integer(1), n)),
            "step from one window to the next; null for `kernel_size`",
            default=None,
        )
        padding: tuple[int, ...] = sizes(n, "how far windows reach over both ends", default=0, minimum=0)
        dilation: tuple[int, ...] = sizes(n, "distance between elements of the window", default=1)
        ceil_mode: bool = flag("whether a last, incomplete window counts", default=False)

        outputs = ("output", "indices")
        examples = (
            example(f"float32[batch, 3, {axes}]", kernel_size=2),
            example(f"float32[batch, 3, {axes}]", kernel_size=3, stride=2, padding=1, ceil_mode=True),
            example(f"float32[3, {axes}]", kernel_size=2, stride=1, dilation=3),
        )

        def infer(self, input: TensorSpec) -> tuple[TensorSpec, ...]:
            # Unlike the pool itself, it takes integers over one axis too.
            of_dtypes(input, NUMBERS)
            pooled = result_of(module(**vars(self)), input.with_dtype(DType.FLOAT32))
            return _both(pooled.with_dtype(input.dtype))

    return WithIndices


def _adaptive(n: int, module: type[Layer]) -> type[Layer]:
    axes = axis_names(n)

    @operation(source=aten(f"torch.nn.functional.adaptive_max_pool{n}d"), name=f"adaptive_max_pool{n}d")
    class Adaptive(Layer):
        __doc__ = f"""The largest element of each of `output_size` windows, which share the last {n} axes, and its place.

        {_PLACES}. Shapes: both as `AdaptiveMaxPool{n}d` has them.
        """

        output_size: tuple[Dim, ...] = setting(Integers(Integer(1, symbolic=True), n), "sizes of the output")

        outputs = ("output", "indices")
        examples = (
            example(f"float32[batch, 3, {axes}]", output_size=1),
            example(f"float32[3, {axes}]", output_size=5),
            example(f"float64[batch, 2, {axes}]", output_size=(4, 3, 2)[:n]),
        )

        def infer(self, input: TensorSpec) -> tuple[TensorSpec, ...]:
            return _both(result_of(module(output_size=self.output_size), input))

    return Adaptive


def _fractional(n: int, module: type[Layer]) -> type[Layer]:
    axes = axis_names(n)

    @operation(source=aten(f"torch.nn.functional.fractional_max_pool{n}d"), name=f"fractional_max_pool{n}d")
    class Fractional(Layer):
        __doc__ = f"""The largest element of windows at the distances that `random_samples` tells, and its place.

        {_PLACES}. Shapes: both as `FractionalMaxPool{n}d` has them; `random_samples`, from 0 to 1,
        ``[batch, channels, {n}]``, where an input without batch counts as one.
        Paper: Graham 2014, "Fractional Max-Pooling".
        """

        kernel_size: tuple[int, ...] = sizes(n, "size of the windows")
        output_size: tuple[int, ...] = sizes(n, "sizes of the output")

        outputs = ("output", "indices")
        examples = (
            example(f"float32[batch, 3, {axes}]", f"float32[batch, 3, {n}]", kernel_size=2, output_size=4),
            example(f"float32[3, {axes}]", f"float32[1, 3, {n}]", kernel_size=3, output_size=(3, 2, 1)[:n]),
            example(f"float64[batch, 2, {axes}]", f"float64[batch, 2, {n}]", kernel_size=1, output_size=5),
        )

        def infer(self, input: TensorSpec, random_samples: TensorSpec) -> tuple[TensorSpec, ...]:
            result = result_of(module(**vars(self)), input)
            if random_samples.dtype is not input.dtype:
                raise Mismatch(
                    f"its random_samples must be {input.dtype}, not {random_samples}",
                    code="MP306",
                    port="random_samples",
                )
            batch = input.shape[0] if input.rank == n + 2 else 1
            of_shape(random_samples, (batch, input.shape[-n - 1], n), "random_samples")
            return _both(result)

    return Fractional


def _places(input: TensorSpec, indices: TensorSpec) -> None:
    if indices.dtype is not DType.INT64:
        raise Mismatch(f"indices must be int64, not {indices}", code="MP306", port="indices")
    if indices.rank != input.rank or not all(map(may_equal, indices.shape, input.shape)):
        raise Mismatch(f"indices must have the shape of its input {input}, not {indices}", port="indices")


_SIZE = Integers(Integer(1, symbolic=True), 2)


@operation(source=aten("torch.nn.functional.max_unpool2d"), name="max_unpool2d")
class MaxUnpool2d(Layer):
    """Puts each element to its place in an image of `output_size`, zeros elsewhere.

    Shapes: ``[batch, channels, height, width]`` or ``[channels, height, width]`` for both, to the same with `output_size`.
    """

    output_size: tuple[Dim, ...] = setting(_SIZE, "height and width of the output")

    examples = (
        example("float32[batch, 3, height, width]", "int64[batch, 3, height, width]", output_size=16),
        example("float32[3, 4, 5]", "int64[3, 4, 5]", output_size=(8, 9)),
        example("float64[batch, 2, 4, width]", "int64[batch, 2, 4, width]", output_size=(8, "2*width")),
    )

    def infer(self, input: TensorSpec, indices: TensorSpec) -> TensorSpec:
        _places(input, indices)
        spatial(of_dtypes(input, FLOATS), 2)
        if 0 in input.shape[-3:]:
            raise Mismatch(f"its input {input} has no elements", code="MP307")
        return with_spatial(input, self.output_size)


@operation(source=aten("torch.nn.functional.max_unpool3d"), name="max_unpool3d")
class MaxUnpool3d(Layer):
    """Puts each element to its place in a volume of `output_size`, zeros elsewhere.

    Shapes: ``[batch, channels, depth, height, width]`` or without batch for both, to the same with `output_size`.
    """

    output_size: tuple[Dim, ...] = setting(Integers(Integer(1, symbolic=True), 3), "sizes of the output")
    stride: tuple[int, ...] = sizes(3, "the pool's stride; says nothing beside `output_size`")
    padding: tuple[int, ...] = sizes(3, "the pool's padding; says nothing likewise", minimum=0)

    examples = (
        example("float32[batch, 3, 4, 4, 4]", "int64[batch, 3, 4, 4, 4]", output_size=8, stride=2, padding=0),
        example("float32[3, 2, 4, 5]", "int64[3, 2, 4, 5]", output_size=(4, 8, 9), stride=2, padding=1),
        example("float64[batch, 2, 4, 4, 2]", "int64[batch, 2, 4, 4, 2]", output_size=6, stride=1, padding=0),
    )

    def infer(self, input: TensorSpec, indices: TensorSpec) -> TensorSpec:
        _places(input, indices)
        spatial(of_dtypes(input, FLOATS), 3)
        if 0 in input.shape[-4:]:
            raise Mismatch(f"its input {input} has no elements", code="MP307")
        return with_spatial(input, self.output_size)


WITH_INDICES = (_with_indices(1, MaxPool1d), _with_indices(2, MaxPool2d), _with_indices(3, MaxPool3d))
ADAPTIVE = (_adaptive(1, AdaptiveMaxPool1d), _adaptive(2, AdaptiveMaxPool2d), _adaptive(3, AdaptiveMaxPool3d))
FRACTIONAL = (_fractional(2, FractionalMaxPool2d), _fractional(3, FractionalMaxPool3d))
UNPOOLS = (MaxUnpool2d, MaxUnpool3d)
