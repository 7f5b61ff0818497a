"""Layers as functions: their weights are inputs, for networks that compute, share or slice them."""

from __future__ import annotations

from typing import Any

from modelpack.dims import Dim, may_equal, remainder
from modelpack.dtypes import DType
from modelpack.layers.axes import fixed_axis
from modelpack.layers.base import (
    Layer,
    aten,
    example,
    flag,
    number,
    operation,
    optional_number,
    setting,
)
from modelpack.layers.convolution import Conv1d, Conv2d, Conv3d
from modelpack.layers.kinds import Choice, Either, Integer, Integers
from modelpack.layers.matrix import meet, one_dtype
from modelpack.layers.rules import ARITHMETIC, BOOLEAN, COMPLEX, FLOATS, of_rank_from, of_result, show_shape
from modelpack.tensors import Mismatch, TensorSpec, broadcast

__all__ = [
    "CONVOLUTIONS",
    "Embedding",
    "Linear",
    "ScaledDotProductAttention",
]

_COMPUTED = FLOATS | COMPLEX


@operation(source=aten("torch.nn.functional.linear"), name="linear")
class Linear(Layer):
    """``input @ weight.T + bias``.

    Shapes: ``[…, in_features]``, ``[out_features, in_features]`` and ``[out_features]`` to ``[…, out_features]``; of a weight
    ``[in_features]`` to ``[…]``.
    """

    examples = (
        example("float32[batch, 3]", "float32[4, 3]", "float32[4]"),
        example("float32[batch, 5, 3]", "float32[4, 3]"),
        example("float64[3]", "float64[batch, 3]", "float64[batch]"),
    )

    def infer(self, input: TensorSpec, weight: TensorSpec, bias: TensorSpec | None = None) -> TensorSpec:
        one_dtype(input, weight, *(() if bias is None else (bias,)))
        of_rank_from(input, 1)
        if weight.rank not in (1, 2):
            raise Mismatch(
                f"its weight must have 2 axes or 1, {weight} has {weight.rank}", code="MP302", port="weight"
            )
        meet(input, input.shape[-1], weight, weight.shape[-1])
        result = input.with_shape(*input.shape[:-1], *weight.shape[:-1])
        if bias is not None and (
            bias.rank >= weight.rank or broadcast([bias.shape, result.shape]) != result.shape
        ):
            raise Mismatch(f"its bias {bias} can't be added to {result}", code="MP305", port="bias")
        return result


def exactly(x: TensorSpec, shape: tuple[Dim, ...], port: str) -> None:
    """Refuse an input of another shape.

    Raises:
        Mismatch: `x` certainly has one.
    """
    if x.rank != len(shape) or not all(map(may_equal, x.shape, shape)):
        raise Mismatch(f"its {port} must have the shape {show_shape(shape)}, not {x}", port=port)


def groups_setting() -> Any:
    """Of a convolution whose weight is computed, one kernel for each of a batch, they may be as many as that (CondConv)."""
    told = "into how many groups the channels are split, each convolved alone"
    return setting(Integer(1, symbolic=True), told, default=1)


def split_evenly(groups: Dim, name: str, channels: Dim) -> None:
    """Refuse channels that are certainly no multiple of the groups.

    Raises:
        Mismatch: they aren't.
    """
    if not may_equal(remainder(channels, groups), 0):
        raise Mismatch(
            f"{name} {channels} is not a multiple of groups {groups}", code="MP308", setting="groups"
        )


