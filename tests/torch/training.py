"""A model beside its pack: three steps of training from one seed, then evaluation, equal bit by bit."""

from __future__ import annotations

import copy
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import nn

import modelpack
from modelpack.backends.torch.capture.values import tensors_of

__all__ = ["assert_trains_alike"]


def assert_trains_alike(model: nn.Module, args: tuple[Any, ...], path: Path) -> nn.Module:
    """Save `model` without a warning, but of an axis that its code fixes, load it, and train both; the loaded one.

    Raises:
        AssertionError: losses, tensors or outputs differ, or the names of tensors do.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # torch's own, of the older hooks
        warnings.filterwarnings("ignore", category=FutureWarning)
        warnings.filterwarnings("ignore", message="captured with axis .* fixed")
        modelpack.save(model, path, args)
    # A copy, as the kernels of a CPU round by where in memory a tensor begins: in a file that is mapped, at any multiple of 4.
    loaded = copy.deepcopy(modelpack.load(path))
    assert set(loaded.state_dict()) == set(model.state_dict())
    assert _losses(loaded, args) == _losses(model, args)
    assert _differing(loaded.state_dict(), model.state_dict()) == []
    with torch.no_grad():
        first, second = tensors_of(loaded.eval()(*args)), tensors_of(model.eval()(*args))
    assert [each.tolist() for each in first] == [each.tolist() for each in second]
    return loaded


def _losses(model: nn.Module, args: tuple[Any, ...]) -> list[float]:
    torch.manual_seed(7)
    optimizer = torch.optim.SGD(model.train().parameters(), lr=0.05, momentum=0.9)
    losses: list[float] = []
    for _ in range(3):
        optimizer.zero_grad()
        loss = torch.stack([each.square().mean() for each in tensors_of(model(*args))]).sum()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    return losses


def _differing(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> list[str]:
    return [name for name, each in second.items() if not torch.equal(first[name], each)]
