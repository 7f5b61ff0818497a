"""What networks of libraries do: layers that are given None, caches that know sizes, other ways when compiled."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch._higher_order_ops.associative_scan import associative_scan

import modelpack
from modelpack.errors import CaptureError, CaptureWarning

X = torch.randn(2, 5, 4)


def reloaded(model: nn.Module, path: Path) -> Any:
    modelpack.save(model, path, (X,))
    return modelpack.load(path)


class Attention(nn.Module):
    """One class for attention to itself and to something else, which then isn't there (Perceiver)."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.Identity()
        self.pair = nn.Identity()
        self.query = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor, other: torch.Tensor | None = None) -> torch.Tensor:
        other = self.norm(other)
        first, second = self.pair((x, self.query(x)))
        return first + second if other is None else other


def test_an_identity_passes_on_what_is_no_tensor(tmp_path: Path) -> None:
    model = nn.Sequential(Attention(), nn.ReLU())
    assert torch.equal(reloaded(model, tmp_path / "a")(X), model(X))


class Cache:
    """Keys, how many they are, and the owner of it all, which holds the cache itself."""

    def __init__(self, keys: torch.Tensor) -> None:
        self.keys = keys
        self.length = keys.shape[1]
        self.seen = self.length > 2
        self.owner = self


class Caching(nn.Module):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, Cache]:
        return x + 1, Cache(x * 2)


def test_of_a_cache_its_tensors_are_given_and_not_its_sizes(tmp_path: Path) -> None:
    y, cache = reloaded(Caching(), tmp_path / "a")(X)
    assert torch.equal(y, X + 1)
    assert cache.keys() == {"keys"}
    assert torch.equal(cache["keys"], X * 2)
    longer = torch.randn(3, 9, 4)
    assert torch.equal(modelpack.load(tmp_path / "a")(longer)[1]["keys"], longer * 2)


class Scan(nn.Module):
    """A recurrence, which is computed in another order where it's compiled (Mamba)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if torch.compiler.is_compiling():
            return associative_scan(self.step, x, dim=1, combine_mode="generic")
        found = [x[:, 0]]
        for at in range(1, x.shape[1]):
            found.append(self.step(found[-1], x[:, at]))
        return torch.stack(found, dim=1)

    @staticmethod
    def step(before: torch.Tensor, now: torch.Tensor) -> torch.Tensor:
        return before * now


def test_a_network_is_followed_on_the_way_it_goes_when_run(tmp_path: Path) -> None:
    with pytest.warns(CaptureWarning, match=r"fixed at 5: .* \(test_library_habits.py:\d+\)"):
        loaded = reloaded(Scan(), tmp_path / "a")
    assert torch.equal(loaded(X), Scan()(X))


class OnlyScan(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return associative_scan(Scan.step, x, dim=1, combine_mode="generic")


def test_a_way_of_compilers_alone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="MP602"):
        reloaded(OnlyScan(), tmp_path / "a")


class ChecksUnlessCompiled(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not torch.compiler.is_compiling() and bool(x.isnan().any()):
            raise ValueError("not a number")
        return x * 2


def test_checks_of_values_may_be_left_out_for_compilers(tmp_path: Path) -> None:
    assert torch.equal(reloaded(ChecksUnlessCompiled(), tmp_path / "a")(X), X * 2)


class OnlyWhenRun(nn.Module):
    """Makes up for a mask that isn't given, but not when compiled (LongT5)."""

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        if mask is None and not torch.compiler.is_compiling():
            mask = torch.ones(x.shape[:2])
        assert mask is not None
        return x * mask.unsqueeze(2)


class Casting(nn.Module):
    """Makes sure of the dtype of a layer at each call (routers of experts)."""

    def __init__(self) -> None:
        super().__init__()
        self.router = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.router = self.router.to(x.dtype)
        return self.router(x)


def test_a_layer_that_is_of_its_dtype_may_be_cast_to_it(tmp_path: Path) -> None:
    model = Casting()
    assert torch.equal(reloaded(model, tmp_path / "a")(X), model(X))


def test_what_fails_when_compiled_is_followed_as_it_is_run(tmp_path: Path) -> None:
    assert torch.equal(reloaded(OnlyWhenRun(), tmp_path / "a")(X), X)


