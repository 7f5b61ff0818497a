"""Models of plain torch: saved, loaded where their classes don't exist, and compared bit by bit."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils import _pytree as pytree

import modelpack
from modelpack.architecture import ByMode, InputSpec
from modelpack.backends.torch.capture import capture
from modelpack.backends.torch.capture.values import map_tensors
from modelpack.dims import symbols
from tests.torch.models import CASES, GPT, BasicBlock, Case, LSTMClassifier, Twice, values
from tests.torch.reload import observe


@pytest.fixture(scope="module")
def observed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    """Of each model: what the original does, and what the loaded one does in a clean process."""
    folder = tmp_path_factory.mktemp("packs")
    originals: dict[str, dict[str, Any]] = {}
    for name, case in CASES.items():
        torch.manual_seed(3)
        model = case.make()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            modelpack.save(model, folder / f"{name}.modelpack", case.args, case.kwargs)
        inputs = [(case.args, dict(case.kwargs)), larger(case)]
        torch.save(inputs, folder / f"{name}.pt")
        originals[name] = observe(model, inputs)
    script = Path(__file__).with_name("reload.py")
    environment = {**os.environ, "PYTHONPATH": str(Path(modelpack.__file__).parents[1])}
    subprocess.run([sys.executable, str(script), str(folder)], check=True, env=environment, timeout=300)
    return {name: (originals[name], torch.load(folder / f"{name}.out.pt")) for name in CASES}


def larger(case: Case) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The example with two more in the batch."""
    architecture = capture(case.make(), case.args, case.kwargs).architecture
    specs = iter(
        pytree.tree_leaves(dict(architecture.main.inputs), is_leaf=lambda each: isinstance(each, InputSpec))
    )

    def grown(tensor: torch.Tensor) -> torch.Tensor:
        for axis, dim in enumerate(next(specs).shape):
            if symbols(dim) == {"batch"}:
                tensor = torch.cat([tensor, tensor.narrow(axis, 0, 1), tensor.narrow(axis, 0, 1)], dim=axis)
        return tensor

    return map_tensors(grown, (case.args, dict(case.kwargs)))


@pytest.mark.parametrize("name", CASES)
def test_loaded_without_its_class_it_gives_the_same_bits(name: str, observed: dict[str, Any]) -> None:
    original, loaded = observed[name]
    for first, second in zip(original["outputs"], loaded["outputs"], strict=True):
        for expected, actual in zip(first, second, strict=True):
            assert torch.equal(expected, actual)
    assert original["outputs"][0][0].shape != original["outputs"][1][0].shape


@pytest.mark.parametrize("name", CASES)
def test_names_of_tensors_are_kept(name: str, observed: dict[str, Any]) -> None:
    original, loaded = observed[name]
    assert sorted(loaded["names"]) == sorted(original["names"])
    assert sorted(loaded["trained"]) == sorted(original["trained"])


@pytest.mark.parametrize("name", CASES)
def test_three_steps_of_training_are_the_same(name: str, observed: dict[str, Any]) -> None:
    original, loaded = observed[name]
    assert loaded["losses"] == original["losses"]
    for key, tensor in original["state"].items():
        assert torch.equal(tensor, loaded["state"][key]), key


@pytest.mark.parametrize("name", CASES)
def test_free_dimensions_are_found(name: str, observed: dict[str, Any]) -> None:
    """Exactly those at which the model itself takes other sizes."""
    found = observed[name][1]["free"]
    assert found == sorted(CASES[name].free)


def test_the_model_is_left_as_it_was(tmp_path: Path) -> None:
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Dropout(), nn.Flatten(), nn.Linear(4 * 36, 2)
    )
    model.train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    random = torch.get_rng_state()
    modelpack.save(model, tmp_path / "a", (torch.randn(3, 1, 8, 8, generator=torch.Generator()),))
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert all(module.training for module in model.modules())
    assert not any("forward" in vars(module) for module in model.modules())
    assert torch.equal(torch.get_rng_state(), random)


def test_a_recurrent_layer_keeps_its_list_of_weights(tmp_path: Path) -> None:
    model, case = LSTMClassifier(), CASES["lstm"]
    modelpack.save(model, tmp_path / "a", case.args)
    weights = [getattr(model.lstm, name) for name in model.lstm._flat_weights_names]
    assert all(first is second for first, second in zip(model.lstm._flat_weights, weights, strict=True))


def test_ties_are_still_ties(tmp_path: Path) -> None:
    modelpack.save(GPT(), tmp_path / "a", CASES["gpt"].args)
    loaded = modelpack.load(tmp_path / "a")
    assert loaded.lm_head.weight is loaded.wte.weight


def test_two_captures_give_the_same_text() -> None:
    case = CASES["gpt"]
    assert (
        capture(case.make(), case.args).architecture.to_yaml()
        == capture(case.make(), case.args).architecture.to_yaml()
    )


