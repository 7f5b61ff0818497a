"""Weights that are computed from other tensors, by parametrizations and by torch's older hooks: carried with all names, and
trained as the original is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import parametrizations, parametrize

import modelpack
from modelpack.errors import CaptureError
from tests.torch.training import assert_trains_alike

weight_norm, spectral_norm = parametrizations.weight_norm, parametrizations.spectral_norm
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.nn.utils.weight_norm.*deprecated:FutureWarning")


class Symmetric(nn.Module):
    """A parametrization of a user."""

    def forward(self, weight):
        return weight.triu() + weight.triu(1).transpose(-1, -2)


class Scaled(nn.Module):
    """One with a parameter of its own, behind another."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(0.5))

    def forward(self, weight):
        return weight * self.scale


def symmetric() -> nn.Module:
    layer = nn.Linear(4, 4)
    parametrize.register_parametrization(layer, "weight", Symmetric())
    parametrize.register_parametrization(layer, "weight", Scaled())
    return layer


class Shared(nn.Module):
    """Uses a weight in two ways, each of which computes it anew."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = spectral_norm(nn.Linear(4, 4))

    def forward(self, x):
        return functional.linear(self.layer(x), self.layer.weight.t())


class Cached(Shared):
    """Computes the weight once for both."""

    def forward(self, x):
        with parametrize.cached():
            return super().forward(x)


class Loop(nn.Module):
    """A layer that is called again and again."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = spectral_norm(nn.Linear(4, 4))
        self.read = nn.utils.spectral_norm(nn.Linear(4, 2), n_power_iterations=2)

    def forward(self, x):
        state = torch.zeros_like(x)
        for _ in range(3):
            state = torch.tanh(x + self.cell(state))
        return self.read(state) + self.read(x)


