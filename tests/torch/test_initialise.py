"""First values are distributed as torch's: each initialiser's, and those of every layer that torch makes."""

from __future__ import annotations

import inspect
from math import prod, sqrt
from typing import Any

import pytest
import torch
from torch.nn import init as torch_init

from modelpack.backends.torch.bindings import ROWS
from modelpack.backends.torch.dtypes import to_torch
from modelpack.backends.torch.rows import ModuleRow
from modelpack.dtypes import DType, Kind
from modelpack.initialise import MAKEABLE, argument, initialise
from modelpack.layers import BUILTIN
from modelpack.layers.initial import INITIALISERS, Init
from modelpack.rounding import rounded
from tests.contract.cases import examples, layer_of, original

pytestmark = pytest.mark.filterwarnings("ignore")


def ours(
    init: Init, shape: tuple[int, ...], dtype: DType, name: str = "weight", seed: int = 0
) -> torch.Tensor:
    data = bytearray(initialise(init, shape, dtype, seed, name))
    return torch.frombuffer(data, dtype=to_torch(dtype)).reshape(shape)


def theirs(init: Init, shape: tuple[int, ...], dtype: torch.dtype = torch.float32) -> torch.Tensor:
    torch.manual_seed(0)
    return vars(torch_init)[f"{init.name}_"](torch.empty(shape, dtype=dtype), **init.arguments)


EXACT = [
    (Init("zeros"), (3, 4)),
    (Init("ones"), (3, 4)),
    (Init("constant", {"val": 0.1}), (5,)),
    (Init("eye"), (3, 5)),
    (Init("eye"), (5, 3)),
    (Init("dirac"), (4, 6, 3)),
    (Init("dirac"), (6, 4, 2, 3)),
    (Init("dirac", {"groups": 2}), (8, 3, 1, 2, 5)),
]


@pytest.mark.parametrize(("init", "shape"), EXACT, ids=str)
@pytest.mark.parametrize("dtype", [DType.FLOAT64, DType.FLOAT32, DType.FLOAT16, DType.BFLOAT16], ids=str)
def test_what_has_no_randomness_is_equal(init: Init, shape: tuple[int, ...], dtype: DType) -> None:
    assert torch.equal(ours(init, shape, dtype), theirs(init, shape, to_torch(dtype)))


RANDOM = [
    Init("uniform"),
    Init("uniform", {"a": -3.0, "b": 5.0}),
    Init("normal"),
    Init("normal", {"mean": 2.0, "std": 0.1}),
    Init("trunc_normal"),
    Init("trunc_normal", {"mean": 1.0, "std": 0.5, "a": 1.2, "b": 1.3}),
    Init("xavier_uniform", {"gain": 0.5}),
    Init("xavier_normal", {"gain": 2.0}),
    Init("kaiming_uniform"),
    Init("kaiming_uniform", {"a": 5**0.5}),
    Init("kaiming_uniform", {"mode": "fan_out", "nonlinearity": "selu"}),
    Init("kaiming_normal", {"nonlinearity": "tanh"}),
    Init("kaiming_normal", {"mode": "fan_out", "nonlinearity": "relu"}),
    Init("orthogonal", {"gain": 1.5}),
]


def assert_alike(first: torch.Tensor, second: torch.Tensor) -> None:
    """The moments and the quantiles of two samples of one distribution, six standard errors apart at most."""
    first, second = first.double().flatten(), second.double().flatten()
    std, each = second.std(), 1 / first.numel() + 1 / second.numel()
    assert abs(first.mean() - second.mean()) <= 6 * std * sqrt(each)
    assert abs(first.std() / std - 1) <= 6 * sqrt(each / 2)
    ordered = second.sort().values
    for share in (0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99):
        below = torch.searchsorted(ordered, first.quantile(share)) / second.numel()
        assert abs(below - share) <= 6 * sqrt(share * (1 - share) * each)


@pytest.mark.parametrize("init", RANDOM, ids=str)
@pytest.mark.parametrize("shape", [(300, 200), (40, 150, 3, 3)], ids=str)
def test_each_initialiser_is_distributed_as_torch_has_it(init: Init, shape: tuple[int, ...]) -> None:
    mine, reference = ours(init, shape, DType.FLOAT32), theirs(init, shape)
    assert_alike(mine, reference)
    if "uniform" in init.name or init.name == "trunc_normal":
        width = reference.max() - reference.min()
        assert abs(mine.max() - reference.max()) < 0.001 * width
        assert abs(mine.min() - reference.min()) < 0.001 * width


