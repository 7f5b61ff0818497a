"""Pools that are told the size of their output: adaptive and fractional."""

from __future__ import annotations

from modelpack.layers.base import Layer, example, layer, setting, sizes, torch_nn
from modelpack.layers.kinds import Integer, Integers, ListOf, Nullable, Number
from modelpack.layers.rules import FLOATS, of_dtypes
from modelpack.layers.windows import axis_names, spatial, with_spatial
from modelpack.tensors import Mismatch, TensorSpec

__all__ = [
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d",
    "FractionalMaxPool2d",
    "FractionalMaxPool3d",
]


def _adaptive(kind: str, what: str, n: int) -> type[Layer]:
    name = f"Adaptive{kind}Pool{n}d"
    axes = axis_names(n)
    # torch takes null, for "as the input has it", with two and three axes only.
    item = Integer(1) if n == 1 else Nullable(Integer(1))
    null = "" if n == 1 else "; null for that of the input"

    @layer(source=torch_nn(name), name=name)
    class Adaptive(Layer):
        __doc__ = f"""The {what} of each of `output_size` windows, which share the last {n} axes between them.

        Shapes: ``[batch, channels, {axes}]`` or ``[channels, {axes}]`` to the same with `output_size` in place of
        the sizes. Window ``i`` is ``[i*size // output_size, ceil((i + 1)*size / output_size))``.
        """

        output_size: tuple[int | None, ...] = setting(Integers(item, n), f"sizes of the output{null}")

        examples = (
            example(f"float32[batch, 3, {axes}]", output_size=1),
            example(f"float32[3, {axes}]", output_size=5),
            *([example(f"float32[batch, 2, {axes}]", output_size=(None, 3, 2)[:n])] if n > 1 else ()),
        )

        def infer(self, input: TensorSpec) -> TensorSpec:
            before = spatial(of_dtypes(input, FLOATS), n)
            after = [old if new is None else new for old, new in zip(before, self.output_size, strict=True)]
            return with_spatial(input, after)

    return Adaptive


def _fractional(n: int) -> type[Layer]:
    axes = axis_names(n)

    @layer(source=torch_nn(f"FractionalMaxPool{n}d"), name=f"FractionalMaxPool{n}d")
    class Fractional(Layer):
        __doc__ = f"""The maximum of windows at random distances over the last {n} axes, also in evaluation.

        Shapes: ``[batch, channels, {axes}]`` or ``[channels, {axes}]`` to the same with `output_size` in place of
        the sizes, or ``int(size * output_ratio)``. Exactly one of the two is given.
        Paper: Graham 2014, "Fractional Max-Pooling".
        """

        kernel_size: tuple[int, ...] = sizes(n, "size of the windows")
        output_size: tuple[int, ...] | None = setting(
            Nullable(Integers(Integer(1), n)), "sizes of the output", default=None
        )
        output_ratio: tuple[float, ...] | None = setting(
            Nullable(ListOf(Number(0, 1), n)), "sizes of the output as parts of the input's", default=None
        )

        examples = (
            example(f"float32[batch, 3, {axes}]", kernel_size=2, output_size=4),
            example(f"float32[3, {axes}]", kernel_size=(1, 3, 2)[:n], output_size=(3, 2, 1)[:n]),
            example(
                f"float32[batch, 3, {', '.join('8' * n)}]", kernel_size=2, output_ratio=(0.7, 0.5, 0.3)[:n]
            ),
        )

        def infer(self, input: TensorSpec) -> TensorSpec:
            before = spatial(of_dtypes(input, FLOATS), n)
            after = self._sizes(input)
            for size, kernel, new in zip(before, self.kernel_size, after, strict=True):
                # torch wants one more element with three axes than with two.
                if isinstance(size, int) and new + kernel - 1 > size - (n == 3):
                    told = f"{new} windows of {kernel} don't fit into the {size} of its input {input}"
                    raise Mismatch(told, code="MP307", setting="kernel_size")
            return with_spatial(input, after)

        def _sizes(self, x: TensorSpec) -> list[int]:
            if (self.output_size is None) == (self.output_ratio is None):
                told = "exactly one of output_size and output_ratio must be given"
                raise Mismatch(told, code="MP308", setting="output_size")
            if self.output_size is not None:
                return list(self.output_size)
            found: list[int] = []
            for size, ratio in zip(x.shape[-n:], self.output_ratio or (), strict=True):
                if not 0 < ratio < 1:
                    told = f"output_ratio must lie between 0 and 1, {ratio} doesn't"
                    raise Mismatch(told, code="MP308", setting="output_ratio")
                if not isinstance(size, int):
                    told = f"output_ratio needs an input of fixed size, and {x} has the free dimension {size}"
                    hint = "give output_size instead, or fix the size of the input"
                    raise Mismatch(told, code="MP304", setting="output_ratio", hint=hint)
                found.append(int(size * ratio))
            return found

    return Fractional


AdaptiveAvgPool1d, AdaptiveAvgPool2d, AdaptiveAvgPool3d = (_adaptive("Avg", "mean", n) for n in (1, 2, 3))
AdaptiveMaxPool1d, AdaptiveMaxPool2d, AdaptiveMaxPool3d = (_adaptive("Max", "maximum", n) for n in (1, 2, 3))
FractionalMaxPool2d, FractionalMaxPool3d = (_fractional(n) for n in (2, 3))
