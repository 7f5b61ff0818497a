"""A network that is built and captured again is the network, up to names."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, assume, example, given, settings

from modelpack.architecture import Architecture, InputSpec
from modelpack.backends.torch.bindings import ROWS
from modelpack.backends.torch.build import build
from modelpack.backends.torch.capture import capture
from modelpack.backends.torch.dtypes import to_torch
from modelpack.backends.torch.rows import ModuleRow, OperationRow
from modelpack.checker import check
from modelpack.dims import evaluate, symbols
from modelpack.layers import BUILTIN, distributions, random
from modelpack.network import Specs
from modelpack.tensors import TensorSpec
from tests.normal import normal
from tests.strategies import networks, runnable

BLOCKS = """
modelpack: 1
name: blocks
inputs:
  x: {dtype: float32, shape: [batch, length, 8]}
blocks:
  Residual:
    arguments: {width: int}
    inputs: {h: {}}
    parameters: {scale: {shape: [$width]}}
    layers:
      norm: {LayerNorm: {normalized_shape: [$width]}}
      fc: {Linear: {in_features: $width, out_features: $width}}
      act: {ReLU: {}}
      again: {call: fc}
      sum: {add: {}, inputs: [again, h]}
      scaled: {add: {alpha: 2}, inputs: [sum, scale]}
layers:
  first: {use: Residual, with: {width: 8}}
  rest: {use: Residual, with: {width: 8}, repeat: 2}
  lstm: {LSTM: {input_size: 8, hidden_size: 4, batch_first: true}}
  head: {Linear: {in_features: 4, out_features: 8}, inputs: [lstm.output], frozen: [bias]}
  twice: {call: first}
outputs: {a: twice, b: [lstm.h_n, head]}
"""


pytestmark = [
    # Random settings make torch complain of much; that a mode is given up is no such thing.
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("error::modelpack.errors.CaptureWarning"),
]

TYPES = tuple(
    kind
    for kind in BUILTIN.values()
    if runnable(kind)
    and isinstance(ROWS.get(kind.name), ModuleRow | OperationRow)
    and kind.name not in ("copy", "real")
    and kind.cls.__module__ not in (random.__name__, distributions.__name__)
)
"""What torch can run; that nothing is missing here is for the contract tests. `copy` is three other operations for torch, and
`real` of real numbers gives the very tensor that it takes, so that who takes which of both can't be told.
Random numbers ask a tensor for its shape alone: whose it is can't be told either; `test_random.py` has their tests."""


@settings(
    max_examples=settings().max_examples
    * 3
    // 20,  # a capture takes as long as dozens of reads: 30 here, 300 at night
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
@given(networks(TYPES))
@example(Architecture.from_yaml(BLOCKS))
def test_captured_from_what_was_built(architecture: Architecture) -> None:
    network = check(architecture)
    module = build(network, device="cpu")
    torch.manual_seed(0)
    for tensor in (*module.parameters(), *module.buffers()):
        tensor.detach().copy_(torch.rand(tensor.shape))
    inputs = [_value(specs) for specs in network.inputs.values()]
    try:
        for mode in (False, True):
            module.train(mode)(*inputs)
    except (RuntimeError, ValueError):
        assume(False)
    captured = capture(module, tuple(inputs)).architecture
    assert normal(captured) == normal(architecture, _fixed(architecture, captured))


def _fixed(architecture: Architecture, captured: Architecture) -> dict[str, int]:
    """The free dimensions that the layers can't leave free (channels that are the batch), with the sizes that they got."""
    found: dict[str, int] = {}
    for told, got in zip(architecture.main.inputs.values(), captured.main.inputs.values(), strict=True):
        if isinstance(told, InputSpec) and isinstance(got, InputSpec):
            for dim, size in zip(told.shape or (), got.shape or (), strict=True):
                if isinstance(size, int) and str(dim) in symbols(dim):
                    found[str(dim)] = size
    return found


def _value(specs: Specs) -> Any:
    if isinstance(specs, TensorSpec):
        sizes = {
            word: 3 + at for at, word in enumerate(sorted(w for dim in specs.shape for w in symbols(dim)))
        }
        shape = [evaluate(dim, sizes) for dim in specs.shape]
        if specs.is_floating:
            return torch.rand(shape, dtype=to_torch(specs.dtype))
        return torch.ones(shape, dtype=to_torch(specs.dtype))
    return tuple(map(_value, specs)) if isinstance(specs, tuple) else {k: _value(v) for k, v in specs.items()}


def test_what_differs_in_one_setting_is_not_the_same() -> None:
    """The comparison itself: it must tell apart what is apart."""
    changes = (
        ("alpha: 2", "alpha: 3"),
        ("[again, h]", "[norm, h]"),
        ("repeat: 2", "repeat: 3"),
        ("fc}", "norm}"),
    )
    for before, after in (*changes, ("frozen: [bias]", "frozen: []")):
        changed = BLOCKS.replace(before, after)
        assert changed != BLOCKS
        assert normal(Architecture.from_yaml(changed)) != normal(Architecture.from_yaml(BLOCKS))
    renamed = BLOCKS.replace("again", "second").replace("length", "time").replace("Residual", "Layer")
    assert normal(Architecture.from_yaml(renamed)) == normal(Architecture.from_yaml(BLOCKS))