def test_a_function_that_depends_on_the_mode_becomes_a_setting_of_both() -> None:
    case = CASES["functional_dropout"]
    nodes = {node.name: node for node in capture(case.make(), case.args).architecture.main.nodes}
    assert nodes["dropout"].action.settings["train"] == ByMode(train=True, eval=False)


def test_equal_blocks_share_their_definition() -> None:
    model = nn.Sequential(BasicBlock(4, 4), BasicBlock(4, 4), BasicBlock(4, 8))
    architecture = capture(model, (values(2, 4, 6, 6),)).architecture
    assert [node.action.block for node in architecture.main.nodes] == [
        "BasicBlock",
        "BasicBlock",
        "BasicBlock2",
    ]


def test_a_module_called_twice_is_called_twice() -> None:
    case = CASES["twice"]
    text = capture(Twice(), case.args, case.kwargs).architecture.to_yaml()
    assert "call: shared" in text
    assert "call: tower.0" in text


def test_dynamic_names_the_free_axes() -> None:
    case = CASES["gpt"]
    architecture = capture(GPT(), case.args, dynamic={"ids": {1: "tokens"}}).architecture
    assert [str(dim) for dim in architecture.main.inputs["ids"].shape] == ["2", "tokens"]


class OddAndEven(nn.Module):
    """Takes another way for odd lengths, in a manner that a trace doesn't see: its sizes are no plain integers."""

    def forward(self, x):
        return x + 2 if type(x.shape[1]) is int and x.shape[1] % 2 else x + 1


def test_a_size_at_which_the_model_does_something_else_is_fixed(tmp_path: Path) -> None:
    model = OddAndEven()
    with pytest.warns(UserWarning, match="length fixed"):
        modelpack.save(model, tmp_path / "a", (values(3, 4),))
    with modelpack.open(tmp_path / "a") as opened:
        shape = opened.architecture.main.inputs["x"].shape
    assert [str(dim) for dim in shape] == ["batch", "4"]


def test_a_size_that_no_step_fixes_but_the_model_needs_is_fixed() -> None:
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(4 * 36, 2))
    shape = capture(model, (values(3, 1, 8, 8),)).architecture.main.inputs["input"].shape
    assert [str(dim) for dim in shape] == ["batch", "1", "8", "8"]


def test_a_pool_over_a_length_leaves_it_free() -> None:
    """torch's own asks the length for its number."""
    model = nn.Sequential(nn.Conv1d(2, 4, 3), nn.MaxPool1d(3, 2, 1, ceil_mode=True))
    architecture = capture(model, (values(3, 2, 12),)).architecture
    assert [str(dim) for dim in architecture.main.inputs["input"].shape] == ["batch", "2", "length"]
    assert list(architecture.main.nodes[1].action.settings) == [
        "kernel_size",
        "stride",
        "padding",
        "ceil_mode",
    ]


@pytest.mark.parametrize("model", [nn.LSTM(4, 3, batch_first=True), nn.GRU(4, 3), nn.MaxPool1d(2)])
def test_a_network_may_be_one_layer(model: nn.Module, tmp_path: Path) -> None:
    x = values(3, 5, 4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the length is fixed
        modelpack.save(model, tmp_path / "a", (x,))
    loaded, wanted = modelpack.load(tmp_path / "a")(x), model.eval()(x)
    for one, other in zip(pytree.tree_leaves(loaded), pytree.tree_leaves(wanted), strict=True):
        assert torch.equal(one, other)


def test_what_is_no_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"an nn\.Module, and not OrderedDict"):
        modelpack.save(nn.Linear(2, 2).state_dict(), tmp_path / "a", (values(3, 2),))
    assert not (tmp_path / "a").exists()


def test_without_example_inputs_it_is_told_to_give_some(tmp_path: Path) -> None:
    with pytest.raises(modelpack.CaptureError, match=r"(?s)MP609 there are no example inputs.*args=\(x,\)"):
        modelpack.save(nn.Linear(2, 2), tmp_path / "a")


def test_samples_are_the_example_and_its_outputs(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(3, 2)).eval()
    x = values(4, 3)
    modelpack.save(model, tmp_path / "a", (x,), samples=True)
    with modelpack.open(tmp_path / "a") as opened:
        stored = opened.pack.samples.tensors
        assert set(stored) == {"input.0", "output.0"}
        assert torch.equal(torch.from_numpy(stored["output.0"].numpy()), model(x).detach())


class BesideItsResult(nn.Module):
    """Uses a value again that a module gave back as it is."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.same, self.last = nn.Linear(3, 3), nn.Identity(), nn.Linear(3, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.first(x)
        return self.last(self.same(h)) + h


def test_a_value_that_a_module_passes_on_keeps_its_own_name() -> None:
    found = capture(BesideItsResult(), (torch.zeros(2, 3),)).architecture
    assert "add: {add: {}, inputs: [last, first]}" in found.to_yaml()
