"""`lock`, `build`, `extract`, `merge` and `graft`, as their users see them: output, exit status, what is written."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import modelpack
from modelpack.errors import ArchitectureError
from modelpack.reuse.grafting import graft
from modelpack.reuse.licences import together
from tests.commands import app

ROOT = Path(__file__).parents[2]
RUN = CliRunner()

NET = """\
modelpack: 1
name: net
blocks:
  Residual:
    inputs:
      x: {}
    layers:
      norm: {LayerNorm: {normalized_shape: [8]}}
      linear: {Linear: {in_features: 8, out_features: 8}}
      add: {add: {}, inputs: [x, linear]}
inputs:
  x: {dtype: float32, shape: [batch, 20]}
layers:
  stem: {Linear: {in_features: 20, out_features: 8}}
  act: {ReLU: {}}
  body: {use: Residual, repeat: 3}
  head: {Linear: {in_features: 8, out_features: 4}}
tied:
- [body.0.linear.weight, body.2.linear.weight]
"""

NEW = """\
modelpack: 1
name: new
imports:
  net: {pack: net.modelpack}
inputs:
  x: {dtype: float32, shape: [batch, 20]}
layers:
  trunk: {use: net, take: [stem, act], frozen: true}
  block: {use: net, take: body.1, rename: {norm: before}, reset: [linear.bias], init: {linear.bias: zeros}}
  head: {Linear: {in_features: 8, out_features: 3}}
"""

HEAD = """\
modelpack: 1
name: head
inputs:
  features: {dtype: float32, shape: [n, 8]}
layers:
  hidden: {Linear: {in_features: 8, out_features: 16}}
  out: {Linear: {in_features: 16, out_features: 8}}
