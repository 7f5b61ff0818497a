"""`modelpack verify` runs a pack's samples: equal, other, too few."""

import pytest
import torch
from torch import nn
from typer.testing import CliRunner

import modelpack
from modelpack.backends.torch.samples import run_samples
from modelpack.cli import app
from modelpack.dtypes import DType
from modelpack.errors import BuildError
from modelpack.pack import TensorData, write_pack


class Two(nn.Module):
    """Two inputs, two outputs."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(3, 4)
        self.second = nn.Linear(5, 4)

    def forward(self, a, b):
        return self.first(a) + self.second(b), self.first(a)


@pytest.fixture
def pack(tmp_path):
    torch.manual_seed(0)
    path = tmp_path / "two.modelpack"
    modelpack.save(Two(), path, args=(torch.randn(2, 3), torch.randn(2, 5)), samples=True)
    return path


def run(path):
    with modelpack.open(path) as opened:
        return run_samples(opened, opened.pack.samples)


def with_samples(pack, change):
    """The pack with its samples changed: a function from name and tensor to another tensor, or None to leave it out."""
    with modelpack.open(pack) as opened:
        samples = {name: torch.from_numpy(each.numpy()) for name, each in opened.pack.samples.tensors.items()}
        changed = {name: change(name, tensor) for name, tensor in samples.items()}
        target = pack.with_name("changed.modelpack")
        weights = opened.tensors.values()
        write_pack(
            target,
            architecture=opened.pack.architecture,
            weights=[TensorData(each.name, each.dtype, each.shape, each.read()) for each in weights],
            samples=[
                TensorData(name, DType.FLOAT32, tuple(each.shape), memoryview(each.numpy()).cast("B"))
                for name, each in changed.items()
                if each is not None
            ],
        )
    return target


def test_samples_agree_bit_by_bit(pack):
    assert (run(pack).outputs, run(pack).exact) == (2, True)
    result = CliRunner().invoke(app, ["verify", str(pack)])
    assert result.exit_code == 0
    assert "samples agree bit by bit (2 outputs)" in result.stdout


def test_a_rounding_error_is_told_and_allowed(pack):
    close = with_samples(pack, lambda name, each: each * (1 + 2e-7) if name == "output.0" else each)
    assert run(close).exact is False


def test_other_outputs_are_refused_by_name(pack):
    other = with_samples(pack, lambda name, each: each + 0.01 if name == "output.1" else each)
    with pytest.raises(BuildError, match=r"MP731 output\.1"):
        run(other)
    result = CliRunner().invoke(app, ["verify", str(other)])
    assert result.exit_code == 1
    assert "MP731" in result.stderr


@pytest.mark.parametrize("name", ["input.1", "output.1"])
def test_samples_that_do_not_fit_are_refused(pack, name):
    fewer = with_samples(pack, lambda each, tensor: None if each == name else tensor)
    with pytest.raises(BuildError, match="MP730"):
        run(fewer)
