"""Each loaded tensor begins at a multiple of 64 bytes, as torch's own do: elsewhere some kernels round in another way."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import nn

import modelpack
from modelpack.backends.torch.build import build
from modelpack.checker import check
from modelpack.pack import open_pack
from modelpack.reader import read
from tests.torch.networks import packed

ODD = """\
modelpack: 1
name: odd
inputs: {x: {dtype: float32, shape: [batch, 41]}}
parameters:
  matrix: {shape: [37, 23]}
  vector: {shape: [23]}
  scale: {shape: []}
buffers:
  mask: {dtype: bool, shape: [5]}
  brief: {dtype: bfloat16, shape: [3, 3]}
  small: {dtype: float8_e4m3fn, shape: [7]}
  count: {dtype: int64, shape: []}
  ids: {dtype: int32, shape: [3]}
  whole: {dtype: float64, shape: [16]}
  none: {shape: [0, 3]}
layers:
  linear: {Linear: {in_features: 41, out_features: 37}}
  product: {mv: {}, inputs: [matrix, vector]}
  sum: {add: {}, inputs: [linear, product]}
  out: {mul: {}, inputs: [sum, scale]}
"""
"""Sizes of which few are multiples of 64."""


def original() -> nn.Module:
    """`ODD` in torch's own memory, with values that are always the same."""
    module = build(check(read(ODD)), "cpu").eval()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
        for buffer in module.buffers():
            bytes_of(buffer).random_(0, 2, generator=generator)
    return module


def bytes_of(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.view(-1).view(torch.uint8)


def by_others(module: nn.Module, folder: Path) -> Path:
    """A pack whose weight file isn't ours: in another order, and with a header that isn't padded to 64."""
    folder.mkdir()
    (folder / "architecture.yaml").write_text(ODD)
    safetensors.torch.save_file(module.state_dict(), folder / "weights.safetensors")
    assert starts(folder)["whole"]  # although its size is a multiple of 64
    return folder


@pytest.fixture(params=["directory", "file", "by others"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if request.param == "by others":
        return by_others(original(), tmp_path / "net")
    return packed(original(), ODD, tmp_path / ("net" if request.param == "directory" else "net.modelpack"))


def starts(path: Path) -> dict[str, int]:
    with open_pack(path) as pack:
        assert pack.weights is not None
        return {name: each.info.start % 64 for name, each in pack.weights.tensors.items() if each.size}


@pytest.mark.parametrize("copy", [False, True])
def test_every_tensor_is_aligned(path: Path, copy: bool) -> None:
    assert any(starts(path).values())  # in the file they aren't all
    ours, theirs = modelpack.load(path, copy=copy).state_dict(), original().state_dict()
    assert ours.keys() == theirs.keys()
    assert all(tensor.data_ptr() % 64 == 0 for tensor in ours.values())
    for name, tensor in ours.items():
        assert torch.equal(bytes_of(tensor), bytes_of(theirs[name]))


@pytest.mark.parametrize("copy", [False, True])
def test_products_round_as_in_torchs_own_memory(path: Path, copy: bool) -> None:
    ours, theirs = modelpack.load(path, copy=copy), original()
    for seed in range(10):
        x = torch.randn(5, 41, generator=torch.Generator().manual_seed(seed))
        assert torch.equal(ours(x), theirs(x))


def test_losses_are_those_of_the_original(path: Path) -> None:
    x = torch.randn(6, 41, generator=torch.Generator().manual_seed(1))
    losses: list[list[float]] = []
    for module in (modelpack.load(path), original()):
        optimiser = torch.optim.SGD(module.train().parameters(), lr=0.05, momentum=0.9)
        losses.append([])
        for _ in range(5):
            optimiser.zero_grad()
            loss = module(x).square().mean()
            loss.backward()
            optimiser.step()
            losses[-1].append(loss.item())
    assert losses[0] == losses[1]


def test_tensors_share_no_memory(path: Path) -> None:
    """So saving one of them alone saves no other, and training one changes no other."""
    state = modelpack.load(path).state_dict()
    assert all(tensor.untyped_storage().nbytes() == tensor.nbytes for tensor in state.values())
    ends = sorted((each.data_ptr(), each.data_ptr() + each.nbytes) for each in state.values() if each.numel())
    assert all(stop <= start for (_, stop), (start, _) in itertools.pairwise(ends))


def test_what_is_aligned_is_mapped(tmp_path: Path) -> None:
    """Not copied: only mapped storages can't grow."""
    path = packed(original(), ODD, tmp_path / "net.modelpack")
    state = modelpack.load(path).state_dict()
    mapped = {
        name for name, tensor in state.items() if tensor.numel() and not tensor.untyped_storage().resizable()
    }
    assert mapped == {name for name, start in starts(path).items() if start == 0}
    assert "whole" in mapped