"""


def run(*arguments):
    return RUN.invoke(app, [str(each) for each in arguments])


def pack(folder, name, text, seed=0):
    source = folder / f"{name}.yaml"
    source.write_text(text)
    path = folder / f"{name}.modelpack"
    assert run("init", source, path, "--seed", seed).exit_code == 0
    source.unlink()
    return path


@pytest.fixture
def net(tmp_path):
    return pack(tmp_path, "net", NET, seed=1)


@pytest.fixture
def head(tmp_path):
    return pack(tmp_path, "head", HEAD, seed=2)


@pytest.fixture
def new(tmp_path, net):
    path = tmp_path / "new.yaml"
    path.write_text(NEW)
    return path


def values(path):
    with modelpack.open(path) as opened:
        return {name: tensor.numpy().copy() for name, tensor in opened.tensors.items()}


def refused(result, code, out, status=1):
    """Refused with `code` and nothing written, not even half of it."""
    assert result.exit_code == status, result.output
    assert code in result.stderr
    assert not out.exists()
    assert [each for each in os.listdir(out.parent) if "out" in each] == []


# ------------------------------------------------------------------------------------------------ lock, build


def test_lock_writes_the_digests_of_imports(new, net):
    result = run("lock", new)
    assert result.exit_code == 0
    assert str(new.with_suffix(".lock")) in result.stdout
    with modelpack.open(net) as opened:
        digest = opened.digest
    locked = json.loads(new.with_suffix(".lock").read_text())
    assert locked["imports"] == {"net": {"pack": "net.modelpack", "digest": digest}}


def test_build_tells_what_became_of_each_tensor(new, tmp_path):
    run("lock", new)
    result = run("build", new, "-o", tmp_path / "out.modelpack", "--seed", 5)
    assert result.exit_code == 0, result.stderr
    told = [line.split() for line in result.stdout.splitlines()]
    assert ["trunk.stem.weight", "reused", "float32[8,", "20]", "frozen", "net:", "stem.weight"] in told
    assert ["block.before.weight", "renamed", "float32[8]", "net:", "body.1.norm.weight"] in told
    assert ["block.linear.bias", "initialised", "float32[8]"] in told
    assert ["head.weight", "initialised", "float32[3,", "8]"] in told
    assert result.stdout.splitlines()[-2] == "8 tensors: 2 reused, 3 renamed, 3 initialised; 2 of them frozen"


def test_build_keeps_imports_in_their_packs(new, net, tmp_path):
    run("lock", new)
    out = tmp_path / "out.modelpack"
    result = run("build", new, "-o", out, "--keep", "net")
    assert result.exit_code == 0, result.stderr
    counts = result.stdout.splitlines()[-2]
    assert counts == "8 tensors: 0 reused, 0 renamed, 3 initialised, 5 imported; 2 of them frozen"
    assert sorted(values(out)) == ["block.linear.bias", "head.bias", "head.weight"]
    with modelpack.open(out) as opened:
        assert len(opened.whole.tensors) == 8
    document = json.loads(run("build", new, "-o", out, "--keep", "net", "--json").stdout)
    assert document["counts"] == {"reused": 0, "renamed": 0, "initialised": 3, "imported": 5, "all": 8}
    other = tmp_path / "other.modelpack"
    assert "MP346 other" in run("build", new, "-o", other, "--keep", "other").stderr
    assert not other.exists()


@pytest.mark.parametrize(
    ("licences", "expected"),
    [
        (["MIT", "MIT"], "MIT"),
        (["MIT", "Apache-2.0"], "MIT AND Apache-2.0"),
        (["MIT OR GPL-2.0", None], "(MIT OR GPL-2.0) AND NOASSERTION"),
        ([None, None], None),
        ([], None),
    ],
)
def test_licences_of_several_packs(licences, expected):
    assert together(licences) == expected


def licensed(path, licence):
    with modelpack.open(path) as opened:
        opened.whole.save(path, licence=licence)
    return path


def licence_of(path):
    with modelpack.open(path) as opened:
        return opened.manifest.licence


def test_what_is_made_of_packs_has_their_licences(new, net, head, tmp_path):
    licensed(net, "MIT")
    licensed(head, "CC-BY-4.0")
    out = tmp_path / "out.modelpack"
    assert run("extract", net, "--to", "act", "-o", out).exit_code == 0
    assert licence_of(out) == "MIT"
    assert run("extract", net, "--at", "body.1", "-o", out).exit_code == 0
    assert licence_of(out) == "MIT"
    trunk = tmp_path / "trunk.modelpack"
    assert run("extract", net, "--to", "body", "-o", trunk).exit_code == 0
    assert run("merge", trunk, head, "--as", "", "--as", "end", "-o", out).exit_code == 0
    assert licence_of(out) == "MIT AND CC-BY-4.0"
    assert run("graft", net, "--at", "body.1", "--with", head, "-o", out).exit_code == 0
    assert licence_of(out) == "MIT AND CC-BY-4.0"
    run("lock", new)
    assert run("build", new, "-o", out).exit_code == 0
    assert licence_of(out) == "MIT"
    # An adapter has nothing of its base; put together they have what both say.
    assert run("build", new, "-o", out, "--keep", "net").exit_code == 0
    assert licence_of(out) is None
    assert run("build", out, "-o", tmp_path / "whole.modelpack").exit_code == 0
    assert licence_of(tmp_path / "whole.modelpack") == "MIT AND NOASSERTION"


def test_build_as_json_adds_up(new, net, tmp_path):
    run("lock", new)
    out = tmp_path / "out.modelpack"
    document = json.loads(run("build", new, "-o", out, "--json").stdout)
    hows = [each["how"] for each in document["tensors"]]
    counts = dict(document["counts"])
    assert counts.pop("all") == len(hows) == sum(counts.values())
    assert counts == {how: hows.count(how) for how in counts}
    got, given = values(out), values(net)
    assert got.keys() == {each["name"] for each in document["tensors"]}
    for each in document["tensors"]:
        assert list(got[each["name"]].shape) == each["shape"]
        if each["tensor"] is None:
            assert each["import"] is each["pack"] is None
        else:
            assert each["import"] == "net"
            np.testing.assert_array_equal(got[each["name"]], given[each["tensor"]])


def test_build_gives_equal_bytes_for_equal_seeds(new, tmp_path):
    run("lock", new)
    outs = [tmp_path / f"out{at}.modelpack" for at in range(3)]
    for out, seed in zip(outs, (3, 3, 4), strict=True):
        assert run("build", new, "-o", out, "--seed", seed).exit_code == 0
    one, same, other = (out.read_bytes() for out in outs)
    assert one == same
    assert one != other


def test_build_wants_a_lock_and_the_packs_that_it_names(new, net, tmp_path):
    out = tmp_path / "out.modelpack"
    refused(run("build", new, "-o", out), "MP591", out)
    assert run("lock", new).exit_code == 0
    pack(tmp_path, "net", NET, seed=9)
    refused(run("build", new, "-o", out), "MP590", out)
    assert run("lock", new).exit_code == 0
    assert run("build", new, "-o", out).exit_code == 0


def test_what_build_refuses_stays_as_it_was(new, tmp_path):
    run("lock", new)
    out = tmp_path / "out.modelpack"
    assert run("build", new, "-o", out).exit_code == 0
    before = out.read_bytes()
    new.write_text(NEW.replace("in_features: 8", "in_features: 9"))
    result = run("build", new, "-o", out)
    assert result.exit_code == 1
    assert f"{new}:10:" in result.stderr
    assert out.read_bytes() == before


def test_build_keeps_to_max_bytes(new, tmp_path):
    run("lock", new)
    out = tmp_path / "out.modelpack"
    refused(run("build", new, "-o", out, "--max-bytes", 10), "MP412", out)


def test_nothing_to_lock_or_build_exits_with_2(tmp_path, new, net):
    out = tmp_path / "out.modelpack"
    assert run("lock", tmp_path / "none.yaml").exit_code == 2
    assert run("build", tmp_path / "none.yaml", "-o", out).exit_code == 2
    net.unlink()
    refused(run("build", new, "-o", out), "MP501", out, status=2)
    assert run("lock", new).exit_code == 2
    assert not new.with_suffix(".lock").exists()


def test_check_and_show_take_what_imports(new):
    assert run("check", new).exit_code == 0
    result = run("show", new)
    assert result.exit_code == 0
    assert "trunk.stem" in result.stdout


# ---------------------------------------------------------------------------------------------------- extract


def test_extract_writes_what_take_saves(net, tmp_path):
    by_command, by_python = tmp_path / "a.modelpack", tmp_path / "b.modelpack"
    result = run("extract", net, "--from", "stem", "--to", "body.1", "-o", by_command)
    assert result.exit_code == 0, result.stderr
    with modelpack.open(net) as opened:
        opened.take("stem", "body.1").save(by_python)
    assert by_command.read_bytes() == by_python.read_bytes()


def test_extract_at_a_path_writes_what_at_saves(net, tmp_path):
    by_command, by_python = tmp_path / "a.modelpack", tmp_path / "b.modelpack"
    assert run("extract", net, "--at", "body.1", "-o", by_command).exit_code == 0
    with modelpack.open(net) as opened:
        opened.at("body.1").save(by_python)
    assert by_command.read_bytes() == by_python.read_bytes()
    assert values(by_command).keys() == {"norm.weight", "norm.bias", "linear.weight", "linear.bias"}


def test_extract_names_outputs(net, tmp_path):
    out = tmp_path / "a.modelpack"
    assert run("extract", net, "--output", "act", "--output", "last=body.2", "-o", out).exit_code == 0
    with modelpack.open(out) as opened:
        assert list(opened.network.outputs) == ["act", "last"]


def test_extract_lets_named_values_in(net, tmp_path):
    out = tmp_path / "out.modelpack"
    refused(run("extract", net, "--from", "body.1.add", "--to", "head", "-o", out), "MP341", out)
    allowed = ["--input", "body.0", "--input", "body.1.linear"]
    result = run("extract", net, "--from", "body.1.add", "--to", "head", *allowed, "-o", out)
    assert result.exit_code == 0, result.stderr


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--from", "stemm"], "MP340"),
        (["--from", "head", "--to", "stem"], "MP340"),
        (["--at", "body.7"], "MP340"),
        (["--to", "act", "--output", "head"], "MP345"),
    ],
)
def test_extract_refuses(net, tmp_path, arguments, code):
    out = tmp_path / "out.modelpack"
    refused(run("extract", net, *arguments, "-o", out), code, out)


@pytest.mark.parametrize(
    "arguments", [[], ["--at", "stem", "--to", "act"], ["--output", "stem", "--output", "stem=act"]]
)
def test_extract_wants_one_way_of_saying_it(net, tmp_path, arguments):
    out = tmp_path / "out.modelpack"
    assert run("extract", net, *arguments, "-o", out).exit_code == 2
    assert not out.exists()


def test_extract_from_nothing_exits_with_2(tmp_path):
    out = tmp_path / "out.modelpack"
    refused(run("extract", tmp_path / "none.modelpack", "--to", "act", "-o", out), "MP501", out, status=2)


# ------------------------------------------------------------------------------------------------------ merge


def test_merge_joins_what_extract_took_apart(net, tmp_path):
    trunk, rest, whole = (tmp_path / f"{name}.modelpack" for name in ("trunk", "rest", "whole"))
    assert run("extract", net, "--to", "act", "-o", trunk).exit_code == 0
    assert run("extract", net, "--from", "body", "-o", rest).exit_code == 0
    assert run("merge", trunk, rest, "-o", whole).exit_code == 0
    with modelpack.open(net) as before, modelpack.open(whole) as after:
        assert after.architecture == before.architecture
    got, given = values(whole), values(net)
    assert got.keys() == given.keys()
    assert all((got[name] == given[name]).all() for name in given)


def test_merge_puts_packs_below_names(net, head, tmp_path):
    out = tmp_path / "out.modelpack"
    trunk = tmp_path / "trunk.modelpack"
    assert run("extract", net, "--to", "act", "-o", trunk).exit_code == 0
    result = run(
        "merge", trunk, head, head, "--as", "", "--as", "one", "--as", "two", "--name", "joined", "-o", out
    )
    assert result.exit_code == 0, result.stderr
    with modelpack.open(out) as opened:
        assert opened.architecture.name == "joined"
        assert opened.manifest.origins["one.hidden.weight"].tensor == "hidden.weight"
    assert {"stem.weight", "one.hidden.weight", "two.hidden.weight"} <= values(out).keys()


def test_merge_refuses_what_does_not_fit(net, head, tmp_path):
    out = tmp_path / "out.modelpack"
    refused(run("merge", head, head, "-o", out), "MP215", out)
    result = run("merge", net, head, "-o", out)  # [batch, 4] into [n, 8]
    refused(result, "'head' after 'net'", out)
    assert "8" in result.stderr
    assert "float32[batch, 4]" in result.stderr
    assert run("merge", net, head, "--as", "one", "-o", out).exit_code == 2


# ------------------------------------------------------------------------------------------------------ graft


def test_graft_replaces_one_block_and_keeps_the_rest(net, head, tmp_path):
    out = tmp_path / "out.modelpack"
    result = run("graft", net, "--at", "body.1", "--with", head, "-o", out)
    assert result.exit_code == 0, result.stderr
    got, given, put = values(out), values(net), values(head)
    kept = {name for name in given if not name.startswith("body.1.")}
    assert got.keys() == kept | {f"body.1.{name}" for name in put}
    assert all((got[name] == given[name]).all() for name in kept)
    assert all((got[f"body.1.{name}"] == put[name]).all() for name in put)


@pytest.mark.parametrize("path", ["stem", "body.1.linear", "body", "head", "body.2"])
def test_graft_at_layers_and_containers(net, tmp_path, path):
    """Whatever is replaced by itself is what it was."""
    part, out = tmp_path / "part.modelpack", tmp_path / "out.modelpack"
    ends = ["--from", path, "--to", path] if path == "body" else ["--at", path]
    assert run("extract", net, *ends, "-o", part).exit_code == 0
    result = run("graft", net, "--at", path, "--with", part, "-o", out)
    assert result.exit_code == 0, result.stderr
    x = np.random.default_rng(0).standard_normal((3, 20), dtype=np.float32)
    torch = pytest.importorskip("torch")
    before, after = (modelpack.load(each)(torch.from_numpy(x)) for each in (net, out))
    assert torch.equal(before, after)


def test_what_is_tied_to_what_goes_keeps_its_values(net, head, tmp_path):
    """`body.0.linear.weight` is the name that the file holds; `body.2` has it from there."""
    out = tmp_path / "out.modelpack"
    assert run("graft", net, "--at", "body.0", "--with", head, "-o", out).exit_code == 0
    np.testing.assert_array_equal(values(out)["body.2.linear.weight"], values(net)["body.0.linear.weight"])


def test_graft_refuses_what_does_not_fit(net, head, tmp_path):
    out = tmp_path / "out.modelpack"
    refused(run("graft", net, "--at", "boddy", "--with", head, "-o", out), "MP340", out)
    result = run("graft", net, "--at", "stem", "--with", head, "-o", out)
    refused(result, "MP309", out)
    assert "must be 8" in result.stderr
    assert "float32[batch, 20]" in result.stderr
    result = run("graft", net, "--at", "body.1.add", "--with", head, "-o", out)
    refused(result, "MP312", out)


def test_graft_refuses_another_dtype(net, tmp_path):
    double = pack(
        tmp_path,
        "double",
        HEAD.replace("float32", "float64").replace("inputs:", "dtype: float64\ninputs:", 1),
    )
    out = tmp_path / "out.modelpack"
    refused(run("graft", net, "--at", "body.1", "--with", double, "-o", out), "MP344", out)


def test_graft_carries_what_the_donor_requires(net, tmp_path):
    picky = pack(tmp_path, "picky", HEAD.replace("inputs:", "requires: ['n % 2 == 0']\ninputs:", 1))
    out = tmp_path / "out.modelpack"
    assert run("graft", net, "--at", "body.1", "--with", picky, "-o", out).exit_code == 0
    with modelpack.open(out) as opened:
        assert list(map(str, opened.architecture.requires)) == ["batch % 2 == 0"]


def test_graft_refuses_to_lose_what_is_used_elsewhere(tmp_path, head):
    text = NET.replace(
        "  head: {Linear: {in_features: 8, out_features: 4}}", "  more: {add: {}, inputs: [body, body.0]}"
    )
    net = pack(tmp_path, "net", text)
    with (
        modelpack.open(net) as whole,
        modelpack.open(head) as donor,
        pytest.raises(ArchitectureError, match="MP341"),
    ):
        graft(whole.whole, "body", donor.whole)


def test_a_directory_is_a_pack_too(net, tmp_path):
    folder = tmp_path / "folder"
    assert run("extract", net, "--to", "act", "-o", folder).exit_code == 0
    assert sorted(os.listdir(folder)) == ["architecture.yaml", "manifest.json", "weights.safetensors"]
