"""A module with first values: those of `modelpack init`, for every example, and trainable as declared."""

from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

import modelpack
from modelpack.errors import ArchitectureError
from tests.commands import app
from tests.core.test_examples import FILES, WITHOUT_FIRST_VALUES

ROOT = Path(__file__).parents[2] / "examples"
EXAMPLES = [each for each in FILES if each.parent.name not in WITHOUT_FIRST_VALUES]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: str(path.relative_to(ROOT)))
def test_build_gives_the_weights_of_init(path, tmp_path):
    pack = tmp_path / "net.modelpack"
    assert CliRunner().invoke(app, ["init", str(path), str(pack), "--seed", "5"]).exit_code == 0
    loaded = modelpack.load(pack)
    built = modelpack.Architecture.from_yaml(path.read_text()).build(seed=5)
    assert list(built.state_dict()) == list(loaded.state_dict())
    for name, values in loaded.state_dict().items():
        assert torch.equal(values, built.state_dict()[name]), name
    grads = {name: each.requires_grad for name, each in built.named_parameters()}
    assert grads == {name: each.requires_grad for name, each in loaded.named_parameters()}


def test_tied_tensors_are_one():
    text = (ROOT / "transformer_encoder" / "architecture.yaml").read_text()
    module = modelpack.Architecture.from_yaml(text).build()
    assert module.get_parameter("embedding.weight") is module.get_parameter("logits.weight")


def test_another_seed_gives_other_weights():
    architecture = modelpack.Architecture.from_yaml((ROOT / "mlp" / "architecture.yaml").read_text())
    first, second = (architecture.build(seed=seed).get_parameter("hidden.weight") for seed in (0, 1))
    assert not torch.equal(first, second)


def test_a_network_built_from_text_learns():
    architecture = modelpack.Architecture.from_yaml((ROOT / "mlp" / "architecture.yaml").read_text())
    module = architecture.build()
    assert module.training
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(64, 20, generator=generator)
    y = x[:, :10].argmax(1)
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-2)
    losses = []
    for _ in range(50):
        loss = torch.nn.functional.cross_entropy(module(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.1 * losses[0]


def test_a_tensor_without_init_is_refused():
    text = """
modelpack: 1
name: net
inputs:
  x: {dtype: float32, shape: [batch, 3]}
parameters:
  scale: {shape: [3]}
layers:
  scaled: {mul: {}, inputs: [x, scale]}
"""
    with pytest.raises(ArchitectureError, match="MP410 scale: has no init"):
        modelpack.Architecture.from_yaml(text).build()
