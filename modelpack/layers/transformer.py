"""TransformerEncoder, TransformerDecoder, Transformer: stacks of the layers in `transformer_layer`.

Paper: Vaswani et al. 2017, "Attention Is All You Need" (arXiv:1706.03762).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from modelpack.dtypes import DType
from modelpack.layers.base import (
    Layer,
    Tensor,
    example,
    flag,
    layer,
    number,
    parameter_dtype,
    setting,
    size,
    torch_nn,
)
from modelpack.layers.initial import Init
from modelpack.layers.kinds import Boolean, Integer, Nullable
from modelpack.layers.normalization import LayerNorm
from modelpack.layers.transformer_layer import (
    ACTIVATION,
    BATCH_FIRST,
    BIAS,
    D_MODEL,
    DROPOUT,
    EPS,
    FEEDFORWARD,
    NHEAD,
    NORM_FIRST,
    TransformerDecoderLayer,
    TransformerEncoderLayer,
    check_beside,
    decode,
    encode,
    hint,
    together,
)
from modelpack.tensors import Mismatch, TensorSpec

__all__ = ["Transformer", "TransformerDecoder", "TransformerEncoder"]

_NUM_LAYERS = setting(Integer(1, 512), "layers, one behind the other")
_NORM = flag("whether a `LayerNorm` follows the last layer", default=False)
_NORM_EPS = number("added to the variance in the `LayerNorm` that `norm` adds", default=1e-5)
_NORM_BIAS = flag("whether the `LayerNorm` that `norm` adds has a bias", default=True)


def _detected_hint(mask: str) -> Any:
    """The setting of a stack: torch compares the mask with the causal one unless it's told."""
    doc = f"whether `{mask}` may be taken for the causal mask; null: found out by comparing them"
    return setting(Nullable(Boolean()), doc, default=None)


