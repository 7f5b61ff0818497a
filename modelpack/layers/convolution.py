"""Convolutions and transposed convolutions over one, two or three axes."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod, sqrt

from modelpack.dtypes import DType
from modelpack.layers.base import (
    Example,
    Layer,
    Tensor,
    choice,
    example,
    flag,
    layer,
    parameter,
    parameter_dtype,
    setting,
    size,
    sizes,
    torch_nn,
)
from modelpack.layers.initial import Init
from modelpack.layers.kinds import Choice, Either, Integer, Integers
from modelpack.layers.rules import of_dtype
from modelpack.layers.windows import axis_names, divides, spatial, spread, wide_enough, window, with_spatial
from modelpack.tensors import Mismatch, TensorSpec

__all__ = [
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
]


def _convolution(n: int) -> type[Layer]:
    @layer(source=torch_nn(f"Conv{n}d"), name=f"Conv{n}d")
    class Convolution(Layer):
        __doc__ = f"""Cross-correlation of the input with `out_channels` learned kernels, over its last {n} axes.

        Shapes: ``[batch, in_channels, *sizes]`` or ``[in_channels, *sizes]`` to ``[…, out_channels, *positions]``, where
        ``sizes`` is ``[{axis_names(n)}]`` and ``positions = (size + 2*padding - dilation*(kernel_size - 1) - 1) // stride + 1``.
        """

        in_channels: int = size("channels of the input", axis=-(n + 1))
        out_channels: int = size("channels of the output")
        kernel_size: tuple[int, ...] = sizes(n, "size of the kernel")
        stride: tuple[int, ...] = sizes(n, "step from one position of the kernel to the next", default=1)
        padding: tuple[int, ...] | str = setting(
            Either((Integers(Integer(0), n), Choice(("same", "valid")))),
            "what is added on both sides: numbers, 'same' (the output is as large as the input), or 'valid' (nothing)",
            default=0,
        )
        dilation: tuple[int, ...] = sizes(n, "distance between elements of the kernel", default=1)
        groups: int = size("into how many groups the channels are split, each convolved alone", default=1)
        bias: bool = flag("whether to add `bias`", default=True)
        padding_mode: str = choice(
            "zeros",
            "reflect",
            "replicate",
            "circular",
            doc="what the padding is filled with",
            default="zeros",
        )
        dtype: DType = parameter_dtype()

        examples = _convolution_examples(n)

        def tensors(self) -> tuple[Tensor, ...]:
            divides("groups", self.groups, "in_channels", self.in_channels)
            divides("groups", self.groups, "out_channels", self.out_channels)
            shape = (self.out_channels, self.in_channels // self.groups, *self.kernel_size)
            return _weights(shape, self.out_channels, self.bias, self.dtype)

        def infer(self, input: TensorSpec) -> TensorSpec:
            divides("groups", self.groups, "in_channels", self.in_channels)
            divides("groups", self.groups, "out_channels", self.out_channels)
            before = spatial(of_dtype(input, self.dtype), n)
            if self.padding == "same" and any(step != 1 for step in self.stride):
                raise Mismatch(
                    f"padding 'same' needs a stride of 1, not {_told(self.stride)}",
                    code="MP308",
                    setting="padding",
                )
            after = [
                window(length, kernel, stride, sum(sides), dilation)
                for length, kernel, stride, dilation, sides in zip(
                    before, self.kernel_size, self.stride, self.dilation, self._sides(input), strict=True
                )
            ]
            return with_spatial(input, after).with_axis(-(n + 1), self.out_channels)

        def _sides(self, x: TensorSpec) -> list[tuple[int, int]]:
            """The padding before and after each axis."""
            if isinstance(self.padding, str):
                reach = [
                    d * (k - 1) if self.padding == "same" else 0
                    for d, k in zip(self.dilation, self.kernel_size, strict=True)
                ]
                sides = [(total // 2, total - total // 2) for total in reach]
            else:
                sides = [(each, each) for each in self.padding]
            for length, kernel, dilation, pair in zip(
                x.shape[-n:], self.kernel_size, self.dilation, sides, strict=True
            ):
                _can_pad(self.padding_mode, x, length, max(pair))
                wide_enough(x, length, kernel, sum(pair), dilation)
            return sides

    return Convolution


def _can_pad(mode: str, x: TensorSpec, length: object, padding: int) -> None:
    """Reflection and wrapping take their values from the input, which must be long enough (replication isn't bound)."""
    limit = {"reflect": 1, "circular": 0}.get(mode)
    if limit is not None and isinstance(length, int) and padding > length - limit:
        raise Mismatch(
            f"padding_mode '{mode}' can't add {padding} to the {length} of its input {x}",
            code="MP308",
            setting="padding_mode",
        )


def _transposed(n: int) -> type[Layer]:
    @layer(source=torch_nn(f"ConvTranspose{n}d"), name=f"ConvTranspose{n}d")
    class Transposed(Layer):
        __doc__ = f"""Transposed convolution over the last {n} axes: the gradient of a convolution by its input.

        Shapes: ``[batch, in_channels, *sizes]`` or ``[in_channels, *sizes]`` to ``[…, out_channels, *sizes]``, where
        ``sizes`` is ``[{axis_names(n)}]``, and each becomes
        ``(size - 1)*stride - 2*padding + dilation*(kernel_size - 1) + output_padding + 1``.
        Paper: Zeiler et al. 2010, "Deconvolutional Networks".
        """

        in_channels: int = size("channels of the input", axis=-(n + 1))
        out_channels: int = size("channels of the output")
        kernel_size: tuple[int, ...] = sizes(n, "size of the kernel")
        stride: tuple[int, ...] = sizes(
            n, "distance in the output between neighbours of the input", default=1
        )
        padding: tuple[int, ...] = sizes(n, "what is cut off the output on both sides", default=0, minimum=0)
        output_padding: tuple[int, ...] = sizes(
            n, "what is added to the output at its end", default=0, minimum=0
        )
        groups: int = size("into how many groups the channels are split, each convolved alone", default=1)
        bias: bool = flag("whether to add `bias`", default=True)
        dilation: tuple[int, ...] = sizes(n, "distance between elements of the kernel", default=1)
        dtype: DType = parameter_dtype()

        examples = _transposed_examples(n)

        def tensors(self) -> tuple[Tensor, ...]:
            self._check()
            shape = (self.in_channels, self.out_channels // self.groups, *self.kernel_size)
            return _weights(shape, self.out_channels, self.bias, self.dtype)

        def infer(self, input: TensorSpec) -> TensorSpec:
            self._check()
            before = spatial(of_dtype(input, self.dtype), n)
            settings = (self.kernel_size, self.stride, self.padding, self.dilation, self.output_padding)
            after = [spread(*each) for each in zip(before, *settings, strict=True)]
            return with_spatial(input, after).with_axis(-(n + 1), self.out_channels)

        def _check(self) -> None:
            divides("groups", self.groups, "in_channels", self.in_channels)
            divides("groups", self.groups, "out_channels", self.out_channels)
            for more, stride, dilation in zip(self.output_padding, self.stride, self.dilation, strict=True):
                if more >= max(stride, dilation):
                    raise Mismatch(
                        f"output_padding {more} must be less than the stride {stride} or the dilation {dilation}",
                        code="MP308",
                        setting="output_padding",
                    )

    return Transposed


def _weights(shape: tuple[int, ...], out_channels: int, bias: bool, dtype: DType) -> tuple[Tensor, ...]:
    weight = parameter("weight", shape, dtype, Init("kaiming_uniform", {"a": sqrt(5)}))
    if not bias:
        return (weight,)
    bound = 1 / sqrt(prod(shape[1:]))
    return (weight, parameter("bias", (out_channels,), dtype, Init("uniform", {"a": -bound, "b": bound})))


def _told(values: Sequence[int]) -> str:
    return str(values[0]) if len(set(values)) == 1 else str(list(values))


def _convolution_examples(n: int) -> tuple[Example, ...]:
    axes = axis_names(n)
    kernel = (5, 3, 1)[:n] if n > 1 else 5
    return (
        example(f"float32[batch, 3, {axes}]", in_channels=3, out_channels=8, kernel_size=3),
        example(
            f"float32[batch, 4, {axes}]",
            in_channels=4,
            out_channels=6,
            kernel_size=kernel,
            stride=2,
            padding=1,
            bias=False,
        ),
        example(
            f"float32[batch, 4, {axes}]",
            in_channels=4,
            out_channels=8,
            kernel_size=4,
            padding="same",
            groups=2,
        ),
        example(
            f"float32[batch, 2, {axes}]",
            in_channels=2,
            out_channels=2,
            kernel_size=3,
            padding="valid",
            dilation=2,
        ),
        example(
            f"float32[batch, 2, {axes}]",
            in_channels=2,
            out_channels=3,
            kernel_size=3,
            padding=1,
            padding_mode="circular",
        ),
        example(
            f"float32[batch, 2, {axes}]",
            in_channels=2,
            out_channels=3,
            kernel_size=3,
            padding=1,
            stride=2,
            padding_mode="reflect",
        ),
        example(
            f"float32[batch, 2, {axes}]",
            in_channels=2,
            out_channels=3,
            kernel_size=2,
            padding="same",
            padding_mode="replicate",
        ),
        example(f"float64[2, {axes}]", in_channels=2, out_channels=1, kernel_size=1, dtype="float64"),
    )


def _transposed_examples(n: int) -> tuple[Example, ...]:
    axes = axis_names(n)
    return (
        example(f"float32[batch, 3, {axes}]", in_channels=3, out_channels=4, kernel_size=3),
        example(
            f"float32[batch, 4, {axes}]",
            in_channels=4,
            out_channels=2,
            kernel_size=3,
            stride=2,
            padding=1,
            output_padding=1,
            groups=2,
            bias=False,
        ),
        example(
            f"float64[2, {axes}]", in_channels=2, out_channels=1, kernel_size=2, dilation=3, dtype="float64"
        ),
    )


Conv1d, Conv2d, Conv3d = (_convolution(n) for n in (1, 2, 3))
ConvTranspose1d, ConvTranspose2d, ConvTranspose3d = (_transposed(n) for n in (1, 2, 3))
