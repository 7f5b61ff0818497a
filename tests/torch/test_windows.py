"""Networks of windows (Swin, DaViT): what is padded to whole windows and halved again and again keeps sizes that can be said."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional

from modelpack.backends.torch.load import load
from modelpack.backends.torch.save import save
from modelpack.errors import BuildError

WINDOW = 3


class Windows(nn.Module):
    """Each window of three by itself; where there are several, shifted by one, as Swin does."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, length, channels = x.shape
        x = functional.pad(x, (0, 0, 0, (WINDOW - length % WINDOW) % WINDOW))
        padded = x.shape[1]
        shift = 0 if padded <= WINDOW else 1
        if shift:
            x = x.roll(-shift, 1)
        x = x.view(batch, padded // WINDOW, WINDOW, channels)
        x = x.softmax(2).reshape(batch, padded, channels)
        if shift:
            x = x.roll(shift, 1)
        return x[:, :length]


class Halved(nn.Module):
    """Of an odd length, one more is halved."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = functional.pad(x, (0, 0, 0, x.shape[1] % 2))
        return torch.cat([x[:, 0::2], x[:, 1::2]], -1)


class Pyramid(nn.Sequential):
    def __init__(self, stages: int) -> None:
        super().__init__(*(each for _ in range(stages) for each in (Windows(), Halved())), Windows())


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("windows") / "p"
    save(Pyramid(3), path, (torch.randn(2, 13, 2),))
    return path


def test_the_length_stays_free_as_far_as_windows_are_shifted_alike(pack: Path) -> None:
    module, original = load(pack), Pyramid(3)
    for batch, length in ((3, 13), (2, 14), (1, 20), (2, 24)):
        x = torch.randn(batch, length, 2)
        assert torch.equal(module(x), original(x))


@pytest.mark.parametrize("length", [12, 25])
def test_lengths_at_which_other_windows_are_shifted_are_refused(pack: Path, length: int) -> None:
    with pytest.raises(BuildError, match="MP702"):
        load(pack)(torch.randn(2, length, 2))


def test_sizes_and_decisions_can_be_read(pack: Path) -> None:
    text = (pack / "architecture.yaml").read_text()
    # The windows of the length halved twice are the last that are several, and those of the length halved three times not.
    assert "requires: ['length <= 24', 'length > 12']" in text
    assert "shape: [batch, (length + 2) // 3, 3, input_2]" in text


class Quarters(nn.Module):
    """Sizes of its own: of a length halved, it takes the half of the half."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, : (x.shape[1] + 1) // 2]


def test_a_block_says_the_half_of_what_it_is_given(tmp_path: Path) -> None:
    """And not the quarter of what the network is given, which it would have to be passed as an argument."""
    save(nn.Sequential(Halved(), Quarters()), tmp_path / "p", (torch.randn(2, 13, 2),))
    text = (tmp_path / "p/architecture.yaml").read_text()
    assert "end: (length + 1) // 2" in text
    assert "$length" not in text
    x = torch.randn(2, 30, 2)
    assert torch.equal(load(tmp_path / "p")(x), nn.Sequential(Halved(), Quarters())(x))
