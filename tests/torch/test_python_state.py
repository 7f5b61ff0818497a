"""What a forward keeps in attributes, or draws with generators that aren't torch's: a pack has neither."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import modelpack
from modelpack.errors import CaptureError, CaptureWarning

X = torch.randn(3, 4)


class Keeps(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 4)
        self.calls = 0
        self.seen: list[torch.Tensor] = []
        self.mean = torch.zeros(4)


class Thaws(Keeps):
    def forward(self, x):
        self.calls += 1
        return self.fc(x) if self.calls > 1000 else x


class WarmsUp(Keeps):
    def forward(self, x):
        self.calls += self.training
        return self.fc(x) * (0.5 if self.training and self.calls < 100 else 1.0)


class Averages(Keeps):
    def forward(self, x):
        self.mean = 0.9 * self.mean + 0.1 * x.mean(0)
        return self.fc(x) - self.mean


class Recalls(Keeps):
    def forward(self, x):
        self.seen.append(x)
        return self.fc(x) + len(self.seen)


class Schedule:
    def __init__(self) -> None:
        self.steps = 0

    def __call__(self) -> float:
        self.steps += 1
        return 1.0 if self.steps < 1000 else 0.5


class Scheduled(Keeps):
    """What counts is an object of one's own."""

    def __init__(self) -> None:
        super().__init__()
        self.schedule = Schedule()

    def forward(self, x):
        return self.fc(x) * self.schedule()


class OnlyCounts(Keeps):
    """Nothing that it gives depends on what it keeps."""

    def forward(self, x):
        self.calls += 1
        self.last = self.fc(x)
        self.seen.append(self.last)
        return self.last


@pytest.mark.parametrize(
    ("model", "name"),
    [(Thaws, "calls"), (Averages, "mean"), (Recalls, "seen"), (Scheduled, "schedule")],
    ids=lambda each: str(each),
)
def test_what_depends_on_earlier_calls_is_refused(model: type[nn.Module], name: str, tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match=f"MP607 its forward keeps {name}.*test_python_state.py"):
        modelpack.save(model(), tmp_path / "a", (X,))


def test_where_only_training_depends_on_them_evaluation_is_carried(tmp_path: Path) -> None:
    with pytest.warns(CaptureWarning, match="evaluation only.*MP607 its forward keeps calls"):
        modelpack.save(WarmsUp(), tmp_path / "a", (X,))


def test_what_is_only_kept_is_as_it_was(tmp_path: Path) -> None:
    model = OnlyCounts()
    modelpack.save(model, tmp_path / "a", (X,))
    assert (model.calls, model.seen, "last" in vars(model)) == (0, [], False)
    assert torch.equal(modelpack.load(tmp_path / "a")(X), model(X))


class Skips(nn.Module):
    """Stochastic depth as it's often written: seldom enough that no comparison would see it."""

    def __init__(self, draw, always: bool) -> None:
        super().__init__()
        self.fc, self.draw, self.always = nn.Linear(4, 4), draw, always

    def forward(self, x):
        if (self.always or self.training) and self.draw() < 1e-9:
            return x
        return self.fc(x)


@pytest.mark.parametrize("draw", [random.random, np.random.uniform], ids=["random", "numpy"])
def test_numbers_that_are_not_torchs(draw, tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match=r"MP601 0: draws random numbers.*Skips.forward"):
        modelpack.save(nn.Sequential(Skips(draw, always=True)), tmp_path / "a", (X,))
    with pytest.warns(CaptureWarning, match="evaluation only.*MP601 0: draws random numbers"):
        modelpack.save(nn.Sequential(Skips(draw, always=False)), tmp_path / "b", (X,))


@pytest.mark.parametrize("make", [random.Random, np.random.default_rng], ids=["random", "numpy"])
def test_generators_of_the_model(make, tmp_path: Path) -> None:
    model = Skips(make(0).random, always=False)
    model.generator = model.draw.__self__
    with pytest.warns(CaptureWarning, match="evaluation only.*MP607 its forward keeps generator"):
        modelpack.save(model, tmp_path / "a", (X,))
    assert model.draw() == make(0).random(), "it has drawn nothing yet"
