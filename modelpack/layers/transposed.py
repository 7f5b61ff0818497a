"""Transposed convolutions and other layers as functions: their weights are inputs."""

from __future__ import annotations

from modelpack.dims import Dim, exceeds, may_equal
from modelpack.layers.axes import fixed_axis
from modelpack.layers.base import Layer, aten, example, flag, number, operation, setting, sizes
from modelpack.layers.convolution import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from modelpack.layers.functional import exactly, groups_setting, result_of, split_evenly
from modelpack.layers.kinds import Integer
from modelpack.layers.matrix import meet, one_dtype
from modelpack.layers.rules import FLOATS, of_rank_from
from modelpack.tensors import Mismatch, TensorSpec

__all__ = ["TRANSPOSED", "Bilinear", "ConvTBC", "InstanceNorm"]


def _weight_of(weight: TensorSpec, rank: int) -> None:
    if weight.rank != rank:
        raise Mismatch(
            f"its weight must have {rank} axes, {weight} has {weight.rank}", code="MP302", port="weight"
        )


def _transposed(n: int, module: type[Layer]) -> type[Layer]:
    axes = ", ".join("5" * n)
    kernel = ", ".join("3" * n)

    @operation(source=aten(f"torch.nn.functional.conv_transpose{n}d"), name=f"conv_transpose{n}d")
    class Transposed(Layer):
        __doc__ = f"""Transposed convolution over the last {n} axes with the kernels in `weight`.

        Shapes: ``[batch, channels, *sizes]`` or ``[channels, *sizes]``, weight ``[channels, out // groups, *kernel]``,
        bias ``[out]``; to ``[…, out, *sizes]`` as `ConvTranspose{n}d` has them.
        """

        stride: tuple[int, ...] = sizes(
            n, "distance in the output between neighbours of the input", default=1
        )
        padding: tuple[int, ...] = sizes(n, "what is cut off the output on both sides", default=0, minimum=0)
        output_padding: tuple[int, ...] = sizes(
            n, "what is added to the output at its end", default=0, minimum=0
        )
        groups: Dim = groups_setting()
        dilation: tuple[int, ...] = sizes(n, "distance between elements of the kernel", default=1)

        examples = (
            example(f"float32[batch, 4, {axes}]", f"float32[4, 6, {kernel}]", "float32[6]"),
            example(
                f"float32[batch, 4, {axes}]",
                f"float32[4, 3, {kernel}]",
                stride=2,
                padding=1,
                output_padding=1,
                groups=2,
            ),
            example(f"float64[4, {axes}]", f"float64[4, 2, {kernel}]", "float64[2]", dilation=2),
            example(f"float32[1, 4*batch, {axes}]", f"float32[4*batch, 3, {kernel}]", groups="batch"),
        )

        def infer(self, input: TensorSpec, weight: TensorSpec, bias: TensorSpec | None = None) -> TensorSpec:
            one_dtype(input, weight, *(() if bias is None else (bias,)), allowed=FLOATS)
            _weight_of(weight, n + 2)
            channels, out = weight.shape[:2]
            kernel = tuple(fixed_axis(weight, at, "a kernel has a fixed size") for at in range(2, n + 2))
            if bias is not None:
                exactly(bias, (out * self.groups,), "bias")
            if input.rank in (n + 1, n + 2) and not may_equal(input.shape[-n - 1], channels):
                raise Mismatch(
                    f"its weight {weight} is for {channels} channels, but its input {input} has "
                    f"{input.shape[-n - 1]}",
                    port="weight",
                )
            split_evenly(self.groups, "in_channels", channels)
            layer = module(
                in_channels=1,
                out_channels=1,
                kernel_size=kernel,
                dtype=weight.dtype,
                **{**vars(self), "groups": 1},
            )
            return result_of(layer, input).with_axis(-n - 1, out * self.groups)

    return Transposed


TRANSPOSED = (
    _transposed(1, ConvTranspose1d),
    _transposed(2, ConvTranspose2d),
    _transposed(3, ConvTranspose3d),
)


