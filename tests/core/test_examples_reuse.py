"""examples/reuse: the commands of its README, as they stand there."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import modelpack
from tests.commands import app

ROOT = Path(__file__).parents[2]


def commands(path, heading=""):
    """The `modelpack` commands in the blocks of a text, those below `heading` only."""
    text = path.read_text()
    section = text[text.index(heading) :].split("\n## ")[0] if heading else text
    blocks = re.findall(r"```sh\n(.*?)```", section, re.S)
    return [line for block in blocks for line in block.splitlines() if line.startswith("modelpack ")]


def follow(told, folder, monkeypatch):
    """Run commands in `folder`, beside the examples; what they print."""
    shutil.copytree(ROOT / "examples", folder / "examples")
    monkeypatch.chdir(folder)
    printed = []
    for line in told:
        result = CliRunner().invoke(app, shlex.split(line)[1:])
        assert result.exit_code == 0, f"{line}: {result.output}"
        printed.append(result.stdout)
    return printed


@pytest.fixture
def made(tmp_path, monkeypatch):
    told = commands(ROOT / "examples" / "reuse" / "README.md")
    assert len(told) == 7
    return tmp_path / "examples" / "reuse", follow(told, tmp_path, monkeypatch)


def test_the_readme_is_true(made):
    folder, printed = made
    assert "6 tensors: 4 reused, 0 renamed, 2 initialised; 4 of them frozen" in printed[2]
    with (
        modelpack.open(folder / "lenet.modelpack") as lenet,
        modelpack.open(folder / "two_layers.modelpack") as new,
    ):
        taken = {name for name in new.tensors if name.startswith("trunk.")}
        assert taken == {f"trunk.features.conv{at}.{name}" for at in (1, 2) for name in ("weight", "bias")}
        for name in taken:
            np.testing.assert_array_equal(new[name].numpy(), lenet[name.removeprefix("trunk.")].numpy())
    with modelpack.open(folder / "feature_pyramid.modelpack") as pyramid:
        assert {name: each.shape[1:] for name, each in pyramid.network.outputs.items()} == {
            "p3": (64, 28, 28),
            "p4": (64, 14, 14),
            "p5": (64, 7, 7),
        }
        assert not [name for name in pyramid.tensors if ".fc." in name]


def test_the_commands_of_the_main_readme_are_true(tmp_path, monkeypatch):
    told = commands(ROOT / "README.md", "## Reuse parts")
    assert {line.split()[1] for line in told} == {"init", "lock", "build", "extract", "graft", "merge"}
    printed = follow(told, tmp_path, monkeypatch)
    assert any("6 tensors: 4 reused" in each for each in printed)
