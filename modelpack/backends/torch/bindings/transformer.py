"""Transformer, its encoder and its decoder, and one layer of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from modelpack.backends.torch.dtypes import to_torch
from modelpack.backends.torch.rows import ModuleRow, Row
from modelpack.layers import Layer

_ACTIVATIONS: Mapping[Any, str] = {functional.relu: "relu", functional.gelu: "gelu"}
"""torch holds the function for the word. Modules and other functions that compute the same are not these."""

_ENCODER_PARTS: Mapping[str, type[nn.Module]] = {
    "self_attn": nn.MultiheadAttention,
    "linear1": nn.Linear,
    "dropout": nn.Dropout,
    "linear2": nn.Linear,
    "norm1": nn.LayerNorm,
    "norm2": nn.LayerNorm,
    "dropout1": nn.Dropout,
    "dropout2": nn.Dropout,
}
_DECODER_PARTS = {
    **_ENCODER_PARTS,
    "multihead_attn": nn.MultiheadAttention,
    "norm3": nn.LayerNorm,
    "dropout3": nn.Dropout,
}


# ---------------------------------------------------------------------------------------------- one layer

_OF_LAYER: Mapping[str, Callable[[Any], Any]] = {
    "d_model": lambda module: module.self_attn.embed_dim,
    "nhead": lambda module: module.self_attn.num_heads,
    "dim_feedforward": lambda module: module.linear1.out_features,
    "dropout": lambda module: module.dropout.p,
    "activation": lambda module: _ACTIVATIONS[module.activation],
    "layer_norm_eps": lambda module: module.norm1.eps,
    "batch_first": lambda module: module.self_attn.batch_first,
    "norm_first": lambda module: module.norm_first,
    "bias": lambda module: module.linear1.bias is not None,
}


def _settings_of_layer(module: nn.Module) -> dict[str, Any]:
    return {name: read(module) for name, read in _OF_LAYER.items()}


def _why_not_layer(
    kind: type[nn.Module], parts: Mapping[str, type[nn.Module]]
) -> Callable[[nn.Module], str | None]:
    """Why a module isn't what its settings, read from some of its parts, make it."""

    def why_not(module: nn.Module) -> str | None:
        found = {name: type(child) for name, child in module.named_children() if name != "activation"}
        if found != parts:
            return f"its parts are {_named(found)}, not {_named(parts)}"
        activation = getattr(module, "activation", None)
        if isinstance(activation, nn.Module) or activation not in _ACTIVATIONS:
            told = getattr(activation, "__name__", activation)
            return f"its activation is {told}, not 'relu' or 'gelu'"
        with torch.device("meta"):
            return _difference(module, kind(**_settings_of_layer(module)))

    return why_not


def _named(parts: Mapping[str, type[nn.Module]]) -> str:
    return ", ".join(f"{name}: {parts[name].__name__}" for name in sorted(parts))


def _difference(module: nn.Module, usual: nn.Module) -> str | None:
    """What of `module` isn't as in `usual`: a part, or an attribute of one."""
    theirs = dict(usual.named_modules())
    for path, mine in module.named_modules():
        if type(theirs.get(path)) is not type(mine):
            return f"its part {path} is a {type(mine).__name__}"
        expected = _attributes(theirs[path])
        for name, value in _attributes(mine).items():
            if name not in expected or value != expected[name]:
                where = f"{path}.{name}" if path else name
                return (
                    f"its {where} is {value}, where the same of its other parts asks for {expected.get(name)}"
                )
    return None


def _attributes(module: nn.Module) -> dict[str, Any]:
    return {
        name: value for name, value in vars(module).items() if not name.startswith("_") and name != "training"
    }


_why_not_encoder_layer = _why_not_layer(nn.TransformerEncoderLayer, _ENCODER_PARTS)
_why_not_decoder_layer = _why_not_layer(nn.TransformerDecoderLayer, _DECODER_PARTS)


# ---------------------------------------------------------------------------------------------- stacks of them


