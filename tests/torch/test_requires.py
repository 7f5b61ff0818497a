"""`requires`: a network says at which sizes it means something, and refuses others."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from modelpack.architecture import Architecture
from modelpack.backends.torch.capture.bounds import solved, strictest
from modelpack.backends.torch.load import load
from modelpack.backends.torch.save import save
from modelpack.comparison import Comparison, parse_comparison
from modelpack.dims import TooComplex, evaluate, floor_div
from modelpack.errors import BuildError, CaptureError, CaptureWarning
from modelpack.reader import read
from tests.strategies import COMPARISONS
from tests.torch.networks import built

TEXT = """
modelpack: 1
name: case
inputs:
  x: {dtype: float32, shape: [batch, height, width]}
requires: ['height % 4 == 0', 'min(height, width) > 2', '8 % (batch - 2) == 0']
layers:
  r: {relu: {}}
"""


@pytest.mark.parametrize("shape", [(1, 4, 3), (3, 12, 5), (10, 8, 8)])
def test_sizes_at_which_it_holds(shape: tuple[int, ...]) -> None:
    x = torch.randn(shape)
    assert torch.equal(built(TEXT)(x), x.relu())


@pytest.mark.parametrize(
    ("shape", "told"),
    [
        ((1, 10, 5), "height % 4 == 0, but height is 10"),
        ((1, 8, 2), "min(height, width) > 2, but height is 8, width is 2"),
        ((7, 8, 8), "8 % (batch - 2) == 0, but batch is 7"),
        ((2, 8, 8), "8 % (batch - 2) == 0, but batch is 2"),  # which divides by 0
    ],
)
def test_other_sizes_are_refused(shape: tuple[int, ...], told: str) -> None:
    with pytest.raises(BuildError) as caught:
        built(TEXT)(torch.randn(shape))
    problem = caught.value.problems[0]
    assert problem.code == "MP702"
    assert told in problem.message
    assert "was not saved" in (problem.hint or "")


def test_only_the_outermost_block_asks() -> None:
    text = """
modelpack: 1
name: case
blocks:
  B:
    inputs: {x: {}}
    layers: {r: {relu: {}}}
inputs:
  x: {dtype: float32, shape: [batch, 4]}
requires: [batch > 1]
layers:
  b: {use: B}
"""
    with pytest.raises(BuildError, match="batch is 1"):
        built(text)(torch.randn(1, 4))
    assert built(text).b(torch.randn(1, 4)).shape == (1, 4)


def test_compiled_for_any_size_it_still_refuses() -> None:
    module = built(TEXT)
    compiled = torch.compile(module, fullgraph=True, dynamic=True, backend="eager")
    for shape in ((1, 4, 3), (3, 12, 5), (4, 16, 7)):
        x = torch.randn(shape)
        assert torch.equal(compiled(x), module(x))
    with pytest.raises(BuildError, match="height is 10"):  # told outside of a graph, so not with fullgraph
        torch.compile(module, dynamic=True, backend="eager")(torch.randn(1, 10, 5))


class Padded(nn.Module):
    """As models of windows do: another way for heights that don't divide."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * 2 if x.shape[2] % 4 == 0 else x * 3


