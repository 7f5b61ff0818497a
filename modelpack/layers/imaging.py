"""Operations on the last axes of images, signals and volumes: pools, paddings, windows."""

from __future__ import annotations

from collections.abc import Sequence

from modelpack.dims import Dim, exceeds, may_equal, rounded
from modelpack.layers.adaptive_pooling import AdaptiveAvgPool1d, AdaptiveAvgPool2d, AdaptiveAvgPool3d
from modelpack.layers.base import Layer, aten, choice, example, flag, operation, setting, sizes
from modelpack.layers.functional import result_of
from modelpack.layers.kinds import Integer, Integers, Nullable, Number
from modelpack.layers.matrix import one_dtype
from modelpack.layers.pooling import AvgPool1d, AvgPool2d, AvgPool3d, MaxPool1d, MaxPool2d, MaxPool3d
from modelpack.layers.rules import BOOLEAN, COMPLEX, COUNTABLE, FLOATS, NUMBERS, fits, of_result
from modelpack.layers.vision import Fold as FoldLayer
from modelpack.layers.vision import Unfold as UnfoldLayer
from modelpack.layers.windows import axis_names, with_spatial
from modelpack.tensors import Mismatch, TensorSpec

__all__ = ["ADAPTIVE", "AVERAGES", "MAXIMA", "Col2Im", "GridSampler", "Im2Col", "Pad"]

_STRIDE = "step from one window to the next; null for `kernel_size`"
_CEIL = "whether a last, incomplete window counts"


def _steps(n: int) -> tuple[int, ...] | None:
    return setting(Nullable(Integers(Integer(1), n)), _STRIDE, default=None)


def _max_pool(n: int, module: type[Layer]) -> type[Layer]:
    axes = axis_names(n)

    @operation(source=aten(f"torch.nn.functional.max_pool{n}d"), name=f"max_pool{n}d")
    class MaxPool(Layer):
        __doc__ = f"""The largest element of each window over the last {n} axes.

        Shapes: as `MaxPool{n}d` has them.
        """

        kernel_size: tuple[int, ...] = sizes(n, "size of the window")
        stride: tuple[int, ...] | None = _steps(n)
        padding: tuple[int, ...] = sizes(n, "how far windows reach over both ends", default=0, minimum=0)
        dilation: tuple[int, ...] = sizes(n, "distance between elements of the window", default=1)
        ceil_mode: bool = flag(_CEIL, default=False)

        examples = (
            example(f"float32[batch, 3, {axes}]", kernel_size=2),
            example(f"float32[batch, 3, {axes}]", kernel_size=3, stride=2, padding=1, ceil_mode=True),
            example(f"float32[3, {axes}]", kernel_size=2, stride=1, dilation=3),
        )

        def infer(self, input: TensorSpec) -> TensorSpec:
            return result_of(module(**vars(self)), input)

    return MaxPool


def _avg_pool(n: int, module: type[Layer]) -> type[Layer]:
    axes = axis_names(n)

    @operation(source=aten(f"torch.nn.functional.avg_pool{n}d"), name=f"avg_pool{n}d")
    class AvgPool(Layer):
        __doc__ = f"""The mean of each window over the last {n} axes.

        Shapes: as `AvgPool{n}d` has them.
        """

        kernel_size: tuple[int, ...] = sizes(n, "size of the window")
        stride: tuple[int, ...] | None = _steps(n)
        padding: tuple[int, ...] = sizes(n, "zeros added at both ends", default=0, minimum=0)
        ceil_mode: bool = flag(_CEIL, default=False)
        count_include_pad: bool = flag("whether the padding counts in the mean", default=True)
        if n > 1:
            divisor_override: int | None = setting(
                Nullable(Integer(1)),
                "what sums are divided by; null for the number of elements",
                default=None,
            )

        examples = (
            example(f"float32[batch, 3, {axes}]", kernel_size=2),
            example(f"float32[batch, 3, {axes}]", kernel_size=3, stride=2, padding=1, ceil_mode=True),
            example(f"float32[3, {axes}]", kernel_size=3, stride=1, padding=1, count_include_pad=False),
            *([example(f"float32[batch, 2, {axes}]", kernel_size=2, divisor_override=3)] if n > 1 else ()),
        )

        def infer(self, input: TensorSpec) -> TensorSpec:
            return result_of(module(**vars(self)), input)

    return AvgPool


