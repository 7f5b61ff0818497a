"""What is refused when a model is captured, built, filled, run or transferred; each beside the same mended."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import torch
from torch import nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import spectral_norm

import modelpack
from modelpack.backends.torch.bindings import ROWS
from modelpack.backends.torch.build import build
from modelpack.backends.torch.capture import capture
from modelpack.backends.torch.fill import empty, fill
from modelpack.backends.torch.modules import settings_of
from modelpack.backends.torch.rows import ModuleRow
from modelpack.backends.torch.samples import run_samples
from modelpack.checker import check_text
from modelpack.composing import build as build_pack
from modelpack.composing import lock
from modelpack.dtypes import DType
from modelpack.layers import BUILTIN
from modelpack.pack import TensorData, open_pack, write_pack
from tests.cases.cases import Act, Pair
from tests.torch import refused_models as models
from tests.torch.networks import MLP, built, packed
from tests.torch.refused_models import Does, outer

# ---------------------------------------------------------------------------------------------- capture


def capturing(make: Callable[[], nn.Module], *shape: int) -> Act:
    return lambda folder: capture(make(), (torch.ones(shape or (3, 4)),))


def saving(make: Callable[[], nn.Module], *args: object, **options: object) -> Act:
    def act(folder: Path) -> None:
        torch.manual_seed(0)
        modelpack.save(make(), folder / "net", args or (torch.ones(3, 4),), **options)

    return act


def describing(make: Callable[[], nn.Module], name: str) -> Act:
    """The settings of a module are read, as capture does of each."""

    def act(folder: Path) -> None:
        row = ROWS[name]
        assert isinstance(row, ModuleRow)
        settings_of(make(), row, BUILTIN[name], DType.FLOAT32)

    return act


def saving_while(context: Callable[[], AbstractContextManager[object]]) -> Act:
    def act(folder: Path) -> None:
        model = nn.Sequential(spectral_norm(nn.Linear(4, 2)))
        with context():
            modelpack.save(model, folder / "net", (torch.ones(3, 4),))

    return act


def of_lengths(does: Callable[..., object]) -> Act:
    return saving(lambda: models.OfLengths(does), torch.ones(2, 5, 4), torch.tensor([3, 5]))


class Derived(nn.ReLU):
    """A user's own class."""


class Scaled(nn.Module):
    def forward(self, x, factor):
        return x * factor


PLAIN = capturing(models.plain)
CAPTURE: dict[str, Pair] = {
    "branch-on-values": (
        capturing(lambda: outer(models.branches_on_values)),
        capturing(lambda: outer(models.chooses_by_values)),
    ),
    "operator-of-its-own": (
        capturing(lambda: outer(models.unknown_operator)),
        capturing(lambda: outer(models.known_operator)),
    ),
    "script": (
        capturing(lambda: nn.Sequential(torch.jit.script(nn.Linear(4, 4)))),
        capturing(lambda: nn.Sequential(nn.Linear(4, 4))),
    ),
    "hook": (capturing(models.hooked), PLAIN),
    "cached-parametrization": (saving_while(parametrize.cached), saving_while(nullcontext)),
    "forward-replaced": (capturing(models.replaced), PLAIN),
    "input-changed": (
        capturing(lambda: Does(models.changes_its_input)),
        capturing(lambda: Does(models.changes_a_copy)),
    ),
    "view-changed": (
        capturing(lambda: outer(models.changes_under_a_view)),
        capturing(lambda: outer(models.changes_before_the_view)),
    ),
    "mixed-modes": (capturing(models.mixed_modes), PLAIN),
    "number-given": (
        capturing(lambda: Does(lambda self, x: (x, 3))),
        capturing(lambda: Does(lambda self, x: (x, x))),
    ),
    "number-taken": (
        saving(Scaled, torch.ones(3, 4), 2.0),
        saving(Scaled, torch.ones(3, 4), torch.tensor(2.0)),
    ),
    "tensor-for-args": (
        lambda folder: modelpack.save(nn.ReLU(), folder / "net", torch.ones(2)),
        lambda folder: modelpack.save(nn.ReLU(), folder / "net", (torch.ones(2),)),
    ),
    "inputs-that-it-fails-on": (capturing(models.plain, 3, 5), capturing(models.plain, 3, 4)),
    "derived-class": (describing(Derived, "ReLU"), describing(nn.ReLU, "ReLU")),
    "indices-of-a-pool": (
        capturing(lambda: nn.Sequential(nn.MaxPool1d(2, return_indices=True))),
        capturing(lambda: nn.Sequential(nn.MaxPool1d(2))),
    ),
    "weight-of-another-shape": (
        describing(lambda: models.reshaped(2, 4), "Linear"),
        describing(lambda: models.reshaped(4, 4), "Linear"),
    ),
    "padding-with-ones": (of_lengths(models.pads_with_ones), of_lengths(models.pads_to_the_whole)),
    "padding-to-the-longest": (of_lengths(models.pads_to_the_longest), of_lengths(models.pads_to_the_whole)),
    "complex-parameter": (
        capturing(lambda: models.Phase(torch.complex128)),
        capturing(lambda: models.Phase(torch.complex64)),
    ),
    "half-shared-memory": (capturing(models.half_shared), capturing(lambda: models.half_shared(16))),
    "draw-for-nothing": (
        saving(lambda: Does(models.draws_for_nothing)),
        saving(lambda: Does(models.draws)),
    ),
    "dynamic-of-no-input": (
        saving(models.plain, dynamic={"y": {0: "batch"}}),
        saving(models.plain, dynamic={"input": {0: "batch"}}),
    ),
    "decision-by-a-quotient": (
        saving(lambda: models.Ratio(True), torch.ones(2, 3, 8, 6), dynamic={"x": {2: "height"}}),
        saving(lambda: models.Ratio(False), torch.ones(2, 3, 8, 6), dynamic={"x": {2: "height"}}),
    ),
}


