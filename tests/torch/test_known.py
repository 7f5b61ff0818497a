"""Modules that are a layer in other clothes are recognised, if they prove to be; the rest is followed as any module is."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

import modelpack
from benchmarks.zoo.of_torchvision import torchvision
from modelpack.architecture import Apply
from modelpack.backends.torch.capture.layers import as_layer
from modelpack.backends.torch.stochastic_depth import StochasticDepth
from tests.torch.training import assert_trains_alike

IMAGES = torch.randn(4, 6, 5, 5)
ROWS = torch.randn(4, 7, 6)


def library(name: str) -> Any:
    """A module of a library that has networks."""
    missing = [each for each in ("torchvision", name.split(".")[0]) if find_spec(each) is None]
    if missing:
        pytest.skip(f"{missing[0]} isn't installed")
    torchvision()  # the others import it
    return importlib.import_module(name)


def steps(path: Path) -> dict[str, str]:
    """The layers and operations of the network itself: name -> type."""
    with modelpack.open(path) as pack:
        nodes = pack.architecture.main.nodes
    return {node.name: node.action.type.name for node in nodes if isinstance(node.action, Apply)}


# ------------------------------------------------------------------------------------------- classes of libraries

Makes = Callable[[Any], nn.Module]

KNOWN: dict[str, tuple[str, Makes, torch.Tensor, dict[str, str]]] = {
    "timm LayerNorm": ("timm.layers", lambda t: t.LayerNorm(6), ROWS, {"0": "LayerNorm"}),
    "timm RmsNorm": ("timm.layers", lambda t: t.RmsNorm(6), ROWS, {"0": "RMSNorm"}),
    "timm GroupNorm": ("timm.layers", lambda t: t.GroupNorm(6, 2), IMAGES, {"0": "GroupNorm"}),
    "timm GroupNorm1": ("timm.layers", lambda t: t.GroupNorm1(6), IMAGES, {"0": "GroupNorm"}),
    "timm Linear": ("timm.layers", lambda t: t.Linear(6, 2), ROWS, {"0": "Linear"}),
    "timm GELU": ("timm.layers", lambda t: t.GELU(), ROWS, {"0": "GELU"}),
    "timm GELUTanh": ("timm.layers", lambda t: t.GELUTanh(), ROWS, {"0": "GELU"}),
    "timm PReLU": ("timm.layers", lambda t: t.PReLU(6), IMAGES, {"0": "PReLU"}),
    "timm Sigmoid": ("timm.layers", lambda t: t.Sigmoid(), ROWS, {"0": "Sigmoid"}),
    "timm Tanh": ("timm.layers", lambda t: t.Tanh(), ROWS, {"0": "Tanh"}),
    "timm DropPath": ("timm.layers", lambda t: t.DropPath(0.3), ROWS, {"0": "StochasticDepth"}),
    "timm DropPath, unscaled": (
        "timm.layers",
        lambda t: t.DropPath(0.3, scale_by_keep=False),
        IMAGES,
        {"0": "StochasticDepth"},
    ),
    "timm DropPath of all": ("timm.layers", lambda t: t.DropPath(1.0), ROWS, {"0": "StochasticDepth"}),
    "timm BatchNormAct2d": (
        "timm.layers",
        lambda t: t.BatchNormAct2d(6),
        IMAGES,
        {"0": "BatchNorm2d", "0_act": "ReLU"},
    ),
    "timm BatchNormAct2d with drop": (
        "timm.layers",
        lambda t: t.BatchNormAct2d(6, momentum=0.3, act_layer=nn.SiLU, drop_layer=nn.Dropout2d),
        IMAGES,
        {"0": "BatchNorm2d", "0_drop": "Dropout2d", "0_act": "SiLU"},
    ),
    "timm BatchNormAct2d alone": (
        "timm.layers",
        lambda t: t.BatchNormAct2d(6, apply_act=False),
        IMAGES,
        {"0": "BatchNorm2d"},
    ),
    "timm GroupNormAct": (
        "timm.layers",
        lambda t: t.GroupNormAct(6, 3),
        IMAGES,
        {"0": "GroupNorm", "0_act": "ReLU"},
    ),
    "timm LayerNormAct": (
        "timm.layers",
        lambda t: t.LayerNormAct(6),
        ROWS,
        {"0": "LayerNorm", "0_act": "ReLU"},
    ),
    "torchvision StochasticDepth": (
        "torchvision.ops",
        lambda t: t.StochasticDepth(0.3, "row"),
        IMAGES,
        {"0": "StochasticDepth"},
    ),
    "torchvision StochasticDepth of batches": (
        "torchvision.ops",
        lambda t: t.StochasticDepth(0.3, "batch"),
        IMAGES,
        {"0": "StochasticDepth"},
    ),
    "transformers GELUActivation": (
        "transformers.activations",
        lambda t: t.GELUActivation(),
        ROWS,
        {"0": "GELU"},
    ),
    "transformers GELUTanh": ("transformers.activations", lambda t: t.GELUTanh(), ROWS, {"0": "GELU"}),
    "transformers SiLUActivation": (
        "transformers.activations",
        lambda t: t.SiLUActivation(),
        ROWS,
        {"0": "SiLU"},
    ),
    "transformers MishActivation": (
        "transformers.activations",
        lambda t: t.MishActivation(),
        ROWS,
        {"0": "Mish"},
    ),
    "transformers LinearActivation": (
        "transformers.activations",
        lambda t: t.LinearActivation(),
        ROWS,
        {"0": "Identity"},
    ),
    "transformers DropPath": (
        "transformers.models.convnext.modeling_convnext",
        lambda t: t.ConvNextDropPath(0.3),
        IMAGES,
        {"0": "StochasticDepth"},
    ),
}


@pytest.mark.parametrize("name", KNOWN)
def test_a_class_of_a_library_is_the_layer_that_it_is(name: str, tmp_path: Path) -> None:
    of, make, x, expected = KNOWN[name]
    torch.manual_seed(3)
    # Behind a layer with parameters, so that there is something to train.
    model = nn.Sequential(make(library(of)), nn.Linear(x.shape[-1] if name != "timm Linear" else 2, 3))
    assert_trains_alike(model, (x,), tmp_path / "pack")
    assert steps(tmp_path / "pack") == {**expected, "1": "Linear"}


def test_what_stands_behind_a_layer_gets_a_name_that_is_free(tmp_path: Path) -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.bn = library("timm.layers").BatchNormAct2d(6)
            self.bn_act = nn.Tanh()

        def forward(self, x):
            return self.bn_act(self.bn(x))

    assert_trains_alike(Model(), (IMAGES,), tmp_path / "pack")
    assert steps(tmp_path / "pack") == {"bn": "BatchNorm2d", "bn_act_": "ReLU", "bn_act": "Tanh"}


def test_an_activation_with_tensors_keeps_their_names(tmp_path: Path) -> None:
    layers = library("timm.layers")
    model = nn.Sequential(layers.GroupNormAct(6, 3, act_layer=nn.PReLU)).eval()
    assert as_layer(model[0]) is None
    loaded = assert_trains_alike(model, (IMAGES,), tmp_path / "pack")
    assert "0.act.weight" in loaded.state_dict()


def test_an_activation_that_changes_its_input_is_followed() -> None:
    layers = library("timm.layers")
    assert as_layer(layers.Sigmoid(inplace=True)) is None
    assert as_layer(layers.Sigmoid()) is not None


def named(library: str, name: str, forward: Callable[..., Any], *bases: type) -> nn.Module:
    """A module whose class bears the name of a library's and does what `forward` says."""
    members = {"__module__": f"{library}.somewhere", "__qualname__": name, "forward": forward}
    return type(name, bases or (nn.Module,), members)()


