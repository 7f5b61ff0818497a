"""`diff`: the text that reviewers read, the verdict on weights, and what must hold of any two networks."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import modelpack
from modelpack.architecture import Apply, Architecture, Node, Structure
from modelpack.canonical import canonical
from modelpack.checker import check, check_text
from modelpack.difference import Difference, Setting, Side, compare
from modelpack.difference.alignment import Entry, Work, align
from modelpack.difference.contents import exact
from modelpack.difference.norms import norms
from modelpack.difference.renames import runs
from modelpack.dtypes import DType
from modelpack.layers import BUILTIN
from modelpack.match import stored_names
from modelpack.pack import LazyTensor, TensorData, open_weights, write_pack
from modelpack.renames import Renames
from modelpack.template import first_values
from tests.cases.cases import DIFF, difference
from tests.commands import app
from tests.core.packs import tensor
from tests.strategies import networks

RUN = CliRunner()
LONG_CHAINS = tuple(
    BUILTIN[name]
    for name in ("Dropout", "LeakyReLU", "ELU", "ReLU", "Identity", "LayerNorm", "PReLU", "Linear")
)
"""Types that take almost anything, so that random networks have runs of what is nearly alike."""


def diff(before: str, after: str) -> Difference:
    """Of two texts."""
    return compare(Side("before", check_text(before)), Side("after", check_text(after)))


def diff_of(before: Architecture, after: Architecture) -> Difference:
    return compare(Side("before", check(before)), Side("after", check(after)))


def kinds(found: Difference) -> list[str]:
    return [change.kind for change in found.layers]


# ------------------------------------------------------------------------------------------------ the text


@pytest.mark.parametrize("case", sorted(DIFF.iterdir()), ids=lambda case: case.name)
def test_what_a_reviewer_reads(case):
    assert difference(case) == (case / "difference.txt").read_text(encoding="utf-8")


def test_how_a_network_is_written_is_no_difference():
    case = DIFF / "written-otherwise"
    before, after = ((case / f"{name}.yaml").read_text() for name in ("before", "after"))
    assert before != after
    assert not diff(before, after).differs


def test_what_steers_a_terminal_is_escaped():
    network = check_text(MLP)
    text = compare(Side("\x1b[2Jbefore", network), Side("after", network)).text()
    assert text.startswith("\\x1b[2Jbefore -> after\n")


def test_a_call_is_of_the_same_layer_under_its_new_name():
    renamed = re.sub(r"\bnorm\b", "final", LANGUAGE)
    assert [change.what for change in diff(LANGUAGE, renamed).layers] == ["norm is now final"]
    called = LANGUAGE.replace(
        "  again: {call: norm}", "  other: {LayerNorm: {normalized_shape: 16}}\n  again: {call: other}"
    )
    before = called.replace("call: other", "call: norm")
    (change,) = diff(before, called).layers
    assert change.settings == (Setting("of", "norm", "other"),)


def test_settings_are_equal_if_they_would_be_written_alike():
    assert exact(float("nan")) == exact(float("nan"))
    assert exact(1) != exact(1.0)
    assert exact(1) != exact(True)
    assert exact(0.0) != exact(-0.0)
    assert exact({"a": (1, None)}) == exact({"a": (1, None)})


def _two_linears(first: str, second: str) -> str:
    head = "modelpack: 1\nname: two\ninputs:\n  x: {dtype: float32, shape: [batch, 8]}\nlayers:\n"
    square = "Linear: {in_features: 8, out_features: 8}"
    return f"{head}  {first}: {{{square}}}\n" + (
        f"  {second}: {{{square[:-1]}, bias: false}}}}\n" if second else ""
    )


def test_a_word_is_a_name_and_a_number_a_place():
    """Before what was there, an equal layer is put, and what was there loses its bias."""
    found = diff(_two_linears("key", ""), _two_linears("query", "key"))
    assert [(change.kind, *change.after) for change in found.layers] == [
        ("added", "query"),
        ("changed", "key"),
    ]
    found = diff(_two_linears("fc1", ""), _two_linears("fc2", "fc1"))
    assert [(change.kind, *change.after) for change in found.layers] == [
        ("renamed", "fc2"),
        ("inserted", "fc1"),
    ]


# ------------------------------------------------------------------------------------- the verdict: 30 pairs

_HEAD = "  fc: {Linear: {in_features: %d, out_features: 10}}\n"
MLP = """modelpack: 1
name: mlp
inputs:
  x: {dtype: float32, shape: [batch, 20]}