def _convolution(n: int, module: type[Layer]) -> type[Layer]:
    sizes = ", ".join("9" * n)
    weight, plain = ", ".join("3" * n), ", ".join("1" * n)

    @operation(source=aten(f"torch.nn.functional.conv{n}d"), name=f"conv{n}d")
    class Convolution(Layer):
        __doc__ = f"""Cross-correlation of the input with the kernels in `weight`, over its last {n} axes.

        Shapes: ``[batch, channels, *sizes]`` or ``[channels, *sizes]``, weight ``[out, channels // groups, *kernel]``,
        bias ``[out]``; to ``[…, out, *positions]`` as `Conv{n}d` has them.
        """

        stride: tuple[int, ...] = setting(Integers(Integer(1), n), "step of the kernel", default=1)
        padding: tuple[int, ...] | str = setting(
            Either((Integers(Integer(0), n), Choice(("same", "valid")))),
            "zeros on both sides: numbers, 'same' (the output is as large as the input), or 'valid' (none)",
            default=0,
        )
        dilation: tuple[int, ...] = setting(
            Integers(Integer(1), n), "distance of the kernel's elements", default=1
        )
        groups: Dim = groups_setting()

        examples = (
            example(f"float32[batch, 4, {sizes}]", f"float32[6, 4, {weight}]", "float32[6]"),
            example(f"float32[batch, 4, {sizes}]", f"float32[6, 2, {weight}]", stride=2, padding=1, groups=2),
            example(f"float32[1, 4*batch, {sizes}]", f"float32[6*batch, 4, {weight}]", groups="batch"),
            example(f"float32[4, {sizes}]", f"float32[2, 4, {weight}]", padding="same", dilation=2),
            example(f"float64[batch, 4, {sizes}]", f"float64[2, 4, {plain}]", "float64[2]"),
        )

        def infer(self, input: TensorSpec, weight: TensorSpec, bias: TensorSpec | None = None) -> TensorSpec:
            one_dtype(input, weight, *(() if bias is None else (bias,)), allowed=_COMPUTED)
            if weight.rank != n + 2:
                raise Mismatch(
                    f"its weight must have {n + 2} axes, {weight} has {weight.rank}",
                    code="MP302",
                    port="weight",
                )
            out, each = weight.shape[:2]
            kernel = tuple(fixed_axis(weight, at, "a kernel has a fixed size") for at in range(2, n + 2))
            if bias is not None:
                exactly(bias, (out,), "bias")
            if input.rank in (n + 1, n + 2) and not may_equal(input.shape[-n - 1], each * self.groups):
                raise Mismatch(
                    f"its weight {weight} in {self.groups} groups is for {each * self.groups} channels, "
                    f"but its input {input} has {input.shape[-n - 1]}",
                    port="weight",
                )
            split_evenly(self.groups, "out_channels", out)
            layer = module(
                in_channels=1,
                out_channels=1,
                kernel_size=kernel,
                stride=self.stride,
                padding=self.padding,
                dilation=self.dilation,
                dtype=weight.dtype,
            )
            return result_of(layer, input).with_axis(-n - 1, out)

    return Convolution


def result_of(layer: Layer, input: TensorSpec) -> TensorSpec:
    """What the layer type that a function goes with gives: its rule is the function's."""
    result = layer.infer(input)
    if not isinstance(result, TensorSpec):
        raise TypeError(f"{layer.type.name} has several outputs")
    return result


CONVOLUTIONS = (_convolution(1, Conv1d), _convolution(2, Conv2d), _convolution(3, Conv3d))


@operation(source=aten("torch.nn.functional.embedding"), name="embedding")
class Embedding(Layer):
    """The rows of `weight` at the places in `indices`.

    Shapes: ``[count, size]`` and ``[…]`` to ``[…, size]``.
    """

    padding_idx: int = setting(Integer(-1), "a row that gets no gradient; -1 for none", default=-1)
    scale_grad_by_freq: bool = flag(
        "whether a row's gradient is divided by how often it is named", default=False
    )
    sparse: bool = flag("whether the gradient is a sparse tensor", default=False)

    examples = (
        example("float32[5, 3]", "int64[batch]"),
        example("float32[5, 3]", "int32[batch, length]", padding_idx=1),
        example("float64[5, 2]", "int64[]", scale_grad_by_freq=True, sparse=True),
    )

    def infer(self, weight: TensorSpec, indices: TensorSpec) -> TensorSpec:
        if weight.rank != 2:
            raise Mismatch(
                f"its weight must have 2 axes, {weight} has {weight.rank}", code="MP302", port="weight"
            )
        of_result(weight, ARITHMETIC | BOOLEAN)
        if weight.shape[0] == 0:
            raise Mismatch(f"its weight {weight} has no row that an index could mean", port="weight")
        if indices.dtype not in (DType.INT64, DType.INT32):
            raise Mismatch(f"its indices must be int64 or int32, not {indices}", code="MP306", port="indices")
        return weight.with_shape(*indices.shape, weight.shape[1])


