"""TransformerEncoderLayer, TransformerDecoderLayer; `transformer` stacks them.

Paper: Vaswani et al. 2017, "Attention Is All You Need" (arXiv:1706.03762).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from modelpack.dtypes import DType
from modelpack.layers.attention import (
    MultiheadAttention,
    check_hint,
    check_key_padding_mask,
    check_mask,
    joined,
    split,
)
from modelpack.layers.base import (
    Layer,
    Tensor,
    choice,
    example,
    flag,
    layer,
    number,
    parameter_dtype,
    size,
    torch_nn,
)
from modelpack.layers.linear import Linear
from modelpack.layers.normalization import LayerNorm
from modelpack.layers.rules import of_dtype, of_rank, of_shape
from modelpack.tensors import Mismatch, TensorSpec

__all__ = [
    "ACTIVATION",
    "BATCH_FIRST",
    "BIAS",
    "DROPOUT",
    "D_MODEL",
    "EPS",
    "FEEDFORWARD",
    "NHEAD",
    "NORM_FIRST",
    "TransformerDecoderLayer",
    "TransformerEncoderLayer",
    "check_beside",
    "check_sequence",
    "decode",
    "encode",
    "hint",
    "together",
]

D_MODEL = size("length of the last axis of inputs and output", axis=-1)
NHEAD = size("heads of each attention, each with an equal share of `d_model`")
FEEDFORWARD = size("length between the two `Linear`s of each layer", default=2048)
DROPOUT = number(
    "probability of an element to be zeroed in training, in attention and behind each part",
    default=0.1,
    minimum=0,
    maximum=1,
)
ACTIVATION = choice("relu", "gelu", doc="what stands between the two `Linear`s of each layer", default="relu")
EPS = number("added to the variance in each `LayerNorm` of the layers", default=1e-5)
BATCH_FIRST = flag(
    "whether the batch is the first axis of inputs and output, and not the second", default=False
)
NORM_FIRST = flag(
    "whether each part of a layer has its `LayerNorm` before it, and not behind it", default=False
)
BIAS = flag("whether every `Linear`, attention and `LayerNorm` has a bias", default=True)


def hint(mask: str) -> Any:
    """The setting of a layer whose mask is causal."""
    return flag(
        f"whether `{mask}` may be taken for the causal mask, which lets a faster way be taken", default=False
    )


@layer(source=torch_nn("TransformerEncoderLayer"))
class TransformerEncoderLayer(Layer):
    """Self-attention, then two `Linear`s for each position; each part is added to its input and normalised.

    Shapes: `src` ``[length, batch, d_model]``, unchanged, with or without ``batch``. `src_mask` ``[length, length]`` or
    ``[batch * nhead, length, length]`` and `src_key_padding_mask` ``[batch, length]`` as in `MultiheadAttention`.
    """

    d_model: int = D_MODEL
    nhead: int = NHEAD
    dim_feedforward: int = FEEDFORWARD
    dropout: float = DROPOUT
    activation: str = ACTIVATION
    layer_norm_eps: float = EPS
    batch_first: bool = BATCH_FIRST
    norm_first: bool = NORM_FIRST
    bias: bool = BIAS
    is_causal: bool = hint("src_mask")
    dtype: DType = parameter_dtype()

    examples = (
        example("float32[length, batch, 4]", d_model=4, nhead=2, dim_feedforward=5),
        example(
            "float32[batch, length, 4]",
            "float32[length, length]",
            "float32[batch, length]",
            d_model=4,
            nhead=1,
            dim_feedforward=3,
            dropout=0.0,
            activation="gelu",
            layer_norm_eps=0.001,
            batch_first=True,
            norm_first=True,
            bias=False,
        ),
        example(
            "float64[length, 4]",
            "bool[length, length]",
            d_model=4,
            nhead=2,
            dim_feedforward=3,
            is_causal=True,
            dtype="float64",
        ),
    )

    def tensors(self) -> tuple[Tensor, ...]:
        return together({"self_attn": _attention(self), **_feedforward(self), **_norms(self, 2)})

    def infer(
        self,
        src: TensorSpec,
        src_mask: TensorSpec | None = None,
        src_key_padding_mask: TensorSpec | None = None,
    ) -> TensorSpec:
        return encode(self, src, src_mask, src_key_padding_mask, "src_mask", "is_causal")


@layer(source=torch_nn("TransformerDecoderLayer"))
class TransformerDecoderLayer(Layer):
    """Self-attention, attention to `memory`, then two `Linear`s for each position; each added to its input and normalised.

    Shapes: `tgt` ``[target, batch, d_model]``, unchanged, and `memory` ``[source, batch, d_model]``, with or without
    ``batch``. `tgt_mask` ``[target, target]``, `memory_mask` ``[target, source]``, each also with ``batch * nhead`` in
    front, and the padding masks ``[batch, target]`` and ``[batch, source]`` as in `MultiheadAttention`.
    """

    d_model: int = D_MODEL
    nhead: int = NHEAD
    dim_feedforward: int = FEEDFORWARD
    dropout: float = DROPOUT
    activation: str = ACTIVATION
    layer_norm_eps: float = EPS
    batch_first: bool = BATCH_FIRST
    norm_first: bool = NORM_FIRST
    bias: bool = BIAS
    tgt_is_causal: bool = hint("tgt_mask")
    memory_is_causal: bool = hint("memory_mask")
    dtype: DType = parameter_dtype()

    examples = (
        example(
            "float32[target, batch, 4]", "float32[source, batch, 4]", d_model=4, nhead=2, dim_feedforward=5
        ),
        example(
            "float32[batch, target, 4]",
            "float32[batch, source, 4]",
            "float32[target, target]",
            "float32[2*batch, target, source]",
            "float32[batch, target]",
            "float32[batch, source]",
            d_model=4,
            nhead=2,
            dim_feedforward=3,
            dropout=0.0,
            activation="gelu",
            layer_norm_eps=0.001,
            batch_first=True,
            norm_first=True,
            bias=False,
        ),
        example(
            "float64[length, 4]",
            "float64[length, 4]",
            "bool[length, length]",
            "bool[length, length]",
            d_model=4,
            nhead=1,
            dim_feedforward=3,
            tgt_is_causal=True,
            memory_is_causal=True,
            dtype="float64",
        ),
    )

    def tensors(self) -> tuple[Tensor, ...]:
        attentions = {"self_attn": _attention(self), "multihead_attn": _attention(self)}
        return together({**attentions, **_feedforward(self), **_norms(self, 3)})

    def infer(
        self,
        tgt: TensorSpec,
        memory: TensorSpec,
        tgt_mask: TensorSpec | None = None,
        memory_mask: TensorSpec | None = None,
        tgt_key_padding_mask: TensorSpec | None = None,
        memory_key_padding_mask: TensorSpec | None = None,
    ) -> TensorSpec:
        return decode(self, tgt, memory, tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask)


_Net = TransformerEncoderLayer | TransformerDecoderLayer


# ---------------------------------------------------------------------------------------------- tensors


def together(parts: Mapping[str, tuple[Tensor, ...]]) -> tuple[Tensor, ...]:
    """The tensors of modules inside a module, by the modules' names."""
    return tuple(
        replace(each, name=f"{name}.{each.name}") for name, tensors in parts.items() for each in tensors
    )


