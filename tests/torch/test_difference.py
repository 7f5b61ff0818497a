"""The rename map of a verdict does what it says: with it, `transfer` fills one module from the other's weights."""

from __future__ import annotations

import pytest
import torch

import modelpack
from modelpack.checker import check_text
from modelpack.difference import Side, compare
from modelpack.pack import write_pack
from modelpack.template import first_values
from tests.core.test_difference import BASES, MUTATIONS


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation[0])
@pytest.mark.parametrize("base", BASES)
def test_transfer_takes_the_map_of_the_verdict(base, mutation, tmp_path):
    before, after = BASES[base], mutation[1](BASES[base])
    pack = tmp_path / "before.modelpack"
    write_pack(pack, architecture=before.encode(), weights=first_values(check_text(before), seed=1))
    target = modelpack.Architecture.from_yaml(after).build(seed=2)
    start = {name: value.clone() for name, value in target.state_dict().items()}
    sides = [Side(name, check_text(text)) for name, text in (("before", before), ("after", after))]
    verdict = compare(*sides).verdict
    report = modelpack.transfer(pack, target, map=verdict.rename, leave=verdict.leave)
    assert verdict.kind == "incompatible" or not report.left
    stored = {id(value) for name, value in _tensors(target).items() if name in report.filled}
    assert len(stored) == verdict.fitting
    given = modelpack.load(pack).state_dict()
    for name, value in target.state_dict().items():
        assert torch.equal(value, given[report.filled[name]] if name in report.filled else start[name])


def _tensors(module):
    named = dict(module.named_parameters(remove_duplicate=False))
    return named | dict(module.named_buffers(remove_duplicate=False))