@layer(source=torch_nn("TransformerEncoder"))
class TransformerEncoder(Layer):
    """`num_layers` layers as `TransformerEncoderLayer`, one behind the other.

    Shapes: as there. Each layer is initialised on its own, where torch begins with copies of one.
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
    num_layers: int = _NUM_LAYERS
    norm: bool = _NORM
    norm_eps: float = _NORM_EPS
    norm_bias: bool = _NORM_BIAS
    enable_nested_tensor: bool = flag(
        "whether padding is left out in evaluation where it can be, which makes its outputs zeros",
        default=True,
    )
    mask_check: bool = flag("whether padding is known to be on the right before it's left out", default=True)
    is_causal: bool | None = _detected_hint("mask")
    dtype: DType = parameter_dtype()

    examples = (
        example(
            "float32[batch, length, 4]",
            None,
            "bool[batch, length]",
            d_model=4,
            nhead=2,
            dim_feedforward=5,
            batch_first=True,
            num_layers=2,
        ),
        example(
            "float32[length, batch, 4]",
            "float32[length, length]",
            d_model=4,
            nhead=1,
            dim_feedforward=3,
            dropout=0.0,
            activation="gelu",
            layer_norm_eps=0.001,
            norm_first=True,
            bias=False,
            num_layers=1,
            norm=True,
            norm_eps=0.01,
            norm_bias=False,
            enable_nested_tensor=False,
            mask_check=False,
        ),
        example(
            "float64[length, 4]",
            "bool[length, length]",
            d_model=4,
            nhead=2,
            dim_feedforward=3,
            num_layers=2,
            norm=True,
            enable_nested_tensor=False,
            is_causal=True,
            dtype="float64",
        ),
    )

    def tensors(self) -> tuple[Tensor, ...]:
        return _stack(self, TransformerEncoderLayer(**_of_each_layer(self)).tensors())

    def infer(
        self, src: TensorSpec, mask: TensorSpec | None = None, src_key_padding_mask: TensorSpec | None = None
    ) -> TensorSpec:
        _check_norm(self)
        each = TransformerEncoderLayer(**_of_each_layer(self), is_causal=bool(self.is_causal))
        return encode(each, src, mask, src_key_padding_mask, "mask", "is_causal")


@layer(source=torch_nn("TransformerDecoder"))
class TransformerDecoder(Layer):
    """`num_layers` layers as `TransformerDecoderLayer`, one behind the other, all attending to the same `memory`.

    Shapes: as there. Each layer is initialised on its own, where torch begins with copies of one.
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
    num_layers: int = _NUM_LAYERS
    norm: bool = _NORM
    norm_eps: float = _NORM_EPS
    norm_bias: bool = _NORM_BIAS
    tgt_is_causal: bool | None = _detected_hint("tgt_mask")
    memory_is_causal: bool = hint("memory_mask")
    dtype: DType = parameter_dtype()

    examples = (
        example(
            "float32[target, batch, 4]",
            "float32[source, batch, 4]",
            d_model=4,
            nhead=2,
            dim_feedforward=5,
            num_layers=2,
        ),
        example(
            "float32[batch, target, 4]",
            "float32[batch, source, 4]",
            "float32[target, target]",
            "float32[target, source]",
            "float32[batch, target]",
            "float32[batch, source]",
            d_model=4,
            nhead=1,
            dim_feedforward=3,
            dropout=0.0,
            activation="gelu",
            layer_norm_eps=0.001,
            batch_first=True,
            norm_first=True,
            bias=False,
            num_layers=1,
            norm=True,
            norm_eps=0.01,
            norm_bias=False,
        ),
        example(
            "float64[length, 4]",
            "float64[length, 4]",
            "bool[length, length]",
            "bool[length, length]",
            d_model=4,
            nhead=2,
            dim_feedforward=3,
            num_layers=2,
            norm=True,
            tgt_is_causal=True,
            memory_is_causal=True,
            dtype="float64",
        ),
    )

    def tensors(self) -> tuple[Tensor, ...]:
        return _stack(self, TransformerDecoderLayer(**_of_each_layer(self)).tensors())

    def infer(
        self,
        tgt: TensorSpec,
        memory: TensorSpec,
        tgt_mask: TensorSpec | None = None,
        memory_mask: TensorSpec | None = None,
        tgt_key_padding_mask: TensorSpec | None = None,
        memory_key_padding_mask: TensorSpec | None = None,
    ) -> TensorSpec:
        _check_norm(self)
        each = TransformerDecoderLayer(
            **_of_each_layer(self),
            tgt_is_causal=bool(self.tgt_is_causal),
            memory_is_causal=self.memory_is_causal,
        )
        return decode(each, tgt, memory, tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask)