layers:
  hidden: {Linear: {in_features: 20, out_features: 64}}
  act: {ReLU: {}}
""" + _HEAD % 64  # fmt: skip
DETECTOR = """modelpack: 1
name: detector
inputs:
  x: {dtype: float32, shape: [batch, 3, 32, 32]}
layers:
  features.0: {Conv2d: {in_channels: 3, out_channels: 8, kernel_size: 3}}
  features.1: {BatchNorm2d: {num_features: 8}}
  features.2: {Conv2d: {in_channels: 8, out_channels: 8, kernel_size: 3}}
  pool: {AdaptiveAvgPool2d: {output_size: 1}}
  flatten: {Flatten: {}}
""" + _HEAD % 8  # fmt: skip
RESIDUAL = """modelpack: 1
name: residual
inputs:
  x: {dtype: float32, shape: [batch, 16]}
blocks:
  Block:
    inputs: {x: {}}
    layers:
      norm: {LayerNorm: {normalized_shape: 16}}
      mlp: {Linear: {in_features: 16, out_features: 16}}
      add: {add: {}, inputs: [mlp, x]}
layers:
  layer: {use: Block, repeat: 3}
  last: {use: Block}
""" + _HEAD % 16  # fmt: skip
LANGUAGE = """modelpack: 1
name: language
inputs:
  tokens: {dtype: int64, shape: [batch, 12]}
parameters:
  positions: {shape: [12, 16], init: zeros}
layers:
  embed: {Embedding: {num_embeddings: 50, embedding_dim: 16}}
  sum: {add: {}, inputs: [embed, positions]}
  encoder: {TransformerEncoderLayer: {d_model: 16, nhead: 2, dim_feedforward: 32, batch_first: true}}
  norm: {LayerNorm: {normalized_shape: 16}}
  again: {call: norm}
  head: {Linear: {in_features: 16, out_features: 50, bias: false}}
  back: {Linear: {in_features: 50, out_features: 16}}
""" + _HEAD % 16 + """tied:
  - [embed.weight, head.weight]
"""  # fmt: skip
RECURRENT = """modelpack: 1
name: recurrent
inputs:
  x: {dtype: float32, shape: [batch, length, 8]}
layers:
  lstm: {LSTM: {input_size: 8, hidden_size: 16, batch_first: true}}
  last: {select: {dim: 1, index: -1}, inputs: [lstm.output]}
""" + _HEAD % 16  # fmt: skip
BASES = {"mlp": MLP, "detector": DETECTOR, "residual": RESIDUAL, "language": LANGUAGE, "recurrent": RECURRENT}


def _after_the_head(text: str, line: str) -> str:
    return re.sub(r"(  fc: .*\n)", rf"\1{line}\n", text)


def _all_renamed(text: str) -> str:
    """Every layer of the network under another name."""
    start = text.index("\nlayers:\n")
    for name in re.findall(r"^  ([\w.]+): \{", text[start:], re.MULTILINE):
        text = text[:start] + re.sub(rf"(?<![\w.]){re.escape(name)}(?!\w)", f"my_{name}", text[start:])
    return text


def _twice_as_precise(text: str) -> str:
    return text.replace("name:", "dtype: float64\nname:", 1).replace("float32", "float64")


Mutation = tuple[str, Callable[[str], str], str, Callable[[str], str]]
"""What it is called, what it does, the verdict that it must have, and what it makes of a tensor's name."""


def _same(name: str) -> str:
    return name