def _attention(net: _Net) -> tuple[Tensor, ...]:
    _check_heads(net)
    return MultiheadAttention(
        embed_dim=net.d_model, num_heads=net.nhead, bias=net.bias, dtype=net.dtype
    ).tensors()


def _feedforward(net: _Net) -> Mapping[str, tuple[Tensor, ...]]:
    wide, within = net.d_model, net.dim_feedforward
    return {
        "linear1": Linear(in_features=wide, out_features=within, bias=net.bias, dtype=net.dtype).tensors(),
        "linear2": Linear(in_features=within, out_features=wide, bias=net.bias, dtype=net.dtype).tensors(),
    }


def _norms(net: _Net, count: int) -> Mapping[str, tuple[Tensor, ...]]:
    norm = LayerNorm(normalized_shape=(net.d_model,), eps=net.layer_norm_eps, bias=net.bias, dtype=net.dtype)
    return {f"norm{number}": norm.tensors() for number in range(1, count + 1)}


# ---------------------------------------------------------------------------------------------- shapes


def encode(
    net: TransformerEncoderLayer,
    src: TensorSpec,
    mask: TensorSpec | None,
    padding: TensorSpec | None,
    mask_port: str,
    hint_setting: str,
) -> TensorSpec:
    """What one layer or any number of them gives for `src`.

    Raises:
        Mismatch: they can't take these inputs.
    """
    check_sequence(net, src)
    check_mask(mask, mask_port, src, src, net.nhead, net.batch_first)
    check_key_padding_mask(padding, "src_key_padding_mask", src, net.batch_first)
    check_hint(net.is_causal, hint_setting, mask, mask_port)
    return src


def decode(
    net: TransformerDecoderLayer,
    tgt: TensorSpec,
    memory: TensorSpec,
    tgt_mask: TensorSpec | None,
    memory_mask: TensorSpec | None,
    tgt_padding: TensorSpec | None,
    memory_padding: TensorSpec | None,
) -> TensorSpec:
    """What one layer or any number of them gives for `tgt`.

    Raises:
        Mismatch: they can't take these inputs.
    """
    check_sequence(net, tgt)
    check_beside(net, tgt, memory, "memory")
    check_mask(tgt_mask, "tgt_mask", tgt, tgt, net.nhead, net.batch_first)
    check_mask(memory_mask, "memory_mask", tgt, memory, net.nhead, net.batch_first)
    check_key_padding_mask(tgt_padding, "tgt_key_padding_mask", tgt, net.batch_first)
    check_key_padding_mask(memory_padding, "memory_key_padding_mask", memory, net.batch_first)
    check_hint(net.tgt_is_causal, "tgt_is_causal", tgt_mask, "tgt_mask")
    check_hint(net.memory_is_causal, "memory_is_causal", memory_mask, "memory_mask")
    return tgt


def check_sequence(net: _Net, x: TensorSpec) -> None:
    """Refuse what isn't a sequence of vectors, or a batch of them.

    Raises:
        Mismatch: it isn't.
    """
    _check_heads(net)
    of_rank(of_dtype(x, net.dtype), 2, 3)


def check_beside(net: _Net, first: TensorSpec, second: TensorSpec, port: str) -> None:
    """Refuse a second sequence that differs from the first in more than its length.

    Raises:
        Mismatch: it does.
    """
    _, batch = split(first, net.batch_first)
    if second.rank != first.rank:
        told = f"its first input {first} has {first.rank} axes, its {port} {second} has {second.rank}"
        raise Mismatch(told, code="MP302", port=port)
    length, _ = split(second, net.batch_first)
    of_shape(of_dtype(second, net.dtype, port), joined(length, batch, net.d_model, net.batch_first), port)


def _check_heads(net: _Net) -> None:
    if net.d_model % net.nhead:
        raise Mismatch(
            f"d_model {net.d_model} is not a multiple of nhead {net.nhead}", code="MP308", setting="nhead"
        )