def _adaptive(n: int, module: type[Layer]) -> type[Layer]:
    axes = axis_names(n)

    @operation(source=aten(f"torch.nn.functional.adaptive_avg_pool{n}d"), name=f"adaptive_avg_pool{n}d")
    class Adaptive(Layer):
        __doc__ = f"""The mean of each of `output_size` windows, which share the last {n} axes between them.

        Shapes: as `AdaptiveAvgPool{n}d` has them.
        """

        output_size: tuple[Dim, ...] = setting(Integers(Integer(1, symbolic=True), n), "sizes of the output")

        examples = (
            example(f"float32[batch, 3, {axes}]", output_size=1),
            example(f"float32[3, {axes}]", output_size=5),
            example(f"float64[batch, 2, {axes}]", output_size=(4, 3, 2)[:n]),
        )

        def infer(self, input: TensorSpec) -> TensorSpec:
            return result_of(module(output_size=self.output_size), input)

    return Adaptive


MAXIMA = (_max_pool(1, MaxPool1d), _max_pool(2, MaxPool2d), _max_pool(3, MaxPool3d))
AVERAGES = (_avg_pool(1, AvgPool1d), _avg_pool(2, AvgPool2d), _avg_pool(3, AvgPool3d))
ADAPTIVE = (_adaptive(1, AdaptiveAvgPool1d), _adaptive(2, AdaptiveAvgPool2d), _adaptive(3, AdaptiveAvgPool3d))


_PADDED = {
    "constant": COUNTABLE | COMPLEX,
    "reflect": NUMBERS | COMPLEX,
    "replicate": NUMBERS | COMPLEX,
    "circular": NUMBERS | COMPLEX | BOOLEAN,
}
"""The dtypes that each mode takes."""


