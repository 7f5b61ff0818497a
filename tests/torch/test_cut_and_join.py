"""A random network, cut anywhere: both sides, joined, are the whole, by its names and by what it gives, bit by bit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, assume, event, example, given, settings
from hypothesis import strategies as st
from torch import nn

from modelpack.architecture import Architecture
from modelpack.backends.torch.build import build
from modelpack.backends.torch.dtypes import to_torch
from modelpack.checker import check
from modelpack.comparison import parse_comparison
from modelpack.dims import evaluate
from modelpack.network import Body, Slot, slots
from modelpack.reuse.cutting import take
from modelpack.reuse.joining import join
from modelpack.reuse.part import Part
from modelpack.tensors import TensorSpec
from tests.strategies import SIZES, networks
from tests.torch.test_roundtrip import TYPES

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

FOLDED = Architecture.from_yaml("""
modelpack: 1
name: folded
inputs:
  x: {dtype: float32, shape: [batch, 4, length]}
layers:
  pool: {AvgPool1d: {kernel_size: 2}}
  fold: {reshape: {shape: [batch, 4 * (length // 2)]}}
  unfold: {reshape: {shape: [batch, length // 2, 4]}}
  head: {Linear: {in_features: 4, out_features: 3}}
""")
"""Its sizes have other names behind a cut."""


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(networks(TYPES), st.integers(0, 10))
@example(FOLDED, 0)
@example(FOLDED, 1)
@example(FOLDED, 2)
@example(replace(FOLDED, requires=(parse_comparison("length > 1"),)), 1)
def test_what_is_cut_and_joined_is_the_whole(architecture: Architecture, number: int) -> None:
    # What nobody needs is on no side of a cut.
    whole = take(check(architecture))
    network = check(whole)
    names = [step.name for step in network.main.steps]
    places = [at for at in range(1, len(names)) if can_be_given(network.main, at)]
    assume(places)
    at = places[number % len(places)]
    crosses = crossing(network.main, at)
    event(f"{min(len(crosses), 3)} cross")
    tail = take(network, names[at], inputs=crosses if len(crosses) > 1 else ())
    entering = [name for name in tail.main.inputs if name not in whole.main.inputs]
    head = take(network, last=names[at - 1], outputs=dict(zip(entering, crosses, strict=True)))
    joined = join(Part(head, {}, {}, {}), Part(tail, {}, {}, {})).architecture
    assert joined.to_yaml() == whole.to_yaml()
    for sizes in SIZES:
        for training in (False, True):
            assert given_by(joined, whole, sizes, training) == given_by(whole, whole, sizes, training)


def can_be_given(main: Body, at: int) -> bool:
    """Whether something crosses there, and all of it in both modes: a network gives nothing that is there in one only."""
    crosses = crossing(main, at)
    return bool(crosses) and all(main.by_name[name.split(".")[0]].node.when is None for name in crosses)


def crossing(main: Body, at: int) -> list[str]:
    """What steps before number `at` made and others from there on, or the outputs, use; in order."""
    offset = len(main.inputs) + len(main.raw)
    used = [slot for step in main.steps[at:] for wiring in step.inputs for slot in slots(wiring)]
    found = {slot for slot in (*used, *slots(main.wiring)) if offset <= slot.index < offset + at}
    return [_name(main, slot) for slot in sorted(found, key=lambda slot: (slot.index, str(slot.path)))]


def _name(main: Body, slot: Slot) -> str:
    step = main.steps[slot.index - len(main.inputs) - len(main.raw)]
    return ".".join((step.name, *map(str, slot.path)))


def given_by(architecture: Architecture, whole: Architecture, sizes: dict[str, int], training: bool) -> Any:
    """What `architecture` gives, whose tensors have the values that those of their names have in `whole`, bit by bit."""
    values = _state(build(check(whole), device="cpu"))
    network = check(architecture)
    module = build(network, device="cpu").train(training)
    torch.manual_seed(0)
    for name, tensor in _state(module).items():
        tensor.detach().copy_(_drawn(name, values[name]))
    inputs = [_example(specs, sizes) for specs in network.inputs.values() if isinstance(specs, TensorSpec)]
    torch.manual_seed(0)
    try:
        return _bits(module(*inputs))
    except (RuntimeError, ValueError):
        assume(False)


def _state(module: nn.Module) -> dict[str, torch.Tensor]:
    return {**dict(module.named_parameters()), **dict(module.named_buffers())}


def _drawn(name: str, like: torch.Tensor) -> torch.Tensor:
    return torch.rand(like.shape, generator=torch.Generator().manual_seed(sum(name.encode())))


def _example(specs: TensorSpec, sizes: dict[str, int]) -> torch.Tensor:
    shape = [evaluate(dim, sizes) for dim in specs.shape]
    return torch.rand(shape, generator=torch.Generator().manual_seed(1)).to(to_torch(specs.dtype))


def _bits(given: Any) -> Any:
    if isinstance(given, torch.Tensor):
        return str(given.dtype), given.shape, given.detach().contiguous().view(-1).numpy().tobytes()
    return [_bits(each) for each in given]
