"""Packed sequences: a recurrent layer that counts each sequence up to its length, as torch's does, in values and gradients."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn.utils import rnn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import modelpack
from modelpack.errors import CaptureError
from tests.torch.training import assert_trains_alike

LENGTHS = torch.tensor([3, 5, 1, 5])


class Last(nn.Module):
    """The state behind the last step of each sequence; the functions are imported by name."""

    def __init__(self, kind: type[nn.RNNBase], enforce_sorted: bool = False, **settings: object) -> None:
        super().__init__()
        self.rnn = kind(4, 6, **settings)
        self.enforce_sorted = enforce_sorted

    def forward(self, x, lengths):
        packed = pack_padded_sequence(x, lengths.cpu(), True, enforce_sorted=self.enforce_sorted)
        _, state = self.rnn(packed)
        return state


class Padded(nn.Module):
    """Two layers on packed sequences, what they give padded again, and what torch says of the lengths."""

    def __init__(self, first: bool) -> None:
        super().__init__()
        self.below = nn.GRU(4, 3, num_layers=2, dropout=0.5, bidirectional=True)
        self.above = Above()
        self.first = first

    def forward(self, x, lengths):
        packed = rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        packed, state = self.below(packed)
        packed = self.above(packed)
        output, found = rnn.pad_packed_sequence(packed, self.first, total_length=x.shape[1])
        return output, found, state


class Above(nn.Module):
    """Packed sequences go into a block, and out of it."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.LSTM(6, 4, batch_first=True)

    def forward(self, packed):
        assert isinstance(packed, rnn.PackedSequence)
        return self.rnn(packed)[0]


MODELS: list[tuple[Callable[[], nn.Module], bool]] = [
    (lambda: Last(nn.LSTM, batch_first=True), False),
    (lambda: Last(nn.LSTM, num_layers=2, dropout=0.3, bidirectional=True, proj_size=2), False),
    (lambda: Last(nn.GRU, num_layers=2, bidirectional=True), False),
    (lambda: Last(nn.RNN, enforce_sorted=True, nonlinearity="relu"), True),
    (lambda: Padded(first=True), False),
    (lambda: Padded(first=False), False),
]


@pytest.mark.parametrize(("make", "is_sorted"), MODELS)
def test_gives_what_the_original_gives(
    make: Callable[[], nn.Module], is_sorted: bool, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    model, x = make(), torch.randn(4, 5, 4)
    lengths = LENGTHS.sort(descending=True).values if is_sorted else LENGTHS
    modelpack.save(model, tmp_path / "pack", args=(x, lengths))
    loaded = modelpack.load(tmp_path / "pack")
    longer = torch.tensor([2, 7, 1, 4, 7, 6, 1])
    # `save` tries batches by repeating lengths, which are then not sorted any more: so the batch stays that of the example.
    longer = longer[:4].sort(descending=True).values if is_sorted else longer
    for given in ((x, lengths), (torch.randn(len(longer), 9, 4), longer)):
        for training in (False, True):
            assert_same(model.train(training), loaded.train(training), given)
    modelpack.save(loaded, tmp_path / "again", args=(x, lengths))
    assert architecture(tmp_path / "again") == architecture(tmp_path / "pack")


def architecture(pack: Path) -> str:
    return (pack / "architecture.yaml").read_text().partition("\n")[2]


def assert_same(model: nn.Module, loaded: nn.Module, given: tuple[torch.Tensor, torch.Tensor]) -> None:
    """Outputs and gradients are equal, bit by bit; dropout draws the same numbers."""
    found: list[list[torch.Tensor]] = []
    for each in (model, loaded):
        torch.manual_seed(1)
        x = given[0].clone().requires_grad_()
        outputs = flat(each(x, given[1]))
        total = sum((output.square() * output).sum() for output in outputs if output.is_floating_point())
        found.append([*outputs, *torch.autograd.grad(total, [x, *each.parameters()], allow_unused=True)])
    assert len(found[0]) == len(found[1])
    for first, second in zip(*found, strict=True):
        assert (first is None) == (second is None)
        assert first is None or torch.equal(first, second)


def flat(value: object) -> list[torch.Tensor]:
    return [value] if isinstance(value, torch.Tensor) else [each for item in value for each in flat(item)]


def test_sorted_lengths_are_demanded_where_the_original_demands_them(tmp_path: Path) -> None:
    model, x = Last(nn.GRU, enforce_sorted=True), torch.randn(2, 5, 4)
    modelpack.save(model, tmp_path / "pack", args=(x, torch.tensor([5, 3])))
    loaded = modelpack.load(tmp_path / "pack")
    with pytest.raises(RuntimeError, match="sorted"):
        loaded(x, torch.tensor([3, 5]))


class Does(nn.Module):
    """What the test says, with a packed sequence behind a layer."""

    def __init__(self, does: Callable[..., object]) -> None:
        super().__init__()
        self.rnn = nn.GRU(4, 6, batch_first=True)
        self.does = does

    def forward(self, x, lengths):
        packed = rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        return self.does(self, x, packed)


def pads_what_was_not_run(self, x, packed):
    return rnn.pad_packed_sequence(packed, True, total_length=x.shape[1])[0]


def uses_its_data(self, x, packed):
    return torch.relu(packed.data)


def returns_it(self, x, packed):
    return self.rnn(packed)[0]


REFUSED = [
    (pads_what_was_not_run, "MP615", "no recurrent layer"),
    (uses_its_data, "MP615", "uses 'data' of a packed sequence"),
    (returns_it, "MP615", "gives a packed sequence"),
]


@pytest.mark.parametrize(("does", "code", "told"), REFUSED)
def test_what_depends_on_the_values_of_lengths_is_refused(
    does: Callable[..., object], code: str, told: str, tmp_path: Path
) -> None:
    with pytest.raises(CaptureError) as caught:
        modelpack.save(Does(does), tmp_path / "pack", args=(torch.randn(2, 5, 4), torch.tensor([3, 5])))
    (problem,) = caught.value.problems
    assert problem.code == code
    assert told in f"{problem.message} {problem.hint}"
    assert "test_packed.py" in problem.message


def test_torchs_functions_are_left_as_they_were(tmp_path: Path) -> None:
    model = Last(nn.GRU)
    modelpack.save(model, tmp_path / "pack", args=(torch.randn(4, 5, 4), LENGTHS))
    packed = pack_padded_sequence(torch.randn(4, 5, 4), LENGTHS, True, enforce_sorted=False)
    assert type(packed) is rnn.PackedSequence
    assert pad_packed_sequence(packed, True)[0].shape == (4, 5, 4)


def test_trains_as_the_original(tmp_path: Path) -> None:
    torch.manual_seed(0)
    assert_trains_alike(
        Last(nn.LSTM, num_layers=2, dropout=0.3, bidirectional=True),
        (torch.randn(4, 5, 4), LENGTHS),
        tmp_path,
    )
