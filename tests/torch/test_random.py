"""Networks that draw random numbers, in evaluation too: the rebuilt one draws what the original draws from the same seed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import modelpack
from modelpack.backends.torch.samples import run_samples


class VAE(nn.Module):
    """Noise in the shape of a mean, as the reparametrisation trick has it."""

    def __init__(self) -> None:
        super().__init__()
        self.mean, self.spread = nn.Linear(4, 3), nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.mean(x) + torch.exp(self.spread(x) / 2) * torch.randn_like(self.mean(x))


class Makers(nn.Module):
    """Tensors from nothing, whose size is the batch's."""

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        n = x.shape[0]
        return (
            torch.rand(n, 2),
            torch.randn(2, n),
            torch.randint(0, 9, (n,)),
            torch.randint(5, (n, 2)),
            x[torch.randperm(n)],
            torch.normal(1.0, 2.0, (n, 3)),
        )


class InPlace(nn.Module):
    """Fresh tensors that are filled, as masks and noise are."""

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        gumbel = -torch.empty_like(x).exponential_().log()
        return (
            (x + gumbel).softmax(-1),
            x * torch.empty_like(x).bernoulli_(0.5),
            x * x.new_empty(x.shape[0], 1).bernoulli_(0.8).div_(0.8),
            torch.zeros_like(x).uniform_(-1, 1),
            torch.zeros_like(x).normal_(0, 0.02),
            torch.zeros_like(x).random_(7),
            torch.bernoulli(x.sigmoid()),
            torch.multinomial(x.softmax(-1), 2),
            torch.poisson(x.exp()),
        )


class Twice(nn.Module):
    """Two calls alike are two draws."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.rand_like(x) - torch.rand_like(x)


def drawn(module: nn.Module, x: torch.Tensor, seed: int) -> list[torch.Tensor]:
    torch.manual_seed(seed)
    outputs = module(x)
    return [each.detach() for each in (outputs if isinstance(outputs, tuple) else (outputs,))]


@pytest.mark.parametrize("kind", [VAE, Makers, InPlace, Twice])
@pytest.mark.parametrize("training", [False, True])
def test_the_same_seed_gives_the_same_numbers(kind: type[nn.Module], training: bool, tmp_path: Path) -> None:
    model = kind()
    modelpack.save(model, tmp_path / "m.modelpack", args=(torch.rand(3, 4),))
    loaded = modelpack.load(tmp_path / "m.modelpack").train(training)
    model.train(training)
    for batch, seed in ((3, 1), (5, 2)):
        x = torch.rand(batch, 4)
        theirs, ours = drawn(model, x, seed), drawn(loaded, x, seed)
        assert [torch.equal(a, b) for a, b in zip(theirs, ours, strict=True)] == [True] * len(theirs)


@pytest.mark.parametrize("kind", [VAE, Makers, InPlace, Twice])
def test_each_call_draws_anew(kind: type[nn.Module], tmp_path: Path) -> None:
    modelpack.save(kind(), tmp_path / "m.modelpack", args=(torch.rand(30, 4),))
    loaded, x = modelpack.load(tmp_path / "m.modelpack"), torch.rand(30, 4)
    first, other = drawn(loaded, x, 1), drawn(loaded, x, 2)
    assert not any(torch.equal(a, b) for a, b in zip(first, other, strict=True))


def test_samples_run_from_the_seed_that_made_them_and_leave_no_trace(tmp_path: Path) -> None:
    modelpack.save(VAE(), tmp_path / "m.modelpack", args=(torch.rand(3, 4),), samples=True)
    torch.manual_seed(7)
    expected = torch.rand(2)
    torch.manual_seed(7)
    with modelpack.open(tmp_path / "m.modelpack") as opened:
        assert run_samples(opened, opened.pack.samples).exact
    assert torch.equal(torch.rand(2), expected)


def test_a_generator_of_the_models_own_is_refused(tmp_path: Path) -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.generator = torch.Generator().manual_seed(0)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + torch.empty_like(x).normal_(generator=self.generator)

    with pytest.raises(modelpack.CaptureError):
        modelpack.save(Own(), tmp_path / "m.modelpack", args=(torch.rand(3, 4),))


def test_a_draw_that_nobody_uses_is_refused(tmp_path: Path) -> None:
    """It moves the generator, so that without it the next draw is another."""

    class Unused(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            torch.rand_like(x)
            return x + torch.rand_like(x)

    with pytest.raises(modelpack.CaptureError, match="MP616"):
        modelpack.save(Unused(), tmp_path / "m.modelpack", args=(torch.rand(3, 4),))