def test_a_name_alone_is_not_trusted() -> None:
    right = named("transformers", "GELUActivation", lambda self, x: functional.gelu(x))
    nearly = named("transformers", "GELUActivation", lambda self, x: x * (1 + torch.erf(x / 2**0.5)) / 2)
    assert type(as_layer(right).layer) is nn.GELU
    assert as_layer(nearly) is None
    elsewhere = named("mine", "GELUActivation", lambda self, x: functional.gelu(x))
    assert as_layer(elsewhere) is None


def test_what_differs_in_training_only_is_not_trusted() -> None:
    def forward(self, x):
        return functional.silu(x) * (2 if self.training else 1)

    assert as_layer(named("transformers", "SiLUActivation", forward)) is None


def test_the_proof_leaves_no_trace() -> None:
    module = library("timm.layers").BatchNormAct2d(7, momentum=0.123)
    before = torch.get_rng_state(), {name: each.clone() for name, each in module.state_dict().items()}
    assert as_layer(module) is not None
    assert torch.equal(torch.get_rng_state(), before[0])
    assert all(torch.equal(each, before[1][name]) for name, each in module.state_dict().items())


# ------------------------------------------------------------------------------------------- derived classes


class Named(nn.Linear):
    """Made otherwise, shown otherwise: the same layer."""

    def __init__(self, features: int) -> None:
        super().__init__(features, features)
        self.comment = "square"

    def reset_parameters(self) -> None:
        nn.init.eye_(self.weight)
        nn.init.ones_(self.bias)

    def extra_repr(self) -> str:
        return self.comment