MUTATIONS: list[Mutation] = [
    (
        "a layer without weights",
        lambda text: _after_the_head(text, "  extra: {Dropout: {p: 0.5}}"),
        "compatible",
        _same,
    ),
    ("a renamed head", lambda text: text.replace("  fc:", "  classifier:"), "renamed",
     lambda name: re.sub(r"^fc\.", "classifier.", name)),
    ("every layer renamed", _all_renamed, "renamed",
     lambda name: name if name == "positions" else f"my_{name}"),
    ("a wider head", lambda text: text.replace("out_features: 10", "out_features: 11"), "incompatible", _same),
    (
        "a layer with weights",
        lambda text: _after_the_head(text, "  extra: {Linear: {in_features: 10, out_features: 4}}"),
        "incompatible",
        _same,
    ),
    ("another dtype", _twice_as_precise, "incompatible", _same),
]  # fmt: skip


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation[0])
@pytest.mark.parametrize("base", BASES)
def test_the_verdict_on_weights(base, mutation):
    _, change, expected, name_of = mutation
    before, after = BASES[base], change(BASES[base])
    assert before != after
    verdict = diff(before, after).verdict
    assert verdict.kind == expected
    old, new = (stored_names(check_text(text)) for text in (before, after))
    fits = {name for name, entry in old.items() if (kind := new.get(name_of(name))) and _alike(entry, kind)}
    assert verdict.fitting == len(fits)
    assert verdict.wanted == len(new)
    assert bool(verdict.reasons) is (expected == "incompatible")
    rename = Renames(verdict.rename)
    assert {name: rename(name) for name in old} == {
        name: name_of(name) if name in fits else None for name in old
    }


def _alike(one, other):
    return (one.shape, one.dtype) == (other.shape, other.dtype)


@pytest.mark.parametrize("base", BASES)
def test_the_verdict_on_the_way_back(base):
    """Without the layer that was added, its weights have no place."""
    after = _after_the_head(BASES[base], "  extra: {Linear: {in_features: 10, out_features: 4}}")
    verdict = diff(after, BASES[base]).verdict
    assert verdict.kind == "incompatible"
    assert verdict.rename == {"extra": None}
    assert verdict.fitting == verdict.wanted


def test_a_tie_that_is_gone_leaves_a_tensor_without_weights():
    untied = LANGUAGE[: LANGUAGE.index("tied:")]
    verdict = diff(LANGUAGE, untied).verdict
    assert verdict.reasons == (
        "head.weight (float32[50, 16]) is missing from the first, where it is tied to embed.weight",
    )
    assert (verdict.rename, verdict.leave) == ({"head": None}, ("head.weight",))
    assert diff(untied, LANGUAGE).verdict.rename == {"head": None}


# ---------------------------------------------------------------------------------------- any two networks


@given(networks())
def test_nothing_is_different_from_itself(architecture):
    found = diff_of(architecture, architecture)
    assert not found.differs
    assert found.verdict.kind == "compatible"


@given(networks(longest=5), networks(longest=5))
@settings(max_examples=100)
def test_what_is_added_is_removed_on_the_way_back(one, other):
    forth, back = diff_of(one, other), diff_of(other, one)

    def paths(found: Difference, side: str, *wanted: str) -> set[str]:
        return {path for change in found.layers if change.kind in wanted for path in getattr(change, side)}

    assert paths(forth, "after", "added", "inserted") == paths(back, "before", "removed")
    assert paths(forth, "before", "removed") == paths(back, "after", "added", "inserted")
    alone = {each.after for each in forth.tensors if each.kind == "added"}
    assert alone == {each.before for each in back.tensors if each.kind == "removed"}


@given(networks(), st.randoms(use_true_random=False))
def test_a_network_under_other_names_is_the_same(architecture, random):
    """By a map that is just the renaming: all else is equal, so the order of the layers says which is which."""
    names = [node.name for node in architecture.main.nodes]
    new = dict(
        zip(names, random.sample([f"layer_{at}" for at in range(len(names))], len(names)), strict=True)
    )
    found = diff_of(architecture, _renamed(architecture, new))
    assert set(kinds(found)) <= {"renamed"}
    assert [path for change in found.layers for path in change.before] == names
    assert [path for change in found.layers for path in change.after] == [new[name] for name in names]
    stored = stored_names(check(architecture))
    expected = {name: f"{new[name.split('.')[0]]}.{name.partition('.')[2]}" for name in stored}
    assert {name: Renames(found.verdict.rename)(name) for name in stored} == expected
    assert found.verdict.kind == ("renamed" if stored else "compatible")


