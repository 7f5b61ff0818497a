"""What the zoo is asked of every step (benchmarks/zoo/shapes.py): the question itself sees what is wrong, wherever it happens."""

from __future__ import annotations

import pytest
import torch

from benchmarks.zoo.shapes import observed, sizes_of
from modelpack.checker import check_text
from tests.torch.networks import RESIDUAL, built

IMAGES = torch.zeros(2, 3, 12, 9)

CALLED_AGAIN = """\
modelpack: 1
name: again
inputs:
  x: {dtype: float32, shape: [batch, length]}
blocks:
  Sum:
    inputs: {x: {}}
    layers:
      relu: {relu: {}}
      rows: {sum: {dim: 1}}
layers:
  first: {use: Sum}
  deeper: {unsqueeze: {dim: 2}, inputs: [x]}
  second: {call: first}
  wider: {expand: {size: [batch, length, 5]}, inputs: [deeper]}
  lstm: {LSTM: {input_size: 5, hidden_size: 3}}
outputs: [first, second, lstm.output]
"""


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("size", [(2, 12, 9), (3, 7, 16)])
def test_every_step_is_seen_and_right(size: tuple[int, int, int], training: bool) -> None:
    batch, height, width = size
    seen = observed(
        check_text(RESIDUAL), built(RESIDUAL).train(training), [torch.zeros(batch, 3, height, width)], {}
    )
    assert seen.wrong == []
    # Seven layers, one of them twice, each of both with five steps inside.
    assert seen.steps == 7 + 2 * 5


def test_a_block_called_again_is_held_against_what_was_inferred_for_that_call() -> None:
    x = torch.zeros(2, 4)
    seen = observed(check_text(CALLED_AGAIN), built(CALLED_AGAIN), [], {"x": x})
    assert seen.wrong == []
    assert seen.steps == 5 + 2 * 2
    # The three outputs of the LSTM each.
    assert seen.tensors == seen.steps + 2


@pytest.mark.parametrize(
    ("old", "new", "first"),
    [
        (
            "kernel_size: 3}",
            "kernel_size: 3, padding: 1}",
            "stem.0: inferred float32[batch, 4, height, width], which is float32[2, 4, 12, 9], "
            "but it gives float32[2, 4, 10, 7]",
        ),
        ("relu: {ReLU: {inplace: true}}", "relu: {gt: {other: 0}}", "layer.0.relu: inferred bool["),
        ("flat: {Flatten: {}}", "flat: {Flatten: {start_dim: 2}}", "flat: inferred float32[batch, 4, 1]"),
    ],
)
def test_what_was_inferred_of_another_network_is_told_where_it_begins(old: str, new: str, first: str) -> None:
    other = RESIDUAL.replace(old, new).replace("out: {call: relu}", "out: {ReLU: {}}").partition("  fc:")[0]
    real = RESIDUAL.replace("out: {call: relu}", "out: {ReLU: {}}").partition("  fc:")[0]
    seen = observed(check_text(other), built(real), [IMAGES], {})
    assert seen.wrong[0].startswith(first), seen.wrong


def test_the_module_runs_as_before_afterwards() -> None:
    module = built(RESIDUAL)
    before = type(module)._program
    observed(check_text(RESIDUAL), module, [IMAGES], {})
    assert type(module)._program is before


def test_sizes_are_read_where_a_dimension_stands_alone() -> None:
    assert sizes_of(check_text(RESIDUAL), [IMAGES], {}) == {"batch": 2, "height": 12, "width": 9}
