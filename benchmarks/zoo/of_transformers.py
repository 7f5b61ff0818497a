"""The zoo's networks of transformers: two layers, 32 wide, as each library class gives them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from benchmarks.zoo.case import Case, Given, tokens
from benchmarks.zoo.of_torchvision import torchvision

__all__ = ["CASES"]

_VOCABULARY = 99

_ENCODER = {
    "vocab_size": _VOCABULARY,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": 64,
}
_DECODER = {**_ENCODER, "num_key_value_heads": 2, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}


def _ids(batch: int, length: int) -> torch.Tensor:
    return torch.randint(3, _VOCABULARY, (batch, length))


def _mask(batch: int, length: int) -> torch.Tensor:
    """The last input is padded at its end."""
    mask = torch.ones(batch, length, dtype=torch.long)
    mask[-1, -2:] = 0
    return mask


def _make(model: str, config: str, settings: dict[str, Any]) -> nn.Module:
    torchvision()  # transformers imports it where it's installed
    import transformers

    return getattr(transformers, model)(getattr(transformers, config)(**settings))


def _case(
    name: str,
    model: str,
    config: str,
    given: Callable[[int, int], Given],
    size: int,
    others: tuple[int, ...],
    **settings: Any,
) -> Case:
    return Case("transformers", name, lambda: _make(model, config, settings), given, size, others)


def _text(name: str, model: str, config: str, **settings: Any) -> Case:
    return _case(name, model, config, tokens(_VOCABULARY, attention_mask=_mask), 12, (17,), **settings)


def _decoder(name: str, model: str, config: str, **settings: Any) -> Case:
    return _case(name, model, config, tokens(_VOCABULARY), 12, (17,), **settings)


def _pair(batch: int, length: int) -> Given:
    return (), {"input_ids": _ids(batch, length), "decoder_input_ids": _ids(batch, length - 3)}


def _whisper(batch: int, length: int) -> Given:
    return (), {"input_features": torch.randn(batch, 16, 40), "decoder_input_ids": _ids(batch, length)}


def _sound(batch: int, length: int) -> Given:
    return (), {"input_values": torch.randn(batch, length)}


def _pixels(batch: int, side: int) -> Given:
    return (), {"pixel_values": torch.randn(batch, 3, side, side)}


def _clip(batch: int, length: int) -> Given:
    more = {"pixel_values": torch.randn(batch, 3, 32, 32), "attention_mask": _mask(batch, length)}
    return (), {"input_ids": _ids(batch, length), **more}


def _latents(batch: int, length: int) -> Given:
    return (), {"inputs": torch.randn(batch, length, 32)}


_WIDTHS = {"hidden_sizes": [8, 16, 24, 32], "depths": [1, 1, 1, 1]}
_CLIP_TEXT = {**_ENCODER, "projection_dim": 32, "eos_token_id": 2, "pad_token_id": 0, "bos_token_id": 1}
_CLIP_VISION = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "image_size": 32,
    "patch_size": 8,
    "projection_dim": 32,
}
_DETR_BACKBONE = {
    "model_type": "resnet",
    "embedding_size": 8,
    "hidden_sizes": [8, 8, 16, 16],
    "depths": [1, 1, 1, 1],
    "out_features": ["stage4"],
}
_SEQ2SEQ = {
    "vocab_size": _VOCABULARY,
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 64,
    "decoder_ffn_dim": 64,
}
_T5 = {"vocab_size": _VOCABULARY, "d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4}


CASES = (
    _text("bert", "BertModel", "BertConfig", **_ENCODER),
    _text("roberta", "RobertaModel", "RobertaConfig", **_ENCODER),
    _text("albert", "AlbertModel", "AlbertConfig", embedding_size=16, **_ENCODER),
    _text("electra", "ElectraModel", "ElectraConfig", embedding_size=16, **_ENCODER),
    _text(
        "deberta-v2",
        "DebertaV2Model",
        "DebertaV2Config",
        relative_attention=True,
        pos_att_type=["p2c", "c2p"],
        position_buckets=8,
        **_ENCODER,
    ),
    _text(
        "gpt2",
        "GPT2LMHeadModel",
        "GPT2Config",
        vocab_size=_VOCABULARY,
        n_embd=32,
        n_layer=2,
        n_head=4,
        n_positions=64,
    ),
    _decoder("gpt-neox", "GPTNeoXForCausalLM", "GPTNeoXConfig", **_ENCODER),
    _text(
        "opt",
        "OPTForCausalLM",
        "OPTConfig",
        vocab_size=_VOCABULARY,
        hidden_size=32,
        ffn_dim=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=64,
        word_embed_proj_dim=32,
    ),
    _text("llama", "LlamaForCausalLM", "LlamaConfig", **_DECODER),
    _decoder("mistral", "MistralForCausalLM", "MistralConfig", **_DECODER),
    _decoder("qwen2", "Qwen2ForCausalLM", "Qwen2Config", **_DECODER),
    _decoder("gemma", "GemmaForCausalLM", "GemmaConfig", head_dim=8, **_DECODER),
    _decoder("phi", "PhiForCausalLM", "PhiConfig", **_DECODER),
    _decoder("mixtral", "MixtralForCausalLM", "MixtralConfig", num_local_experts=4, **_DECODER),
    _decoder(
        "mamba",
        "MambaForCausalLM",
        "MambaConfig",
        vocab_size=_VOCABULARY,
        hidden_size=32,
        num_hidden_layers=2,
        state_size=4,
    ),
    _case("t5", "T5ForConditionalGeneration", "T5Config", _pair, 12, (17,), decoder_start_token_id=0, **_T5),
    _case("bart", "BartModel", "BartConfig", _pair, 12, (17,), max_position_embeddings=64, **_SEQ2SEQ),
    _case(
        "whisper",
        "WhisperModel",
        "WhisperConfig",
        _whisper,
        7,
        (9,),
        num_mel_bins=16,
        max_source_positions=20,
        max_target_positions=32,
        decoder_start_token_id=1,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        **_SEQ2SEQ,
    ),
    _case(
        "wav2vec2",
        "Wav2Vec2Model",
        "Wav2Vec2Config",
        _sound,
        4000,
        (5000,),
        vocab_size=_VOCABULARY,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        conv_dim=[8, 8, 8],
        conv_kernel=[10, 3, 2],
        conv_stride=[5, 4, 4],
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=2,
    ),
    _case(
        "vit",
        "ViTModel",
        "ViTConfig",
        _pixels,
        32,
        (),
        **{key: _CLIP_VISION[key] for key in _CLIP_VISION if key != "projection_dim"},
    ),
    _case(
        "swin",
        "SwinModel",
        "SwinConfig",
        _pixels,
        32,
        (48,),
        image_size=32,
        patch_size=2,
        embed_dim=16,
        depths=[1, 2],
        num_heads=[2, 4],
        window_size=4,
    ),
    _case("convnext", "ConvNextModel", "ConvNextConfig", _pixels, 64, (96,), **_WIDTHS),
    _case(
        "segformer",
        "SegformerForSemanticSegmentation",
        "SegformerConfig",
        _pixels,
        64,
        (96,),
        decoder_hidden_size=32,
        num_attention_heads=[1, 2, 2, 4],
        **_WIDTHS,
    ),
    _case(
        "detr",
        "DetrModel",
        "DetrConfig",
        _pixels,
        64,
        (96,),
        use_timm_backbone=False,
        use_pretrained_backbone=False,
        backbone_config=_DETR_BACKBONE,
        num_queries=5,
        **{key: value for key, value in _SEQ2SEQ.items() if key != "vocab_size"},
    ),
    _case(
        "clip",
        "CLIPModel",
        "CLIPConfig",
        _clip,
        12,
        (17,),
        text_config=_CLIP_TEXT,
        vision_config=_CLIP_VISION,
        projection_dim=32,
    ),
    _case(
        "perceiver",
        "PerceiverModel",
        "PerceiverConfig",
        _latents,
        12,
        (17,),
        d_model=32,
        num_latents=6,
        d_latents=32,
        num_blocks=1,
        num_self_attends_per_block=2,
        num_self_attention_heads=4,
        num_cross_attention_heads=4,
    ),
)
