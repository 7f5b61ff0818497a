"""What a forward changes that outlives the call is no part of a network; the model stays as it is whatever its forward does."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import modelpack
from modelpack.errors import CaptureError, CaptureWarning, PackError

X = torch.randn(3, 4)


class Clamps(nn.Module):
    """Behind torch's back: no graph and no version counter sees what is done through `data`."""

    def __init__(self, *, always: bool) -> None:
        super().__init__()
        self.always, self.weight = always, nn.Parameter(torch.full((4,), 5.0))

    def forward(self, x):
        if self.always or self.training:
            self.weight.data.clamp_(-1, 1)
        return x * self.weight


def test_a_forward_that_changes_a_parameter_is_refused(tmp_path: Path) -> None:
    model = nn.Sequential(Clamps(always=True))
    with pytest.raises(
        CaptureError, match=r"MP607 0\.weight: the forward changes .*: self.weight.data.clamp_\(-1, 1\)"
    ):
        modelpack.save(model, tmp_path / "a", (X,))
    assert torch.equal(model[0].weight, torch.full((4,), 5.0))


def test_one_that_does_so_in_train_mode_is_for_evaluation(tmp_path: Path) -> None:
    model = Clamps(always=False)
    with pytest.warns(CaptureWarning, match="evaluation only.*MP607 weight"):
        modelpack.save(model, tmp_path / "a", (X,))
    assert torch.equal(model.weight, torch.full((4,), 5.0))
    assert torch.equal(modelpack.load(tmp_path / "a")(X), X * 5)


class PutsIn(nn.Module):
    def forward(self, given: dict[str, torch.Tensor]) -> torch.Tensor:
        given["y"] = given["x"] * 2
        return given["y"]


def test_a_dictionary_of_the_caller_stays_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="MP607 changes a list or dictionary"):
        modelpack.save(PutsIn(), tmp_path / "a", ({"x": X},))


def test_a_layer_may_say_that_it_changes_its_weight(tmp_path: Path) -> None:
    layer, ids = nn.Embedding(5, 4, max_norm=1.0), torch.tensor([[1, 2]])
    model, before = nn.Sequential(layer), layer.weight.detach().clone()
    modelpack.save(model, tmp_path / "a", (ids,))
    assert torch.equal(layer.weight, before)  # not shortened by the runs of save
    assert torch.equal(modelpack.load(tmp_path / "a")(ids), model(ids))
    assert not torch.equal(layer.weight, before)


class Counting(nn.Module):
    calls = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        type(self).calls += 1
        return x * 2


def test_where_nothing_can_be_saved_the_model_is_not_run(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").touch()
    with pytest.raises(PackError, match=r"MP507 .*it holds 'notes.txt'"):
        modelpack.save(Counting(), tmp_path / "mine", (X,))
    with pytest.raises(FileNotFoundError, match="nowhere"):
        modelpack.save(Counting(), tmp_path / "nowhere" / "a", (X,))
    assert Counting.calls == 0
