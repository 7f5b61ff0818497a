"""What stands under `when`, `by_mode` and `assign`, in a built network."""

from __future__ import annotations

import copy

import torch

from modelpack.backends.torch.build import build
from modelpack.checker import check
from modelpack.reader import read
from tests.torch.networks import built

MODAL = """\
modelpack: 1
name: modal
inputs:
  x: {dtype: float32, shape: [batch, 3]}
buffers:
  steps: {shape: [], dtype: int64}
layers:
  fc: {Linear: {in_features: 3, out_features: 3}}
  more: {add: {other: 1}, inputs: [steps], when: train}
  counted: {assign: {}, inputs: [steps, more], when: train}
  aux: {Linear: {in_features: 3, out_features: 3}, inputs: [fc], when: train}
  h: {by_mode: {}, inputs: {train: aux, eval: fc}}
  y: {add: {}, inputs: [h, steps]}
"""


def test_a_layer_of_one_mode_runs_in_that_mode_only() -> None:
    module = built(MODAL)
    x = torch.ones(2, 3)
    assert torch.equal(module.eval()(x), module.fc(x))
    assert torch.equal(module.train()(x), module.aux(module.fc(x)) + 1)


def test_its_tensors_are_there_in_both_modes() -> None:
    module = built(MODAL)
    names = ["steps", "fc.weight", "fc.bias", "aux.weight", "aux.bias"]
    assert list(module.train().state_dict()) == list(module.eval().state_dict()) == names


def test_a_buffer_is_changed_where_it_stands() -> None:
    module = built(MODAL)
    buffer = module.steps
    for _ in range(3):
        module.train()(torch.ones(1, 3))
    module.eval()(torch.ones(1, 3))
    assert module.steps is buffer
    assert buffer.item() == 3


def test_both_modes_compile_into_one_graph_each() -> None:
    module = built(MODAL)
    plain = copy.deepcopy(module)
    compiled = torch.compile(module, fullgraph=True, backend="eager")
    x = torch.ones(2, 3)
    for mode in (True, False, True):
        assert torch.equal(compiled.train(mode)(x), plain.train(mode)(x))


VALUES = """\
modelpack: 1
name: values
inputs:
  x: {dtype: float32, shape: [3]}
buffers:
  mean: {shape: [3]}
layers:
  before: {reshape: {shape: [3, 1]}, inputs: [mean]}
  first: {assign: {}, inputs: [mean, x]}
  doubled: {mul: {other: 2}, inputs: [mean]}
  between: {reshape: {shape: [3, 1]}, inputs: [mean]}
  second: {assign: {}, inputs: [mean, doubled]}
outputs: [before, first, between, second, mean]
"""


def test_who_takes_a_buffer_has_its_value_of_that_moment() -> None:
    """Though a reshape of torch is a view, which would change with the buffer."""
    module = built(VALUES)
    old, x = module.mean.clone(), torch.tensor([1.0, 2.0, 3.0])
    before, first, between, second, mean = module(x)
    assert torch.equal(before.flatten(), old)
    assert torch.equal(first, x)
    assert torch.equal(between.flatten(), x)
    assert torch.equal(second, 2 * x)
    module(x + 1)
    assert torch.equal(mean, 2 * x), "and keeps it when the network runs again"


def test_an_assignment_has_no_gradient() -> None:
    module = built(VALUES)
    x = torch.ones(3, requires_grad=True)
    assert not any(each.requires_grad for each in module(x))
    assert module.mean.grad_fn is None


STATISTICS = """\
modelpack: 1
name: statistics
inputs:
  x: {dtype: float32, shape: [batch, 3]}
buffers:
  mean: {shape: [3]}
  var: {shape: [3]}
layers:
  old: {reshape: {shape: [3, 1]}, inputs: [mean]}
  norm: {batch_norm: {training: {train: true, eval: false}}, inputs: {input: x, running_mean: mean, running_var: var}}
outputs: [norm, old, mean]
"""


def test_batch_norm_changes_its_buffers_and_what_was_taken_before_stays() -> None:
    module = built(STATISTICS)
    module.var.fill_(1)
    old, x = module.mean.clone(), torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    _, taken, mean = module.train()(x)
    assert torch.equal(taken.flatten(), old)
    assert torch.equal(mean, module.mean)
    assert not torch.equal(mean, old)
    assert torch.equal(module.eval()(x)[2], mean)


def test_a_network_without_modes_has_one_list_of_steps() -> None:
    """So that the language's modes cost nothing where they aren't used."""
    plain = build(
        check(
            read(
                MODAL.replace(", when: train", "")
                .replace("by_mode", "add")
                .replace("{train: aux, eval: fc}", "[aux, fc]")
            )
        )
    )
    assert plain._program.actions[0] is plain._program.actions[1]
    modal = build(check(read(MODAL)))
    assert len(modal._program.actions[0]) == 3
