"""`make` gives real modules without drawing a random number; `settings_of` refuses what it can't carry."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from modelpack.backends.torch.bindings import ROWS
from modelpack.backends.torch.dtypes import from_torch, to_torch
from modelpack.backends.torch.modules import make, settings_of
from modelpack.backends.torch.rows import ModuleRow
from modelpack.dtypes import DType
from modelpack.errors import CaptureError
from modelpack.layers import BUILTIN
from tests.contract.cases import examples, layer_of

pytestmark = pytest.mark.filterwarnings("ignore")


def captured(module: nn.Module, dtype: DType = DType.FLOAT32) -> dict[str, object]:
    name = type(module).__mro__[0].__name__
    name = name if name in ROWS else type(module).__mro__[1].__name__
    row = ROWS[name]
    assert isinstance(row, ModuleRow)
    return dict(settings_of(module, row, BUILTIN[name], dtype))


@pytest.mark.parametrize(("name", "number"), list(examples(ModuleRow)))
def test_make_gives_the_real_class_on_meta_and_draws_nothing(name: str, number: int) -> None:
    row = ROWS[name]
    assert isinstance(row, ModuleRow)
    before = torch.get_rng_state()
    module = make(layer_of(BUILTIN[name], BUILTIN[name].examples[number]), row)
    assert torch.equal(torch.get_rng_state(), before)
    assert type(module) is row.module
    assert all(each.is_meta for each in (*module.parameters(), *module.buffers()))


def test_every_dtype_of_torch_goes_both_ways() -> None:
    for dtype in DType:
        if dtype.bits >= 8:
            assert from_torch(to_torch(dtype)) is dtype


def test_dtype_is_a_setting_where_it_differs_from_the_architectures() -> None:
    assert captured(nn.Linear(2, 3).half()) == {"in_features": 2, "out_features": 3, "dtype": "float16"}
    assert captured(nn.Linear(2, 3).half(), DType.FLOAT16) == {"in_features": 2, "out_features": 3}
    assert captured(nn.BatchNorm1d(2, affine=False, track_running_stats=False).half()) == {
        "num_features": 2,
        "affine": False,
        "track_running_stats": False,
    }


def test_stride_of_a_pool_is_told_where_it_was_given() -> None:
    assert captured(nn.MaxPool2d(2)) == captured(nn.MaxPool2d((2, 2), stride=2)) == {"kernel_size": 2}
    assert captured(nn.MaxPool2d(2, stride=1)) == {"kernel_size": 2, "stride": 1}
    assert captured(nn.LPPool1d(1, 2)) == {"norm_type": 1.0, "kernel_size": 2}


def _replaced() -> nn.Module:
    module = nn.ReLU()
    module.forward = lambda input: input
    return module


def _reshaped() -> nn.Module:
    module = nn.Linear(2, 3)
    module.weight = nn.Parameter(torch.zeros(2, 2))
    return module


def _mixed() -> nn.Module:
    module = nn.Linear(2, 3)
    module.bias = nn.Parameter(torch.zeros(3, dtype=torch.float64))
    return module


def _extra() -> nn.Module:
    module = nn.Dropout()
    module.register_buffer("mask", torch.ones(2))
    return module


def _complex() -> nn.Module:
    return nn.Linear(2, 3, dtype=torch.complex128)


class Shifted(nn.ReLU):
    """A user's own class."""


REFUSED: list[tuple[Callable[[], nn.Module], str, str]] = [
    (_replaced, "MP610", "its ReLU.forward was replaced, which no setting carries"),
    (
        lambda: parametrizations.weight_norm(nn.Linear(2, 3)),
        "MP610",
        "torch.nn.utils.parametrize.ParametrizedLinear is not Linear itself, but a class derived from it",
    ),
    (
        Shifted,
        "MP610",
        f"{__name__}.Shifted is not ReLU itself, but a class derived from it",
    ),
    (
        lambda: nn.MaxPool1d(2, return_indices=True),
        "MP611",
        "MaxPool1d(return_indices=True) can't be carried, only return_indices=False",
    ),
    (
        lambda: nn.Dropout(torch.tensor(0.5)),
        "MP611",
        "Dropout can't be carried: its p is Tensor, an object that no setting holds",
    ),
    (
        lambda: nn.LeakyReLU("0.1"),
        "MP611",
        "LeakyReLU can't be carried: its negative_slope must be a number, not '0.1'",
    ),
    (
        _reshaped,
        "MP612",
        "Linear(in_features=2, out_features=3) has the parameter weight float32[3, 2], "
        "this module the parameter weight float32[2, 2]",
    ),
    (
        _mixed,
        "MP612",
        "Linear(in_features=2, out_features=3) has the parameter bias float32[3], "
        "this module the parameter bias float64[3]",
    ),
    (_extra, "MP612", "Dropout() has no mask, this module the buffer mask float32[2]"),
    (_complex, "MP612", "a pack can't hold complex128"),
]


@pytest.mark.parametrize(("build", "code", "message"), REFUSED)
def test_what_a_layer_is_not_is_refused(build: Callable[[], nn.Module], code: str, message: str) -> None:
    with pytest.raises(CaptureError) as caught:
        captured(build())
    assert [(each.code, each.message) for each in caught.value.problems] == [(code, message)]