# ---------------------------------------------------------------------------------------------- building and running


def running(text: str, *shape: int, dtype: torch.dtype = torch.float32) -> Act:
    return lambda folder: built(text)(torch.ones(shape, dtype=dtype))


def building(text: str, *without: str) -> Act:
    rows = {name: row for name, row in ROWS.items() if name not in without}
    return lambda folder: build(check_text(text), rows=rows)


def allocating(dtype: str) -> Act:
    """The tensors of a network are made that has a buffer of this dtype."""
    text = MLP.replace("layers:", f"buffers:\n  table: {{shape: [4], dtype: {dtype}}}\nlayers:")
    return lambda folder: empty(check_text(text), "cpu")


def filling(text: str) -> Act:
    """A network with the tensors of the pack of `MLP`."""

    def act(folder: Path) -> None:
        with open_pack(packed(built(MLP), MLP, folder / "net")) as pack:
            assert pack.weights is not None
            fill(check_text(text), pack.weights)

    return act


def going_to_train(modes: str) -> Act:
    return lambda folder: built(MLP.replace("inputs:", f"modes: [{modes}]\ninputs:")).train()


PICKY = MLP.replace("inputs:", "requires: [batch % 2 == 0]\ninputs:")
BY_MODE = MLP.replace("out_features: 2", "out_features: 2, bias: {train: true, eval: false}")
BUILDING: dict[str, Pair] = {
    "input-of-another-shape": (running(MLP, 2, 4), running(MLP, 2, 3)),
    "input-of-another-float": (running(MLP, 2, 3, dtype=torch.float64), running(MLP, 2, 3)),
    "sizes-not-allowed": (running(PICKY, 3, 3), running(PICKY, 4, 3)),
    "layer-called-forward": (building(MLP.replace("hidden", "forward")), building(MLP)),
    "type-that-the-backend-lacks": (building(MLP, "Linear"), building(MLP)),
    "bias-by-mode": (building(BY_MODE), building(MLP)),
    "dtype-that-torch-lacks": (allocating("float4_e2m1fn"), allocating("float8_e4m3fn")),
    "tensor-without-values": (filling(MLP.replace("hidden", "first")), filling(MLP)),
    "values-of-another-shape": (filling(MLP.replace("out_features: 2", "out_features: 5")), filling(MLP)),
    "mode-not-carried": (going_to_train("eval"), going_to_train("train, eval")),
}


# ---------------------------------------------------------------------------------------------- samples


def sampled(layers: str, *names: str, value: float = 1.0) -> Act:
    """The samples of a pack are run, each of which has one element."""

    def act(folder: Path) -> None:
        data = bytes(torch.tensor([value]).numpy())
        samples = [TensorData(name, DType.FLOAT32, (1,), data) for name in names]
        text = (
            f"modelpack: 1\nname: net\ninputs: {{x: {{dtype: float32, shape: [batch]}}}}\nlayers: {layers}\n"
        )
        write_pack(folder / "net", architecture=text.encode(), weights=[], samples=samples)
        with modelpack.open(folder / "net") as pack:
            assert pack.pack.samples is not None
            run_samples(pack, pack.pack.samples)

    return act


