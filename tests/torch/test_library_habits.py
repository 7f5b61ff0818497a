"""What networks of libraries do: layers that are given None, caches that know sizes, other ways when compiled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch._higher_order_ops.associative_scan import associative_scan

import modelpack
from modelpack.errors import CaptureError

X = torch.randn(2, 5, 4)


def reloaded(model: nn.Module, path: Path) -> Any:
    modelpack.save(model, path, (X,))
    return modelpack.load(path)


class Attention(nn.Module):
    """One class for attention to itself and to something else, which then isn't there (Perceiver)."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.Identity()
        self.pair = nn.Identity()
        self.query = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor, other: torch.Tensor | None = None) -> torch.Tensor:
        other = self.norm(other)
        first, second = self.pair((x, self.query(x)))
        return first + second if other is None else other


def test_an_identity_passes_on_what_is_no_tensor(tmp_path: Path) -> None:
    model = nn.Sequential(Attention(), nn.ReLU())
    assert torch.equal(reloaded(model, tmp_path / "a")(X), model(X))


class Cache:
    """Keys, how many they are, and the owner of it all, which holds the cache itself."""

    def __init__(self, keys: torch.Tensor) -> None:
        self.keys = keys
        self.length = keys.shape[1]
        self.seen = self.length > 2
        self.owner = self


class Caching(nn.Module):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, Cache]:
        return x + 1, Cache(x * 2)


def test_of_a_cache_its_tensors_are_given_and_not_its_sizes(tmp_path: Path) -> None:
    y, cache = reloaded(Caching(), tmp_path / "a")(X)
    assert torch.equal(y, X + 1)
    assert cache.keys() == {"keys"}
    assert torch.equal(cache["keys"], X * 2)
    longer = torch.randn(3, 9, 4)
    assert torch.equal(modelpack.load(tmp_path / "a")(longer)[1]["keys"], longer * 2)


class Scan(nn.Module):
    """A recurrence, which is computed in another order where it's compiled (Mamba)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if torch.compiler.is_compiling():
            return associative_scan(self.step, x, dim=1, combine_mode="generic")
        found = [x[:, 0]]
        for at in range(1, x.shape[1]):
            found.append(self.step(found[-1], x[:, at]))
        return torch.stack(found, dim=1)

    @staticmethod
    def step(before: torch.Tensor, now: torch.Tensor) -> torch.Tensor:
        return before * now


def test_a_network_is_followed_on_the_way_it_goes_when_run(tmp_path: Path) -> None:
    assert torch.equal(reloaded(Scan(), tmp_path / "a")(X), Scan()(X))


class OnlyScan(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return associative_scan(Scan.step, x, dim=1, combine_mode="generic")


def test_a_way_of_compilers_alone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="MP602"):
        reloaded(OnlyScan(), tmp_path / "a")


class ChecksUnlessCompiled(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not torch.compiler.is_compiling() and bool(x.isnan().any()):
            raise ValueError("not a number")
        return x * 2


def test_checks_of_values_may_be_left_out_for_compilers(tmp_path: Path) -> None:
    assert torch.equal(reloaded(ChecksUnlessCompiled(), tmp_path / "a")(X), X * 2)
