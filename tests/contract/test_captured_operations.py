"""Operations through capture: a model that calls torch's function becomes the operation with its settings, and runs as before."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch
from torch import nn

from modelpack.architecture import Apply
from modelpack.backends.torch.bindings import ROWS
from modelpack.backends.torch.build import build
from modelpack.backends.torch.capture import capture
from modelpack.backends.torch.rows import OperationRow
from modelpack.checker import check
from modelpack.dtypes import DType
from modelpack.layers import BUILTIN, Layer
from modelpack.layers.base import Example
from tests.contract.cases import binding, bits, canonical, flat, inputs_of
from tests.contract.operations import call, layer_for, operations, values_for

pytestmark = pytest.mark.filterwarnings("ignore")


NOTHING = [("to", 2), ("copy", 0), ("copy", 1), ("copy", 2)]
"""Calls of which nothing is to be captured: one does nothing, and `copy` is written with other operations, as torch has no
gradient of its own."""


class Calls(nn.Module):
    """A model that does nothing but one call."""

    def __init__(self, row: OperationRow, layer: Layer, absent: list[bool]) -> None:
        super().__init__()
        self._row, self._layer, self._absent = row, layer, absent

    def forward(self, tensors: list[torch.Tensor]) -> Any:
        rest = iter(tensors)
        outputs = call(self._row, self._layer, [None if absent else next(rest) for absent in self._absent])
        return outputs if len(outputs) > 1 else outputs[0]


def settings_of(layer: Layer, example: Example) -> dict[str, Any]:
    """The canonical settings of an example with its free dimensions bound."""
    values = {name: vars(layer)[name] for name in canonical(layer.type, example)}
    literals = {name: each.value if isinstance(each, DType) else each for name, each in values.items()}
    return {name: layer.type.settings[name].kind.read(each) for name, each in literals.items()}


CASES = [
    (name, number)
    for name, number in operations()
    if BUILTIN[name].examples[number].texts and (name, number) not in NOTHING
]


@pytest.mark.parametrize(("name", "number"), CASES)
def test_captured_from_a_call(name: str, number: int) -> None:
    kind, row = BUILTIN[name], ROWS[name]
    assert isinstance(row, OperationRow)
    example = kind.examples[number]
    layer, inputs = layer_for(kind, example, binding(example, 2)), values_for(name, inputs_of(example, 2))
    given = [each for each in inputs if each is not None]
    model = Calls(row, layer, [each is None for each in inputs]).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        architecture = capture(model, (given,), dynamic={}).architecture
    found = [
        dict(node.action.settings)
        for block in (architecture.main, *architecture.blocks.values())
        for node in block.nodes
        if isinstance(node.action, Apply) and node.action.type is kind
    ]
    expected = settings_of(layer, example)
    if name == "slice":  # which is Python's own, and that counts axes from the front
        expected["dim"] %= given[0].dim()
    assert found == [expected]
    rebuilt = build(check(architecture), device="cpu").eval()
    torch.manual_seed(0)
    copies = [each.clone() for each in given]  # as some operations change their inputs
    assert [bits(each) for each in flat(rebuilt(copies))] == [bits(each) for each in flat(model(given))]
