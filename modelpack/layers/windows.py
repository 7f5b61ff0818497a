"""Shape arithmetic of windows that slide over the last axes: convolutions, pools, paddings.

Source: the formulas under "Shape" in the documentation of `torch.nn.Conv2d`, `ConvTranspose2d`, `MaxPool2d`.
"""

from __future__ import annotations

from collections.abc import Sequence

from modelpack.dims import Dim, exceeds, floor_div, minimum
from modelpack.layers.rules import of_rank
from modelpack.tensors import Mismatch, TensorSpec

__all__ = [
    "axis_names",
    "divides",
    "spatial",
    "spread",
    "wide_enough",
    "window",
    "window_rounded_up",
    "with_spatial",
]


def axis_names(count: int) -> str:
    """What the last `count` axes are called: ``height, width``."""
    return {1: "length", 2: "height, width", 3: "depth, height, width"}[count]


def spatial(x: TensorSpec, axes: int) -> tuple[Dim, ...]:
    """The last `axes` sizes of ``[channels, *sizes]`` or ``[batch, channels, *sizes]``.

    Raises:
        Mismatch: it has another number of axes.
    """
    return of_rank(x, axes + 1, axes + 2).shape[-axes:]


def with_spatial(x: TensorSpec, sizes: Sequence[Dim]) -> TensorSpec:
    """`x` with other sizes along its last axes.

    Raises:
        Mismatch: one of them is certainly not positive.
    """
    for size, before in zip(sizes, x.shape[-len(sizes) :], strict=True):
        if exceeds(1, size):
            raise Mismatch(
                f"its output would have the size {size} where its input {x} has {before}", code="MP307"
            )
    return x.with_shape(*x.shape[: -len(sizes)], *sizes)


def wide_enough(x: TensorSpec, size: Dim, kernel: int, padding: int = 0, dilation: int = 1) -> None:
    """Refuse a kernel that, with its gaps, is wider than the padded input; `padding` is both sides together.

    Raises:
        Mismatch: it is.
    """
    reach = dilation * (kernel - 1) + 1
    if isinstance(size, int) and reach > size + padding:
        dilated = f" (with dilation {dilation})" if dilation != 1 else ""
        told = f"{size + padding} (with padding)" if padding else str(size)
        raise Mismatch(
            f"its kernel is {reach}{dilated} wide, more than the {told} of its input {x}",
            code="MP307",
            setting="kernel_size",
        )


def window(size: Dim, kernel: int, stride: int, padding: int = 0, dilation: int = 1) -> Dim:
    """How many positions a window has; `padding` is that of both sides together."""
    return floor_div(size + padding - dilation * (kernel - 1) - 1, stride) + 1


def window_rounded_up(size: Dim, kernel: int, stride: int, padding: int = 0, dilation: int = 1) -> Dim:
    """The same where a last, incomplete window counts too (`ceil_mode`), unless it would begin in the right padding;
    `padding` is that of one side."""
    last = minimum(size + 2 * padding - dilation * (kernel - 1) + stride - 2, size + padding - 1)
    return floor_div(last, stride) + 1


def spread(size: Dim, kernel: int, stride: int, padding: int, dilation: int, output_padding: int) -> Dim:
    """The inverse of `window`, which a transposed convolution computes."""
    return (size - 1) * stride - 2 * padding + dilation * (kernel - 1) + output_padding + 1


def divides(divisor: str, by: int, dividend: str, value: int) -> None:
    """Two settings of which one must be a multiple of the other.

    Raises:
        Mismatch: it isn't.
    """
    if value % by:
        raise Mismatch(
            f"{dividend} {value} is not a multiple of {divisor} {by}", code="MP308", setting=divisor
        )