def test_sparse_zeroes_as_many_of_each_column() -> None:
    init = Init("sparse", {"sparsity": 0.35, "std": 0.5})
    mine, reference = ours(init, (70, 500), DType.FLOAT32), theirs(init, (70, 500))
    assert torch.equal((mine == 0).sum(0), (reference == 0).sum(0))
    assert_alike(mine[mine != 0], reference[reference != 0])


def test_arguments_and_defaults_are_torchs() -> None:
    for name, known in INITIALISERS.items():
        if name == "embedding":
            continue
        parameters = dict(inspect.signature(vars(torch_init)[f"{name}_"]).parameters)
        parameters.pop("tensor")
        parameters.pop("generator", None)
        assert known.keys() == parameters.keys()
        for key, each in parameters.items():
            if each.default is each.empty:
                with pytest.raises(ValueError, match=f"{name} needs {key}"):
                    argument(Init(name), key)
            else:
                assert argument(Init(name), key) == each.default


@pytest.mark.parametrize(
    "dtype", sorted((each for each in MAKEABLE if each.kind is Kind.FLOAT), key=str), ids=str
)
def test_rounding_is_torchs(dtype: DType) -> None:
    """Of float32, as torch knows no other way to 8 bits; ties and subnormal numbers among them."""
    torch.manual_seed(0)
    steps = torch.arange(-600, 600).float() / 64
    values = torch.cat(
        [torch.randn(2000) * 8, torch.randn(2000) * 2e-5, steps, steps * 2.0**-16, steps * 2.0**-130]
    )
    told = rounded(values.double().numpy(), dtype).tobytes()
    assert told == values.to(to_torch(dtype)).view(torch.uint8).numpy().tobytes()


# ---------------------------------------------------------------------------------------------- every layer

SEEDS = 30


def moments(init: Init, shape: tuple[int, ...]) -> tuple[float, float] | None:
    """Mean and standard deviation of an initialiser, by torch's own formulas; None where there is no randomness."""
    given = {key: argument(init, key) for key in INITIALISERS[init.name]}
    if init.name == "uniform":
        low, high = float(given["a"]), float(given["b"])
        return (low + high) / 2, (high - low) / sqrt(12)
    if init.name == "normal":
        return float(given["mean"]), float(given["std"])
    if init.name not in ("xavier_uniform", "xavier_normal", "kaiming_uniform"):
        return None
    fan_in, fan_out = torch_init._calculate_fan_in_and_fan_out(torch.empty(shape))
    if init.name == "kaiming_uniform":
        assert given["mode"] == "fan_in"
        return 0.0, torch_init.calculate_gain(given["nonlinearity"], given["a"]) / sqrt(fan_in)
    return 0.0, given["gain"] * sqrt(2 / (fan_in + fan_out))


WITH_TENSORS = [
    (name, number)
    for name, number in examples(ModuleRow)
    if layer_of(BUILTIN[name], BUILTIN[name].examples[number]).tensors()
]


@pytest.mark.parametrize(("name", "number"), WITH_TENSORS)
def test_each_layer_begins_as_torch_makes_it(name: str, number: int) -> None:
    layer_type, row = BUILTIN[name], ROWS[name]
    assert isinstance(row, ModuleRow)
    layer = layer_of(layer_type, layer_type.examples[number])
    made = [original(layer, row, seed) for seed in range(SEEDS)]
    states: list[dict[str, Any]] = [dict([*each.named_parameters(), *each.named_buffers()]) for each in made]
    for each in layer.tensors():
        found = torch.stack([state[each.name].detach() for state in states])
        if each.init.name == "embedding":
            row_of_zeros = int(each.init.arguments["padding_idx"])
            assert (found[:, row_of_zeros] == 0).all()
            continue
        expected = moments(each.init, each.shape)
        if expected is None:
            values = ours(each.init, each.shape, each.dtype)
            assert all(torch.equal(one, values) for one in found), each.name
            continue
        mean, std = expected
        count = SEEDS * prod(each.shape)
        assert abs(float(found.double().mean()) - mean) < 6 * std / sqrt(count), each.name
        assert abs(float(found.double().std()) / std - 1) < 6 / sqrt(2 * count), each.name
