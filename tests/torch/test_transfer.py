"""Transfer: every tensor of both sides has a fate that was asked for, or nothing happens and the error tells all."""

from __future__ import annotations

import copy
import os
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import nn

import modelpack
from modelpack import transfer
from modelpack.errors import BuildError, PackError
from tests.torch.networks import MLP, RESIDUAL, built, packed


def conv(before: int, after: int) -> nn.Module:
    """YOLO's smallest module: a convolution and its norm."""
    return nn.Sequential(
        OrderedDict(conv=nn.Conv2d(before, after, 3, bias=False), bn=nn.BatchNorm2d(after), act=nn.SiLU())
    )


def yolo(*widths: int) -> nn.Module:
    """Modules in a list, addressed by their number, as in YOLO's configurations."""
    pairs = zip((3, *widths), widths, strict=False)
    return nn.Sequential(OrderedDict(model=nn.Sequential(*(conv(before, after) for before, after in pairs))))


def randomised(module: nn.Module, seed: int = 0) -> nn.Module:
    """With values of which no two are equal."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for tensor in module.state_dict().values():
            tensor.copy_(torch.rand(tensor.shape, generator=generator) * 1000)
    return module


def state(module: nn.Module) -> dict[str, torch.Tensor]:
    """All tensors, copied."""
    named = [*module.named_parameters(remove_duplicate=False), *module.named_buffers(remove_duplicate=False)]
    return {name: tensor.detach().clone() for name, tensor in named}


def same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def refused(source: object, target: nn.Module, **asked: object) -> list[str]:
    """The lines of the error; the target is as it was."""
    before = state(target)
    with pytest.raises(BuildError) as caught:
        transfer(source, target, **asked)
    assert same(state(target), before)
    return str(caught.value).splitlines()


# ---------------------------------------------------------------------------------------------- what it does


@pytest.mark.parametrize("form", ["module", "mapping", "path", "directory", "open", "lazy", "safetensors"])
def test_every_kind_of_source_gives_the_same(tmp_path: Path, form: str) -> None:
    original, target = built(RESIDUAL), randomised(built(RESIDUAL))
    path = packed(original, RESIDUAL, tmp_path / ("net" if form == "directory" else "net.modelpack"))
    save_file(original.state_dict(), tmp_path / "net.safetensors")
    with modelpack.open(path) as pack:
        sources = {
            "module": original,
            "mapping": original.state_dict(),
            "path": str(path),
            "directory": path,
            "open": pack,
            "lazy": pack.tensors,
            "safetensors": tmp_path / "net.safetensors",
        }
        report = transfer(sources[form], target)
    assert same(state(target), state(original))
    assert dict(report.filled) == {name: name for name in original.state_dict()}
    assert (report.left, report.ignored) == ((), ())


def test_a_trunk_for_another_head() -> None:
    source = nn.Sequential(OrderedDict(backbone=yolo(4, 8), fc=nn.Linear(8, 10)))
    target = nn.Sequential(OrderedDict(features=yolo(4, 8), head=nn.Linear(8, 3)))
    before, theirs = state(target), state(randomised(source))
    report = transfer(source, target, map={"backbone.": "features.", "fc": None}, leave=["head"])
    assert str(report) == (
        "transferred 12 of 14; left 2 (head.weight, head.bias); used 12 of 14; ignored 2 (fc.weight, fc.bias)"
    )
    for name, tensor in state(target).items():
        assert torch.equal(
            tensor, before[name] if "head" in name else theirs[name.replace("features", "backbone")]
        )
    rows = [" ".join(line.split()) for line in report.text().splitlines()]
    assert len(rows) == 17
    assert rows[0] == "features.model.0.conv.weight <- backbone.model.0.conv.weight"
    assert rows[-5:-1] == [
        "head.weight left as it was",
        "head.bias left as it was",
        "- fc.weight: ignored",
        "- fc.bias: ignored",
    ]
    assert rows[-1] == str(report)


def test_the_longest_name_decides_and_a_name_ends_at_a_dot() -> None:
    source = {name: torch.rand(2) for name in ("a.x", "a.b.x", "a.b.y", "ab.x", "plain")}
    target = nn.Module()
    places = {"c.x": "a.x", "d.x": "a.b.x", "c.y": "a.b.y", "ab.x": "ab.x", "e": "plain"}
    for name, key in places.items():
        module, _, leaf = name.rpartition(".")
        if module and module not in dict(target.named_children()):
            target.add_module(module, nn.Module())
        (target.get_submodule(module)).register_buffer(leaf, torch.zeros_like(source[key]))
    report = transfer(source, target, map={"a": "c", "a.b": "d", "a.b.y": "c.y", "plain": "e"})
    assert dict(report.filled) == places
    assert all(torch.equal(target.get_buffer(name), source[key]) for name, key in places.items())


def test_the_whole_goes_below_a_module_or_out_of_one() -> None:
    small, large = randomised(yolo(4)), nn.Sequential(OrderedDict(trunk=yolo(4)))
    transfer(small, large, map={"": "trunk"})
    assert same(state(large.trunk), state(small))
    back = yolo(4)
    transfer(large, back, map={"trunk": ""})
    assert same(state(back), state(small))


def test_one_layer_out_of_many() -> None:
    source, target = randomised(yolo(4, 8, 16)), randomised(yolo(4, 8), seed=1)
    before = state(target)
    report = transfer(source, target, map={"": None, "model.1": "model.1"}, leave=["model.0"])
    assert len(report.filled) == 6
    assert len(report.ignored) == 12
    after = state(target)
    for name in after:
        assert torch.equal(after[name], (before if name.startswith("model.0") else state(source))[name])


def test_parameters_stay_the_same_objects_so_that_optimizers_go_on() -> None:
    source, target = randomised(yolo(4)), yolo(4)
    target.get_parameter("model.0.conv.weight").requires_grad_(False)
    optimizer = torch.optim.SGD([each for each in target.parameters() if each.requires_grad], lr=0.1)
    before = {name: (id(each), each.requires_grad, each.device) for name, each in target.named_parameters()}
    transfer(source, target)
    assert before == {
        name: (id(each), each.requires_grad, each.device) for name, each in target.named_parameters()
    }
    target(torch.rand(2, 3, 5, 5)).sum().backward()
    optimizer.step()
    assert torch.equal(
        target.get_parameter("model.0.conv.weight"), source.get_parameter("model.0.conv.weight")
    )
    assert not torch.equal(target.get_parameter("model.0.bn.bias"), source.get_parameter("model.0.bn.bias"))


def test_only_what_is_used_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And of that every byte once, each tensor for itself."""
    path = packed(randomised(built(MLP)), MLP, tmp_path / "net.modelpack")
    target = nn.Sequential(OrderedDict(hidden=nn.Linear(3, 4)))
    with modelpack.open(path) as pack:
        pack.network  # noqa: B018 the text is read before we count
        read: list[int] = []
        preadv = os.preadv
        monkeypatch.setattr(os, "preadv", lambda *args: read.append(preadv(*args)) or read[-1])
        transfer(pack, target, map={"output": None})
    assert sorted(read) == [4 * 4, 4 * 3 * 4]