@operation(source=aten("torch.nn.functional.pad"), name="pad")
class Pad(Layer):
    """The last axes made longer, or with negative numbers shorter: by a constant, by reflection or repetition.

    Shapes: the axes that `pad` names become longer. `constant` goes with any; the others with the last one, two or three of
    an input that has one or two axes more.
    """

    pad: tuple[Dim, ...] = setting(
        Integers(Integer(symbolic=True)), "before and after the last axis, then the one before it, and so on"
    )
    mode: str = choice(
        "constant",
        "reflect",
        "replicate",
        "circular",
        doc="by a constant, by the reflection at the border, the border's element, or the other end",
        default="constant",
    )
    value: float | None = setting(Nullable(Number(finite=False)), "the constant; null for 0", default=None)

    examples = (
        example("float32[batch, 3]", pad=(1, 2)),
        example("float32[batch, 3, 4]", pad=(0, -1, 2, 0), value=-1.5),
        example("float32[batch, 3, 5]", pad=(2, 1), mode="reflect"),
        example("float32[batch, 3, 5, 6]", pad=(1, 1, 2, 0), mode="replicate"),
        example("float32[3, 5, 6]", pad=(1, 1, 2, 0), mode="circular"),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        of_result(input, _PADDED[self.mode])
        if self.value is not None and self.mode == "constant":
            fits(input, self.value, "value")
        n = len(self.pad) // 2
        if len(self.pad) % 2 or n > input.rank:
            raise Mismatch(
                f"pad must have a pair of numbers for each of at most {input.rank} axes, it has {len(self.pad)} numbers",
                code="MP302",
                setting="pad",
            )
        if not n:
            return input
        pairs = [(self.pad[2 * at], self.pad[2 * at + 1]) for at in reversed(range(n))]
        if self.mode != "constant":
            self._check_border(input, n, pairs)
        longer = [rounded(size + a + b) for size, (a, b) in zip(input.shape[-n:], pairs, strict=True)]
        if self.mode != "constant":
            return with_spatial(input, longer)
        if any(exceeds(0, size) for size in longer):
            raise Mismatch(f"pad cuts more off its input {input} than it has", code="MP307", setting="pad")
        return input.with_shape(*input.shape[:-n], *longer)

    def _check_border(self, x: TensorSpec, n: int, pairs: Sequence[tuple[Dim, Dim]]) -> None:
        if self.value is not None and self.value != 0:
            raise Mismatch(
                f"value {self.value} goes with mode 'constant' only", code="MP308", setting="value"
            )
        if n > 3 or x.rank not in (n + 1, n + 2):
            raise Mismatch(
                f"mode '{self.mode}' pads the last 1 to 3 axes of an input with one or two more, "
                f"but {x} has {x.rank}, of which pad names {n}",
                code="MP302",
                setting="pad",
            )
        limit = {"reflect": 1, "circular": 0}.get(self.mode)
        for size, pair in zip(x.shape[-n:], pairs, strict=True):
            for amount in pair:
                if limit is not None and exceeds(amount, size - limit):
                    raise Mismatch(
                        f"can't add {amount} to an axis of {size} of its input {x} by '{self.mode}'",
                        setting="pad",
                    )


@operation(source=aten("torch.nn.functional.grid_sample"), name="grid_sampler")
class GridSampler(Layer):
    """The input at the places in `grid`, whose last axis holds coordinates from -1 to 1, the last axis of the input first.

    Shapes: ``[batch, channels, *sizes]`` and ``[batch, *output, n]`` to ``[batch, channels, *output]``, n two or three.
    Paper: Jaderberg et al. 2015, "Spatial Transformer Networks".
    """

    interpolation_mode: str = choice(
        "bilinear",
        "nearest",
        "bicubic",
        doc="how values between elements are found (bilinear: trilinear for n = 3)",
    )
    padding_mode: str = choice("zeros", "border", "reflection", doc="what lies outside the input")
    align_corners: bool = flag(
        "whether -1 and 1 are the centres of the corner elements, not their outer corners"
    )

    examples = (
        example(
            "float32[batch, 3, 5, 6]",
            "float32[batch, 4, 4, 2]",
            interpolation_mode="bilinear",
            padding_mode="zeros",
            align_corners=False,
        ),
        example(
            "float32[batch, 3, height, width]",
            "float32[batch, 2, length, 2]",
            interpolation_mode="bicubic",
            padding_mode="border",
            align_corners=True,
        ),
        example(
            "float64[batch, 2, 3, 4, 5]",
            "float64[batch, 2, 2, 2, 3]",
            interpolation_mode="nearest",
            padding_mode="reflection",
            align_corners=False,
        ),
    )

    def infer(self, input: TensorSpec, grid: TensorSpec) -> TensorSpec:
        one_dtype(input, grid, allowed=FLOATS)
        if input.rank not in (4, 5) or grid.rank != input.rank:
            raise Mismatch(
                f"its input and grid must both have 4 axes or 5, not {input} and {grid}", code="MP302"
            )
        if self.interpolation_mode == "bicubic" and input.rank == 5:
            raise Mismatch("bicubic goes with 4 axes only", code="MP302", setting="interpolation_mode")
        if not may_equal(grid.shape[-1], input.rank - 2) or not may_equal(grid.shape[0], input.shape[0]):
            raise Mismatch(
                f"its grid must be [{input.shape[0]}, …, {input.rank - 2}], not {grid}", port="grid"
            )
        if 0 in input.shape[2:]:
            raise Mismatch(f"its input {input} has no elements", code="MP307")
        return input.with_shape(*input.shape[:2], *grid.shape[1:-1])


@operation(source=aten("torch.nn.functional.unfold"), name="im2col")
class Im2Col(Layer):
    """Every position of a window over an image as one column.

    Shapes: as `Unfold` has them.
    """

    kernel_size: tuple[int, ...] = sizes(2, "height and width of the window")
    dilation: tuple[int, ...] = sizes(2, "distance between elements of the window", default=1)
    padding: tuple[int, ...] = sizes(2, "zeros on both sides of the image", default=0, minimum=0)
    stride: tuple[int, ...] = sizes(2, "step from one position of the window to the next", default=1)

    examples = (
        example("float32[batch, 3, height, 8]", kernel_size=(2, 3)),
        example("float64[2, 7, width]", kernel_size=2, dilation=(2, 1), padding=(0, 1), stride=2),
        example("float32[batch, 1, 4, 4]", kernel_size=2, stride=(2, 1)),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        return result_of(UnfoldLayer(**vars(self)), input)


@operation(source=aten("torch.nn.functional.fold"), name="col2im")
class Col2Im(Layer):
    """The inverse of `im2col`, but that elements on which several positions of the window lie are summed.

    Shapes: as `Fold` has them.
    """

    output_size: tuple[int, ...] = sizes(2, "height and width of the image")
    kernel_size: tuple[int, ...] = sizes(2, "height and width of the window")
    dilation: tuple[int, ...] = sizes(2, "distance between elements of the window", default=1)
    padding: tuple[int, ...] = sizes(2, "zeros on both sides of the image", default=0, minimum=0)
    stride: tuple[int, ...] = sizes(2, "step from one position of the window to the next", default=1)

    examples = (
        example("float32[batch, 12, 12]", output_size=(4, 5), kernel_size=2),
        example(
            "float64[6, 6]", output_size=6, kernel_size=(3, 2), dilation=(1, 2), padding=1, stride=(2, 3)
        ),
        example("float32[batch, 8, 9]", output_size=4, kernel_size=2),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        return result_of(FoldLayer(**vars(self)), input)
