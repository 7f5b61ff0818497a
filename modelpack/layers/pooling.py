"""Pools: maximum, average and power average over windows of fixed size, and the inverse of the first."""

from __future__ import annotations

from math import inf, isfinite

from modelpack.dims import Dim, may_equal
from modelpack.dtypes import DType
from modelpack.layers.base import Layer, example, flag, layer, setting, sizes, torch_nn
from modelpack.layers.kinds import Integer, Integers, Nullable, Number
from modelpack.layers.rules import FLOATS, NUMBERS, of_dtypes
from modelpack.layers.windows import (
    axis_names,
    spatial,
    spread,
    wide_enough,
    window,
    window_rounded_up,
    with_spatial,
)
from modelpack.tensors import Mismatch, TensorSpec

__all__ = [
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "LPPool1d",
    "LPPool2d",
    "LPPool3d",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
    "MaxUnpool1d",
    "MaxUnpool2d",
    "MaxUnpool3d",
]

_CEIL = "whether a last, incomplete window counts"
_STRIDE = "step from one window to the next; null for `kernel_size`"


def _optional_sizes(n: int) -> Nullable:
    return Nullable(Integers(Integer(1), n))


def _pooled(
    x: TensorSpec,
    kernel_size: tuple[int, ...],
    stride: tuple[int, ...] | None,
    padding: tuple[int, ...],
    dilation: tuple[int, ...],
    ceil_mode: bool,
) -> TensorSpec:
    """`x` after a pool.

    Raises:
        Mismatch: the padding is wider than half a window, so that one could lie in it entirely, or there is no window.
    """
    before = spatial(x, len(kernel_size))
    after: list[Dim] = []
    for size, kernel, step, pad, gap in zip(
        before, kernel_size, stride or kernel_size, padding, dilation, strict=True
    ):
        if 2 * pad > kernel:
            # torch wants so of kernels with gaps too.
            told = f"padding {pad} is more than half of the kernel_size {kernel}"
            raise Mismatch(told, code="MP308", setting="padding")
        if ceil_mode:
            after.append(window_rounded_up(size, kernel, step, pad, gap))
        else:
            wide_enough(x, size, kernel, 2 * pad, gap)
            after.append(window(size, kernel, step, 2 * pad, gap))
    return with_spatial(x, after)


def _covers_windows(x: TensorSpec, kernel_size: tuple[int, ...]) -> None:
    """torch averages over three axes only where each is as long as the window, without the padding.

    Raises:
        Mismatch: one isn't.
    """
    if len(kernel_size) == 3:
        for size, kernel in zip(spatial(x, 3), kernel_size, strict=True):
            wide_enough(x, size, kernel)


def _max_pool(n: int) -> type[Layer]:
    axes = axis_names(n)

    @layer(source=torch_nn(f"MaxPool{n}d"), name=f"MaxPool{n}d")
    class MaxPool(Layer):
        __doc__ = f"""The largest element of each window over the last {n} axes; padding counts as minus infinity.

        Shapes: ``[batch, channels, {axes}]`` or ``[channels, {axes}]`` to the same with
        ``(size + 2*padding - dilation*(kernel_size - 1) - 1) // stride + 1`` for each size; rounded up in
        `ceil_mode`, unless the last window would begin in the padding.
        """

        kernel_size: tuple[int, ...] = sizes(n, "size of the window")
        stride: tuple[int, ...] | None = setting(_optional_sizes(n), _STRIDE, default=None)
        padding: tuple[int, ...] = sizes(n, "how far windows reach over both ends", default=0, minimum=0)
        dilation: tuple[int, ...] = sizes(n, "distance between elements of the window", default=1)
        ceil_mode: bool = flag(_CEIL, default=False)

        examples = (
            example(f"float32[batch, 3, {axes}]", kernel_size=2),
            example(f"float32[batch, 3, {axes}]", kernel_size=2, stride=3, padding=1, ceil_mode=True),
            example(f"float32[3, {axes}]", kernel_size=2, stride=1, dilation=3),
        )

        def infer(self, input: TensorSpec) -> TensorSpec:
            # torch pools integers over two and three axes, but not over one.
            of_dtypes(input, FLOATS if n == 1 else NUMBERS)
            return _pooled(input, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode)

    return MaxPool


def _avg_pool(n: int) -> type[Layer]:
    axes = axis_names(n)

    @layer(source=torch_nn(f"AvgPool{n}d"), name=f"AvgPool{n}d")
    class AvgPool(Layer):
        __doc__ = f"""The mean of each window over the last {n} axes.

        Shapes: ``[batch, channels, {axes}]`` or ``[channels, {axes}]`` to the same with
        ``(size + 2*padding - kernel_size) // stride + 1`` for each size; rounded up in `ceil_mode`, unless
        the last window would begin in the padding.
        """

        kernel_size: tuple[int, ...] = sizes(n, "size of the window")
        stride: tuple[int, ...] | None = setting(_optional_sizes(n), _STRIDE, default=None)
        padding: tuple[int, ...] = sizes(n, "zeros added at both ends", default=0, minimum=0)
        ceil_mode: bool = flag(_CEIL, default=False)
        count_include_pad: bool = flag("whether the padding counts in the mean", default=True)
        if n > 1:
            divisor_override: int | None = setting(
                Nullable(Integer(1)),
                "what the sum of a window is divided by; null for the number of its elements",
                default=None,
            )

        examples = (
            example(f"float32[batch, 3, {axes}]", kernel_size=2),
            example(f"float32[batch, 3, {axes}]", kernel_size=2, stride=3, padding=1, ceil_mode=True),
            example(f"float32[3, {axes}]", kernel_size=3, stride=1, padding=1, count_include_pad=False),
            *([example(f"float32[batch, 2, {axes}]", kernel_size=2, divisor_override=3)] if n > 1 else ()),
        )

        def infer(self, input: TensorSpec) -> TensorSpec:
            of_dtypes(input, FLOATS | {DType.INT64})
            _covers_windows(input, self.kernel_size)
            ones = (1,) * n
            return _pooled(input, self.kernel_size, self.stride, self.padding, ones, self.ceil_mode)

    return AvgPool


