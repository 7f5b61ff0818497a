"""What can't be carried exactly is refused: by code, with the module, the line and the way out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from torch import nn

import modelpack
from modelpack.backends.torch.capture import capture
from modelpack.errors import CaptureError, CaptureWarning


class Inner(nn.Module):
    """`forward` is what the test says."""

    def __init__(self, forward: Callable[..., object]) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 4)
        self.register_buffer("count", torch.zeros(4))
        self.does = forward

    def forward(self, x):
        return self.does(self, x)


def outer(forward: Callable[..., object]) -> nn.Module:
    return nn.Sequential(nn.Linear(4, 4), Inner(forward))


def hooked() -> nn.Module:
    model = outer(lambda self, x: self.fc(x))
    model[1].fc.register_forward_hook(lambda module, args, output: output * 2)
    return model


def replaced() -> nn.Module:
    model = outer(lambda self, x: self.fc(x))
    model[1].fc.forward = lambda x: x
    return model


def mixed_modes() -> nn.Module:
    model = outer(lambda self, x: self.fc(x))
    model[1].fc.eval()
    return model


def half_shared() -> nn.Module:
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    memory = torch.randn(24)
    model[0].weight = nn.Parameter(memory[:16].view(4, 4))
    model[1].weight = nn.Parameter(memory[8:].view(4, 4))
    return model


def changes_its_input(self, x):
    return x.add_(1)


def changes_under_a_view(self, x):
    y = self.fc(x)
    first = y[:, 0]
    y += 1
    return y + first.sum()


def branches_on_values(self, x):
    return x if x.sum() > 0 else -x


@torch.library.custom_op("tests::twice", mutates_args=())
def twice(x: torch.Tensor) -> torch.Tensor:
    return 2 * x


@twice.register_fake
def _like(x: torch.Tensor) -> torch.Tensor:
    return torch.empty_like(x)


def unknown_operator(self, x):
    return twice(x)


@dataclass(frozen=True)
class Refusal:
    make: Callable[[], nn.Module]
    code: str
    path: str
    told: str


REFUSALS = {
    "hook": Refusal(hooked, "MP604", "1.fc", "forward hook"),
    "replaced forward": Refusal(replaced, "MP606", "1.fc", "replaced on the instance"),
    "mixed modes": Refusal(mixed_modes, "MP608", "1.fc", "is in eval mode"),
    "half-shared memory": Refusal(
        half_shared, "MP614", "1.weight", "shares part of its memory with 0.weight"
    ),
    "changed input": Refusal(
        lambda: Inner(changes_its_input), "MP607", "", "changes an input of the network"
    ),
    "view": Refusal(lambda: outer(changes_under_a_view), "MP607", "1", "another view is used afterwards"),
    "values": Refusal(lambda: outer(branches_on_values), "MP601", "1", "depends on values of tensors"),
    "operator": Refusal(lambda: outer(unknown_operator), "MP602", "1", "tests.twice.default"),
    "script": Refusal(lambda: nn.Sequential(torch.jit.script(nn.Linear(4, 4))), "MP603", "0", "TorchScript"),
    "number out": Refusal(lambda: Inner(lambda self, x: (x, 3)), "MP609", "", "isn't a tensor"),
    "settings": Refusal(
        lambda: nn.Sequential(nn.MaxPool1d(2, return_indices=True)), "MP611", "0", "return_indices=True"
    ),
    "complex": Refusal(lambda: Complex(), "MP614", "phase", "complex128"),
}


class Complex(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.phase = nn.Parameter(torch.zeros(2, dtype=torch.complex128))

    def forward(self, x):
        return x * self.phase.real.sum()


@pytest.mark.parametrize("name", REFUSALS)
@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_refused(name: str) -> None:
    refusal = REFUSALS[name]
    with pytest.raises(CaptureError) as caught:
        capture(refusal.make(), (torch.randn(3, 4),))
    problem = caught.value.problems[0]
    assert (problem.code, problem.path) == (refusal.code, refusal.path)
    assert refusal.told in problem.message


def test_the_line_of_the_source_is_told() -> None:
    with pytest.raises(CaptureError, match=r"\(test_capture_refusals.py:\d+: return self.does\(self, x\)\)"):
        capture(REFUSALS["operator"].make(), (torch.randn(3, 4),))


def test_arguments_that_are_no_tensors() -> None:
    class Scaled(nn.Module):
        def forward(self, x, factor):
            return x * factor

    with pytest.raises(CaptureError, match="MP609 the input 'factor' is float"):
        capture(Scaled(), (torch.randn(3, 4), 2.0))


def test_args_must_be_a_tuple(tmp_path) -> None:
    with pytest.raises(CaptureError, match="MP609 args is a tensor"):
        modelpack.save(nn.Sequential(nn.ReLU()), tmp_path / "a", torch.randn(2))


class OnlyWhenTraining(nn.Module):
    """Another network in train mode."""

    def __init__(self) -> None:
        super().__init__()
        self.main = nn.Linear(4, 4)
        self.extra = nn.Linear(4, 4)

    def forward(self, x):
        x = self.main(x)
        return (x, self.extra(x)) if self.training else x


def test_where_only_training_cant_be_carried_the_pack_says_so(tmp_path) -> None:
    with pytest.warns(CaptureWarning, match=r"modes: \[eval\]"):
        modelpack.save(OnlyWhenTraining(), tmp_path / "a", (torch.randn(3, 4),))
    with modelpack.open(tmp_path / "a") as opened:
        assert opened.architecture.modes == ("eval",)


def test_a_difference_is_never_saved(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Break one rule on purpose: the comparison must see it, and name the module."""
    from modelpack.backends.torch.capture import layers

    true = layers.settings_of
    monkeypatch.setattr(
        layers,
        "settings_of",
        lambda *args: true(*args) | ({"negative_slope": 0.5} if args[2].name == "LeakyReLU" else {}),
    )
    model = nn.Sequential(nn.Linear(4, 4), nn.LeakyReLU(), nn.Linear(4, 4))
    with pytest.raises(CaptureError) as caught:
        modelpack.save(model, tmp_path / "a", (torch.randn(3, 4),))
    assert (caught.value.problems[0].code, caught.value.problems[0].path) == ("MP616", "1")
    assert not (tmp_path / "a").exists()
