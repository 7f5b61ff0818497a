"""Fold, Unfold, PixelShuffle, PixelUnshuffle, ChannelShuffle: images rearranged."""

from __future__ import annotations

from math import prod

from modelpack.dims import Dim, floor_div, may_equal
from modelpack.dtypes import DType
from modelpack.layers.base import Layer, example, layer, size, sizes, torch_nn
from modelpack.layers.rules import FLOATS, NUMBERS, of_dtypes, of_rank, of_rank_from
from modelpack.layers.windows import spatial, wide_enough, window
from modelpack.tensors import Mismatch, TensorSpec, number_of_elements

__all__ = ["ChannelShuffle", "Fold", "PixelShuffle", "PixelUnshuffle", "Unfold"]

_WINDOWED = FLOATS | {DType.BOOL, DType.COMPLEX64}

_MOVED = NUMBERS | _WINDOWED

_KERNEL = sizes(2, "height and width of the window")
_DILATION = sizes(2, "distance between elements of the window", default=1)
_PADDING = sizes(2, "zeros on both sides of the image", default=0, minimum=0)
_STRIDE = sizes(2, "step from one position of the window to the next", default=1)


@layer(source=torch_nn("Unfold"))
class Unfold(Layer):
    """Every position of a window over an image as one column.

    Shapes: ``[batch, channels, height, width]`` to ``[batch, channels * window, positions]``, with or without ``batch``.
    """

    kernel_size: tuple[int, ...] = _KERNEL
    dilation: tuple[int, ...] = _DILATION
    padding: tuple[int, ...] = _PADDING
    stride: tuple[int, ...] = _STRIDE

    examples = (
        example("float32[batch, 3, height, 8]", kernel_size=(2, 3)),
        example("float64[2, 7, width]", kernel_size=2, dilation=(2, 1), padding=(0, 1), stride=2),
        example("bool[batch, channels, 4, 4]", kernel_size=2, stride=(2, 1)),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        image = spatial(of_dtypes(input, _WINDOWED), 2)
        if 0 in input.shape[-3:]:
            raise Mismatch(f"its input {input} has no elements", code="MP307")
        for length, kernel, padding, dilation in zip(
            image, self.kernel_size, self.padding, self.dilation, strict=True
        ):
            wide_enough(input, length, kernel, 2 * padding, dilation)
        columns = _positions(self, image)
        return input.with_shape(*input.shape[:-3], input.shape[-3] * prod(self.kernel_size), columns)


@layer(source=torch_nn("Fold"))
class Fold(Layer):
    """The inverse of `Unfold`, but that elements on which several positions of the window lie are summed.

    Shapes: ``[batch, channels * window, positions]`` to ``[batch, channels, *output_size]``, with or without ``batch``.
    """

    output_size: tuple[int, ...] = sizes(2, "height and width of the image")
    kernel_size: tuple[int, ...] = _KERNEL
    dilation: tuple[int, ...] = _DILATION
    padding: tuple[int, ...] = _PADDING
    stride: tuple[int, ...] = _STRIDE

    examples = (
        example("float32[batch, 12, 12]", output_size=(4, 5), kernel_size=2),
        example(
            "float64[6*channels, 6]",
            output_size=6,
            kernel_size=(3, 2),
            dilation=(1, 2),
            padding=1,
            stride=(2, 3),
        ),
        example("float32[batch, 4*channels, 9]", output_size=4, kernel_size=2),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        of_rank(of_dtypes(input, _WINDOWED), 2, 3)
        if 0 in input.shape[-2:]:
            raise Mismatch(f"its input {input} has no elements", code="MP307")
        self._check_columns(input, input.shape[-1])
        rows, each = input.shape[-2], prod(self.kernel_size)
        _check_multiple(input, rows, "rows", each, "kernel_size", f"the {each} elements of its window")
        return input.with_shape(*input.shape[:-2], floor_div(rows, each), *self.output_size)

    def _check_columns(self, x: TensorSpec, columns: Dim) -> None:
        each = zip(self.output_size, self.kernel_size, self.padding, self.dilation, strict=True)
        if any(
            dilation * (kernel - 1) + 1 > length + 2 * padding for length, kernel, padding, dilation in each
        ):
            raise Mismatch(
                f"kernel_size {list(self.kernel_size)} with dilation {list(self.dilation)} is larger than output_size "
                f"{list(self.output_size)} with padding {list(self.padding)}",
                code="MP308",
                setting="kernel_size",
            )
        expected = _positions(self, self.output_size)
        if not may_equal(columns, expected):
            raise Mismatch(
                f"a window has {expected} positions in output_size {list(self.output_size)}, "
                f"but the last axis of its input {x} is {columns}",
                setting="output_size",
            )


def _positions(net: Unfold | Fold, image: tuple[Dim, ...]) -> Dim:
    axes = zip(image, net.kernel_size, net.stride, net.padding, net.dilation, strict=True)
    return number_of_elements(window(a, k, s, 2 * p, d) for a, k, s, p, d in axes)


@layer(source=torch_nn("PixelShuffle"))
class PixelShuffle(Layer):
    """Makes an image `upscale_factor` times as high and as wide out of groups of channels.

    Shapes: ``[*, channels * upscale_factor**2, height, width]`` to
    ``[*, channels, height * upscale_factor, width * upscale_factor]``.
    Paper: Shi et al. 2016, "Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel Convolutional
    Neural Network" (arXiv:1609.05158).
    """

    upscale_factor: int = size("how many times as high and as wide the output is")

    examples = (
        example("float32[batch, 8, height, width]", upscale_factor=2),
        example("int64[18, 2, width]", upscale_factor=3),
        example("bool[batch, 2, 4*channels, 1, 2]", upscale_factor=2),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        *before, channels, height, width = of_rank_from(of_dtypes(input, _MOVED), 3).shape
        r = self.upscale_factor
        _check_multiple(input, channels, "channels", r * r, "upscale_factor", f"upscale_factor {r}, squared")
        return input.with_shape(*before, floor_div(channels, r * r), height * r, width * r)


@layer(source=torch_nn("PixelUnshuffle"))
class PixelUnshuffle(Layer):
    """The inverse of `PixelShuffle`.

    Shapes: ``[*, channels, height * downscale_factor, width * downscale_factor]`` to
    ``[*, channels * downscale_factor**2, height, width]``.
    """

    downscale_factor: int = size("how many times as high and as wide the input is")

    examples = (
        example("float32[batch, 2, 2*height, 2*width]", downscale_factor=2),
        example("int64[channels, 3, 6]", downscale_factor=3),
        example("bool[batch, 2, 1, 4, 2]", downscale_factor=1),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        *before, channels, height, width = of_rank_from(of_dtypes(input, _MOVED), 3).shape
        r = self.downscale_factor
        for length in (height, width):
            _check_multiple(input, length, "rows or columns", r, "downscale_factor", f"downscale_factor {r}")
        return input.with_shape(*before, channels * r * r, floor_div(height, r), floor_div(width, r))


@layer(source=torch_nn("ChannelShuffle"))
class ChannelShuffle(Layer):
    """Splits the channels into `groups` and takes one of each in turn.

    Shapes: ``[batch, channels, *sizes]`` with one size at least, unchanged.
    Paper: Zhang et al. 2018, "ShuffleNet" (arXiv:1707.01083).
    """

    groups: int = size("groups of channels")

    examples = (
        example("float32[batch, 6, height, width]", groups=3),
        example("int64[batch, 4, length]", groups=2),
        example("bool[batch, 2*channels, 1, 2, 3]", groups=2),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        channels = of_rank_from(of_dtypes(input, _MOVED), 3).shape[1]
        _check_multiple(input, channels, "channels", self.groups, "groups", f"groups {self.groups}")
        return input


def _check_multiple(x: TensorSpec, length: Dim, what: str, factor: int, setting: str, told: str) -> None:
    if not may_equal(length % factor, 0):
        raise Mismatch(
            f"its input {x} has {length} {what}, which is not a multiple of {told}", setting=setting
        )