@layer(source=torch_nn("Transformer"))
class Transformer(Layer):
    """An encoder reads `src`, a decoder attends to what it gives while it reads `tgt`; each ends with a `LayerNorm`.

    Shapes: `src` ``[source, batch, d_model]`` and `tgt` ``[target, batch, d_model]`` to the shape of `tgt`, with or
    without ``batch``. Masks as in `TransformerEncoder` and `TransformerDecoder`.
    """

    d_model: int = setting(Integer(1), "length of the last axis of inputs and output", default=512, axis=-1)
    nhead: int = size("heads of each attention, each with an equal share of `d_model`", default=8)
    num_encoder_layers: int = setting(Integer(1, 512), "layers of the encoder", default=6)
    num_decoder_layers: int = setting(Integer(1, 512), "layers of the decoder", default=6)
    dim_feedforward: int = FEEDFORWARD
    dropout: float = DROPOUT
    activation: str = ACTIVATION
    layer_norm_eps: float = number("added to the variance in each `LayerNorm`", default=1e-5)
    batch_first: bool = BATCH_FIRST
    norm_first: bool = NORM_FIRST
    bias: bool = BIAS
    src_is_causal: bool | None = _detected_hint("src_mask")
    tgt_is_causal: bool | None = _detected_hint("tgt_mask")
    memory_is_causal: bool = hint("memory_mask")
    dtype: DType = parameter_dtype()

    examples = (
        example(
            "float32[source, batch, 4]",
            "float32[target, batch, 4]",
            d_model=4,
            nhead=2,
            num_encoder_layers=1,
            num_decoder_layers=2,
            dim_feedforward=5,
        ),
        example(
            "float32[batch, source, 4]",
            "float32[batch, target, 4]",
            "float32[source, source]",
            "float32[target, target]",
            "float32[target, source]",
            "float32[batch, source]",
            "float32[batch, target]",
            "float32[batch, source]",
            d_model=4,
            nhead=1,
            num_encoder_layers=1,
            num_decoder_layers=1,
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
            "bool[length, length]",
            d_model=4,
            nhead=2,
            num_encoder_layers=1,
            num_decoder_layers=1,
            dim_feedforward=3,
            src_is_causal=True,
            tgt_is_causal=True,
            memory_is_causal=True,
            dtype="float64",
        ),
    )

    def tensors(self) -> tuple[Tensor, ...]:
        each = _of_each_layer(self)
        last: dict[str, Any] = {"norm": True, "norm_eps": self.layer_norm_eps, "norm_bias": self.bias}
        encoder = TransformerEncoder(**each, **last, num_layers=self.num_encoder_layers)
        decoder = TransformerDecoder(**each, **last, num_layers=self.num_decoder_layers)
        both = together({"encoder": encoder.tensors(), "decoder": decoder.tensors()})
        return tuple(
            replace(each, init=Init("xavier_uniform")) if len(each.shape) > 1 else each for each in both
        )

    def infer(
        self,
        src: TensorSpec,
        tgt: TensorSpec,
        src_mask: TensorSpec | None = None,
        tgt_mask: TensorSpec | None = None,
        memory_mask: TensorSpec | None = None,
        src_key_padding_mask: TensorSpec | None = None,
        tgt_key_padding_mask: TensorSpec | None = None,
        memory_key_padding_mask: TensorSpec | None = None,
    ) -> TensorSpec:
        first = TransformerEncoderLayer(**_of_each_layer(self), is_causal=bool(self.src_is_causal))
        second = TransformerDecoderLayer(
            **_of_each_layer(self),
            tgt_is_causal=bool(self.tgt_is_causal),
            memory_is_causal=self.memory_is_causal,
        )
        memory = encode(first, src, src_mask, src_key_padding_mask, "src_mask", "src_is_causal")
        check_beside(first, src, tgt, "tgt")
        return decode(
            second, tgt, memory, tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask
        )


_OF_EACH_LAYER = (
    "d_model",
    "nhead",
    "dim_feedforward",
    "dropout",
    "activation",
    "layer_norm_eps",
    "batch_first",
    "norm_first",
    "bias",
    "dtype",
)


def _of_each_layer(net: TransformerEncoder | TransformerDecoder | Transformer) -> dict[str, Any]:
    """The settings that a stack has from its layers, where they mean the same."""
    return {name: vars(net)[name] for name in _OF_EACH_LAYER}


def _stack(net: TransformerEncoder | TransformerDecoder, of_each: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    _check_norm(net)
    layers = together({f"layers.{index}": of_each for index in range(net.num_layers)})
    if not net.norm:
        return layers
    norm = LayerNorm(normalized_shape=(net.d_model,), eps=net.norm_eps, bias=net.norm_bias, dtype=net.dtype)
    return (*layers, *together({"norm": norm.tensors()}))


def _check_norm(net: TransformerEncoder | TransformerDecoder) -> None:
    for name in () if net.norm else ("norm_eps", "norm_bias"):
        if vars(net)[name] != net.type.settings[name].default:
            raise Mismatch(
                f"{name} is given, but norm is false, so that there is none", code="MP308", setting=name
            )
