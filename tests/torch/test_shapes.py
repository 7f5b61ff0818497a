"""What the checker infers is what torch does: shapes and dtypes of every value of random networks, at two sizes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest
import torch
from hypothesis import given, reject

from modelpack.backends.torch.build import build
from modelpack.backends.torch.dtypes import to_torch
from modelpack.checker import check
from modelpack.dims import evaluate
from modelpack.network import Specs
from modelpack.tensors import TensorSpec
from tests.strategies import SIZES, networks


@pytest.mark.filterwarnings("ignore::UserWarning")  # torch warns of settings that are odd, or of yesterday
@given(networks())
@torch.no_grad()  # of integers that come from parameters there are none, and some functions try
def test_inferred_is_real(architecture):
    network = check(watched(architecture))
    module = build(network, "cpu")
    for tensor in (*module.parameters(), *module.buffers()):
        tensor.fill_(0.5)
    for sizes in SIZES:
        inputs = {name: real(spec, sizes) for name, spec in network.inputs.items()}
        try:
            outputs = module(**inputs)
        except RuntimeError as error:  # a LinAlgError is one; lu_factor raises it itself
            if isinstance(error, torch.linalg.LinAlgError) or "is zero and using it" in str(error):
                reject()  # a matrix without an inverse: it depends on its values, not on its shape
            raise
        for wanted, found in pairs(network.outputs, outputs):
            shape = tuple(evaluate(dim, sizes) for dim in wanted.shape)
            assert (tuple(found.shape), found.dtype) == (shape, to_torch(wanted.dtype)), str(wanted)


def watched(architecture):
    """The network with the values of all its nodes as outputs, of those that are there in both modes."""
    main = architecture.main
    always = {node.name: node.name for node in main.nodes if node.when is None}
    return replace(architecture, main=replace(main, outputs=always))


def real(spec: TensorSpec, sizes: Mapping[str, int]) -> torch.Tensor:
    shape = tuple(evaluate(dim, sizes) for dim in spec.shape)
    return torch.rand(shape, generator=torch.Generator().manual_seed(0)).to(to_torch(spec.dtype))


def pairs(specs: Specs, values: object) -> Iterator[tuple[TensorSpec, torch.Tensor]]:
    if isinstance(specs, TensorSpec):
        assert isinstance(values, torch.Tensor)
        yield specs, values
    elif isinstance(specs, tuple):
        assert isinstance(values, tuple)
        for spec, value in zip(specs, values, strict=True):
            yield from pairs(spec, value)
    elif specs is not None:
        assert isinstance(values, Mapping)
        assert set(values) == set(specs)
        for name, spec in specs.items():
            yield from pairs(spec, values[name])
