"""A module that was loaded and trained, written back: same text, frozen parts as they were, descent told."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import modelpack
from modelpack.composing import build, lock
from modelpack.errors import BuildError, PackError

NEW = """modelpack: 1
name: new
imports:
  base: {pack: base.modelpack}
inputs:
  x: {dtype: float32, shape: [batch, 8]}
layers:
  trunk: {use: base, take: {to: bn}, frozen: true}
  head: {Linear: {in_features: 16, out_features: 3}}
"""


class Base(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lin, self.bn, self.out = nn.Linear(8, 16), nn.BatchNorm1d(16), nn.Linear(16, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(self.bn(self.lin(x)))


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    modelpack.save(Base(), tmp_path / "base.modelpack", (torch.randn(6, 8),))
    (tmp_path / "new.yaml").write_text(NEW)
    lock(tmp_path / "new.yaml")
    build(tmp_path / "new.yaml", tmp_path / "new.modelpack")
    return tmp_path / "new.modelpack"


def trained(path: Path) -> nn.Module:
    module = modelpack.load(path).train()
    optimizer = torch.optim.SGD([each for each in module.parameters() if each.requires_grad], lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        module(torch.randn(6, 8)).square().mean().backward()
        optimizer.step()
    return module


def test_what_is_frozen_stays_and_descent_is_told(pack: Path, tmp_path: Path) -> None:
    module, x = trained(pack), torch.randn(6, 8)
    manifest = modelpack.update(pack, module, tmp_path / "tuned.modelpack", (x,), samples=True)
    assert torch.equal(modelpack.load(tmp_path / "tuned.modelpack")(x), module.eval()(x))
    with modelpack.open(pack) as before, modelpack.open(tmp_path / "tuned.modelpack") as after:
        assert after.pack.architecture == before.pack.architecture
        kept = {name for name, digest in after.digests.items() if digest == before.digests[name]}
        base = before.manifest.origins["trunk.lin.weight"].pack if before.manifest else None
    assert kept == {name for name in manifest.origins if name.startswith("trunk.")}
    assert {name for name, each in manifest.origins.items() if each.changed} == {"head.weight", "head.bias"}
    assert manifest.origins["trunk.bn.running_mean"].pack == base


@pytest.mark.parametrize("name", ["trunk.lin.weight", "trunk.bn.running_mean"])
def test_a_frozen_tensor_that_changed_is_refused(pack: Path, tmp_path: Path, name: str) -> None:
    module = modelpack.load(pack)
    module.state_dict()[name].add_(1)
    with pytest.raises(BuildError, match=f"MP741 {name}"):
        modelpack.update(pack, module, tmp_path / "tuned.modelpack")
    assert not (tmp_path / "tuned.modelpack").exists()


def test_another_module_is_refused(pack: Path, tmp_path: Path) -> None:
    module = modelpack.load(pack)
    module.trunk.bn.eps = 1.0
    with pytest.raises(BuildError, match=r"MP743 trunk\.bn: eps"):
        modelpack.update(pack, module, tmp_path / "tuned.modelpack")
    module.head = nn.Linear(16, 5)
    with pytest.raises(PackError, match=r"MP403 head\.weight"):
        modelpack.update(pack, module, tmp_path / "tuned.modelpack")


def test_an_adapter_holds_its_own_tensors_only(pack: Path, tmp_path: Path) -> None:
    build(tmp_path / "new.yaml", tmp_path / "adapter.modelpack", keep=["base"])
    module, x = trained(tmp_path / "adapter.modelpack"), torch.randn(6, 8)
    modelpack.update(tmp_path / "adapter.modelpack", module, tmp_path / "tuned.modelpack")
    with modelpack.open(tmp_path / "tuned.modelpack") as opened:
        assert set(opened.tensors) == {"head.weight", "head.bias"}
    assert torch.equal(modelpack.load(tmp_path / "tuned.modelpack")(x), module.eval()(x))
    build(tmp_path / "tuned.modelpack", tmp_path / "merged.modelpack")
    modelpack.save(Base(), tmp_path / "base.modelpack", (x,))
    assert torch.equal(modelpack.load(tmp_path / "merged.modelpack")(x), module(x))
    with pytest.raises(PackError, match="MP590"):
        modelpack.load(tmp_path / "tuned.modelpack")


def test_layers_that_are_called_by_numbers_can_be_taken(tmp_path: Path) -> None:
    """What enters a part is called as the layer that made it, and no input is called 0."""
    model, x = nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 2)).eval(), torch.randn(3, 8)
    modelpack.save(model, tmp_path / "base.modelpack", (x,))
    with modelpack.open(tmp_path / "base.modelpack") as opened:
        opened.take("1").save(tmp_path / "rest.modelpack")
    assert torch.equal(modelpack.load(tmp_path / "rest.modelpack")(model[0](x)), model(x))