# ---------------------------------------------------------------------------------------------- nothing is lost in silence


def test_an_inserted_layer_is_told_and_guessed_and_then_exact() -> None:
    """Where YOLO says "Transferred 12/24 items" and trains on."""
    source, target = randomised(yolo(4, 8, 16)), randomised(yolo(4, 4, 8, 16), seed=1)
    lines = refused(source, target)
    assert lines[:2] == [
        "MP735 model.1.conv.weight: the target has float32[4, 4, 3, 3], the source's 'model.1.conv.weight' "
        "is float32[8, 4, 3, 3]",
        "    hint: is this what you mean? map={'model.1': 'model.2', 'model.2': 'model.3'}, leave=['model.1'] "
        "fills 18 of 24",
    ]
    assert sum("MP735" in each for each in lines) == 10
    assert lines[-6].startswith(
        "MP734 model.3.conv.weight: nothing in the source goes to this float32[16, 8, 3, 3]"
    )
    before = state(target)
    report = transfer(source, target, map={"model.1": "model.2", "model.2": "model.3"}, leave=["model.1"])
    theirs, after = state(source), state(target)
    assert len(report.filled) == 18
    assert len(report.left) == 6
    for new, old in ((0, 0), (2, 1), (3, 2)):
        for name in (each for each in after if each.startswith(f"model.{new}.")):
            assert torch.equal(after[name], theirs[name.replace(f"model.{new}", f"model.{old}", 1)])
    assert all(torch.equal(after[name], before[name]) for name in after if name.startswith("model.1."))


def test_a_renamed_module_is_guessed() -> None:
    source = nn.Sequential(OrderedDict(backbone=yolo(4, 8), fc=nn.Linear(8, 10)))
    target = nn.Sequential(OrderedDict(features=yolo(4, 8), head=nn.Linear(8, 3)))
    assert refused(source, target)[1] == (
        "    hint: is this what you mean? map={'backbone': 'features', 'fc': None}, leave=['head'] fills 12 of 14"
    )