@operation(
    source=aten("torch.nn.functional.scaled_dot_product_attention"), name="scaled_dot_product_attention"
)
class ScaledDotProductAttention(Layer):
    """``softmax(scale * query @ key.T + mask) @ value``.

    Shapes: query ``[…, length, size]``, key ``[…, source, size]``, value ``[…, source, depth]`` to ``[…, length, depth]``;
    `attn_mask` broadcasts to ``[…, length, source]``: bool, true where attention is paid, or numbers to be added.
    Paper: Vaswani et al. 2017, "Attention Is All You Need".
    """

    dropout_p: float = number("probability with which weights are dropped", default=0.0, minimum=0, maximum=1)
    is_causal: bool = flag("whether no place sees those after it", default=False)
    scale: float | None = optional_number("null: 1 over the square root of the size")
    enable_gqa: bool = flag(
        "whether axis -3 of query may be a multiple of that of key and value", default=False
    )

    examples = (
        example("float32[batch, 2, length, 8]", "float32[batch, 2, 5, 8]", "float32[batch, 2, 5, 4]"),
        example(
            "float32[batch, 4, 8]", "float32[batch, 4, 8]", "float32[batch, 4, 8]", is_causal=True, scale=0.5
        ),
        example(
            "float32[batch, 2, 4, 8]", "float32[batch, 2, 6, 8]", "float32[batch, 2, 6, 8]", "bool[4, 6]"
        ),
        example(
            "float32[batch, 4, 3, 8]",
            "float32[batch, 2, 5, 8]",
            "float32[batch, 2, 5, 8]",
            enable_gqa=True,
            dropout_p=0.1,
        ),
    )

    def infer(
        self, query: TensorSpec, key: TensorSpec, value: TensorSpec, attn_mask: TensorSpec | None = None
    ) -> TensorSpec:
        one_dtype(query, key, value, allowed=FLOATS)
        for port, each in (("query", query), ("key", key), ("value", value)):
            if each.rank < 2:
                raise Mismatch(
                    f"its {port} must have at least 2 axes, {each} has {each.rank}", code="MP302", port=port
                )
        meet(query, query.shape[-1], key, key.shape[-1])
        meet(key, key.shape[-2], value, value.shape[-2])
        front = broadcast([query.shape[:-2], *(self._heads(query, each) for each in (key, value))])
        if attn_mask is not None:
            self._check_mask(attn_mask, query, (*front, query.shape[-2], key.shape[-2]))
        return query.with_shape(*front, query.shape[-2], value.shape[-1])

    def _heads(self, query: TensorSpec, x: TensorSpec) -> tuple[Dim, ...]:
        """The axes in front of a key or value, as many heads as the query's."""
        if not self.enable_gqa:
            return x.shape[:-2]
        if query.rank < 3 or x.rank < 3:
            raise Mismatch(
                f"enable_gqa needs 3 axes, {query} and {x} have fewer", code="MP302", setting="enable_gqa"
            )
        rest = remainder(query.shape[-3], x.shape[-3]) if x.shape[-3] != 0 else 1
        if not may_equal(rest, 0):
            raise Mismatch(f"the {query.shape[-3]} heads of {query} are no multiple of those of {x}")
        return (*x.shape[:-3], query.shape[-3])

    def _check_mask(self, mask: TensorSpec, query: TensorSpec, shape: tuple[Dim, ...]) -> None:
        if self.is_causal:
            raise Mismatch("is_causal and attn_mask exclude each other", code="MP308", setting="is_causal")
        if mask.dtype not in (DType.BOOL, query.dtype):
            raise Mismatch(
                f"its attn_mask must be bool or {query.dtype}, not {mask}", code="MP306", port="attn_mask"
            )
        too_few = mask.dtype is DType.BOOL and mask.rank < 2
        if too_few or mask.rank > len(shape) or broadcast([mask.shape, shape]) != shape:
            raise Mismatch(
                f"its attn_mask {mask} can't be stretched to {show_shape(shape)}",
                code="MP305",
                port="attn_mask",
            )
