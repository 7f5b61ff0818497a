"""Layers as functions: their weights are inputs, for networks that compute, share or slice them."""

from __future__ import annotations

from modelpack.dims import Dim, may_equal, remainder
from modelpack.dtypes import DType
from modelpack.layers.base import (
    Layer,
    aten,
    example,
    flag,
    number,
    operation,
    optional_number,
    setting,
    size,
)
from modelpack.layers.axes import fixed_axis
from modelpack.layers.convolution import Conv1d, Conv2d, Conv3d
from modelpack.layers.kinds import Choice, Either, Integer, Integers, Shape
from modelpack.layers.matrix import meet, one_dtype
from modelpack.layers.rules import BOOLEAN, COMPLEX, FLOATS, of_rank_from, of_result, show_shape
from modelpack.tensors import Mismatch, TensorSpec, broadcast

__all__ = [
    "CONVOLUTIONS",
    "BatchNorm",
    "Embedding",
    "GroupNorm",
    "LayerNorm",
    "Linear",
    "RMSNorm",
    "ScaledDotProductAttention",
    "WeightNorm",
]

_COMPUTED = FLOATS | COMPLEX


@operation(source=aten("torch.nn.functional.linear"), name="linear")
class Linear(Layer):
    """``input @ weight.T + bias``.

    Shapes: ``[…, in_features]``, ``[out_features, in_features]`` and ``[out_features]`` to ``[…, out_features]``.
    """

    examples = (
        example("float32[batch, 3]", "float32[4, 3]", "float32[4]"),
        example("float32[batch, 5, 3]", "float32[4, 3]"),
        example("float64[3]", "float64[batch, 3]", "float64[batch]"),
    )

    def infer(self, input: TensorSpec, weight: TensorSpec, bias: TensorSpec | None = None) -> TensorSpec:
        one_dtype(input, weight, *(() if bias is None else (bias,)))
        of_rank_from(input, 1)
        if weight.rank != 2:
            raise Mismatch(
                f"its weight must have 2 axes, {weight} has {weight.rank}", code="MP302", port="weight"
            )
        meet(input, input.shape[-1], weight, weight.shape[1])
        if bias is not None:
            _exactly(bias, (weight.shape[0],), "bias")
        return input.with_axis(-1, weight.shape[0])