def test_a_single_rename_is_guessed_where_the_rest_is_said() -> None:
    source = nn.ModuleDict({"a": nn.Linear(2, 3), "old": nn.Linear(3, 5)})
    target = nn.ModuleDict({"b": nn.Linear(2, 3), "new": nn.Linear(3, 5)})
    assert refused(source, target, map={"a": "b"}) == [
        "MP734 new.weight: nothing in the source goes to this float32[5, 3] of the target",
        "    hint: was it renamed? the source has 'old.weight' of the same shape and dtype: map={'old': 'new'}",
        "MP734 new.bias: nothing in the source goes to this float32[5] of the target",
        "    hint: was it renamed? the source has 'old.bias' of the same shape and dtype: map={'old': 'new'}",
        "MP733 old.weight: float32[5, 3] of the source: the target has no such tensor",
        "MP733 old.bias: float32[5] of the source: the target has no such tensor",
    ]


def test_another_shape_or_dtype_is_refused_whatever_is_left() -> None:
    """Keras's `skip_mismatch` would go on here, and so would a half-precision copy."""
    source = nn.ModuleDict({"a": nn.Linear(2, 3), "b": nn.Linear(2, 2).half()})
    target = nn.ModuleDict({"a": nn.Linear(2, 4), "b": nn.Linear(2, 2)})
    lines = refused(source, target, map={"a": "a"})
    assert lines == [
        "MP735 a.weight: the target has float32[4, 2], the source's 'a.weight' is float32[3, 2]",
        "MP735 a.bias: the target has float32[4], the source's 'a.bias' is float32[3]",
        "MP736 b.weight: the target has float32[2, 2], the source's 'b.weight' is float16[2, 2]",
        "    hint: nothing is converted by itself: target.to(torch.float16) first, or convert the source",
        "MP736 b.bias: the target has float32[2], the source's 'b.bias' is float16[2]",
        "    hint: nothing is converted by itself: target.to(torch.float16) first, or convert the source",
    ]


def test_what_is_kept_or_left_out_by_name_must_be_there() -> None:
    source, target = nn.Linear(2, 2), nn.Linear(2, 2)
    asked = {"map": {"head": "fc", "weight.": "weight", "": ""}, "leave": ["tail"]}
    assert refused(source, target, **asked) == [
        "MP738 head: named in `map`, but the source has nothing of this name",
        "MP738 tail: named in `leave`, but the target has nothing of this name",
    ]
    assert refused(source, target, map={"": "x", "weight": "weight", "bias": "bias"}) == [
        "MP738 named in `map`, but longer names in `map` decide on all of it"
    ]


def test_what_is_kept_and_brought_at_once_is_refused() -> None:
    assert refused(nn.Linear(2, 2), nn.Linear(2, 2), leave=["bias"]) == [
        "MP733 bias: float32[2] of the source: `leave` keeps what the target has there"
    ]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"leave": "head"}, "MP738 `leave` is one name, not several\n    hint: leave=['head']"),
        ({"leave": [3]}, "MP738 3 isn't the name of a module or tensor"),
        ({"map": {"a": "b", "a.": "c"}}, "MP738 a: named in `map` twice, with a dot behind it and without"),
        ({"map": {"a": 1}}, "MP738 1 isn't the name of a module or tensor"),
    ],
)
def test_what_is_no_name_is_refused(asked: dict[str, object], message: str) -> None:
    assert "\n".join(refused(nn.Linear(2, 2), nn.Linear(2, 2), **asked)) == message


def test_two_for_one_are_refused() -> None:
    source = {"a.x": torch.zeros(2), "b.x": torch.ones(2)}
    target = nn.Module()
    target.add_module("a", nn.Module())
    target.a.register_buffer("x", torch.full((2,), 5.0))
    assert refused(source, target, map={"b": "a"})[0] == (
        "MP737 a.x: one tensor of the target, for which the source has 'a.x' and 'b.x'"
    )


# ---------------------------------------------------------------------------------------------- ties and fleeting buffers


class Language(nn.Module):
    def __init__(self, tied: bool) -> None:
        super().__init__()
        self.embed = nn.Embedding(7, 3)
        self.head = nn.Linear(3, 7, bias=False)
        if tied:
            self.head.weight = self.embed.weight


