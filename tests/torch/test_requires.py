"""`requires`: a network says at which sizes it means something, and refuses others."""

from __future__ import annotations

import pytest
import torch

from modelpack.errors import BuildError
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
