"""Settings that contradict one another or their input: refused by the rule with its code, and by torch."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from modelpack.backends.torch.dtypes import from_torch
from modelpack.layers import BUILTIN
from modelpack.tensors import Mismatch
from tests.contract.cases import refused_by_both

pytestmark = pytest.mark.filterwarnings("ignore")

IMAGE, LINE = "float32[2, 4, 8, 8]", "float32[2, 4, 8]"
CONV = {"in_channels": 4, "out_channels": 6, "kernel_size": 3}

WRONG: list[tuple[str, dict[str, Any], tuple[str, ...], str, str]] = [
    ("Conv2d", {**CONV, "groups": 3}, (IMAGE,), "MP308", "in_channels 4 is not a multiple of groups 3"),
    ("Conv2d", {**CONV, "groups": 4}, (IMAGE,), "MP308", "out_channels 6 is not a multiple of groups 4"),
    (
        "Conv2d",
        {**CONV, "padding": "same", "stride": 2},
        (IMAGE,),
        "MP308",
        "padding 'same' needs a stride of 1, not 2",
    ),
    (
        "Conv2d",
        {**CONV, "padding": 8, "padding_mode": "reflect"},
        (IMAGE,),
        "MP308",
        "padding_mode 'reflect' can't add 8 to the 8 of its input float32[2, 4, 8, 8]",
    ),
    (
        "Conv2d",
        {**CONV, "padding": 9, "padding_mode": "circular"},
        (IMAGE,),
        "MP308",
        "padding_mode 'circular' can't add 9 to the 8 of its input float32[2, 4, 8, 8]",
    ),
    (
        "Conv2d",
        {**CONV, "kernel_size": 9},
        (IMAGE,),
        "MP307",
        "its kernel is 9 wide, more than the 8 of its input float32[2, 4, 8, 8]",
    ),
    (
        "Conv2d",
        {**CONV, "kernel_size": 6, "dilation": 2, "padding": 1},
        (IMAGE,),
        "MP307",
        "its kernel is 11 (with dilation 2) wide, more than the 10 (with padding) of its input float32[2, 4, 8, 8]",
    ),
    (
        "Conv2d",
        {**CONV, "in_channels": 3},
        (IMAGE,),
        "MP303",
        "in_channels is 3, but the axis -3 of its input float32[2, 4, 8, 8] is 4",
    ),
    (
        "ConvTranspose1d",
        {**CONV, "output_padding": 1},
        (LINE,),
        "MP308",
        "output_padding 1 must be less than the stride 1 or the dilation 1",
    ),
    (
        "ConvTranspose1d",
        {**CONV, "padding": 6},
        (LINE,),
        "MP307",
        "its output would have the size -2 where its input float32[2, 4, 8] has 8",
    ),
    (
        "MaxPool2d",
        {"kernel_size": 3, "padding": 2},
        (IMAGE,),
        "MP308",
        "padding 2 is more than half of the kernel_size 3",
    ),
    (
        "MaxPool1d",
        {"kernel_size": 3, "padding": 2, "dilation": 4},
        (LINE,),
        "MP308",
        "padding 2 is more than half of the kernel_size 3",
    ),
    (
        "AvgPool1d",
        {"kernel_size": 3, "padding": 2},
        (LINE,),
        "MP308",
        "padding 2 is more than half of the kernel_size 3",
    ),
    (
        "MaxPool1d",
        {"kernel_size": 9},
        (LINE,),
        "MP307",
        "its kernel is 9 wide, more than the 8 of its input float32[2, 4, 8]",
    ),
    (
        "LPPool1d",
        {"norm_type": 0.0, "kernel_size": 2},
        (LINE,),
        "MP308",
        "norm_type must not be 0: its inverse is a power",
    ),
    (
        "FractionalMaxPool2d",
        {"kernel_size": 2},
        (IMAGE,),
        "MP308",
        "exactly one of output_size and output_ratio must be given",
    ),
    (
        "FractionalMaxPool2d",
        {"kernel_size": 2, "output_size": 2, "output_ratio": (0.5, 0.5)},
        (IMAGE,),
        "MP308",
        "exactly one of output_size and output_ratio must be given",
    ),
    (
        "FractionalMaxPool2d",
        {"kernel_size": 2, "output_ratio": (1.0, 0.5)},
        (IMAGE,),
        "MP308",
        "output_ratio must lie between 0 and 1, 1.0 doesn't",
    ),
    (
        "FractionalMaxPool2d",
        {"kernel_size": 2, "output_size": 8},
        (IMAGE,),
        "MP307",
        "8 windows of 2 don't fit into the 8 of its input float32[2, 4, 8, 8]",
    ),
    (
        "MaxUnpool1d",
        {"kernel_size": 2},
        (LINE, "int32[2, 4, 8]"),
        "MP306",
        "indices must be int64, not int32[2, 4, 8]",
    ),
    (
        "MaxUnpool1d",
        {"kernel_size": 2},
        (LINE, "int64[2, 4, 7]"),
        "MP304",
        "indices must have the shape of its input float32[2, 4, 8], not int64[2, 4, 7]",
    ),
    (
        "BatchNorm1d",
        {"num_features": 4, "dtype": "float64"},
        (LINE,),
        "MP306",
        "its parameters are float64, but its input is float32[2, 4, 8]",
    ),
    (
        "BatchNorm1d",
        {"num_features": 4, "track_running_stats": False},
        ("float32[1, 4]",),
        "MP304",
        "its input float32[1, 4] has one element per channel, which is its own mean",
    ),
    (
        "GroupNorm",
        {"num_groups": 3, "num_channels": 4},
        (LINE,),
        "MP308",
        "num_channels 4 is not a multiple of num_groups 3",
    ),
    (
        "GroupNorm",
        {"num_groups": 4, "num_channels": 4},
        ("float32[1, 4]",),
        "MP304",
        "its input float32[1, 4] has one element per group, which is its own mean",
    ),
    (
        "LayerNorm",
        {"normalized_shape": (4, 7)},
        (LINE,),
        "MP303",
        "normalized_shape is [4, 7], but the last axes of its input float32[2, 4, 8] are not",
    ),
    ("CELU", {"alpha": 0.0}, (LINE,), "MP308", "alpha must not be 0: x is divided by it"),
    (
        "Hardtanh",
        {"min_val": 1.0, "max_val": 1.0},
        (LINE,),
        "MP308",
        "max_val 1.0 must be greater than min_val 1.0",
    ),
    (
        "Hardtanh",
        {},
        ("uint8[2, 3]",),
        "MP306",
        "min_val is -1.0, but its input uint8[2, 3] has no negative numbers",
    ),
    ("RReLU", {"lower": 0.5, "upper": 0.25}, (LINE,), "MP308", "lower 0.5 must not exceed upper 0.25"),
    (
        "PReLU",
        {"num_parameters": 3},
        (LINE,),
        "MP303",
        "num_parameters is 3, but axis 1 of its input float32[2, 4, 8] is 4",
    ),
    (
        "GLU",
        {},
        ("float32[2, 7]",),
        "MP304",
        "axis -1 of its input float32[2, 7] is 7, which can't be halved",
    ),
    ("GLU", {"dim": 2}, ("float32[2, 8]",), "MP302", "axis 2 does not exist in its input float32[2, 8]"),
    ("Softmax", {"dim": 3}, (LINE,), "MP302", "axis 3 does not exist in its input float32[2, 4, 8]"),
    (
        "Threshold",
        {"threshold": 0.0, "value": 300.0},
        ("int8[2, 3]",),
        "MP306",
        "value is 300.0, which no element of its input int8[2, 3] can be",
    ),
    (
        "ConstantPad1d",
        {"padding": 1, "value": 1e6},
        ("float16[2, 3]",),
        "MP306",
        "value is 1000000.0, which no element of its input float16[2, 3] can be",
    ),
    (
        "ConstantPad1d",
        {"padding": 1, "value": 255.5},
        ("uint8[2, 3]",),
        "MP306",
        "value is 255.5, which no element of its input uint8[2, 3] can be",
    ),
    (
        "ReflectionPad1d",
        {"padding": 8},
        (LINE,),
        "MP304",
        "can't add 8 to an axis of 8 of its input float32[2, 4, 8]: a reflection is one shorter than the axis",
    ),
    (
        "CircularPad1d",
        {"padding": 9},
        (LINE,),
        "MP304",
        "can't add 9 to an axis of 8 of its input float32[2, 4, 8]: the ring is no longer",
    ),
    (
        "ZeroPad1d",
        {"padding": (-5, -4)},
        (LINE,),
        "MP307",
        "its output would have the size -1 where its input float32[2, 4, 8] has 8",
    ),
    (
        "BatchNorm1d",
        {"num_features": 4, "eps": 0.0},
        (LINE,),
        "MP308",
        "eps is 0.0; to train, it must be positive",
    ),
    (
        "PReLU",
        {"num_parameters": 3},
        ("float32[batch, length]",),
        "MP303",
        "num_parameters is 3, but axis 1 of its input float32[batch, length] is length",
    ),
    (
        "Unflatten",
        {"dim": 0, "unflattened_size": (6,)},
        ("float32[batch]",),
        "MP304",
        "unflattened_size [6] doesn't divide axis 0 of its input float32[batch], which is batch",
    ),
    (
        "Unflatten",
        {"dim": 0, "unflattened_size": (-1, 2)},
        ("float32[2 * batch + 1]",),
        "MP304",
        "unflattened_size [-1, 2] doesn't divide axis 0 of its input float32[2*batch + 1], which is 2*batch + 1",
    ),
    (
        "Fold",
        {"output_size": 4, "kernel_size": 2},
        ("float32[batch, 4, places]",),
        "MP304",
        "a window has 9 positions in output_size [4, 4], but the last axis of its input float32[batch, 4, places] is places",
    ),
    (
        "PixelShuffle",
        {"upscale_factor": 2},
        ("float32[4 * batch + 2, 3, 3]",),
        "MP304",
        "its input float32[4*batch + 2, 3, 3] has 4*batch + 2 channels, which is not a multiple of upscale_factor 2, squared",
    ),
    (
        "GLU",
        {},
        ("float32[2 * batch + 1]",),
        "MP304",
        "axis -1 of its input float32[2*batch + 1] is 2*batch + 1, which can't be halved",
    ),
    (
        "Bilinear",
        {"in1_features": 8, "in2_features": 3, "out_features": 2},
        (LINE, LINE),
        "MP303",
        "in2_features is 3, but the last axis of its second input is that of float32[2, 4, 8]",
    ),
    (
        "Bilinear",
        {"in1_features": 8, "in2_features": 8, "out_features": 2},
        (LINE, "float32[2, 3, 8]"),
        "MP304",
        "its inputs float32[2, 4, 8] and float32[2, 3, 8] must agree in all axes but the last",
    ),
]


@pytest.mark.parametrize(("name", "settings", "inputs", "code", "message"), WRONG)
def test_rule_and_torch_refuse(
    name: str, settings: dict[str, Any], inputs: tuple[str, ...], code: str, message: str
) -> None:
    refused_by_both(name, settings, inputs, code, message)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("Conv2d", CONV),
        ("Embedding", {"num_embeddings": 9, "embedding_dim": 8}),
        ("RMSNorm", {"normalized_shape": (8,)}),
    ],
)
@pytest.mark.parametrize("dtype", [torch.int64, torch.uint8])
def test_parameters_of_integers_are_refused_by_both(
    name: str, settings: dict[str, Any], dtype: torch.dtype
) -> None:
    kind = BUILTIN[name]
    read = {key: kind.settings[key].kind.read(value) for key, value in settings.items()}
    told = "only floats of 16 bits or more, or complex numbers, can be trained"
    with pytest.raises(Mismatch, match=told):
        kind.instance({**read, "dtype": str(from_torch(dtype))})
    with pytest.raises(Mismatch, match=told):
        kind.instance(read, from_torch(dtype))
    with pytest.raises(RuntimeError):
        getattr(torch.nn, name)(**settings, dtype=dtype)