def test_ties_of_either_side() -> None:
    tied, apart = randomised(Language(True)), randomised(Language(False), seed=1)
    target = Language(True)
    assert dict(transfer(tied, target).filled) == {
        "embed.weight": "embed.weight",
        "head.weight": "head.weight",
    }
    assert target.head.weight is target.embed.weight
    assert torch.equal(target.embed.weight, tied.embed.weight)
    target = Language(False)
    transfer(tied.state_dict(), target)
    assert torch.equal(target.head.weight, tied.embed.weight)
    assert torch.equal(target.embed.weight, tied.embed.weight)
    assert refused(apart, Language(True))[0] == (
        "MP737 embed.weight: one tensor of the target, for which the source has 'embed.weight' and 'head.weight'"
    )
    target = Language(True)
    report = transfer(apart, target, map={"head": None})
    assert dict(report.filled) == {"embed.weight": "embed.weight", "head.weight": "embed.weight"}
    assert report.ignored == ("head.weight",)


def test_a_pack_stores_a_tie_once(tmp_path: Path) -> None:
    text = """\
modelpack: 1
name: language
inputs: {ids: {dtype: int64, shape: [batch, length]}}
layers:
  embed: {Embedding: {num_embeddings: 7, embedding_dim: 3}}
  head: {Linear: {in_features: 3, out_features: 7, bias: false}}
tied: [[embed.weight, head.weight]]
"""
    original, target = built(text), Language(False)
    transfer(packed(original, text, tmp_path / "net.modelpack"), target)
    assert torch.equal(target.head.weight, original.embed.weight)
    assert torch.equal(target.embed.weight, original.embed.weight)
    assert target.head.weight is not target.embed.weight


def with_table(size: int, name: str = "table") -> nn.Module:
    module = nn.Linear(2, 2)
    module.register_buffer(name, torch.arange(size), persistent=False)
    return module


def test_buffers_that_a_state_dict_lacks_are_filled_where_both_have_them_else_told() -> None:
    source, target = with_table(3), with_table(3)
    source.table += 1
    assert transfer(source, target).filled["table"] == "table"
    assert target.table.tolist() == [1, 2, 3]
    report = transfer(nn.Linear(2, 2), with_table(3))
    assert (report.left, report.ignored) == (("table",), ())
    report = transfer(with_table(3), nn.Linear(2, 2))
    assert (report.left, report.ignored) == ((), ("table",))
    assert refused(with_table(4), with_table(3), map={"weight": "weight"}) == [
        "MP735 table: the target has int64[3], the source's 'table' is int64[4]"
    ]
    assert transfer(with_table(4), with_table(3), map={"table": None}).left == ("table",)


# ---------------------------------------------------------------------------------------------- all or nothing


def test_a_file_that_was_truncated_is_refused_before_anything_is_filled(tmp_path: Path) -> None:
    path = packed(randomised(built(MLP)), MLP, tmp_path / "net")
    target = randomised(built(MLP), seed=1)
    before = state(target)
    with modelpack.open(path) as pack:
        pack.network  # noqa: B018 what is truncated is found by the transfer, not by the check
        weights = path / "weights.safetensors"
        os.truncate(weights, weights.stat().st_size - 1)
        with pytest.raises(PackError, match="MP508"):
            transfer(pack, target)
    assert same(state(target), before)