def _lp_pool(n: int) -> type[Layer]:
    axes = axis_names(n)

    @layer(source=torch_nn(f"LPPool{n}d"), name=f"LPPool{n}d")
    class LPPool(Layer):
        __doc__ = f"""The power average ``sum(x ** p) ** (1 / p)``, ``p = norm_type``, over windows of the last {n} axes.

        Shapes: ``[batch, channels, {axes}]`` or ``[channels, {axes}]`` to the same with
        ``(size - kernel_size) // stride + 1`` for each size, rounded up in `ceil_mode`.
        """

        norm_type: float = setting(
            Number(finite=False), "the power; infinity for the maximum of absolute values"
        )
        kernel_size: tuple[int, ...] = sizes(n, "size of the window")
        stride: tuple[int, ...] | None = setting(_optional_sizes(n), _STRIDE, default=None)
        ceil_mode: bool = flag(_CEIL, default=False)

        examples = (
            example(f"float32[batch, 3, {axes}]", norm_type=2.0, kernel_size=2),
            example(f"float32[batch, 3, {axes}]", norm_type=1.0, kernel_size=3, stride=2, ceil_mode=True),
            example(f"float32[3, {axes}]", norm_type=inf, kernel_size=3, stride=1),
        )

        def infer(self, input: TensorSpec) -> TensorSpec:
            if self.norm_type == 0:
                raise Mismatch(
                    "norm_type must not be 0: its inverse is a power", code="MP308", setting="norm_type"
                )
            of_dtypes(input, FLOATS)
            if isfinite(self.norm_type):
                _covers_windows(input, self.kernel_size)
            ones = (1,) * n
            return _pooled(input, self.kernel_size, self.stride, (0,) * n, ones, self.ceil_mode)

    return LPPool


def _max_unpool(n: int) -> type[Layer]:
    axes = axis_names(n)

    @layer(source=torch_nn(f"MaxUnpool{n}d"), name=f"MaxUnpool{n}d")
    class MaxUnpool(Layer):
        __doc__ = f"""Puts each maximum back to where a maximum pool of the last {n} axes took it from, zeros elsewhere.

        `indices` are those of the pool, counted within a channel. Shapes: ``[batch, channels, {axes}]`` or
        ``[channels, {axes}]`` for both to the same with ``(size - 1)*stride - 2*padding + kernel_size``
        for each size.
        """

        kernel_size: tuple[int, ...] = sizes(n, "size of the pool's window")
        stride: tuple[int, ...] | None = setting(_optional_sizes(n), _STRIDE, default=None)
        padding: tuple[int, ...] = sizes(n, "the pool's padding", default=0, minimum=0)

        examples = (
            example(f"float32[batch, 3, {axes}]", f"int64[batch, 3, {axes}]", kernel_size=2),
            example(
                f"float32[batch, 3, {axes}]", f"int64[batch, 3, {axes}]", kernel_size=3, stride=2, padding=1
            ),
            example(f"float32[3, {axes}]", f"int64[3, {axes}]", kernel_size=2, stride=1),
        )

        def infer(self, input: TensorSpec, indices: TensorSpec) -> TensorSpec:
            if indices.dtype is not DType.INT64:
                raise Mismatch(f"indices must be int64, not {indices}", code="MP306", port="indices")
            if indices.rank != input.rank or not all(map(may_equal, indices.shape, input.shape)):
                told = f"indices must have the shape of its input {input}, not {indices}"
                raise Mismatch(told, code="MP304", port="indices")
            settings = (self.kernel_size, self.stride or self.kernel_size, self.padding)
            after = [
                spread(size, kernel, stride, padding, 1, 0)
                for size, kernel, stride, padding in zip(spatial(input, n), *settings, strict=True)
            ]
            return with_spatial(of_dtypes(input, FLOATS), after)

    return MaxUnpool


MaxPool1d, MaxPool2d, MaxPool3d = (_max_pool(n) for n in (1, 2, 3))
AvgPool1d, AvgPool2d, AvgPool3d = (_avg_pool(n) for n in (1, 2, 3))
LPPool1d, LPPool2d, LPPool3d = (_lp_pool(n) for n in (1, 2, 3))
MaxUnpool1d, MaxUnpool2d, MaxUnpool3d = (_max_unpool(n) for n in (1, 2, 3))
