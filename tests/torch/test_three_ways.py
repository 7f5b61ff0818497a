"""The first layers of the chapter's MLP and of LeNet, in YAML, on the command line and in Python: one pack, byte for byte."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn
from typer.testing import CliRunner

import modelpack
from tests.commands import app
from tests.torch.models import MLP, LeNet, values

CASES = {
    "mlp": (MLP, values(3, 20), ["hidden", "relu"]),
    "lenet": (LeNet, values(1, 1, 28, 28), ["conv1", "sigmoid"]),
    "lenet's two convolutions": (LeNet, values(1, 1, 28, 28), ["conv1", "sigmoid", "avg_pool2d", "conv2"]),
}


@pytest.fixture(params=CASES)
def taken(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, nn.Module, torch.Tensor, list[str]]:
    """A folder with the pack of a network, that network, its example, and the layers to take."""
    kind, x, layers = CASES[request.param]
    torch.manual_seed(0)
    model = kind()
    modelpack.save(model, tmp_path / "net.modelpack", (x,))
    return tmp_path, model, x, layers


def run(*arguments: object) -> None:
    result = CliRunner().invoke(app, [str(each) for each in arguments])
    assert result.exit_code == 0, result.output


def built(folder: Path, layers: str) -> bytes:
    """What `build` makes of an architecture file with these layers, and the inputs of the network in the folder."""
    with modelpack.open(folder / "net.modelpack") as pack:
        (inputs,) = [line for line in pack.architecture.to_yaml().splitlines() if line.startswith("  x:")]
        name = pack.architecture.name
    text = f"modelpack: 1\nname: {name}\nimports:\n  {name}: {{pack: net.modelpack}}\ninputs:\n{inputs}\nlayers:\n{layers}"
    (folder / "new.yaml").write_text(text)
    run("lock", folder / "new.yaml")
    run("build", folder / "new.yaml", "-o", folder / "yaml.modelpack")
    return (folder / "yaml.modelpack").read_bytes()


def import_of(folder: Path) -> str:
    with modelpack.open(folder / "net.modelpack") as pack:
        return pack.architecture.name


def test_the_three_ways_give_identical_bytes(taken) -> None:
    folder, model, x, layers = taken
    with modelpack.open(folder / "net.modelpack") as pack:
        pack.take(layers[0], layers[-1]).save(folder / "python.modelpack")
    source, out = folder / "net.modelpack", folder / "command.modelpack"
    run("extract", source, "--from", layers[0], "--to", layers[-1], "-o", out)
    by_python = (folder / "python.modelpack").read_bytes()
    assert out.read_bytes() == by_python
    one_by_one = "".join(f"  {each}: {{use: {import_of(folder)}, take: {each}}}\n" for each in layers)
    assert built(folder, one_by_one) == by_python
    with torch.no_grad():
        loaded = modelpack.load(folder / "python.modelpack")(x)
        assert torch.equal(loaded, first_layers(model, layers)(x))


def test_a_range_under_a_name_of_its_own_is_the_same_in_yaml_and_python(taken) -> None:
    folder, _, _, layers = taken
    with modelpack.open(folder / "net.modelpack") as pack:
        pack.take(layers[0], layers[-1]).named("part").save(folder / "python.modelpack")
    text = f"  part: {{use: {import_of(folder)}, take: [{layers[0]}, {layers[-1]}]}}\n"
    assert built(folder, text) == (folder / "python.modelpack").read_bytes()


def first_layers(model: nn.Module, layers: list[str]) -> nn.Module:
    """The same of the original, by hand."""
    functions = {"relu": nn.ReLU(), "sigmoid": nn.Sigmoid(), "avg_pool2d": nn.AvgPool2d(2)}
    return nn.Sequential(*(functions.get(each) or model.get_submodule(each) for each in layers))
