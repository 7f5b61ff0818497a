"""The command line, as its users see it: output, exit status, JSON."""

import json
import os
import pty
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from typer.testing import CliRunner

from modelpack import generate
from tests.commands import app

ROOT = Path(__file__).parents[2]
MLP = ROOT / "examples" / "mlp" / "architecture.yaml"
RUN = CliRunner()

WRONG = MLP.read_text().replace("ReLU", "Rellu").replace("in_features: 256", "in_features: 255")


def run(*arguments):
    return RUN.invoke(app, [str(each) for each in arguments])


@pytest.fixture
def wrong(tmp_path):
    path = tmp_path / "net.yaml"
    path.write_text(WRONG)
    return path


@pytest.fixture
def pack(tmp_path):
    path = tmp_path / "mlp.modelpack"
    assert run("init", MLP, path, "--seed", 7).exit_code == 0
    return path


def damaged(pack):
    """The pack with one bit of its weights changed."""
    data = bytearray(pack.read_bytes())
    data[len(data) // 2] ^= 1
    pack.write_bytes(data)
    return pack


def test_the_list_of_commands_has_a_whole_line_for_each():
    told = RUN.invoke(app, ["--help"], env={"COLUMNS": "80", "TERMINAL_WIDTH": "80"}).stdout
    lines = told.partition("Commands:")[2].strip().splitlines()
    assert len(lines) > 10
    assert [line for line in lines if not line.endswith(".") or line.endswith("...")] == []


def test_check_tells_place_code_message_and_hint(wrong):
    result = run("check", wrong)
    assert result.exit_code == 1
    assert result.stdout == (
        f"{wrong}:7:9: MP201 layers.act: unknown layer type 'Rellu'\n"
        "    7 |   act: {Rellu: {}}\n"
        "      |         ^^^^^\n"
        "    hint: did you mean 'ReLU'?\n"
        "1 error, 0 warnings in 1 file\n"
    )


def test_check_of_several_paths_tells_of_each(wrong):
    result = run("check", MLP, wrong)
    assert result.exit_code == 1
    assert f"{MLP}: sound (3 steps, 7,946 parameters)" in result.stdout
    assert "MP201" in result.stdout


def test_check_as_json(wrong):
    result = run("check", "--json", MLP, wrong)
    assert result.exit_code == 1
    fine, bad = json.loads(result.stdout)
    assert fine == {"path": str(MLP), "sound": True, "problems": []}
    assert bad["sound"] is False
    problem = bad["problems"][0]
    assert problem["code"] == "MP201"
    assert problem["place"] == {"file": str(wrong), "line": 7, "column": 9}


def test_check_of_a_pack(pack):
    assert run("check", pack).exit_code == 0


@pytest.mark.parametrize(
    "arguments", [("check",), ("check", "no-such.yaml"), ("show", "no-such"), ("frobnicate",)]
)
def test_what_cannot_run_exits_with_2(arguments):
    assert run(*arguments).exit_code == 2


def test_show_tells_shapes_and_counts():
    lines = run("show", MLP).stdout.splitlines()
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines if line.startswith("│")]
    assert rows == [
        ["x", "input", "float32[batch, 20]", ""],
        ["hidden", "Linear", "float32[batch, 256]", "5,376"],
        ["act", "ReLU", "float32[batch, 256]", ""],
        ["output", "Linear", "float32[batch, 10]", "2,570"],
    ]
    assert lines[-1] == "7,946 parameters, 7,946 of them trainable; 0 elements in buffers; 31.8 kB"


def test_show_cuts_no_name():
    shown = run("show", ROOT / "examples" / "resnet18" / "architecture.yaml").stdout
    assert "layer2.0.downsample.0" in shown
    assert "float32[batch, 512, (height + 31) // 32, (width + 31) // 32]" in shown


def test_show_as_json_adds_up():
    summary = json.loads(run("show", "--json", ROOT / "examples" / "resnet18" / "architecture.yaml").stdout)
    assert summary["parameters"] == 11_689_512
    assert sum(row["elements"] for row in summary["rows"]) == summary["parameters"] + summary["buffers"]


def test_init_depends_on_the_seed_alone(tmp_path):
    paths = [tmp_path / f"{name}.modelpack" for name in "abc"]
    for path, seed in zip(paths, (1, 1, 2), strict=True):
        run("init", MLP, path, "--seed", seed)
    first, second, third = (path.read_bytes() for path in paths)
    assert first == second
    assert first != third


def test_init_refuses_a_tensor_without_init(tmp_path):
    text = MLP.read_text().replace("layers:", "parameters:\n  scale: {shape: [256]}\nlayers:")
    architecture = tmp_path / "net.yaml"
    architecture.write_text(text)
    result = run("init", architecture, tmp_path / "net.modelpack")
    assert result.exit_code == 1
    assert "MP410 scale: has no init" in result.stderr
    assert not (tmp_path / "net.modelpack").exists()


def test_pack_and_unpack_are_inverse(pack, tmp_path):
    directory, again = tmp_path / "directory", tmp_path / "again.modelpack"
    assert run("unpack", pack, directory).exit_code == 0
    assert sorted(path.name for path in directory.iterdir()) == [
        "architecture.yaml",
        "manifest.json",
        "weights.safetensors",
    ]
    assert run("pack", directory, again).exit_code == 0
    assert again.read_bytes() == pack.read_bytes()


def test_pack_and_unpack_want_fitting_names(pack, tmp_path):
    assert run("pack", tmp_path, tmp_path / "file.zip").exit_code == 2
    assert run("unpack", pack, tmp_path / "directory.modelpack").exit_code == 2


def test_verify_tells_what_it_did(pack):
    result = run("verify", pack)
    assert result.exit_code == 0
    assert "architecture and weights agree (3 steps, 7,946 parameters)" in result.stdout
    assert "digests agree (3 files" in result.stdout
    assert "samples: the pack has none" in result.stdout


def test_verify_names_the_tensor_that_changed(pack):
    result = run("verify", damaged(pack))
    assert result.exit_code == 1
    assert "MP564 weights.safetensors: 'hidden.weight': its digest is" in result.stderr
    assert "digests agree" not in result.stdout


def test_schema_prints_what_is_generated():
    assert run("schema", "manifest").stdout == generate.schema_text("manifest")
    assert run("schema").stdout == generate.schema_text("architecture")


def test_python_m_modelpack():
    done = subprocess.run(
        [sys.executable, "-m", "modelpack", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == "0.1.0\n"


def test_a_progress_bar_only_on_a_terminal(pack):
    command = [sys.executable, "-m", "modelpack", "verify", str(pack)]
    assert subprocess.run(command, capture_output=True, check=True).stderr == b""
    terminal, end = pty.openpty()
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=end, env={**os.environ, "TERM": "xterm"}
    ):
        os.close(end)
        drawn = b"".join(pieces(terminal))
    os.close(terminal)
    assert b"digests" in drawn


def pieces(terminal):
    """What is written to it, until the other end is closed, which Linux tells as an error."""
    with suppress(OSError):
        while piece := os.read(terminal, 4096):
            yield piece


def test_a_reader_that_has_enough_is_no_problem(tmp_path):
    """As with `modelpack verify net.modelpack | head -1`."""
    pack = tmp_path / "mlp.modelpack"
    assert run("init", MLP, pack).exit_code == 0
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-u", "-m", "modelpack", "verify", str(pack)]
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write)
    assert done.stderr == ""
