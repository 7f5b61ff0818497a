"""Training is carried only where a step of it is the same: gradients of inputs, and those behind shut gates, count too."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

import modelpack
from modelpack.errors import CaptureWarning
from tests.torch.training import assert_trains_alike

X = torch.randn(3, 4)


class StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return torch.sign(x)

    @staticmethod
    def backward(ctx, gradient):
        return gradient


class Signs(nn.Module):
    """Its own gradients are right; those of the input aren't the operators'."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x):
        return self.fc(StraightThrough.apply(x))


class Gated(nn.Module):
    """As in ReZero: while the gate is 0, all behind it has a gradient of 0, whatever it does."""

    def __init__(self) -> None:
        super().__init__()
        self.before, self.after = nn.Linear(4, 4), nn.Linear(4, 4)
        self.gate = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return x + self.gate * self.after(StraightThrough.apply(self.before(x)))


class Inference(Signs):
    def forward(self, x):
        with torch.inference_mode():
            return self.fc(x).clone()


@pytest.mark.parametrize(
    ("model", "told"),
    [
        (Signs, "the gradient of input 0 differs"),
        (Gated, "with other values in its parameters, .*the gradient of before.weight differs"),
        (Inference, "output 0 has a gradient in one and not in the other"),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
def test_other_gradients_are_not_carried(model: type[nn.Module], told: str, tmp_path: Path) -> None:
    with pytest.warns(CaptureWarning, match=f"evaluation only.*{told}"):
        modelpack.save(model(), tmp_path / "a", (X,))


class Plain(nn.Module):
    """A straight-through estimator that says what it means."""

    def __init__(self) -> None:
        super().__init__()
        self.fc, self.gate = nn.Linear(4, 4), nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return x + self.gate * self.fc(x + (torch.sign(x) - x).detach())


class Checkpointed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.drop = nn.Linear(4, 4), nn.Linear(4, 4), nn.Dropout(0.3)

    def forward(self, x):
        return checkpoint(lambda y: self.drop(self.second(y)), self.first(x), use_reentrant=True)


@pytest.mark.parametrize("kind", [Plain, Checkpointed])
@pytest.mark.filterwarnings("error::modelpack.errors.CaptureWarning")
def test_the_same_gradients_are(kind: type[nn.Module], tmp_path: Path) -> None:
    model = kind()
    modelpack.save(model, tmp_path / "a", (X,))
    found = []
    for each in (model, modelpack.load(tmp_path / "a").train()):
        x = X.clone().requires_grad_()
        torch.manual_seed(0)
        each(x).square().sum().backward()
        found.append(
            [x.grad, *(dict(each.named_parameters())[name].grad for name, _ in model.named_parameters())]
        )
    for one, other in zip(*found, strict=True):
        assert torch.equal(one, other)


class Toggles(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x):
        self.fc.requires_grad_(False)
        return self.fc(x)


def test_who_is_trained_is_as_it_was(tmp_path: Path) -> None:
    model = Toggles()
    with pytest.warns(CaptureWarning, match="evaluation only"):
        modelpack.save(model, tmp_path / "a", (X,))
    assert all(each.requires_grad for each in model.parameters())


class KeepsATable(nn.Module):
    """A table for sequences of this length is kept for the next call; it isn't saved (timm's ConViT)."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.register_buffer("table", torch.zeros(1), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.table.shape[0] != x.shape[1]:
            self.table = torch.arange(x.shape[1], dtype=x.dtype)
        return self.linear(x) * self.table[:, None]


def test_a_table_that_is_made_anew_and_not_saved_is_not_compared(tmp_path: Path) -> None:
    assert_trains_alike(KeepsATable(), (torch.randn(2, 5, 4),), tmp_path / "pack")
