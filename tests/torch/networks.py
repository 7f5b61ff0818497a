"""Architectures that the tests of this folder build, and what they share."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from modelpack.backends.torch.build import build
from modelpack.backends.torch.dtypes import from_torch
from modelpack.checker import check
from modelpack.pack import TensorData, write_pack
from modelpack.reader import read

RESIDUAL = """\
modelpack: 1
name: residual
inputs:
  image: {dtype: float32, shape: [batch, 3, height, width]}
blocks:
  Basic:
    arguments: {channels: int}
    inputs: {x: {}}
    layers:
      conv: {Conv2d: {in_channels: $channels, out_channels: $channels, kernel_size: 3, padding: 1, bias: false}}
      bn: {BatchNorm2d: {num_features: $channels}}
      relu: {ReLU: {inplace: true}}
      sum: {add: {}, inputs: [relu, x]}
      out: {call: relu}
layers:
  stem.0: {Conv2d: {in_channels: 3, out_channels: 4, kernel_size: 3}}
  stem.1: {BatchNorm2d: {num_features: 4}}
  layer: {use: Basic, with: {channels: 4}, repeat: 2}
  pool: {AdaptiveAvgPool2d: {output_size: 1}}
  flat: {Flatten: {}}
  fc: {Linear: {in_features: 4, out_features: 5}}
"""


class Basic(nn.Module):
    """What `RESIDUAL` says of a block, written out."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(4)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.relu(self.relu(self.bn(self.conv(x))) + x)


class Residual(nn.Module):
    """What `RESIDUAL` says, written out."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
        self.layer = nn.Sequential(Basic(), Basic())
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(4, 5)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.fc(self.pool(self.layer(self.stem(image))).flatten(1))


MLP = """\
modelpack: 1
name: mlp
inputs:
  x: {dtype: float32, shape: [batch, 3]}
layers:
  hidden: {Linear: {in_features: 3, out_features: 4}}
  output: {Linear: {in_features: 4, out_features: 2}}
"""


def built(text: str) -> nn.Module:
    """The network that `text` says, in memory, with values that depend on nothing but names and shapes."""
    module = build(check(read(text)), "cpu")
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
            if not tensor.is_floating_point():
                tensor.zero_()
            elif name.endswith("running_var"):
                tensor.fill_(1)
            else:
                tensor.uniform_(-0.5, 0.5, generator=generator)
    return module


def packed(module: nn.Module, text: str, path: Path) -> Path:
    """A pack of `text` with the tensors of `module`, tied ones once, non-persistent buffers too."""
    tensors: dict[int, TensorData] = {}
    for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
        data = memoryview(tensor.detach().contiguous().flatten().view(torch.uint8).numpy())
        tensors.setdefault(id(tensor), TensorData(name, from_torch(tensor.dtype), tuple(tensor.shape), data))
    write_pack(path, architecture=text.encode(), weights=tensors.values())
    return path
