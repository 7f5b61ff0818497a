"""What can't be carried exactly is refused; what is said of each is in `call_cases.py` and the files beside it."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import modelpack
from modelpack.backends.torch.capture import capture
from modelpack.errors import CaptureError, CaptureWarning
from tests.torch.refused_models import outer, unknown_operator


def test_the_line_of_the_source_is_told() -> None:
    with pytest.raises(CaptureError, match=r"\(refused_models.py:\d+: return self.does\(self, x\)\)"):
        capture(outer(unknown_operator), (torch.randn(3, 4),))


class Branching(nn.Module):
    """Says something, and takes a branch by a value."""

    def forward(self, x):
        print("seen")
        return x + 1 if x.sum() > 0 else x


def test_torch_says_nothing_beside_the_error(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(CaptureError, match="control flow depends on values"):
        capture(Branching(), (torch.randn(3, 4),))
    told = capfd.readouterr()
    assert told.err == ""
    assert "seen" in told.out
    assert "print" not in vars(torch.export._trace)


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


class WithTwoForwards(nn.Module):
    """Chooses one of its methods when it's made, as timm's FasterNet does."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(3, 3)
        self.forward = self.forward_twice

    def forward_twice(self, x):
        return self.fc(self.fc(x))


def test_a_forward_that_the_class_chose_among_its_own_is_carried(tmp_path) -> None:
    model, x = nn.Sequential(WithTwoForwards()), torch.randn(2, 3)
    modelpack.save(model, tmp_path / "a", (x,))
    assert torch.equal(modelpack.load(tmp_path / "a")(x), model(x))
    assert model[0].forward == model[0].forward_twice


def test_the_method_of_another_instance_is_not_its_own() -> None:
    model = WithTwoForwards()
    model.forward = WithTwoForwards().forward_twice
    with pytest.raises(CaptureError, match="MP606"):
        capture(model, (torch.randn(2, 3),))


@pytest.mark.parametrize("install", ["register_hook", "register_post_accumulate_grad_hook"])
def test_a_hook_on_a_gradient_is_refused(install: str) -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.ReLU())
    handle = getattr(model[0].weight, install)(lambda given: None)
    with pytest.raises(CaptureError, match=r"MP604 0\.weight"):
        capture(model, (torch.randn(2, 3),))
    handle.remove()
    capture(model, (torch.randn(2, 3),))


class TwoKeys(nn.Module):
    def forward(self, x):
        return {0: x + 1, "0": x * 2}


def test_keys_that_are_one_name_are_refused() -> None:
    with pytest.raises(CaptureError, match="MP609"):
        capture(TwoKeys(), (torch.randn(2, 3),))


def force(self, x):
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        return torch.autograd.grad(self.fc(x).square().sum(), x)[0]


def autocast(self, x):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return self.fc(x)


@pytest.mark.parametrize(
    ("model", "told"),
    [
        (
            outer(lambda self, x: {"y": self.fc(x), "n": 3}),
            "MP609 the network returns int as output n, not a",
        ),
        (nn.Sequential(nn.LazyLinear(3)), "MP614 0: has no shape yet"),
        (nn.DataParallel(nn.Linear(4, 4)), "MP603 spreads a model over devices"),
        (outer(lambda self, x: x * x.sum().item()), "MP613 1: mul: its other is a value of a tensor"),
        (outer(lambda self, x: torch.vmap(self.fc)(x)), "MP602 1: calls torch[._a-z]*_add_batch_dim, which"),
        (outer(lambda self, x: x[x > 0]), "MP615 1: picks by a mask"),
        (outer(force), "MP602 computes gradients in its forward .test_capture_refusals.py"),
        (nn.ModuleDict({"ä": nn.Linear(4, 4)}), "MP206 ä: can't be a layer's name"),
        (outer(autocast), r"MP602.*autocast.*\(refused_models.py:\d+: "),
    ],
    ids=["output", "lazy", "parallel", "item", "vmap", "mask", "gradients", "name", "autocast"],
)
def test_what_and_where(model: nn.Module, told: str) -> None:
    with pytest.raises(CaptureError, match=told):
        capture(model, (torch.randn(3, 4),))


@pytest.mark.filterwarnings("ignore::UserWarning")  # torch is about to give them up
def test_a_quantised_layer_is_told_as_such() -> None:
    model = nn.Sequential(nn.Identity(), torch.ao.nn.quantized.Linear(4, 4))
    told = r"(?s)MP614 1: is quantised: torch.ao.nn.quantized.modules.linear.Linear .*hint: save the float"
    with pytest.raises(CaptureError, match=told):
        capture(model, (torch.randn(3, 4),))


class Constant(nn.Module):
    def forward(self) -> torch.Tensor:
        return torch.ones(3)


@pytest.mark.parametrize(
    ("model", "args", "told"),
    [(nn.Linear(4, 4), (torch.eye(4).to_sparse(),), "is sparse"), (Constant(), (), "takes no tensor")],
)
def test_inputs_are_dense_tensors(model: nn.Module, args: tuple[torch.Tensor, ...], told: str) -> None:
    with pytest.raises(CaptureError, match=f"MP609.*{told}"):
        capture(model, args)