RELU = "{act: {ReLU: {}}}"
SAMPLED = sampled(RELU, "input.0", "output.0")
SAMPLES: dict[str, Pair] = {
    "too-many-inputs": (sampled(RELU, "input.0", "input.1", "output.0"), SAMPLED),
    "other-outputs": (sampled(RELU, "input.0", "output.0", value=-1.0), SAMPLED),
    "size-divided-by-nothing": (
        sampled("{made: {zeros: {size: ['1 // (batch - 1)']}}}", "input.0", "output.0"),
        sampled("{made: {zeros: {size: ['1 // batch']}}}", "input.0", "output.0", value=0.0),
    ),
}


# ---------------------------------------------------------------------------------------------- transfer


def transferring(source: object, target: Callable[[], nn.Module], **asked: object) -> Act:
    return lambda folder: modelpack.transfer(source, target(), **asked)


def linear(*sizes: int, bias: bool = True) -> Callable[[], nn.Module]:
    return lambda: nn.Linear(*sizes, bias=bias)


def holding(tensor: torch.Tensor) -> Callable[[], nn.Module]:
    def make() -> nn.Module:
        module = nn.Module()
        module.register_buffer("x", tensor)
        return module

    return make


TENSORS = {"weight": torch.ones(3, 2), "bias": torch.ones(3)}
FINE = transferring(TENSORS, linear(2, 3))
TRANSFER: dict[str, Pair] = {
    "tensor-that-goes-nowhere": (
        transferring(TENSORS, linear(2, 3, bias=False)),
        transferring(TENSORS, linear(2, 3, bias=False), map={"bias": None}),
    ),
    "tensor-that-nothing-goes-to": (
        transferring({"weight": TENSORS["weight"]}, linear(2, 3)),
        transferring({"weight": TENSORS["weight"]}, linear(2, 3), leave=["bias"]),
    ),
    "transfer-between-shapes": (transferring(TENSORS, linear(3, 2)), FINE),
    "transfer-between-dtypes": (
        transferring(TENSORS, lambda: nn.Linear(2, 3).half()),
        FINE,
    ),
    "two-for-one": (
        transferring({"x": torch.ones(2), "y": torch.ones(2)}, holding(torch.zeros(2)), map={"y": "x"}),
        transferring({"x": torch.ones(2), "y": torch.ones(2)}, holding(torch.zeros(2)), map={"y": None}),
    ),
    "name-of-nothing": (transferring(TENSORS, linear(2, 3), leave=["tail"]), FINE),
    "expanded-target": (
        transferring({"x": torch.ones(2, 3)}, holding(torch.zeros(2, 1).expand(2, 3))),
        transferring({"x": torch.ones(2, 3)}, holding(torch.zeros(2, 3))),
    ),
}


# ---------------------------------------------------------------------------------------------- update

NEW = """modelpack: 1
name: new
imports:
  base: {pack: base}
inputs:
  x: {dtype: float32, shape: [batch, 3]}
layers:
  hidden: {use: base, take: hidden}
  head: {Linear: {in_features: 4, out_features: 2}}
"""


def updating(change: Callable[[nn.Module], object], text: str = NEW, keep: tuple[str, ...] = ()) -> Act:
    """A pack that takes a layer of another is loaded, changed, and written back."""

    def act(folder: Path) -> None:
        packed(built(MLP), MLP, folder / "base")
        (folder / "new.yaml").write_text(text)
        lock(folder / "new.yaml")
        build_pack(folder / "new.yaml", folder / "new", keep=keep)
        module = modelpack.load(folder / "new")
        with torch.no_grad():
            change(module)
        modelpack.update(folder / "new", module, folder / "tuned")

    return act


def more_of(name: str) -> Callable[[nn.Module], object]:
    return lambda module: module.get_parameter(name).add_(1)


def relu_instead(module: nn.Module) -> None:
    module.act = nn.ReLU()


FROZEN = NEW.replace("take: hidden", "take: hidden, frozen: true")
ACTIVE = NEW.replace("  head:", "  act: {LeakyReLU: {}}\n  head:")
UPDATE: dict[str, Pair] = {
    "frozen-tensor-changed": (
        updating(more_of("hidden.weight"), FROZEN),
        updating(more_of("head.weight"), FROZEN),
    ),
    "tensor-of-an-import-changed": (
        updating(more_of("hidden.weight"), keep=("base",)),
        updating(more_of("head.weight"), keep=("base",)),
    ),
    "another-module": (
        updating(relu_instead, ACTIVE),
        updating(more_of("head.weight"), ACTIVE),
    ),
}

CALL_CASES = CAPTURE | BUILDING | SAMPLES | TRANSFER | UPDATE
