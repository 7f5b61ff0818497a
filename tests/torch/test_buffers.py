"""Modules whose forward changes buffers: captured, and trained beside the original."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn import functional

import modelpack
from modelpack.backends.torch.capture import capture
from modelpack.backends.torch.capture.verify import verify
from modelpack.errors import CaptureError, CaptureWarning

pytestmark = pytest.mark.filterwarnings("error::modelpack.errors.CaptureWarning")


class Buffers(nn.Module):
    """A layer and two buffers."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(3, 3)
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))
        self.register_buffer("mean", torch.arange(3.0))


class Counter(Buffers):
    def forward(self, x):
        self.steps.add_(1)
        return self.fc(x) * self.steps


class CounterInTraining(Buffers):
    def forward(self, x):
        if self.training:
            self.steps += 1
        return self.fc(x) * self.steps


class MovingMean(Buffers):
    def forward(self, x):
        y = self.fc(x)
        if self.training:
            with torch.no_grad():
                self.mean.mul_(0.9).add_(y.mean(0), alpha=0.1)
        return y - self.mean


class Set(Buffers):
    def forward(self, x):
        old = self.mean
        self.mean = 0.9 * old + x.mean(0).detach()
        return self.fc(x) - self.mean + old


class Copied(Buffers):
    def forward(self, x):
        self.mean.copy_(torch.arange(3))
        return self.fc(x) + self.mean


class Inner(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(1))

    def forward(self, x):
        self.calls = self.calls + 1
        return x * self.calls


class CalledTwice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc, self.inner = nn.Linear(3, 3), Inner()

    def forward(self, x):
        return self.inner(self.inner(self.fc(x)))


class Codebook(nn.Module):
    """Vector quantisation whose codes are moving means of what they stand for."""

    def __init__(self) -> None:
        super().__init__()
        self.encode = nn.Linear(3, 4)
        self.register_buffer("codes", torch.linspace(-1, 1, 20).reshape(5, 4))
        self.register_buffer("size", torch.ones(5))
        self.register_buffer("total", self.codes.clone())

    def forward(self, x):
        z = self.encode(x)
        index = torch.cdist(z, self.codes).argmin(-1)
        q = functional.embedding(index, self.codes)
        if self.training:
            with torch.no_grad():
                chosen = functional.one_hot(index, 5).float()
                self.size.mul_(0.9).add_(chosen.sum(0), alpha=0.1)
                self.total.mul_(0.9).add_(chosen.t() @ z, alpha=0.1)
                self.codes.copy_(self.total / self.size.unsqueeze(-1))
        return z + (q - z).detach() + (q.detach() - z).square().mean()


class NormAct(nn.BatchNorm1d):
    """As timm's BatchNormAct2d: the function, and a count of its own."""

    def forward(self, x):
        if self.training:
            self.num_batches_tracked.add_(1)
        y = functional.batch_norm(
            x,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training,
            self.momentum,
            self.eps,
        )
        return functional.relu(y)


def norm_act() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 4), NormAct(4), nn.Linear(4, 4), NormAct(4))


MODELS: dict[str, Callable[[], nn.Module]] = {
    "counter": Counter,
    "counter in training": CounterInTraining,
    "moving mean": MovingMean,
    "set": Set,
    "copied": Copied,
    "called twice": CalledTwice,
    "codebook": Codebook,
    "norm and act": norm_act,
}


def values(seed: int) -> torch.Tensor:
    return torch.randn(6, 3, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", MODELS)
def test_it_trains_as_the_original_does(name: str, tmp_path) -> None:
    torch.manual_seed(0)
    model = MODELS[name]()
    modelpack.save(model, tmp_path / "a", (values(0),))
    with modelpack.open(tmp_path / "a") as opened:
        assert opened.architecture.modes == ("train", "eval")
    loaded = modelpack.load(tmp_path / "a")
    assert trained(loaded) == trained(model)
    for key, tensor in model.state_dict().items():
        assert torch.equal(tensor, loaded.state_dict()[key]), key
    assert torch.equal(loaded.eval()(values(9)), model.eval()(values(9)))


def trained(model: nn.Module) -> list[float]:
    """The losses of three steps."""
    model.train()
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    losses = []
    for step in range(3):
        optimiser.zero_grad()
        loss = model(values(step)).square().mean()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses


class SetsAPart(Buffers):
    def forward(self, x):
        self.mean[0] = x.mean()
        return self.fc(x)


class OldView(Buffers):
    def forward(self, x):
        old = self.mean.view(1, 3)
        self.mean.add_(1)
        return self.fc(x) + old


class Parameter(Buffers):
    def forward(self, x):
        with torch.no_grad():
            self.fc.bias.mul_(0.9)
        return self.fc(x)


class OldAfterwards(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = Inner()

    def forward(self, x):
        old = self.inner.calls
        return self.inner(x) + old


class OtherShape(Buffers):
    def forward(self, x):
        self.mean = x.mean(0, keepdim=True)
        return self.fc(x)


class Data(Buffers):
    def forward(self, x):
        self.mean.data = self.mean * 2
        return self.fc(x)


class FromNothing(Buffers):
    """Registers a name, and has a tensor there from the first call on."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("last", None)

    def forward(self, x):
        self.last = x.mean(0)
        return self.fc(x) + self.last


@pytest.mark.parametrize(
    ("model", "told"),
    [
        (FromNothing, r"MP607 its forward sets the buffer last, which held nothing .*test_buffers.py:\d+"),
        (SetsAPart, "changes a part of the tensor mean"),
        (OldView, "another view is used afterwards"),
        (Parameter, r"MP607 fc.bias: the forward changes .*: self.fc.bias.mul_"),
        (OldAfterwards, "uses inner.calls as it was before it was set anew"),
        (OtherShape, "sets the buffer mean to another shape"),
        (Data, "leaves something else in the buffer mean"),
    ],
)
def test_what_cannot_be_told_exactly_is_refused(model: type[nn.Module], told: str, tmp_path) -> None:
    with pytest.raises(CaptureError, match=told):
        modelpack.save(model(), tmp_path / "a", (values(0),))


class WithGradient(Buffers):
    """A buffer that what is learnt flows through."""

    def forward(self, x):
        y = self.fc(x)
        self.mean.copy_(y.mean(0))
        return y + self.mean


def test_a_buffer_that_carries_gradients_is_for_evaluation_only() -> None:
    model = WithGradient()
    captured = capture(copy.deepcopy(model), (values(0),))
    with pytest.warns(CaptureWarning, match=r"the gradient of fc\.\w+ differs"):
        assert verify(captured, model, (values(0),), {}).network.architecture.modes == ("eval",)
