"""Transformers are read back from some of their parts: any other part that was changed must be noticed."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from modelpack.backends.torch.bindings import ROWS
from modelpack.backends.torch.modules import settings_of
from modelpack.backends.torch.rows import ModuleRow
from modelpack.errors import CaptureError
from modelpack.layers import BUILTIN

pytestmark = pytest.mark.filterwarnings("ignore:enable_nested_tensor")

SMALL: dict[str, Any] = {"d_model": 4, "nhead": 2, "dim_feedforward": 3}


def captured(module: nn.Module) -> dict[str, Any]:
    name = type(module).__name__
    row = ROWS[name]
    assert isinstance(row, ModuleRow)
    return settings_of(module, row, BUILTIN[name])


def refusal(module: nn.Module) -> str:
    with pytest.raises(CaptureError) as caught:
        captured(module)
    return str(caught.value)


def test_a_word_and_its_function_are_the_same_activation() -> None:
    for given, word in (
        (functional.relu, "relu"),
        ("relu", "relu"),
        (functional.gelu, "gelu"),
        ("gelu", "gelu"),
    ):
        layer = nn.TransformerEncoderLayer(**SMALL, activation=given)
        assert captured(layer).get("activation", "relu") == word


@pytest.mark.parametrize(
    "activation", [nn.ReLU(), nn.GELU(approximate="tanh"), torch.relu, torch.tanh, lambda x: x]
)
def test_other_activations_are_refused(activation: Any) -> None:
    for kind in (nn.TransformerEncoderLayer, nn.TransformerDecoderLayer):
        assert "activation" in refusal(kind(**SMALL, activation=activation))


CHANGES: dict[str, tuple[Callable[[Any], object], str]] = {
    "one dropout": (lambda each: setattr(each.dropout1, "p", 0.5), "dropout1.p is 0.5"),
    "dropout of attention": (
        lambda each: setattr(each.self_attn, "dropout", 0.5),
        "self_attn.dropout is 0.5",
    ),
    "one epsilon": (lambda each: setattr(each.norm2, "eps", 0.5), "norm2.eps is 0.5"),
    "another norm": (lambda each: setattr(each, "norm1", nn.RMSNorm(4)), "norm1: RMSNorm"),
    "another linear": (lambda each: setattr(each, "linear2", nn.Linear(3, 4, bias=False)), "linear2.bias"),
    "other keys": (
        lambda each: setattr(each, "self_attn", nn.MultiheadAttention(4, 2, 0.1, kdim=3)),
        "self_attn.kdim",
    ),
    "a new part": (lambda each: each.add_module("adapter", nn.Linear(4, 4)), "adapter: Linear"),
    "a new attribute": (lambda each: setattr(each, "scale", 2.0), "scale is 2.0"),
    "attention without a part": (
        lambda each: setattr(each.self_attn, "out_proj", nn.Linear(4, 4)),
        "out_proj",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("kind", [nn.TransformerEncoderLayer, nn.TransformerDecoderLayer])
def test_a_layer_with_a_changed_part_is_refused(kind: type[nn.Module], change: str) -> None:
    layer = kind(**SMALL)
    captured(layer)
    apply, told = CHANGES[change]
    apply(layer)
    assert told in refusal(layer)


@pytest.mark.parametrize("change", CHANGES)
def test_a_stack_whose_layers_differ_is_refused(change: str) -> None:
    stacks = (
        nn.TransformerEncoder(nn.TransformerEncoderLayer(**SMALL), 2),
        nn.TransformerDecoder(nn.TransformerDecoderLayer(**SMALL), 2),
        nn.Transformer(**SMALL, num_encoder_layers=2, num_decoder_layers=2),
    )
    apply, told = CHANGES[change]
    for stack in stacks:
        captured(stack)
        apply(getattr(stack, "decoder", stack).layers[1])
        assert told in refusal(stack)


def test_a_stack_whose_layers_have_other_settings_each_is_refused() -> None:
    stack = nn.TransformerEncoder(nn.TransformerEncoderLayer(**SMALL), 2)
    stack.layers[1] = nn.TransformerEncoderLayer(**SMALL, norm_first=True)
    assert "layer 1 is not like the first: its norm_first is True" in refusal(stack)
    stack.layers[1] = nn.Identity()
    assert "layer 1 is a Identity" in refusal(stack)


@pytest.mark.parametrize(
    ("norm", "told"),
    [
        (nn.RMSNorm(4), "its norm is a RMSNorm"),
        (nn.LayerNorm(4, elementwise_affine=False), "with a learned scale"),
        (nn.LayerNorm((2, 4)), "with a learned scale"),
    ],
)
def test_a_stack_with_another_norm_is_refused(norm: nn.Module, told: str) -> None:
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(**SMALL), 1, norm)
    decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(**SMALL), 1, norm)
    assert told in refusal(encoder)
    assert told in refusal(decoder)


def test_what_hides_in_a_transformer_is_found() -> None:
    usual = nn.Transformer(**SMALL, num_encoder_layers=1, num_decoder_layers=1)
    captured(usual)
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(**SMALL), 1, nn.LayerNorm(4), mask_check=False)
    custom = nn.Transformer(**SMALL, num_decoder_layers=1, custom_encoder=encoder)
    assert "encoder.mask_check is False" in refusal(custom)
    for name, value in (("encoder", nn.Identity()), ("decoder", nn.Identity())):
        changed = copy.deepcopy(usual)
        setattr(changed, name, value)
        assert f"its {name} is a Identity" in refusal(changed)
    changed = copy.deepcopy(usual)
    changed.decoder.norm = None
    assert "norm" in refusal(changed)
    changed = copy.deepcopy(usual)
    changed.batch_first = True
    assert "batch_first is True" in refusal(changed)


def test_a_forced_nested_tensor_is_found() -> None:
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(**SMALL), 1)
    assert not encoder.use_nested_tensor
    captured(encoder)
    encoder.use_nested_tensor = True
    assert "use_nested_tensor is True" in refusal(encoder)