@given(networks(types=LONG_CHAINS, longest=16), st.integers(0, 16))
def test_numbers_that_shift_are_followed(architecture, at):
    """Somewhere a layer is put in, and all behind it count on."""
    architecture = _explicit(architecture)
    names = [node.name for node in architecture.main.nodes]
    at = min(at, len(names))
    before = _renamed(architecture, {name: f"features.{k}" for k, name in enumerate(names)})
    after = _renamed(architecture, {name: f"features.{k + (k >= at)}" for k, name in enumerate(names)})
    nodes = after.main.nodes
    new = Node(f"features.{at}", Apply(BUILTIN["Tanh"], {}), ("x",))
    after = replace(after, main=replace(after.main, nodes=(*nodes[:at], new, *nodes[at:])))
    found = diff_of(canonical(before), canonical(after))
    assert set(kinds(found)) <= {"inserted", "added", "renamed"}
    stored = stored_names(check(before))
    rename = Renames(found.verdict.rename)
    shifted = re.compile(r"features\.(\d+)")
    assert {name: rename(name) for name in stored} == {
        name: shifted.sub(lambda k: f"features.{int(k[1]) + (int(k[1]) >= at)}", name) for name in stored
    }
    assert found.verdict.kind != "incompatible"


def test_a_long_run_of_what_is_nearly_alike_is_followed():
    """Each layer looks like its neighbour, whose number it takes; but that it would have changed in each is the longer story."""

    def text(*layers: str) -> str:
        head = "modelpack: 1\nname: run\ninputs:\n  x: {dtype: float32, shape: [batch]}\nlayers:\n"
        return head + "".join(f"  layer.{at}: {{{each}}}\n" for at, each in enumerate(layers))

    slopes = [f"LeakyReLU: {{negative_slope: 0.{at}}}" for at in range(1, 60)]
    found = diff(text(*slopes), text("Tanh: {}", *slopes))
    assert [change.kind for change in found.layers] == ["inserted", "renamed"]
    assert "  renamed   layer.0 to layer.58 are now layer.1 to layer.59\n" in found.text()


def _explicit(architecture: Architecture) -> Architecture:
    """Every node with its inputs, so that one can be put before it."""
    main = architecture.main
    before = [*main.inputs, *(node.name for node in main.nodes)]
    nodes = tuple(replace(node, inputs=node.inputs or (before[at],)) for at, node in enumerate(main.nodes))
    return replace(architecture, main=replace(main, nodes=nodes, outputs=main.outputs or before[-1]))


def _renamed(architecture: Architecture, names: dict[str, str]) -> Architecture:
    def put(structure: Structure) -> Structure:
        if isinstance(structure, str):
            head, dot, rest = structure.partition(".")
            return f"{names.get(head, head)}{dot}{rest}"
        if isinstance(structure, tuple):
            return tuple(map(put, structure))
        return structure and {key: put(each) for key, each in structure.items()}

    main = architecture.main
    nodes = tuple(replace(node, name=names[node.name], inputs=put(node.inputs)) for node in main.nodes)
    return replace(architecture, main=replace(main, nodes=nodes, outputs=put(main.outputs)))


# ------------------------------------------------------------------------------------------- large networks


def _nested(depth: int, layer: str) -> str:
    """Ten times ten times … one layer."""
    blocks = [f"  B0:\n    inputs: {{x: {{}}}}\n    layers:\n      a: {{{layer}: {{}}}}"]
    blocks += [
        f"  B{at}:\n    inputs: {{x: {{}}}}\n    layers:\n      b: {{use: B{at - 1}, repeat: 10}}"
        for at in range(1, depth)
    ]
    head = "modelpack: 1\nname: nested\ninputs:\n  x: {dtype: float32, shape: [batch]}\nblocks:\n"
    return head + "\n".join(blocks) + f"\nlayers:\n  top: {{use: B{depth - 1}}}\n"


def test_what_is_in_ten_thousand_places_is_looked_at_once_and_told_once():
    found = diff(_nested(5, "ReLU"), _nested(5, "GELU"))
    (change,) = found.layers
    assert len(change.uses) == 10_000
    assert len(found.text()) < 1_000
    assert "a in B0 (10,000 uses: " in found.text()


