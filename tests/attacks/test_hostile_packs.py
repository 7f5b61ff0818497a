"""Packs and architectures that are made to cost time or memory, or to write on the terminal of whoever looks at them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from modelpack import api
from modelpack.checker import check_text
from modelpack.dtypes import DType
from modelpack.errors import ArchitectureError, PackError, Problem, raise_if_any
from modelpack.limits import Limits
from modelpack.manifest import read_manifest
from modelpack.match import match
from modelpack.reading import Problems
from modelpack.template import first_values
from tests.attacks.harness import attack
from tests.commands import app

RELU = "modelpack: 1\nname: net\ninputs: {x: {dtype: float32, shape: [batch]}}\nlayers: {act: {ReLU: {}}}\n"


# ---------------------------------------------------------------------------------------------- hints


@dataclass(frozen=True)
class Stored:
    dtype: DType
    shape: tuple[int, ...]


def match_renamed(count: int) -> None:
    layers = "".join(f"  layer_with_a_long_name_{at}: {{PReLU: {{}}}}\n" for at in range(count))
    text = RELU.replace("layers: {act: {ReLU: {}}}\n", f"layers:\n{layers}")
    weights = {f"layer_with_a_lang_name_{at}.weight": Stored(DType.FLOAT32, (1,)) for at in range(count)}
    match(check_text(text), weights)


def test_guesses_at_renamed_weights_are_bounded():
    attack(match_renamed, 2500, "MP401", seconds=4.0)


def test_a_few_renamed_weights_are_all_guessed():
    with pytest.raises(PackError) as caught:
        match_renamed(20)
    hints = [problem.hint for problem in caught.value.problems if problem.code == "MP401"]
    assert len(hints) == 20
    assert None not in hints


def suggest_for_long_names(_: None) -> None:
    problems = Problems("net.yaml")
    known = [f"{'ab' * 90}{at}" for at in range(1000)]
    for at in range(20_000):
        problems.suggestion(f"{'ba' * 90}{at}", known)
    problems.add("MP202", "done")
    raise_if_any(problems.found, ArchitectureError)


def test_long_names_cost_what_they_take():
    """Equal numbers of names, but each comparison is of 180 characters with 180."""
    attack(suggest_for_long_names, None, "MP202", seconds=2.0)


def test_a_single_set_of_names_too_large_is_not_compared_at_all():
    problems = Problems("net.yaml")
    assert problems.suggestion("activation" * 5, [f"{'activatio' * 5}{at}" for at in range(10_000)]) is None
    assert problems.suggestion("Rellu", ["ReLU", "Linear"]) == "did you mean 'ReLU'?"


# ---------------------------------------------------------------------------------------------- numbers of problems


def check(text: str) -> None:
    check_text(text, "net.yaml")


def test_the_first_hundred_problems_are_told():
    layers = "".join(f"  a{at}: {{Nothing: {{}}}}\n" for at in range(50_000))
    text = RELU.replace("layers: {act: {ReLU: {}}}\n", f"layers:\n{layers}")
    attack(check, text, "MP201", seconds=8.0, megabytes=300)
    with pytest.raises(ArchitectureError) as caught:
        check(text)
    assert [problem.path for problem in caught.value.problems] == [f"layers.a{at}" for at in range(100)]


def test_a_wrong_layer_after_the_first_hundred_is_still_no_layer():
    """Whether a layer had problems is told by how many there are: the count goes on where the list doesn't."""
    problems = Problems("net.yaml")
    lengths: list[int] = []
    for at in range(300):
        problems.add("MP201", f"unknown {at % 150}")
        lengths.append(len(problems.found))
    assert lengths == list(range(1, 301))
    assert len(set(problems.found)) == 100


# ---------------------------------------------------------------------------------------------- manifests


def manifest(**more: object) -> bytes:
    return json.dumps({"modelpack": 1, "library": "x", "files": {}, **more}).encode()


def read(data: bytes) -> None:
    read_manifest(data, Limits())


@pytest.mark.parametrize("number", [10**400, -(10**400), 2**53 + 1, -(2**53) - 1])
def test_an_integer_that_is_no_float_is_refused(number):
    attack(read, manifest(metrics={"a": number}), "MP562")