class NamedAgain(Named):
    def helper(self) -> None:
        """Nobody's but the user's."""


class OtherForward(nn.Linear):
    def forward(self, input):
        return super().forward(input) + 1


class OtherInside(nn.Conv2d):
    def _conv_forward(self, input, weight, bias):
        return super()._conv_forward(input, weight * 2, bias)


class OtherSetting(nn.LayerNorm):
    """Its eps is not the one that the constructor was given."""

    @property
    def eps(self) -> float:
        return 0.5

    @eps.setter
    def eps(self, value: float) -> None:
        """Has no effect."""


class MoreTensors(nn.Linear):
    def __init__(self) -> None:
        super().__init__(6, 6)
        self.scale = nn.Parameter(torch.ones(6))


class OtherLookup(nn.Linear):
    def reset_parameters(self):
        # torch's own would fill the product below, a new tensor, and leave the parameter as the memory was
        for each in self.parameters():
            nn.init.uniform_(each)

    def __getattr__(self, name):
        found = super().__getattr__(name)
        return found * 2 if name == "weight" else found


@pytest.mark.parametrize("make", [lambda: Named(6), lambda: NamedAgain(6)])
def test_a_derived_class_that_changes_nothing_is_its_base(make: Makes, tmp_path: Path) -> None:
    assert_trains_alike(nn.Sequential(make()), (ROWS,), tmp_path / "pack")
    assert steps(tmp_path / "pack") == {"0": "Linear"}


@pytest.mark.parametrize(
    ("make", "x"),
    [
        (lambda: OtherForward(6, 6), ROWS),
        (lambda: OtherInside(6, 3, 3), IMAGES),
        (lambda: OtherSetting(6), ROWS),
        (MoreTensors, ROWS),
        (lambda: OtherLookup(6, 6), ROWS),
    ],
)
def test_a_derived_class_that_changes_something_is_followed(
    make: Callable[[], nn.Module], x: torch.Tensor, tmp_path: Path
) -> None:
    torch.manual_seed(3)
    model = nn.Sequential(make())
    assert as_layer(model[0]) is None
    assert_trains_alike(model, (x,), tmp_path / "pack")


def test_a_derived_recurrent_layer_is_its_base(tmp_path: Path) -> None:
    class Memory(nn.LSTM):
        pass

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.memory = Memory(6, 5, batch_first=True)

        def forward(self, x):
            return self.memory(x)[0]

    assert_trains_alike(Model(), (ROWS,), tmp_path / "pack")
    assert steps(tmp_path / "pack") == {"memory": "LSTM"}


# ------------------------------------------------------------------------------------------- stochastic depth


def test_stochastic_depth_drops_rows_or_all() -> None:
    torch.manual_seed(3)
    ones = torch.ones(1000, 2)
    rows = StochasticDepth(0.25).train()(ones)
    assert set(rows.flatten().tolist()) == {0.0, float(torch.tensor(1.0) / 0.75)}
    assert bool((rows[:, 0] == rows[:, 1]).all())
    assert 0.7 < float((rows[:, 0] > 0).float().mean()) < 0.8
    whole = StochasticDepth(0.25, "batch", scale_by_keep=False).train()
    assert {tuple(whole(ones).unique().tolist()) for _ in range(20)} == {(0.0,), (1.0,)}
    assert StochasticDepth(0.25).eval()(ones) is ones