def test_many_layers_that_all_differ_are_paired_within_bounds():
    """A million pairs are weighed at most; beyond, names decide, and nothing is lost."""
    lines = "".join(f"  n{at}: {{LeakyReLU: {{negative_slope: {{slope}}}}}}\n" for at in range(1_500))
    head = "modelpack: 1\nname: long\ninputs:\n  x: {dtype: float32, shape: [batch]}\nlayers:\n"
    found = diff(head + lines.replace("{slope}", "0.1"), head + lines.replace("{slope}", "0.2"))
    assert kinds(found) == ["changed"] * 1_500
    assert "… and 1,400 more" in found.text()


def test_the_work_of_all_alignments_is_bounded():
    entries = [Entry(f"a{at}", at, "x", has_tensors=True) for at in range(100)]
    others = [replace(each, name=f"b{at}", content=-at - 1) for at, each in enumerate(entries)]
    assert len(align(entries, others, lambda *_: 1.0, Work()).pairs) == 100
    assert align(entries, others, lambda *_: 1.0, Work(cells=9_999)).pairs == ()
    work = Work(cells=10_000)
    assert align(entries, others, lambda *_: 1.0, work).pairs
    assert align(entries, others, lambda *_: 1.0, work).pairs == (), "the first has taken it all"


def test_what_stands_elsewhere_has_moved_if_it_is_the_same():
    def moved(before: Entry, after: Entry) -> bool:
        kept = Entry("kept", 0, "kept", has_tensors=True)
        found = align([before, kept], [kept, after], lambda *_: 1.0, Work())
        return found.moved == {(0, 1)}

    norm = Entry("norm", 1, "norm", has_tensors=False)
    assert moved(norm, norm)
    assert moved(norm, replace(norm, content=2)), "with another setting"
    assert not moved(norm, replace(norm, kind="linear", content=2)), "it only has the name"
    first = replace(norm, name="features.1")
    assert moved(first, first)
    assert not moved(first, replace(first, content=2)), "a number that another has now"
    assert not moved(first, replace(first, name="other")), "any activation is like any other"
    table = replace(norm, has_tensors=True)
    assert moved(table, replace(table, name="other"))


def test_a_module_is_renamed_if_all_in_it_is():
    def told(pairs: dict[str, str], *alone: str) -> list[str]:
        return [run.text for run in runs([*pairs.items()], [*pairs], [*pairs.values(), *alone])]

    assert told({"a.x": "b.x", "a.y": "b.y"}) == ["a is now b"]
    assert told({"a.x": "b.x", "a.y": "c.y"}) == ["a.x is now b.x", "a.y is now c.y"]
    assert told({"a.x": "b.x"}, "b.y") == ["a.x is now b.x"]
    assert told({"a.x": "b.z"}) == ["a.x is now b.z"]
    assert told({f"f.{at}.x": f"f.{at + 1}.x" for at in (3, 4, 5)}) == ["f.3 to f.5 are now f.4 to f.6"]
    assert told({"f.3": "f.4", "f.5": "f.6"}) == ["f.3 is now f.4", "f.5 is now f.6"]


# ------------------------------------------------------------------------------------------ stored weights


def _pack(path: Path, text: str, seed: int) -> Path:
    write_pack(path, architecture=text.encode(), weights=first_values(check_text(text), seed))
    return path


def test_equal_weights_are_known_by_their_digests(tmp_path, monkeypatch):
    one, other = (_pack(tmp_path / f"{name}.modelpack", DETECTOR, 1) for name in "ab")
    monkeypatch.setattr("modelpack.weights.LazyTensor.chunks", None)  # nothing is read
    found = modelpack.diff(one, other)
    assert {each.kind for each in found.tensors} == {"equal"}
    assert not found.differs


def test_without_a_manifest_bytes_are_compared(tmp_path):
    one, other = (_pack(tmp_path / name, DETECTOR, 1) for name in "ab")
    (other / "manifest.json").unlink()
    assert {each.kind for each in modelpack.diff(one, other).tensors} == {"equal"}


