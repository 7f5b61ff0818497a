"""A pack becomes a module that is ready, in a process that knows no class of it."""

from __future__ import annotations

import pickle
import subprocess
import sys
from inspect import signature
from pathlib import Path

import pytest
import torch

import modelpack
from modelpack.errors import ArchitectureError, BuildError, PackError
from modelpack.pack import write_pack
from tests.torch.networks import MLP, RESIDUAL, built, packed

IMAGE = torch.randn(2, 3, 8, 9, generator=torch.Generator().manual_seed(1))


def test_help_shows_a_signature_that_one_can_read() -> None:
    """It showed all rows and types, 170,000 characters."""
    assert len(str(signature(modelpack.load))) < 1500


def test_its_state_is_pickled_and_not_itself(tmp_path: Path) -> None:
    module = modelpack.load(packed(built(MLP), MLP, tmp_path / "net"))
    with pytest.raises(pickle.PicklingError):
        pickle.dumps(module)
    state = pickle.loads(pickle.dumps(module.state_dict()))
    assert {
        name: torch.equal(each, state[name]) for name, each in module.state_dict().items()
    } == dict.fromkeys(state, True)


@pytest.mark.parametrize("form", ["net", "net.modelpack"])
def test_outputs_are_equal_bit_by_bit(tmp_path: Path, form: str) -> None:
    original = built(RESIDUAL).eval()
    module = modelpack.load(packed(original, RESIDUAL, tmp_path / form))
    assert not any(each.training for each in module.modules())
    assert torch.equal(module(IMAGE), original(IMAGE))


def test_training_goes_on_as_it_would_have(tmp_path: Path) -> None:
    original = built(RESIDUAL)
    module = modelpack.load(packed(original, RESIDUAL, tmp_path / "net.modelpack")).train()
    for each in (original, module):
        optimiser = torch.optim.SGD(each.parameters(), lr=0.1, momentum=0.9)
        for _ in range(3):
            optimiser.zero_grad()
            each(IMAGE).square().sum().backward()
            optimiser.step()
    ours, theirs = module.state_dict(), original.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_another_process_needs_no_class(tmp_path: Path) -> None:
    original = built(RESIDUAL).eval()
    packed(original, RESIDUAL, tmp_path / "net.modelpack")
    torch.save(IMAGE, tmp_path / "image.pt")
    script = (
        "import modelpack, torch\n"
        "torch.save(modelpack.load('net.modelpack')(torch.load('image.pt')), 'output.pt')\n"
    )
    root = str(Path(__file__).parents[2])
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {root!r})\n{script}"]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=120)
    assert torch.equal(torch.load(tmp_path / "output.pt"), original(IMAGE))


def test_dtype_and_device(tmp_path: Path) -> None:
    path = packed(built(MLP), MLP, tmp_path / "net")
    module = modelpack.load(path, dtype=torch.float64, device="cpu", copy=True)
    assert module(torch.ones(1, 3).double()).dtype == torch.float64


def test_a_pack_saved_over_leaves_what_is_loaded(tmp_path: Path) -> None:
    first = built(MLP).eval()
    path = packed(first, MLP, tmp_path / "net.modelpack")
    module = modelpack.load(path)
    second = built(MLP)
    with torch.no_grad():
        second.hidden.weight.zero_()
    packed(second, MLP, path)
    x = torch.ones(1, 3)
    assert torch.equal(module(x), first(x))
    assert torch.equal(modelpack.load(path)(x), second.eval()(x))


def test_weights_that_are_not_those_of_the_architecture(tmp_path: Path) -> None:
    path = packed(built(MLP), MLP.replace("hidden:", "first:"), tmp_path / "net")
    with pytest.raises(PackError) as caught:
        modelpack.load(path)
    assert {each.code for each in caught.value.problems} == {"MP401", "MP402"}


def test_a_wrong_architecture_is_refused_before_anything_is_built(tmp_path: Path) -> None:
    write_pack(tmp_path / "net", architecture=MLP.replace("in_features: 4", "in_features: 5").encode())
    with pytest.raises(ArchitectureError, match="MP303"):
        modelpack.load(tmp_path / "net")


def test_a_template_has_nothing_to_load(tmp_path: Path) -> None:
    write_pack(tmp_path / "net", architecture=MLP.encode())
    with pytest.raises(BuildError, match=r"MP720 .*the pack has no weights\n    hint: it is a template"):
        modelpack.load(tmp_path / "net")
