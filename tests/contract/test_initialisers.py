"""Every initialiser that torch.nn.init has is one of modelpack's, or isn't one; none is forgotten when torch gets another."""

from __future__ import annotations

import inspect
from typing import get_args

import pytest
import torch
from torch.nn import init as torch_init

from modelpack.fill import FILLS
from modelpack.initialise import gain
from modelpack.layers.initial import INITIALISERS

NO_INITIALISERS = {
    "calculate_gain": "a number that the kaiming ones multiply by; it is `modelpack.initialise.gain`",
}
"""Public functions of torch.nn.init that fill no tensor, and what they are instead."""

OURS_ALONE = {
    "embedding": "what `nn.Embedding` itself does with a padding row; torch has no function for it",
}
"""Initialisers that aren't functions of torch.nn.init, and why they are there."""

ACTIVE = sorted(name for name in torch_init.__all__ if name.endswith("_"))


def test_all_public_functions_are_listed_by_torch_itself() -> None:
    """So that reading `__all__` is enough."""
    defined = {
        name
        for name, value in inspect.getmembers(torch_init, inspect.isfunction)
        if not name.startswith("_") and value.__module__ == torch_init.__name__
    }
    assert defined == set(torch_init.__all__)


def test_each_is_an_initialiser_an_old_name_of_one_or_none_with_a_reason() -> None:
    assert (
        {name.removesuffix("_") for name in ACTIVE} | OURS_ALONE.keys() == INITIALISERS.keys() == FILLS.keys()
    )
    others = set(torch_init.__all__) - set(ACTIVE) - NO_INITIALISERS.keys()
    assert {f"{name}_" for name in others} <= set(ACTIVE), (
        "those without the underscore are deprecated aliases"
    )


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_the_old_names_do_the_same() -> None:
    for name in sorted(set(torch_init.__all__) - set(ACTIVE) - NO_INITIALISERS.keys()):
        arguments = {"constant": (0.5,), "sparse": (0.5,)}.get(name, ())
        shape = (4, 4, 3) if name == "dirac" else (4, 4)
        made = []
        for each in (name, f"{name}_"):
            torch.manual_seed(0)
            made.append(vars(torch_init)[each](torch.empty(shape), *arguments))
        assert torch.equal(*made), name


def test_the_nonlinearities_and_their_gains_are_torchs() -> None:
    kind = INITIALISERS["kaiming_uniform"]["nonlinearity"]
    known = get_args(torch_init._NonlinearityType)
    assert known
    for each in known:
        assert kind.read(each) == each
        assert gain(each, 0.3) == torch_init.calculate_gain(each, 0.3), each
    with pytest.raises(ValueError, match="gelu"):
        kind.read("gelu")