def _exactly(x: TensorSpec, shape: tuple[Dim, ...], port: str) -> None:
    """Refuse an input of another shape.

    Raises:
        Mismatch: `x` certainly has one.
    """
    if x.rank != len(shape) or not all(map(may_equal, x.shape, shape)):
        raise Mismatch(f"its {port} must have the shape {show_shape(shape)}, not {x}", port=port)


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
        groups: int = size("into how many groups the channels are split, each convolved alone", default=1)

        examples = (
            example(f"float32[batch, 4, {sizes}]", f"float32[6, 4, {weight}]", "float32[6]"),
            example(f"float32[batch, 4, {sizes}]", f"float32[6, 2, {weight}]", stride=2, padding=1, groups=2),
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
            out, each, *kernel = (fixed_axis(weight, at, "a kernel has a fixed size") for at in range(n + 2))
            if bias is not None:
                _exactly(bias, (out,), "bias")
            if input.rank in (n + 1, n + 2) and not may_equal(input.shape[-n - 1], each * self.groups):
                raise Mismatch(
                    f"its weight {weight} in {self.groups} groups is for {each * self.groups} channels, "
                    f"but its input {input} has {input.shape[-n - 1]}",
                    port="weight",
                )
            layer = module(
                in_channels=each * self.groups,
                out_channels=out,
                kernel_size=tuple(kernel),
                stride=self.stride,
                padding=self.padding,
                dilation=self.dilation,
                groups=self.groups,
                dtype=weight.dtype,
            )
            return result_of(layer, input)

    return Convolution


def result_of(layer: Layer, input: TensorSpec) -> TensorSpec:
    """What the layer type that a function goes with gives: its rule is the function's."""
    result = layer.infer(input)
    if not isinstance(result, TensorSpec):
        raise TypeError(f"{layer.type.name} has several outputs")
    return result


CONVOLUTIONS = (_convolution(1, Conv1d), _convolution(2, Conv2d), _convolution(3, Conv3d))

_EPS = "added to the variance"


def _scale(x: TensorSpec, shape: tuple[Dim, ...], **tensors: TensorSpec | None) -> None:
    """Refuse weights of another shape than `shape`, or another dtype than `x` (float32 goes with 16 bits too)."""
    given = [(port, each) for port, each in tensors.items() if each is not None]
    for port, each in given:
        _exactly(each, shape, port)
        if each.dtype is not given[0][1].dtype or (
            each.dtype is not x.dtype and not (each.dtype is DType.FLOAT32 and x.dtype.bits == 16)
        ):
            raise Mismatch(f"its {port} {each} doesn't go with its input {x}", code="MP306", port=port)


def _last_axes(x: TensorSpec, shape: tuple[int, ...]) -> None:
    if len(shape) > x.rank or not all(map(may_equal, x.shape[-len(shape) :], shape)):
        raise Mismatch(
            f"normalized_shape is {show_shape(shape)}, but its input is {x}",
            code="MP303",
            setting="normalized_shape",
        )


@operation(source=aten("torch.nn.functional.layer_norm"), name="layer_norm")
class LayerNorm(Layer):
    """Brought to mean 0 and variance 1 over the last axes, those of `normalized_shape`, then scaled.

    Shapes: ``[…, *normalized_shape]``, unchanged. Paper: Ba et al. 2016, "Layer Normalization".
    """

    normalized_shape: tuple[int, ...] = setting(Shape(), "lengths of the input's last axes")
    eps: float = number(_EPS, default=1e-5)

    examples = (
        example("float32[batch, length, 8]", "float32[8]", "float32[8]", normalized_shape=8),
        example("float32[batch, 3, 4]", normalized_shape=(3, 4), eps=0.001),
        example("float64[8]", "float64[8]", normalized_shape=8),
    )

    def infer(
        self, input: TensorSpec, weight: TensorSpec | None = None, bias: TensorSpec | None = None
    ) -> TensorSpec:
        _last_axes(of_result(input, FLOATS), self.normalized_shape)
        _scale(input, self.normalized_shape, weight=weight, bias=bias)
        return input


@operation(source=aten("torch.nn.functional.rms_norm"), name="rms_norm")
class RMSNorm(Layer):
    """Divided by the root of the mean square over the last axes, those of `normalized_shape`, then scaled.

    Shapes: ``[…, *normalized_shape]``, unchanged. Paper: Zhang and Sennrich 2019, "Root Mean Square Layer Normalization".
    """

    normalized_shape: tuple[int, ...] = setting(Shape(), "lengths of the input's last axes")
    eps: float | None = optional_number("added to the mean square; null for the least step of the dtype at 1")

    examples = (
        example("float32[batch, length, 8]", "float32[8]", normalized_shape=8),
        example("float32[batch, 3, 4]", normalized_shape=(3, 4), eps=0.001),
        example("float64[8]", "float64[8]", normalized_shape=8),
    )

    def infer(self, input: TensorSpec, weight: TensorSpec | None = None) -> TensorSpec:
        _last_axes(of_result(input, _COMPUTED), self.normalized_shape)
        if weight is not None:
            _exactly(weight, self.normalized_shape, "weight")
            one_dtype(input, weight, allowed=_COMPUTED)
        return input


@operation(source=aten("torch.nn.functional.group_norm"), name="group_norm")
class GroupNorm(Layer):
    """Brought to mean 0 and variance 1 over groups of channels, then scaled.

    Shapes: ``[batch, channels, …]``, unchanged. Paper: Wu and He 2018, "Group Normalization".
    """

    num_groups: int = size("into how many groups the channels are split")
    eps: float = number(_EPS, default=1e-5)

    examples = (
        example("float32[batch, 6, height, width]", "float32[6]", "float32[6]", num_groups=3),
        example("float32[batch, 6, length]", num_groups=1, eps=0.001),
        example("float64[batch, 6, 2]", "float64[6]", num_groups=6),
    )

    def infer(
        self, input: TensorSpec, weight: TensorSpec | None = None, bias: TensorSpec | None = None
    ) -> TensorSpec:
        of_rank_from(of_result(input, FLOATS), 2)
        channels = input.shape[1]
        if isinstance(channels, int) and channels % self.num_groups:
            raise Mismatch(
                f"the {channels} channels of its input {input} can't be split into {self.num_groups} groups",
                setting="num_groups",
            )
        _scale(input, (channels,), weight=weight, bias=bias)
        return input


@operation(source=aten("torch.nn.functional.batch_norm"), name="batch_norm")
class BatchNorm(Layer):
    """Each channel brought to mean 0 and variance 1, by the batch or by running statistics, then scaled.

    In training, `running_mean` and `running_var` are updated where they stand. `training` is usually
    ``{train: true, eval: false}``.
    Shapes: ``[batch, channels, …]``, unchanged; the others ``[channels]``.
    Paper: Ioffe and Szegedy 2015, "Batch Normalization".
    """

    training: bool = flag("whether the statistics are those of the batch")
    momentum: float = number("the new share of the running statistics", default=0.1)
    eps: float = number(_EPS, default=1e-5)

    examples = (
        example(
            "float32[batch, 3, 4]", "float32[3]", "float32[3]", "float32[3]", "float32[3]", training=True
        ),
        example("float32[batch, 3]", None, None, "float32[3]", "float32[3]", training=False, eps=0.001),
        example("float64[batch, 3, 4, 4]", "float64[3]", training=True, momentum=0.5),
    )

    def infer(
        self,
        input: TensorSpec,
        weight: TensorSpec | None = None,
        bias: TensorSpec | None = None,
        running_mean: TensorSpec | None = None,
        running_var: TensorSpec | None = None,
    ) -> TensorSpec:
        of_rank_from(of_result(input, FLOATS), 2)
        if (running_mean is None) != (running_var is None) or (running_mean is None and not self.training):
            raise Mismatch(
                "needs both running_mean and running_var, or in training neither", port="running_mean"
            )
        channels = (input.shape[1],)
        _scale(input, channels, weight=weight, bias=bias)
        _scale(input, channels, running_mean=running_mean, running_var=running_var)
        return input


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
        of_result(weight, FLOATS | COMPLEX | BOOLEAN)
        if indices.dtype not in (DType.INT64, DType.INT32):
            raise Mismatch(f"its indices must be int64 or int32, not {indices}", code="MP306", port="indices")
        count = weight.shape[0]
        if isinstance(count, int) and self.padding_idx >= count:
            raise Mismatch(
                f"padding_idx {self.padding_idx} is none of the {count} rows of {weight}",
                setting="padding_idx",
            )
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
        if isinstance(rest, int) and rest:
            raise Mismatch(f"the {query.shape[-3]} heads of {query} are no multiple of those of {x}")
        return (*x.shape[:-3], query.shape[-3])

    def _check_mask(self, mask: TensorSpec, query: TensorSpec, shape: tuple[Dim, ...]) -> None:
        if self.is_causal:
            raise Mismatch("is_causal and attn_mask exclude each other", code="MP308", setting="is_causal")
        if mask.dtype not in (DType.BOOL, query.dtype):
            raise Mismatch(
                f"its attn_mask must be bool or {query.dtype}, not {mask}", code="MP306", port="attn_mask"
            )
        if mask.rank > len(shape) or broadcast([mask.shape, shape]) != shape:
            raise Mismatch(
                f"its attn_mask {mask} can't be stretched to {show_shape(shape)}",
                code="MP305",
                port="attn_mask",
            )


@operation(source=aten("torch.nn.utils.parametrizations.weight_norm"), name="weight_norm")
class WeightNorm(Layer):
    """``g * v / norm(v)``, the norm over all axes but `dim`.

    Shapes: `v` any; `g` ``[1, …, size of dim, …, 1]``; to that of `v`.
    Paper: Salimans and Kingma 2016, "Weight Normalization".
    """

    dim: int = setting(Integer(0), "the axis along which each slice has a norm of its own", default=0)

    examples = (
        example("float32[batch, 3]", "float32[batch, 1]"),
        example("float32[2, 3, batch]", "float32[1, 3, 1]", dim=1),
        example("float64[2, 4]", "float64[1, 4]", dim=1),
    )

    def infer(self, v: TensorSpec, g: TensorSpec) -> TensorSpec:
        one_dtype(v, g, allowed=FLOATS)
        if self.dim >= v.rank:
            raise Mismatch(f"its v {v} has no axis {self.dim}", code="MP302", setting="dim")
        _exactly(g, tuple(size if at == self.dim else 1 for at, size in enumerate(v.shape)), "g")
        return v