class Discriminator(nn.Module):
    """Of a GAN: every weight under spectral normalisation."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            spectral_norm(nn.Conv2d(3, 8, 4, 2, 1)),
            nn.LeakyReLU(0.2, inplace=True),
            spectral_norm(nn.Conv2d(8, 8, 4, 2, 1)),
            nn.LeakyReLU(0.2, inplace=True),
        )
        self.classes = spectral_norm(nn.Embedding(5, 8))
        self.head = spectral_norm(nn.Linear(8, 1))

    def forward(self, image, label):
        found = self.features(image).sum((2, 3))
        return self.head(found) + (self.classes(label) * found).sum(1, keepdim=True)


ROWS = torch.randn(3, 4)
LINES = torch.randn(3, 4, 9)
IMAGES = torch.randn(3, 4, 9, 9)

CASES: dict[str, tuple[Callable[[], nn.Module], tuple[torch.Tensor, ...]]] = {
    "weight norm": (lambda: weight_norm(nn.Linear(4, 2)), (ROWS,)),
    "weight norm of columns": (lambda: weight_norm(nn.Linear(4, 2), dim=1), (ROWS,)),
    "weight norm of the whole": (lambda: weight_norm(nn.Linear(4, 2), dim=None), (ROWS,)),
    "weight norm counted back": (lambda: weight_norm(nn.Conv1d(4, 2, 3), dim=-2), (LINES,)),
    "weight norm, transposed": (lambda: weight_norm(nn.ConvTranspose1d(4, 2, 3), dim=1), (LINES,)),
    "weight norm of a cell": (lambda: weight_norm(nn.GRUCell(4, 2), "weight_hh"), (ROWS,)),
    "weight norm of a bias": (lambda: weight_norm(nn.Linear(4, 2), "bias"), (ROWS,)),
    "spectral norm": (lambda: spectral_norm(nn.Linear(4, 2)), (ROWS,)),
    "spectral norm of a vector": (lambda: spectral_norm(nn.Linear(4, 2), "bias"), (ROWS,)),
    "spectral norm, transposed": (lambda: spectral_norm(nn.ConvTranspose2d(4, 2, 3)), (IMAGES,)),
    "spectral norm, settings": (
        lambda: spectral_norm(nn.Conv2d(4, 6, 3), n_power_iterations=3, eps=1e-3, dim=2),
        (IMAGES,),
    ),
    "both": (lambda: spectral_norm(weight_norm(nn.Linear(4, 2))), (ROWS,)),
    "weight and bias": (lambda: weight_norm(spectral_norm(nn.Linear(4, 2)), "bias"), (ROWS,)),
    "old weight norm": (lambda: nn.utils.weight_norm(nn.Conv1d(4, 2, 3), dim=1), (LINES,)),
    "old weight norm of the whole": (lambda: nn.utils.weight_norm(nn.Linear(4, 2), dim=None), (ROWS,)),
    "old spectral norm": (lambda: nn.utils.spectral_norm(nn.Linear(4, 2)), (ROWS,)),
    "old spectral norm of a vector": (lambda: nn.utils.spectral_norm(nn.Linear(4, 2), "bias"), (ROWS,)),
    "old spectral norm, transposed": (
        lambda: nn.utils.spectral_norm(nn.ConvTranspose2d(4, 2, 3)),
        (IMAGES,),
    ),
    "old spectral norm, settings": (
        lambda: nn.utils.spectral_norm(nn.Conv2d(4, 2, 3), n_power_iterations=3, eps=1e-3, dim=1),
        (IMAGES,),
    ),
    "two old hooks": (
        lambda: nn.utils.weight_norm(nn.utils.spectral_norm(nn.Linear(4, 2)), "bias"),
        (ROWS,),
    ),
    "embedding": (lambda: spectral_norm(nn.Embedding(7, 4)), (torch.randint(7, (3, 5)),)),
    "of a user": (symmetric, (ROWS,)),
    "used twice": (Shared, (ROWS,)),
    "cached": (Cached, (ROWS,)),
    "in a loop": (Loop, (ROWS,)),
    "GAN": (Discriminator, (torch.randn(3, 3, 8, 8), torch.randint(5, (3,)))),
}


@pytest.mark.parametrize("name", CASES)
def test_computed_weights_train_as_the_originals(name: str, tmp_path: Path) -> None:
    torch.manual_seed(3)
    make, args = CASES[name]
    model = nn.Sequential(make()) if len(args) == 1 else make()
    assert_trains_alike(model, args, tmp_path / "pack")


@pytest.mark.parametrize("orthogonal_map", ["matrix_exp", "householder", "cayley"])
@pytest.mark.parametrize("trivialised", [True, False])
def test_orthogonal_weights(orthogonal_map: str, trivialised: bool, tmp_path: Path) -> None:
    torch.manual_seed(3)
    layer = parametrizations.orthogonal(
        nn.Linear(4, 3), orthogonal_map=orthogonal_map, use_trivialization=trivialised
    )
    assert_trains_alike(nn.Sequential(layer), (ROWS,), tmp_path / "pack")


@pytest.mark.parametrize("cell", [nn.LSTM, nn.GRU])
def test_a_recurrent_layer_with_a_computed_weight_is_followed(cell: type[nn.Module], tmp_path: Path) -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.memory = nn.utils.weight_norm(cell(4, 5, batch_first=True), "weight_hh_l0")

        def forward(self, x):
            return self.memory(x)[0]

    torch.manual_seed(3)
    assert_trains_alike(Model(), (torch.randn(3, 6, 4),), tmp_path / "pack")


def test_a_block_says_how_its_weight_is_made(tmp_path: Path) -> None:
    torch.manual_seed(3)
    modelpack.save(nn.Sequential(spectral_norm(nn.Linear(4, 2))), tmp_path / "pack", (ROWS,))
    with modelpack.open(tmp_path / "pack") as pack:
        block = pack.architecture.blocks["ParametrizedLinear"]
    assert [node.name for node in block.nodes] == ["spectral_norm", "linear"]
    assert list(block.tensors) == [
        "bias",
        "parametrizations.weight.original",
        "parametrizations.weight.0._u",
        "parametrizations.weight.0._v",
    ]


def test_hooks_are_on_again_after_saving(tmp_path: Path) -> None:
    layer = nn.utils.spectral_norm(nn.utils.weight_norm(nn.Linear(4, 2), "bias"))
    hooks = list(layer._forward_pre_hooks.items())
    modelpack.save(nn.Sequential(layer), tmp_path / "pack", (ROWS,))
    assert list(layer._forward_pre_hooks.items()) == hooks
    assert "forward" not in vars(layer)


def test_other_hooks_beside_them_are_refused(tmp_path: Path) -> None:
    layer = nn.utils.weight_norm(nn.Linear(4, 2))
    layer.register_forward_pre_hook(lambda module, args: None)
    with pytest.raises(CaptureError, match="MP604 0: has the forward pre hook"):
        modelpack.save(nn.Sequential(layer), tmp_path / "pack", (ROWS,))


def test_what_is_cached_from_outside_is_refused(tmp_path: Path) -> None:
    model = nn.Sequential(spectral_norm(nn.Linear(4, 2)))
    with parametrize.cached(), pytest.raises(CaptureError, match="MP605"):
        modelpack.save(model, tmp_path / "pack", (ROWS,))
