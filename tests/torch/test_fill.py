"""A module around the tensors of a pack: mapped and put straight in place, or copied, converted, refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from modelpack.backends.torch.build import build
from modelpack.backends.torch.fill import fill
from modelpack.checker import check
from modelpack.errors import BuildError
from modelpack.pack import Pack, open_pack
from modelpack.reader import read
from tests.torch.networks import MLP, RESIDUAL, built, packed

TIED = """\
modelpack: 1
name: tied
inputs: {x: {dtype: float32, shape: [batch, 3]}}
buffers: {table: {shape: [3], persistent: false}, nothing: {shape: [0]}}
layers:
  a: {Linear: {in_features: 3, out_features: 3}, frozen: [bias]}
  b: {Linear: {in_features: 3, out_features: 3, bias: false}}
  c: {add: {}, inputs: [b, table]}
tied: [[a.weight, b.weight]]
"""


def filled(text: str, pack: Pack, **options: Any) -> nn.Module:
    """The network of `text` with the values in `pack`."""
    network = check(read(text))
    return build(network, tensors=fill(network, pack.weights, **options))


def test_every_tensor_is_that_of_the_file(tmp_path: Path) -> None:
    for text in (RESIDUAL, TIED):
        original = built(text)
        with open_pack(packed(original, text, tmp_path / "net.modelpack")) as pack:
            module = filled(text, pack)
        theirs = dict([*original.named_parameters(), *original.named_buffers()])
        ours = dict([*module.named_parameters(), *module.named_buffers()])
        assert ours.keys() == theirs.keys()
        for name, tensor in ours.items():
            assert torch.equal(tensor, theirs[name])
            assert tensor.requires_grad == theirs[name].requires_grad
            assert type(tensor) is type(theirs[name])


def test_ties_are_kept(tmp_path: Path) -> None:
    original = built(TIED)
    path = packed(original, TIED, tmp_path / "net")
    with open_pack(path) as pack:
        module = filled(TIED, pack)
    assert module.a.weight is module.b.weight
    assert torch.equal(module.table, original.table)


@pytest.mark.parametrize("form", ["net", "net.modelpack"])
@pytest.mark.parametrize("copy", [False, True])
def test_training_leaves_the_file_as_it_is(tmp_path: Path, form: str, copy: bool) -> None:
    path = packed(built(MLP), MLP, tmp_path / form)
    files = [path] if path.is_file() else sorted(path.iterdir())
    before = [each.read_bytes() for each in files]
    with open_pack(path) as pack:
        module = filled(MLP, pack, copy=copy)
        twin = filled(MLP, pack, copy=copy)
    optimiser = torch.optim.SGD(module.parameters(), lr=0.1)
    x = torch.ones(4, 3)
    losses = []
    for _ in range(5):
        optimiser.zero_grad()
        loss = module(x).square().mean()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    assert [each.read_bytes() for each in files] == before
    assert torch.equal(twin(x), built(MLP)(x))  # another module of the same file hasn't seen it either


def test_a_recurrent_layer_runs_on_what_it_is_filled_with(tmp_path: Path) -> None:
    text = """\
modelpack: 1
name: net
inputs: {x: {dtype: float32, shape: [length, batch, 3]}}
layers:
  lstm: {LSTM: {input_size: 3, hidden_size: 4}}
outputs: lstm.output
"""
    original = built(text)
    with open_pack(packed(original, text, tmp_path / "net")) as pack:
        module = filled(text, pack)
    x = torch.randn(5, 2, 3)
    assert torch.equal(module(x), original(x))
    assert [id(each) for each in module.lstm._flat_weights] == [id(each) for each in module.lstm.parameters()]


def test_dtype_converts_floats_alone(tmp_path: Path) -> None:
    with open_pack(packed(built(RESIDUAL), RESIDUAL, tmp_path / "net")) as pack:
        module = filled(RESIDUAL, pack, dtype=torch.bfloat16, device="cpu")
    kinds = {tensor.dtype for tensor in module.state_dict().values()}
    assert kinds == {torch.bfloat16, torch.int64}
    assert module.stem[1].num_batches_tracked.dtype == torch.int64


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with open_pack(packed(built(MLP), MLP, tmp_path / "net")) as pack, pytest.raises(BuildError) as caught:
        filled(MLP.replace("hidden", "first"), pack)
    assert [str(each) for each in caught.value.problems] == [
        "MP720 first.weight: the weights have no such tensor",
        "MP720 first.bias: the weights have no such tensor",
    ]


def test_another_shape_or_dtype_is_refused(tmp_path: Path) -> None:
    with open_pack(packed(built(MLP), MLP, tmp_path / "net")) as pack:
        for wrong, message in (
            (
                MLP.replace("out_features: 2", "out_features: 5"),
                r"MP721 output.weight: the weights have float32\[2, 4\], the network has float32\[5, 4\]",
            ),
            (
                MLP.replace("float32", "float64").replace("name: mlp", "name: mlp\ndtype: float64"),
                r"MP721 \w+.weight: the weights have float32\[\d, \d\], the network has float64\[\d, \d\]",
            ),
        ):
            with pytest.raises(BuildError, match=message):
                filled(wrong, pack)