def test_changed_weights_come_with_norms_under_their_new_names(tmp_path):
    one = _pack(tmp_path / "a", MLP, 1)
    other = _pack(tmp_path / "b", MLP.replace("  fc:", "  head:"), 2)
    found = modelpack.diff(one, other)
    assert found.verdict.rename == {"fc": "head"}
    with modelpack.open(one) as first, modelpack.open(other) as second:
        for change in found.tensors:
            before = first[change.before].numpy().astype(np.float64)
            apart = second[change.after].numpy() - before
            assert change.kind == "changed"
            assert change.norms.l2 == pytest.approx(np.linalg.norm(apart))
            assert change.norms.relative == pytest.approx(np.linalg.norm(apart) / np.linalg.norm(before))
            assert change.norms.largest == np.abs(apart).max()
    assert re.search(r"changed   head.bias \(was fc.bias\): differs by [\d.]+ in L2 norm", found.text())


def _moved_up(name: str) -> str:
    """`layer.1` and `layer.2` as they are called once a layer was put before them."""
    return re.sub(r"layer\.([12])\.", lambda found: f"layer.{int(found[1]) + 1}.", name)


def _inside(text: str, inner: str, name: str, block: str) -> str:
    """The layer that the line `inner` is, inside a block of its own."""
    made = f"\n  {block}:\n    inputs: {{x: {{}}}}\n    layers:\n    {inner}\nlayers:"
    return text.replace(inner, f"  {name}: {{use: {block}}}").replace("\nlayers:", made)


NESTED = _inside(RESIDUAL, "  layer: {use: Block, repeat: 3}", "encoder", "Encoder")
DEEPER = _inside(NESTED, "  encoder: {use: Encoder}", "model", "Model")


@pytest.mark.parametrize(("text", "path"), [(RESIDUAL, ""), (NESTED, "encoder."), (DEEPER, "model.encoder.")])
def test_of_layers_that_are_alike_weights_tell_which_is_new(tmp_path, text, path):
    """A block was put in the middle; without weights it would be taken for one at the end."""
    longer = text.replace("repeat: 3", "repeat: 4")
    assert diff(text, longer).verdict.rename == {}
    one = _pack(tmp_path / "a", text, 1)
    kept = {_moved_up(each.name): each for each in first_values(check_text(text), 1)}
    new = first_values(check_text(longer), 2)
    weights = [replace(kept[each.name], name=each.name) if each.name in kept else each for each in new]
    write_pack(tmp_path / "b", architecture=longer.encode(), weights=weights)
    found = modelpack.diff(one, tmp_path / "b")
    layers = [f"{path}layer.{at}" for at in range(4)]
    assert found.verdict.rename == {layers[1]: layers[2], layers[2]: layers[3]}
    assert found.verdict.leave == (layers[1],)
    assert {each.kind for each in found.tensors} == {"equal", "added"}
    assert [(change.kind, *change.after) for change in found.layers] == [
        ("inserted", layers[1]),
        ("renamed", *layers[2:]),
    ]


def test_values_are_left_alone_where_nobody_wants_them(tmp_path, monkeypatch):
    one, other = (_pack(tmp_path / f"{seed}.modelpack", MLP, seed) for seed in (1, 2))
    monkeypatch.setattr("modelpack.weights.LazyTensor.chunks", None)
    found = modelpack.diff(one, other, values=False)
    assert {each.kind for each in found.tensors} == {"alike"}
    assert not found.differs


@pytest.fixture
def stored(tmp_path):
    """Two tensors in files of their own."""
    with ExitStack() as stack:

        def make(*tensors: TensorData) -> list[LazyTensor]:
            paths = [tmp_path / str(at) for at in range(len(tensors))]
            for path, each in zip(paths, tensors, strict=True):
                write_pack(path, architecture=MLP.encode(), weights=[each])
            opened = [stack.enter_context(open_weights(path / "weights.safetensors")) for path in paths]
            return [weights["t"] for weights in opened]

        yield make