@pytest.mark.parametrize("number", [2**53, -(2**53), 0, 0.5])
def test_metrics_that_are_exact_are_read(number):
    assert read_manifest(manifest(metrics={"a": number}), Limits()).metrics == {"a": number}


# ---------------------------------------------------------------------------------------------- terminals


STEERING = "\ud800\u001b]0;pwn\u0007\u202e\nMP000 forged"


@pytest.fixture
def steering(tmp_path):
    """A pack whose manifest names a metric that would set the terminal's title."""
    path = tmp_path / "pack"
    path.mkdir()
    (path / "architecture.yaml").write_text(RELU)
    (path / "manifest.json").write_bytes(manifest(metrics={STEERING: "x"}))
    return path


def test_a_problem_prints_no_controls():
    told = str(Problem("MP562", f"m {STEERING}", path=STEERING, hint=STEERING))
    told.encode()
    lines = told.split("\n")
    assert all(line.isprintable() for line in lines)
    assert told.startswith(r"MP562 \ud800\x1b]0;pwn\x07\u202e\nMP000 forged: m \ud800\x1b]0;pwn")
    assert str(Problem("MP101", "schön … 字", path="é")) == "MP101 é: schön … 字"


@pytest.mark.parametrize("arguments", [("check",), ("check", "--json"), ("show",), ("verify",)])
def test_names_in_a_manifest_do_not_reach_the_terminal_as_they_are(steering, arguments):
    result = CliRunner().invoke(app, [*arguments, str(steering)])
    assert isinstance(result.exception, SystemExit)
    assert result.exit_code == 1
    assert "MP562" in result.output
    assert all(line.isprintable() for line in result.output.splitlines())


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
@pytest.mark.parametrize("arguments", [("check",), ("check", "--json"), ("show",)])
def test_every_terminal_can_show_the_problem(steering, arguments, encoding):
    pack = steering.rename(steering.with_name("päck"))
    result = subprocess.run(
        [sys.executable, "-m", "modelpack", *arguments, str(pack)],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": encoding},
        timeout=60,
    )
    output = (result.stdout + result.stderr).decode(encoding)
    assert result.returncode == 1
    assert "MP562" in output
    assert "Traceback" not in output
    assert all(line.isprintable() for line in output.splitlines())


def test_json_says_the_name_exactly(steering):
    result = CliRunner().invoke(app, ["check", "--json", str(steering)])
    (problem,) = json.loads(result.stdout)[0]["problems"]
    assert STEERING in problem["path"]


# ---------------------------------------------------------------------------------------------- sizes


def check_path(path: Path) -> None:
    api.check(path)


@pytest.mark.parametrize(
    ("name", "code"), [("net.yaml", "MP120"), ("net.modelpack", "MP510"), ("pack/architecture.yaml", "MP505")]
)
def test_a_huge_file_of_holes_is_refused_at_once(tmp_path, name, code):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    with path.open("wb") as file:
        try:
            file.truncate(1 << 40)
        except OSError:
            pytest.skip("this file system has no files of such a size")
    attack(check_path, path.parent if path.parent != tmp_path else path, code)


LARGE = RELU + "parameters: {w: {shape: [68719476736], dtype: float32, init: zeros}}\n"


def make_first_values(text: str) -> None:
    first_values(check_text(text), seed=0)


def test_first_values_of_any_size_are_not_made(tmp_path):
    attack(make_first_values, LARGE, "MP412")
    net, target = tmp_path / "net.yaml", tmp_path / "net.modelpack"
    net.write_text(LARGE)
    result = CliRunner().invoke(app, ["init", str(net), str(target)])
    assert result.exit_code == 1
    assert "MP412 net: the tensors to be made have 274,877,906,944 bytes" in result.stderr
    assert not target.exists()


def test_how_much_is_made_can_be_said(tmp_path):
    net, target = tmp_path / "net.yaml", tmp_path / "net.modelpack"
    net.write_text(LARGE.replace("68719476736", "25"))
    arguments = ["init", str(net), str(target), "--max-bytes"]
    assert CliRunner().invoke(app, [*arguments, "99"]).exit_code == 1
    assert CliRunner().invoke(app, [*arguments, "100"]).exit_code == 0