class Drawn(nn.Module):
    """The distribution checks that the scale is above 0, which is a branch on values."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        normal = torch.distributions.Normal(x, x.exp())
        return normal.rsample() + normal.log_prob(x)


def test_checks_of_a_distribution_are_left_out(tmp_path: Path) -> None:
    drawn = []
    for model in (Drawn(), reloaded(Drawn(), tmp_path / "a")):
        torch.manual_seed(0)
        drawn.append(model(X))
    assert torch.equal(*drawn)


class Keeping(nn.Module):
    """A table that is kept for the next call of its length, as of rotary positions."""

    def __init__(self) -> None:
        super().__init__()
        self.length: int | None = None
        self.table: torch.Tensor | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.length != x.shape[1] or self.table is None:
            self.length = x.shape[1]
            self.table = torch.arange(x.shape[1])[:, None] * 2.0
        return x * self.table


def test_what_is_kept_for_the_next_call_decides_nothing(tmp_path: Path) -> None:
    model = Keeping()
    longer = torch.randn(3, 9, 4)
    assert torch.equal(reloaded(model, tmp_path / "a")(longer), Keeping()(longer))
    assert model.length is None
    assert model.table is None


class Counting(nn.Module):
    """Each call gives something else, in both modes or in train mode only."""

    def __init__(self, *, only_training: bool) -> None:
        super().__init__()
        self.only_training = only_training
        self.calls = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training or not self.only_training:
            self.calls += 1
        return x * (self.calls + 1)


def test_a_network_that_counts_its_calls_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="MP607 0: its forward keeps calls for the next call"):
        modelpack.save(nn.Sequential(Counting(only_training=False)), tmp_path / "a", (X,))


def test_one_that_counts_in_train_mode_is_for_evaluation(tmp_path: Path) -> None:
    with pytest.warns(
        CaptureWarning, match="evaluation only.*MP607 0: its forward keeps calls for the next call"
    ):
        modelpack.save(nn.Sequential(Counting(only_training=True)), tmp_path / "a", (X,))
    with modelpack.open(tmp_path / "a") as opened:
        assert opened.architecture.modes == ("eval",)


class OfSizes(nn.Module):
    """A function of x, of which the length shall stay free."""

    def __init__(self, function: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.function(x)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x[:, : int(x.shape[1] / 2)],
        lambda x: x[:, : int(math.ceil(x.shape[1] / 4) * 2)],
        lambda x: x[:, : int(x.shape[1])] if isinstance(int(x.shape[1]), int) else x,
        lambda x: x[:, : len(x.mT[0].mT)],
        lambda x: x / float(x.shape[1]),
        lambda x: x * (0.5 / float(x.shape[1]) - 1 / 3),
        lambda x: torch.arange(x.shape[1])[:, None] / float(x.shape[1]) * x,
        lambda x: x / torch.tensor(x.shape[1]),
        lambda x: x * torch.as_tensor([x.shape[1], 2]).sum(),
        lambda x: x.abs().pow_(x.abs()).floor_divide_(x.abs() + 1),
        lambda x: x.clone().fill_(x.sum()),
        lambda x: torch.einsum("bld,bmd->blm", x.long(), x.long()),
        lambda x: x * torch.arange(0.5, x.shape[1])[:, None],
        lambda x: torch.arange(-1.25, x.shape[1], 2),
        lambda x: torch.arange(x.shape[1], -x.shape[1], -1.0),
        lambda x: x[:, : math.ceil(x.shape[1] * 0.75)],
        lambda x: x.clamp(x.mean(), x.mean(1, keepdim=True)),
        lambda x: nn.functional.conv1d(x.reshape(1, -1, 4), x[:, :, :3], groups=x.shape[0]),
        lambda x: x.repeat_interleave(2, dim=2, output_size=8),
    ],
    ids=[
        "int-of-a-half",
        "int-of-a-ceiling",
        "int-of-a-size",
        "len-of-a-tensor",
        "float-of-a-size",
        "arithmetic-of-floats",
        "integers-by-a-float",
        "tensor-of-a-size",
        "as-tensor",
        "powers-in-place",
        "fill",
        "integer-einsum",
        "middles-of-pixels",
        "steps-from-a-fraction",
        "a-step-that-is-a-float",
        "ceiling-of-a-product",
        "bounds-that-are-tensors",
        "a-kernel-for-each-of-a-batch",
        "repeat-interleave",
    ],
)
def test_sizes_stay_free(function: Callable[[torch.Tensor], torch.Tensor], tmp_path: Path) -> None:
    longer = torch.randn(3, 9, 4)
    assert torch.equal(reloaded(OfSizes(function), tmp_path / "a")(longer), function(longer))


class Same(nn.Conv2d):
    """Pads as TensorFlow does: the output is half the input, rounded up, which is said in very many terms."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        sides: list[int] = []
        for size in (input.shape[3], input.shape[2]):
            missing = max((math.ceil(size / 2) - 1) * 2 + 3 - size, 0)
            sides += [missing // 2, missing - missing // 2]
        return nn.functional.conv2d(nn.functional.pad(input, sides), self.weight, self.bias, 2)


def test_sizes_of_many_terms_are_said_in_few_and_blocks_that_halve_are_one(tmp_path: Path) -> None:
    model = nn.Sequential(*(Same(3, 3, 3) for _ in range(4)))
    modelpack.save(model, tmp_path / "a", (torch.randn(2, 3, 32, 40),))
    loaded = modelpack.load(tmp_path / "a")
    for height, width in ((33, 35), (7, 64)):
        x = torch.randn(1, 3, height, width)
        assert torch.equal(loaded(x), model(x))
    with modelpack.open(tmp_path / "a") as opened:
        assert list(opened.architecture.blocks) == ["Same"]


class Cut(nn.Module):
    """At most so much of an image of another memory order, which may be all of it (CPUBone)."""

    def __init__(self) -> None:
        super().__init__()
        self.shift = nn.Parameter(torch.randn(4, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x.permute(0, 3, 1, 2) + self.shift)[..., :40, :40].sin()


def test_the_gradient_through_a_slice_of_everything_has_the_same_bits(tmp_path: Path) -> None:
    model, x = Cut(), torch.randn(6, 33, 35, 4)
    modelpack.save(model, tmp_path / "a", (x,))
    loaded = modelpack.load(tmp_path / "a")
    for network in (model, loaded):
        network(x).square().sum().backward()
    assert torch.equal(loaded.shift.grad, model.shift.grad)


class Bounded(nn.Module):
    """Keeps its input between buffers, as a quantised layer does (Gemma's vision tower)."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("least", torch.tensor(0.0))
        self.shift = nn.Parameter(torch.zeros(4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x + self.shift).clamp_min(self.least)


def test_a_bound_that_is_a_tensor_takes_no_share_of_the_gradient(tmp_path: Path) -> None:
    """`maximum` gives half to each of two that are equal; where the bound is reached, clamp gives all to its input."""
    model, x = Bounded(), torch.zeros(2, 5, 4)
    modelpack.save(model, tmp_path / "a", (X,))
    loaded = modelpack.load(tmp_path / "a")
    for network in (model, loaded):
        network(x).sum().backward()
    assert torch.equal(loaded.shift.grad, model.shift.grad)


class AnyInputs(nn.Module):
    """A wrapper that passes on what it's given, as torch's AveragedModel does."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.module(*args, **kwargs)


class Added(nn.Module):
    def forward(self, x: torch.Tensor, mask: torch.Tensor | None, y: torch.Tensor) -> torch.Tensor:
        return x + 2 * y if mask is None else x * mask


def test_inputs_that_a_wrapper_does_not_name(tmp_path: Path) -> None:
    modelpack.save(AnyInputs(nn.Bilinear(4, 4, 3)), tmp_path / "a", (X, X))
    loaded = modelpack.load(tmp_path / "a")
    assert torch.equal(loaded(X, 2 * X), loaded(args_0=X, args_1=2 * X))


@pytest.mark.parametrize("args", [(X, None, 2 * X), (X,)])
def test_an_input_that_is_none_is_left_out(args: tuple[Any, ...], tmp_path: Path) -> None:
    kwargs = {} if len(args) > 1 else {"mask": None, "y": 2 * X}
    modelpack.save(Added(), tmp_path / "a", args, kwargs)
    assert torch.equal(modelpack.load(tmp_path / "a")(x=X, y=2 * X), 5 * X)


class ByData(nn.Module):
    """`data`, as older code detaches, and a number that isn't one."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.fc(x)
        return torch.where(y.data > 9, float("nan"), y * y.data)


def test_data_is_what_is_detached(tmp_path: Path) -> None:
    found: list[Any] = []
    model = ByData()
    for each in (model, reloaded(model, tmp_path / "a").train()):
        each(X).sum().backward()
        found += [parameter.grad for name, parameter in each.named_parameters() if name == "fc.weight"]
    assert torch.equal(*found)


def test_gradients_may_be_sparse(tmp_path: Path) -> None:
    model, ids = nn.Sequential(nn.Embedding(9, 4, sparse=True)), torch.tensor([[1, 2]])
    modelpack.save(model, tmp_path / "a", (ids,))
    loaded = modelpack.load(tmp_path / "a").train()
    loaded(ids).sum().backward()
    (weight,) = loaded.parameters()
    assert weight.grad is not None
    assert weight.grad.is_sparse


class Causal(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stack = nn.Transformer(4, 2, 1, 1, 8, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.stack(x, x, tgt_mask=nn.Transformer.generate_square_subsequent_mask(x.shape[1]))


@pytest.mark.filterwarnings("error::modelpack.errors.CaptureWarning")
def test_a_causal_mask_need_not_be_looked_at(tmp_path: Path) -> None:
    model, longer = Causal().eval(), torch.randn(3, 9, 4)
    assert torch.equal(reloaded(model, tmp_path / "a")(longer), model(longer))


def test_only_the_size_that_cant_be_said_is_fixed(tmp_path: Path) -> None:
    model = OfSizes(lambda x: x.abs() ** (1 / x.shape[2]))
    with pytest.warns(CaptureWarning, match="captured with x_2 fixed: MP613 pow"):
        modelpack.save(model, tmp_path / "a", (X,))
    longer = torch.randn(3, 9, 4)
    assert torch.equal(modelpack.load(tmp_path / "a")(longer), model(longer))


def test_what_is_copied_into_lies_as_it_did(tmp_path: Path) -> None:
    model = OfSizes(lambda x: torch.zeros(x.shape[0], 4, x.shape[1]).copy_(x.mT))
    assert reloaded(model, tmp_path / "a")(X).stride() == model(X).stride()


def test_a_fraction_that_becomes_a_setting_is_not_kept_for_other_sizes(tmp_path: Path) -> None:
    model = OfSizes(lambda x: x * torch.ones_like(x).bernoulli_(1 / float(x.shape[1])))
    with pytest.warns(CaptureWarning, match=r"fixed: MP618 .*\(test_library_habits.py:\d+\)"):
        modelpack.save(model, tmp_path / "a", (X,))