@pytest.mark.parametrize("dtype", [dtype for dtype in DType if dtype.bits >= 8], ids=str)
def test_norms_of_every_dtype(stored, dtype):
    if dtype is DType.BFLOAT16 or "float8" in dtype.value:
        pytest.importorskip("ml_dtypes")
    one, other = stored(*(tensor("t", dtype, (40, 3), seed) for seed in (1, 2)))
    wide = np.complex128 if dtype is DType.COMPLEX64 else np.float64
    with np.errstate(all="ignore"):
        before = one.numpy().astype(wide)
        apart = np.abs(other.numpy().astype(wide) - before)
        expected = np.sqrt(np.sum(apart**2)), np.max(apart)
    found = norms(one, other)
    assert (found.l2, found.largest) == pytest.approx(expected, nan_ok=True)


def test_of_elements_below_a_byte_only_the_difference_is_told(stored):
    one, other = stored(*(tensor("t", DType.FLOAT4_E2M1FN, (16,), seed) for seed in (1, 2)))
    assert norms(one, other) is None


def test_norms_of_what_is_larger_than_a_piece(stored, monkeypatch):
    monkeypatch.setattr("modelpack.window.CHUNK", 64)
    one, other = stored(*(tensor("t", DType.INT16, (1000,), seed) for seed in (1, 2)))
    apart = np.abs(other.numpy().astype(np.float64) - one.numpy())
    assert norms(one, other).largest == apart.max()
    assert norms(one, other).l2 == pytest.approx(np.linalg.norm(apart))


def test_a_norm_of_zero_has_nothing_to_be_relative_to(stored):
    values = (np.full(3, value, "float32").tobytes() for value in (0, 1))
    first, second = stored(*(TensorData("t", DType.FLOAT32, (3,), each) for each in values))
    assert norms(first, second).relative == float("inf")


# -------------------------------------------------------------------------------------------- command line


@pytest.fixture
def files(tmp_path):
    for name, text in (("a", MLP), ("b", MLP.replace("  fc:", "  '0':"))):
        (tmp_path / f"{name}.yaml").write_text(text)
    return tmp_path / "a.yaml", tmp_path / "b.yaml"


def run(*arguments):
    return RUN.invoke(app, ["diff", *map(str, arguments)])


def test_the_command_prints_the_text(files):
    result = run(*files)
    assert result.exit_code == 0
    assert result.stdout == modelpack.diff(*files).text()


def test_the_exit_code(files, tmp_path):
    one, other = files
    assert run(one, other, "--exit-code").exit_code == 1
    assert run(one, one, "--exit-code").exit_code == 0
    assert run(one, tmp_path / "none.yaml").exit_code == 2
    assert run(one).exit_code == 2
    other.write_text("modelpack: 1")
    assert run(one, other, "--exit-code").exit_code == 2


def test_the_command_as_json(files):
    found = json.loads(run(*files, "--json").stdout)
    assert found["differs"] is True
    assert found["verdict"] == {
        "kind": "renamed",
        "rename": {"fc": "0"},
        "leave": [],
        "fitting": 4,
        "wanted": 4,
        "reasons": [],
    }
    assert [change["kind"] for change in found["layers"]] == ["renamed"]
    assert found["tensors"][-1] == {
        "kind": "alike",
        "before": "fc.bias",
        "after": "0.bias",
        "shapes": [[10], [10]],
        "dtypes": ["float32", "float32"],
        "norms": None,
    }


@pytest.mark.parametrize(("suffix", "read"), [(".yaml", yaml.safe_load), (".json", json.loads)])
def test_the_rename_map_as_a_file(files, tmp_path, suffix, read):
    target = tmp_path / f"map{suffix}"
    assert run(*files, "--rename-map", target).exit_code == 0
    assert read(target.read_text()) == {"fc": "0"}


def test_a_rename_map_that_cannot_be_written(files, tmp_path):
    result = run(*files, "--rename-map", tmp_path / "none" / "map.yaml")
    assert result.exit_code == 2
    assert "No such file or directory" in result.stderr


def test_values_may_be_left_unread(tmp_path):
    one, other = (_pack(tmp_path / f"{seed}.modelpack", MLP, seed) for seed in (1, 2))
    assert run(one, other, "--exit-code", "--no-weights").exit_code == 0
    assert run(one, other, "--exit-code").exit_code == 1