@operation(source=aten("torch.conv_tbc"), name="conv_tbc")
class ConvTBC(Layer):
    """Cross-correlation over the first axis of a sequence.

    Shapes: ``[length, batch, channels]``, weight ``[kernel, channels, out]`` and bias ``[out]`` to
    ``[length + 2 * pad - kernel + 1, batch, out]``.
    """

    pad: int = setting(Integer(0), "zeros on both sides", default=0)

    examples = (
        example("float32[length, batch, 4]", "float32[3, 4, 6]", "float32[6]"),
        example("float32[7, batch, 4]", "float32[3, 4, 2]", "float32[2]", pad=1),
        example("float64[5, batch, 1]", "float64[1, 1, 2]", "float64[2]", pad=2),
    )

    def infer(self, input: TensorSpec, weight: TensorSpec, bias: TensorSpec) -> TensorSpec:
        one_dtype(input, weight, bias, allowed=FLOATS)
        if input.rank != 3:
            raise Mismatch(f"its input must have 3 axes, {input} has {input.rank}", code="MP302")
        _weight_of(weight, 3)
        meet(input, input.shape[2], weight, weight.shape[1])
        exactly(bias, (weight.shape[2],), "bias")
        length = input.shape[0] + 2 * self.pad - weight.shape[0] + 1
        if exceeds(0, length):
            raise Mismatch(f"its weight {weight} is longer than its input {input}", code="MP307")
        return input.with_shape(length, input.shape[1], weight.shape[2])


@operation(source=aten("torch.nn.functional.bilinear"), name="bilinear")
class Bilinear(Layer):
    """``input1 @ weight[k] @ input2 + bias[k]`` for each k.

    Shapes: ``[…, in1]``, ``[…, in2]``, weight ``[out, in1, in2]`` and bias ``[out]`` to ``[…, out]``.
    """

    examples = (
        example("float32[batch, 4]", "float32[batch, 5]", "float32[3, 4, 5]", "float32[3]"),
        example("float32[batch, 2, 4]", "float32[batch, 2, 3]", "float32[1, 4, 3]"),
        example("float64[4]", "float64[5]", "float64[batch, 4, 5]", "float64[batch]"),
    )

    def infer(
        self, input1: TensorSpec, input2: TensorSpec, weight: TensorSpec, bias: TensorSpec | None = None
    ) -> TensorSpec:
        one_dtype(input1, input2, weight, *(() if bias is None else (bias,)), allowed=FLOATS)
        of_rank_from(input1, 1)
        _weight_of(weight, 3)
        exactly(input2, (*input1.shape[:-1], weight.shape[2]), "input2")
        meet(input1, input1.shape[-1], weight, weight.shape[1])
        if bias is not None:
            exactly(bias, weight.shape[:1], "bias")
        return input1.with_shape(*input1.shape[:-1], weight.shape[0])


@operation(source=aten("torch.nn.functional.instance_norm"), name="instance_norm")
class InstanceNorm(Layer):
    """Each channel of each example brought to mean 0 and variance 1, by its own or by running statistics, then scaled.

    Running statistics, where given beside `use_input_stats`, are updated where they stand.
    Shapes: ``[batch, channels, *sizes]``, unchanged; the others ``[channels]``.
    Paper: Ulyanov et al. 2016, "Instance Normalization: The Missing Ingredient for Fast Stylization".
    """

    use_input_stats: bool = flag("whether the statistics are those of the input")
    momentum: float = number("the new share of the running statistics")
    eps: float = number("added to the variance")

    examples = (
        example(
            "float32[batch, 3, 4]", "float32[3]", "float32[3]", use_input_stats=True, momentum=0.1, eps=1e-5
        ),
        example(
            "float32[batch, 3, 4, 4]",
            None,
            None,
            "float32[3]",
            "float32[3]",
            use_input_stats=False,
            momentum=0.5,
            eps=0.001,
        ),
        example("float64[batch, 3, height, width]", use_input_stats=True, momentum=0.1, eps=1e-5),
    )

    def infer(
        self,
        input: TensorSpec,
        weight: TensorSpec | None = None,
        bias: TensorSpec | None = None,
        running_mean: TensorSpec | None = None,
        running_var: TensorSpec | None = None,
    ) -> TensorSpec:
        tensors = {
            "weight": weight,
            "bias": bias,
            "running_mean": running_mean,
            "running_var": running_var,
        }
        given = {port: each for port, each in tensors.items() if each is not None}
        one_dtype(input, *given.values(), allowed=FLOATS)
        if input.rank < 3:
            raise Mismatch(f"its input must have at least 3 axes, {input} has {input.rank}", code="MP302")
        if (running_mean is None) != (running_var is None) or (
            running_mean is None and not self.use_input_stats
        ):
            raise Mismatch(
                "needs both running_mean and running_var, or with use_input_stats neither",
                port="running_mean",
            )
        for port, each in given.items():
            exactly(each, (input.shape[1],), port)
        return input
