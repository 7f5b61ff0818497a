"""Writes into parts of tensors become tensors with that part replaced."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import modelpack
from modelpack.errors import CaptureError


class Windows(nn.Module):
    """The mask of shifted windows (Swin): parts of a fresh tensor are numbered one after another."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mask = x.new_zeros(x.shape[-2:])
        for count, (start, end) in enumerate(((0, -3), (-3, -1), (-1, None))):
            mask[start:end, 1:-1] = count
        mask[0] += 1
        return x * mask


class OldView(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mask = x.new_zeros(x.shape[-2:])
        first = mask[0]
        mask[:1] = 2
        return x * first


def test_parts_are_put_back_in_their_order(tmp_path: Path) -> None:
    model, x = Windows(), torch.randn(2, 3, 6, 5)
    modelpack.save(model, tmp_path / "a", (x,))
    loaded = modelpack.load(tmp_path / "a")
    for given in (x, torch.randn(1, 3, 9, 4)):
        assert torch.equal(loaded(given), model(given))


def test_a_view_from_before_the_write_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="MP607"):
        modelpack.save(OldView(), tmp_path / "a", (torch.randn(2, 3, 6, 5),))


class PartOfInput(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x[:, 0] = 0
        return x.sum(1)


def test_a_part_of_what_the_caller_has_is_not_put_back(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match=r"MP607 aten\.fill_\.Scalar changes a part of an input"):
        modelpack.save(PartOfInput(), tmp_path / "a", (torch.randn(2, 3),))
