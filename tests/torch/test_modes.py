"""Networks that do different things in training: two captures become one network, which is each of them in its mode."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from torch import nn

import modelpack
from modelpack.architecture import Apply, Architecture, ByMode
from modelpack.backends.torch.capture import capture
from modelpack.backends.torch.capture.modes import Difference, OneMode, join
from modelpack.backends.torch.capture.projection import alike, project
from modelpack.checker import check
from modelpack.errors import CaptureWarning
from tests.normal import normal
from tests.strategies import networks
from tests.torch.test_buffers import trained

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

MODES = ("eval", "train")


def joined(evaluation: Architecture, training: Architecture) -> Architecture:
    return join(OneMode(evaluation, {}), OneMode(training, {})).architecture


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(networks())
def test_two_networks_joined_are_each_of_them_in_its_mode(architecture: Architecture) -> None:
    """Random networks with steps of one mode, taken apart and put together again."""
    evaluation, training = (project(architecture, mode) for mode in MODES)
    try:
        both = joined(evaluation, training)
    except Difference as difference:
        # What stands in one mode alone may change a shape; by_mode has one.
        assume("MP319" not in str(difference))
        raise
    check(both)
    for mode, single in zip(MODES, (evaluation, training), strict=True):
        # An independent comparison: `join` itself has looked with `alike`.
        assert normal(project(both, mode))[0] == normal(single)[0]


EVALUATION = """\
modelpack: 1
name: net
inputs:
  x: {dtype: float32, shape: [batch, 4]}
blocks:
  Block:
    inputs: {x: {}}
    layers:
      fc: {Linear: {in_features: 4, out_features: 4}}
      relu: {relu: {}}
layers:
  first: {use: Block}
  second: {use: Block}
  add: {add: {}, inputs: [second, x]}
"""

TRAINING = """\
modelpack: 1
name: net
inputs:
  x: {dtype: float32, shape: [batch, 4]}
blocks:
  Block:
    inputs: {x: {}}
    layers:
      fc: {Linear: {in_features: 4, out_features: 4}}
      relu: {relu: {}}
  Block2:
    inputs: {x: {}}
    layers:
      fc: {Linear: {in_features: 4, out_features: 4}}
      dropout: {dropout: {p: 0.5, train: true}}
      relu: {relu: {}}
layers:
  first: {use: Block}
  second: {use: Block2}
  aux: {Linear: {in_features: 4, out_features: 4}}
  add: {add: {alpha: 2}, inputs: [second, aux]}
"""

BOTH = """\
modelpack: 1
name: net
inputs:
  x: {dtype: float32, shape: [batch, 4]}
blocks:
  Block:
    inputs:
      x: {}
    layers:
      fc: {Linear: {in_features: 4, out_features: 4}}
      relu: {relu: {}}
  Block2:
    inputs:
      x: {}
    layers:
      fc: {Linear: {in_features: 4, out_features: 4}}
      dropout: {dropout: {p: 0.5, train: true}, when: train}
      by_mode: {by_mode: {}, inputs: {train: dropout, eval: fc}}
      relu: {relu: {}}
layers:
  first: {use: Block}
  second: {use: Block2}
  aux: {Linear: {in_features: 4, out_features: 4}, when: train}
  by_mode: {by_mode: {}, inputs: {train: aux, eval: x}}
  add: {add: {alpha: {train: 2, eval: 1}}, inputs: [second, by_mode]}
"""


def test_what_both_have_stands_once() -> None:
    both = joined(Architecture.from_yaml(EVALUATION), Architecture.from_yaml(TRAINING))
    assert both.to_yaml() == BOTH


def test_a_wrong_join_would_be_seen() -> None:
    """The comparison with what was captured must tell apart what is apart."""
    both = Architecture.from_yaml(BOTH)
    assert alike(project(both, "train"), Architecture.from_yaml(TRAINING))
    changes = (
        ("eval: x", "eval: second"),
        ("train: dropout", "train: fc"),
        ("alpha: {train: 2", "alpha: {train: 3"),
        ("p: 0.5", "p: 0.25"),
        ("second: {use: Block2}", "second: {use: Block}"),
        ("aux: {Linear", "other: {Linear"),
    )
    for before, after in changes:
        changed = BOTH.replace(before, after).replace(
            "train: aux", "train: other" if "other" in after else "train: aux"
        )
        wrong = Architecture.from_yaml(changed)
        told = [
            alike(project(wrong, mode), Architecture.from_yaml(single))
            for mode, single in zip(MODES, (EVALUATION, TRAINING), strict=True)
        ]
        assert not all(told), before


def test_modules_in_another_order_are_told() -> None:
    swapped = Architecture.from_yaml(EVALUATION)
    first, second, add = swapped.main.nodes
    nodes = (
        replace(second, inputs=("x",)),
        replace(first, inputs=("second",)),
        replace(add, inputs=("first", "x")),
    )
    training = replace(swapped, main=replace(swapped.main, nodes=nodes))
    with pytest.raises(Difference, match="called at another place in train mode"):
        joined(swapped, training)


# ------------------------------------------------------------------------------------------- real modules


class DropPath(nn.Module):
    """As timm has it."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x):
        if self.p == 0.0 or not self.training:
            return x
        keep = 1 - self.p
        mask = x.new_empty((x.shape[0],) + (1,) * (x.ndim - 1)).bernoulli_(keep)
        mask.div_(keep)
        return x * mask