def _first(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda module: read(module.layers[0])


_OF_STACK: Mapping[str, Callable[[Any], Any]] = {
    **{name: _first(read) for name, read in _OF_LAYER.items()},
    "norm": lambda module: module.norm is not None,
    "norm_eps": lambda module: 1e-5 if module.norm is None else module.norm.eps,
    "norm_bias": lambda module: module.norm is None or module.norm.bias is not None,
}


def _why_not_stack(
    kind: type[nn.Module], why_not_layer: Callable[[nn.Module], str | None]
) -> Callable[[Any], str | None]:
    def why_not(module: Any) -> str | None:
        layers = list(module.layers)
        if not layers or len(layers) != module.num_layers:
            return f"it has {len(layers)} layers, and num_layers {module.num_layers}"
        for index, each in enumerate(layers):
            if type(each) is not kind:
                return f"its layer {index} is a {type(each).__name__}, not a {kind.__name__}"
            why = why_not_layer(each)
            if why is not None:
                return f"in its layer {index}, {why}"
            difference = _difference(each, layers[0])
            if difference is not None:
                return f"its layer {index} is not like the first: {difference}"
        return _why_not_norm(module.norm, layers[0].self_attn.embed_dim)

    return why_not


def _why_not_norm(norm: nn.Module | None, length: int) -> str | None:
    if norm is None:
        return None
    if type(norm) is not nn.LayerNorm:
        return f"its norm is a {type(norm).__name__}, not a LayerNorm"
    if norm.normalized_shape != (length,) or not norm.elementwise_affine:
        return f"its norm is {norm}, not one of {length} with a learned scale"
    return None


_why_not_encoder_of = _why_not_stack(nn.TransformerEncoderLayer, _why_not_encoder_layer)
_why_not_decoder = _why_not_stack(nn.TransformerDecoderLayer, _why_not_decoder_layer)


def _why_not_encoder(module: Any) -> str | None:
    why = _why_not_encoder_of(module)
    if why is not None:
        return why
    with torch.device("meta"):
        first = nn.TransformerEncoderLayer(**_settings_of_layer(module.layers[0]))
        usual = nn.TransformerEncoder(
            first, module.num_layers, module.norm, module.enable_nested_tensor, module.mask_check
        )
    return _difference(module, usual)


def _layer_arguments(layer: Layer) -> dict[str, Any]:
    values = vars(layer)
    return {name: values[name] for name in _OF_LAYER} | {"dtype": to_torch(values["dtype"])}


def _final_norm(layer: Layer) -> nn.LayerNorm | None:
    values = vars(layer)
    if not values["norm"]:
        return None
    return nn.LayerNorm(
        values["d_model"], values["norm_eps"], bias=values["norm_bias"], dtype=to_torch(values["dtype"])
    )


def _encoder_arguments(layer: Layer) -> dict[str, Any]:
    named = {name: vars(layer)[name] for name in ("num_layers", "enable_nested_tensor", "mask_check")}
    encoder_layer = nn.TransformerEncoderLayer(**_layer_arguments(layer))
    return {"encoder_layer": encoder_layer, "norm": _final_norm(layer), **named}


def _decoder_arguments(layer: Layer) -> dict[str, Any]:
    decoder_layer = nn.TransformerDecoderLayer(**_layer_arguments(layer))
    return {
        "decoder_layer": decoder_layer,
        "norm": _final_norm(layer),
        "num_layers": vars(layer)["num_layers"],
    }


# ---------------------------------------------------------------------------------------------- both


def _of_encoder(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda module: read(module.encoder.layers[0])


def _why_not_transformer(module: Any) -> str | None:
    for name, kind in (("encoder", nn.TransformerEncoder), ("decoder", nn.TransformerDecoder)):
        if type(getattr(module, name)) is not kind:
            return f"its {name} is a {type(getattr(module, name)).__name__}"
    for name, why in (
        ("encoder", _why_not_encoder(module.encoder)),
        ("decoder", _why_not_decoder(module.decoder)),
    ):
        if why is not None:
            return f"in its {name}, {why}"
    with torch.device("meta"):
        usual = nn.Transformer(
            **_settings_of_layer(module.encoder.layers[0]),
            num_encoder_layers=module.encoder.num_layers,
            num_decoder_layers=module.decoder.num_layers,
        )
    return _difference(module, usual)


_LAYER_ARGUMENT = "a layer that is made of the settings"

ROWS: tuple[Row, ...] = (
    ModuleRow(
        "TransformerEncoderLayer",
        nn.TransformerEncoderLayer,
        read=_OF_LAYER,
        at_call=("is_causal",),
        accepts=_why_not_encoder_layer,
    ),
    ModuleRow(
        "TransformerDecoderLayer",
        nn.TransformerDecoderLayer,
        read=_OF_LAYER,
        at_call=("tgt_is_causal", "memory_is_causal"),
        accepts=_why_not_decoder_layer,
    ),
    ModuleRow(
        "TransformerEncoder",
        nn.TransformerEncoder,
        read=_OF_STACK,
        arguments=_encoder_arguments,
        ignored={"encoder_layer": _LAYER_ARGUMENT},
        at_call=("is_causal",),
        accepts=_why_not_encoder,
    ),
    ModuleRow(
        "TransformerDecoder",
        nn.TransformerDecoder,
        read=_OF_STACK,
        arguments=_decoder_arguments,
        ignored={"decoder_layer": _LAYER_ARGUMENT},
        at_call=("tgt_is_causal", "memory_is_causal"),
        accepts=_why_not_decoder,
    ),
    ModuleRow(
        "Transformer",
        nn.Transformer,
        read={
            **{name: _of_encoder(read) for name, read in _OF_LAYER.items()},
            "num_encoder_layers": lambda module: module.encoder.num_layers,
            "num_decoder_layers": lambda module: module.decoder.num_layers,
        },
        ignored={
            "custom_encoder": "one that isn't a TransformerEncoder is refused",
            "custom_decoder": "one that isn't a TransformerDecoder is refused",
        },
        at_call=("src_is_causal", "tgt_is_causal", "memory_is_causal"),
        accepts=_why_not_transformer,
    ),
)
