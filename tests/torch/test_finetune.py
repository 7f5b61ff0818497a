"""examples/finetune runs, and what it writes is what it says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

import modelpack
from modelpack.opened import OpenPack

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("sklearn")
    out = tmp_path_factory.mktemp("finetune")
    script = ROOT / "examples" / "finetune" / "finetune.py"
    done = subprocess.run([sys.executable, script, out, "1"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "56 tensors of the trunk are as they were, bit by bit" in done.stdout
    return out


def weights(pack: OpenPack) -> dict[str, bytes]:
    return {name: bytes(tensor.read()) for name, tensor in pack.tensors.items()}


def test_the_frozen_trunk_has_the_bytes_of_the_base(folder: Path) -> None:
    with (
        modelpack.open(folder / "base.modelpack") as base,
        modelpack.open(folder / "even_or_odd.modelpack") as tuned,
    ):
        before, after = weights(base), weights(tuned)
    assert {
        name.removeprefix("trunk."): value for name, value in after.items() if name.startswith("trunk.")
    } == {name: value for name, value in before.items() if not name.startswith("fc.")}


def test_the_manifest_tells_the_descent(folder: Path) -> None:
    with (
        modelpack.open(folder / "base.modelpack") as base,
        modelpack.open(folder / "even_or_odd.modelpack") as tuned,
    ):
        assert tuned.manifest is not None
        origins, digest = tuned.manifest.origins, base.digest
        assert origins.keys() == tuned.tensors.keys()
        assert tuned.manifest.licence == "CC0-1.0"
    trunk = {name: each for name, each in origins.items() if name.startswith("trunk.")}
    assert {(each.pack, each.frozen, each.changed) for each in trunk.values()} == {(digest, True, False)}
    assert all(each.tensor == name.removeprefix("trunk.") for name, each in trunk.items())
    assert {name for name, each in origins.items() if each.changed} == origins.keys() - trunk.keys()


def test_the_adapter_holds_only_itself(folder: Path) -> None:
    with modelpack.open(folder / "adapter.modelpack") as adapter:
        assert set(adapter.tensors) == {"down_a.weight", "down_b.weight", "fc_a.weight", "fc_b.weight"}
        assert {name: each.pack for name, each in adapter.architecture.imports.items()} == {
            "base": "base.modelpack"
        }
    x = torch.randn(3, 1, 8, 8)
    whole, merged = (modelpack.load(folder / f"{name}.modelpack")(x) for name in ("adapter", "merged"))
    assert torch.equal(whole, merged)
    assert not torch.equal(merged, modelpack.load(folder / "base.modelpack")(x))


def test_an_adapter_that_adds_nothing_yet_is_its_base(folder: Path, tmp_path: Path) -> None:
    modelpack.build(folder / "adapter.yaml", tmp_path / "fresh.modelpack")
    x = torch.randn(3, 1, 8, 8)
    fresh, base = (
        modelpack.load(path)(x) for path in (tmp_path / "fresh.modelpack", folder / "base.modelpack")
    )
    assert torch.equal(fresh, base)