class Short(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.flip(2) if x.shape[2] > 5 else x


class InTraining(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * 2 if self.training and x.shape[0] > 1 else x


class AskedBefore(nn.Module):
    """torch's convolution wants to know whether it's a batch of one as well; that doesn't take away the model's own question."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv(x)
        return x * 2 if x.shape[0] > 1 else x


NUMBERS = st.tuples(st.integers(-4, 4), st.integers(1, 4), st.integers(-9, 9), st.integers(-9, 9))


@given(
    COMPARISONS, NUMBERS, st.fixed_dictionaries({name: st.integers(1, 20) for name in ("batch", "h", "$n")})
)
def test_a_bound_that_is_solved_says_the_same(
    one: Comparison, numbers: tuple[int, ...], sizes: dict[str, int]
) -> None:
    factor, divisor, more, right = numbers
    try:
        found = Comparison(factor * floor_div(one.left, divisor) + more, one.operator, right)
        evaluate(found.left, sizes)
    except (ZeroDivisionError, TooComplex):
        return
    assert solved(found).holds(sizes) == found.holds(sizes)


@pytest.mark.parametrize(
    ("decided", "read"),
    [
        ("7*((height + 24) // 28) > 7", "height > 31"),
        ("7*((height + 24) // 28) <= 7", "height <= 31"),
        ("2 - 3*(height // 4) < -6", "height > 11"),
        ("((height + 3) // 4 + 1) // 2 >= 2", "height > 8"),
        ("2*height + 2*width > 7", "height + width > 3"),
        ("height >= 4", "height >= 4"),
        ("height // 2 > width", "height // 2 > width"),
        ("height // 2 == 4", "height // 2 == 4"),
        ("(height // 2) % 3 > 1", "(height // 2) % 3 > 1"),
    ],
)
def test_bounds_are_solved(decided: str, read: str) -> None:
    assert str(solved(parse_comparison(decided))) == read


def test_of_several_bounds_the_strictest_stays() -> None:
    texts = [
        "height > 3",
        "height <= 20",
        "height > 7",
        "width > 1",
        "height <= 30",
        "height != 9",
        "height > 5",
    ]
    found = strictest(map(parse_comparison, texts))
    assert list(map(str, found)) == ["height > 7", "height <= 20", "width > 1", "height != 9"]


def saved(model: nn.Module, path: Path, *shape: int) -> Architecture:
    save(model, path, (torch.randn(shape),))
    return read((path / "architecture.yaml").read_text())


def test_a_decision_of_the_model_is_required(tmp_path: Path) -> None:
    saved(Padded(), tmp_path / "p", 2, 3, 8, 6)
    assert "requires: ['height % 4 == 0']" in (tmp_path / "p/architecture.yaml").read_text()
    module = load(tmp_path / "p")
    for height in (12, 16):
        x = torch.randn(2, 3, height, 5)
        assert torch.equal(module(x), Padded()(x))
    with pytest.raises(BuildError) as caught:
        module(torch.randn(2, 3, 10, 6))
    assert caught.value.problems[0].code == "MP702"


@pytest.mark.parametrize(
    ("model", "shape", "expected"),
    [
        (Padded(), (2, 3, 7, 6), ["height % 4 != 0"]),
        (Short(), (2, 3, 8, 6), ["height > 5"]),
        (Short(), (2, 3, 4, 6), ["height <= 5"]),
        (InTraining(), (2, 3, 4, 6), ["batch > 1"]),
        (AskedBefore(), (2, 3, 4, 6), ["batch > 1"]),
        (nn.Conv2d(3, 3, 3, padding=1), (2, 3, 4, 6), []),
    ],
)
def test_what_is_required(model: nn.Module, shape: tuple[int, ...], expected: list[str], tmp_path) -> None:
    assert list(map(str, saved(model, tmp_path / "p", *shape).requires)) == expected


def test_what_a_loaded_network_requires_is_saved_again(tmp_path: Path) -> None:
    first = saved(Padded(), tmp_path / "p", 2, 3, 8, 6)
    again = saved(load(tmp_path / "p"), tmp_path / "q", 2, 3, 8, 6)
    assert again.requires == first.requires != ()


class Ratio(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * 2 if x.shape[2] / 3 < 3.5 else x


def test_a_decision_that_no_comparison_says_fixes_the_size(tmp_path: Path) -> None:
    with pytest.warns(CaptureWarning, match="captured with height fixed: .*MP618"):
        found = saved(Ratio(), tmp_path / "p", 2, 3, 8, 6)
    assert found.main.inputs["x"].shape[2] == 8
    assert found.requires == ()
    with pytest.raises(CaptureError, match="MP618"):
        save(Ratio(), tmp_path / "q", (torch.randn(2, 3, 8, 6),), dynamic={"x": {2: "height"}})


class AtItsOwnSize(nn.Module):
    """Takes whole patches, and resizes what it has learnt for so many where there are others (a ViT of timm)."""

    def __init__(self) -> None:
        super().__init__()
        self.position = nn.Parameter(torch.randn(1, 2, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.shape[1] % 4:
            raise ValueError("no whole patches")
        x, position = x.unflatten(1, (-1, 4)), self.position
        if x.shape[1] != 2:
            position = position.mean(1, keepdim=True).expand(-1, x.shape[1], -1)
        return x + position


def test_a_decision_that_leaves_one_size_is_told(tmp_path: Path) -> None:
    told = r"takes no other size of length alone, as its code decides that length // 4 == 2 \(test_requires.py:\d+\)"
    with pytest.warns(CaptureWarning, match=told):
        save(AtItsOwnSize(), tmp_path / "a", (torch.randn(3, 8),))