class Lazy(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.LazyLinear(3)


def test_tensors_that_cannot_be_filled_are_refused_before_anything_is() -> None:
    plain = {"a": torch.rand(2, 3), "b": torch.rand(2, 3)}

    def holder(**buffers: torch.Tensor) -> nn.Module:
        module = nn.Module()
        for name, tensor in buffers.items():
            module.register_buffer(name, tensor)
        return module

    with torch.inference_mode():
        inferred = torch.zeros(2, 3)
    for tensor, why in (
        (torch.zeros(2, 1).expand(2, 3), "is expanded"),
        (inferred, "was made in inference mode"),
        (torch.zeros(2, 3, device="meta"), "has no values, as it's on the meta device"),
        (torch.zeros(2, 3).to_sparse(), "is sparse or quantised"),
    ):
        with pytest.raises(BuildError, match=rf"MP739 b: the target's tensor {why}"):
            transfer(plain, (target := holder(a=torch.zeros(2, 3), b=tensor)))
        assert (target.a == 0).all()
    with pytest.raises(BuildError, match=r"MP739 fc\.weight: the target's tensor has no shape yet"):
        transfer({"fc.weight": torch.zeros(3, 2), "fc.bias": torch.zeros(3)}, Lazy())
    target = holder(a=torch.zeros(2, 3))
    assert refused({"a": [1, 2]}, target)[0] == "MP739 a: the source's tensor is a list, not a tensor"
    assert refused({"a": torch.zeros(2, 3, device="meta")}, target)[0].startswith(
        "MP739 a: the source's tensor has no"
    )
    assert refused(3, target)[0] == "MP739 the source is a int"


def test_tensors_that_would_be_overwritten_before_they_are_read_are_refused() -> None:
    module = nn.ModuleDict({"a": nn.Linear(2, 2), "b": nn.Linear(2, 2)})
    swap = {"a": "b", "b": "a"}
    assert (
        refused(module, module, map=swap)[0]
        == "MP739 a.weight: the source's tensor shares memory that is filled"
    )
    before = state(module)
    transfer(copy.deepcopy(module), module, map=swap)
    assert torch.equal(module["a"].weight, before["b.weight"])
    assert torch.equal(module["b"].weight, before["a.weight"])
    transfer(module, module)


# ---------------------------------------------------------------------------------------------- any names

segments = st.sampled_from(["a", "b", "ab", "0", "1", "weight"])
paths = st.lists(segments, min_size=1, max_size=3).map(".".join)
shapes = st.sampled_from([(2,), (3,), (2, 3)])


def holding(tensors: dict[str, torch.Tensor]) -> nn.Module:
    """A module whose buffers have these names; of a name that is another's module, nothing."""
    root = nn.Module()
    for name, tensor in tensors.items():
        *modules, leaf = name.split(".")
        owner = root
        for each in modules:
            if each not in owner._modules:
                owner.add_module(each, nn.Module())
            owner = owner._modules[each]
        owner.register_buffer(leaf, tensor)
    return root


@st.composite
def tables(draw: st.DrawFn) -> dict[str, tuple[int, ...]]:
    table = draw(st.dictionaries(paths, shapes, max_size=6))
    return {
        name: shape
        for name, shape in table.items()
        if not any(other.startswith(f"{name}.") for other in table)
    }


@settings(max_examples=400, deadline=None)
@given(
    tables(),
    tables(),
    st.dictionaries(paths | st.just(""), paths | st.none(), max_size=2),
    st.lists(paths, max_size=2),
)
def test_each_tensor_has_one_fate_or_nothing_happens(
    theirs: dict[str, tuple[int, ...]],
    ours: dict[str, tuple[int, ...]],
    map: dict[str, str | None],
    leave: list[str],
) -> None:
    source = {name: torch.rand(shape) for name, shape in theirs.items()}
    target = holding({name: torch.rand(shape) for name, shape in ours.items()})
    before, given_before = state(target), {name: each.clone() for name, each in source.items()}
    codes: set[str] = set()
    try:
        report = transfer(source, target, map=map, leave=leave)
    except BuildError as error:
        codes = {each.code for each in error.problems}
    assert same(source, given_before)
    if codes:
        assert same(state(target), before)
        assert codes <= {"MP733", "MP734", "MP735", "MP737", "MP738"}
        return
    after = state(target)
    assert sorted([*report.filled, *report.left]) == sorted(after)
    assert sorted([*report.used, *report.ignored]) == sorted(source)
    assert sorted(set(report.filled.values())) == sorted(report.used)
    for name, origin in report.filled.items():
        assert torch.equal(after[name], source[origin])
        assert map or name == origin
    for name in report.left:
        assert torch.equal(after[name], before[name])
        assert any(name == each or name.startswith(f"{each}.") for each in leave)
    assert map or not report.ignored


@settings(max_examples=200, deadline=None)
@given(tables(), st.dictionaries(segments, segments, max_size=3))
def test_a_map_that_says_all_renames_transfers_all(
    table: dict[str, tuple[int, ...]], renames: dict[str, str]
) -> None:
    """A one-to-one change of the first segments: a bijection, completed by the names that are free."""
    firsts = list(dict.fromkeys(name.split(".")[0] for name in table))
    pairs = {first: f"{renames.get(first, first)}_{at}" for at, first in enumerate(firsts)}
    source = {name: torch.rand(shape) for name, shape in table.items()}
    moved = {".".join([pairs[name.split(".")[0]], *name.split(".")[1:]]): name for name in table}
    target = holding({new: torch.zeros_like(source[name]) for new, name in moved.items()})
    if table:
        refused(source, target)
    assert dict(transfer(source, target, map=pairs).filled) == moved
    assert all(torch.equal(target.get_buffer(new), source[name]) for new, name in moved.items())