class Residual(nn.Module):
    def __init__(self, p: float) -> None:
        super().__init__()
        self.norm, self.fc, self.drop_path = nn.LayerNorm(3), nn.Linear(3, 3), DropPath(p)

    def forward(self, x):
        return x + self.drop_path(self.fc(self.norm(x)))


class WithConstants(nn.Module):
    """Another constant and another module in training."""

    def __init__(self) -> None:
        super().__init__()
        self.fc, self.aux = nn.Linear(3, 3), nn.Linear(3, 3)

    def forward(self, x):
        y = self.fc(x)
        if self.training:
            return (y + self.aux(x)) * torch.tensor([1.0, 2.0, 3.0])
        return y * torch.tensor([1.0, 2.0, 4.0])


class Noise(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(3, 3)

    def forward(self, x):
        y = self.fc(x)
        return y + 0.1 * torch.randn_like(y) if self.training else y.clamp(-1, 1)


MODELS = {
    "stochastic depth": lambda: nn.Sequential(*(Residual(p) for p in (0.0, 0.1, 0.5))),
    "constants": WithConstants,
    "noise": Noise,
}


@pytest.mark.filterwarnings("error::modelpack.errors.CaptureWarning")
@pytest.mark.parametrize("name", MODELS)
def test_it_does_in_each_mode_what_the_original_does(name: str, tmp_path) -> None:
    torch.manual_seed(0)
    model = MODELS[name]()
    x = torch.randn(6, 3)
    modelpack.save(model, tmp_path / "a", (x,))
    loaded = modelpack.load(tmp_path / "a")
    assert loaded.state_dict().keys() == model.state_dict().keys()
    assert torch.equal(loaded.eval()(x), model.eval()(x))
    outputs, losses = [], []
    for each in (model, loaded):
        torch.manual_seed(1)
        outputs.append(each.train()(x))
        torch.manual_seed(2)
        losses.append(trained(each))
    assert torch.equal(*outputs)
    assert losses[0] == losses[1]


def test_equal_blocks_of_both_modes_are_still_one_definition() -> None:
    architecture = capture(MODELS["stochastic depth"](), (torch.randn(6, 3),)).architecture
    assert set(architecture.blocks) == {"DropPath", "Residual", "DropPath2", "Residual2"}


class OtherOutputs(nn.Module):
    def forward(self, x):
        return (x, x + 1) if self.training else x * 2


def test_where_no_network_says_both_it_is_for_evaluation_only() -> None:
    told = r"the network gives other outputs in train mode \(OtherOutputs\.forward, test_modes\.py:\d+\)"
    with pytest.warns(CaptureWarning, match=told):
        architecture = capture(OtherOutputs(), (torch.randn(6, 3),)).architecture
    assert architecture.modes == ("eval",)


class MaskedByNumpy(nn.Module):
    def forward(self, x):
        if self.training:
            x = x * torch.from_numpy(np.take_along_axis(np.zeros(3), np.zeros(3), 0))
        return x * 2


def test_the_line_told_is_the_models_even_where_a_library_that_it_calls_raises() -> None:
    with pytest.warns(CaptureWarning, match=r"modes: \[eval\].*\(test_modes\.py:\d+\)"):
        capture(MaskedByNumpy(), (torch.randn(6, 3),))


class LaterNameFirst(nn.Module):
    """Two modules hold one layer, and the one that comes second is called first."""

    def __init__(self):
        super().__init__()
        self.shared = nn.Linear(3, 3)
        self.block = nn.Sequential(self.shared, nn.Dropout(0.5))

    def forward(self, x):
        return self.shared(self.block(x))


@pytest.mark.filterwarnings("error::modelpack.errors.CaptureWarning")
def test_gradients_are_compared_whichever_of_its_names_a_shared_parameter_is_listed_under(tmp_path) -> None:
    x = torch.randn(6, 3)
    modelpack.save(LaterNameFirst(), tmp_path / "a", (x,))
    with modelpack.open(tmp_path / "a") as pack:
        assert pack.architecture.modes == ("train", "eval")


def test_a_setting_that_differs_stands_in_one_step() -> None:
    both = joined(Architecture.from_yaml(EVALUATION), Architecture.from_yaml(TRAINING))
    (action,) = (node.action for node in both.main.nodes if node.name == "add")
    assert isinstance(action, Apply)
    assert action.settings["alpha"] == ByMode(2, 1)
