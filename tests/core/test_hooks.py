"""What other people's repositories and CI call: tried as they would call it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]

BROKEN = """\
modelpack: 1
name: mlp
inputs:
  x: {dtype: float32, shape: [batch, 20]}
layers:
  hidden: {Linear: {in_features: 20, out_features: 256}}
  act: {Rellu: {}}
  output: {Linear: {in_features: 256, out_features: 10}}
"""
MENDED = BROKEN.replace("Rellu", "ReLU")
WHAT_WE_INSTALL = ("modelpack", "pyproject.toml", "README.md", "LICENSE", "constraints.txt")


def run(*command: str | Path, cwd: Path, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **more}
    return subprocess.run(
        list(map(str, command)), cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )


def git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run("git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments, cwd=folder)


def copy_of_us(folder: Path) -> Path:
    """What of this project is installed, with the files that others read."""
    folder.mkdir()
    for name in (*WHAT_WE_INSTALL, ".pre-commit-hooks.yaml", "action.yml"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    return folder


@pytest.fixture
def us(tmp_path: Path) -> Path:
    return copy_of_us(tmp_path / "us")


def schema_accepts(name: str, file: Path) -> None:
    told = run(sys.executable, "-m", "check_jsonschema", "--builtin-schema", name, file, cwd=ROOT)
    assert told.returncode == 0, told.stdout + told.stderr


def test_the_files_are_what_their_readers_want():
    schema_accepts("vendor.github-actions", ROOT / "action.yml")
    schema_accepts("vendor.gitlab-ci", ROOT / "integrations" / "gitlab-ci.yml")
    told = run(sys.executable, "-m", "pre_commit", "validate-manifest", ".pre-commit-hooks.yaml", cwd=ROOT)
    assert told.returncode == 0, told.stdout


# ------------------------------------------------------------------------------------------------------- pre-commit


def test_a_commit_of_a_broken_architecture_is_refused_with_what_is_wrong(us, tmp_path):
    """As a new user would: a repository, the two hooks, a slip of the pen, its correction."""
    git(us, "init", "--quiet")
    git(us, "add", ".")
    git(us, "commit", "--quiet", "--message", "us")
    commit = git(us, "rev-parse", "HEAD").stdout.strip()
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    hooks = [{"id": "modelpack-check"}, {"id": "modelpack-fmt"}]
    settings = {"repos": [{"repo": str(us), "rev": commit, "hooks": hooks}]}
    (theirs / ".pre-commit-config.yaml").write_text(yaml.safe_dump(settings))
    (theirs / "mlp.yaml").write_text(BROKEN)
    (theirs / "compose.yaml").write_text("services: {}\n")
    home = {"PRE_COMMIT_HOME": str(tmp_path / "home"), "PIP_CONSTRAINT": str(us / "constraints.txt")}
    git(theirs, "init", "--quiet")
    installed = run(sys.executable, "-m", "pre_commit", "install", cwd=theirs, **home)
    assert installed.returncode == 0, installed.stdout

    def committed() -> subprocess.CompletedProcess[str]:
        git(theirs, "add", ".")
        names = "-c", "user.name=a", "-c", "user.email=a@b"
        return run("git", *names, "commit", "--message", "a network", cwd=theirs, **home)

    refused = committed()
    assert refused.returncode == 1
    told = refused.stdout + refused.stderr
    assert "mlp.yaml:7:9: MP201 layers.act: unknown layer type 'Rellu'" in told
    assert "did you mean 'ReLU'?" in told
    assert "compose.yaml" not in told
    assert git(theirs, "rev-parse", "HEAD").returncode != 0

    (theirs / "mlp.yaml").write_text(MENDED.replace("ReLU: {}", "ReLU:  {}"))
    formatted = committed()
    assert formatted.returncode == 1
    assert "files were modified by this hook" in formatted.stdout + formatted.stderr
    assert (theirs / "mlp.yaml").read_text() == MENDED

    assert committed().returncode == 0
    assert git(theirs, "show", "--stat", "HEAD").stdout.count("mlp.yaml") == 1


# ------------------------------------------------------------------------------------------------------------ GitHub


def steps_of_action() -> dict[str, str]:
    """What the steps that are scripts do, by name."""
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    return {step["name"]: step["run"] for step in action["runs"]["steps"] if "run" in step}


def test_every_action_that_ours_uses_is_pinned_to_a_commit():
    steps = yaml.safe_load((ROOT / "action.yml").read_text())["runs"]["steps"]
    used = [step["uses"] for step in steps if "uses" in step]
    assert len(used) == 2
    assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", each) for each in used)


def test_nothing_that_is_given_becomes_part_of_a_script():
    assert not any("${{" in script for script in steps_of_action().values())


def test_the_steps_of_the_action(us, tmp_path):
    theirs, temporary = tmp_path / "theirs", tmp_path / "runner"
    theirs.mkdir()
    temporary.mkdir()
    (theirs / "mlp.yaml").write_text(BROKEN)
    (theirs / "two words.yaml").write_text(MENDED)
    steps = steps_of_action()
    told = {"RUNNER_TEMP": str(temporary), "GITHUB_OUTPUT": str(temporary / "output"), "ACTION": str(us)}
    # What setup-python gives: a python by that name.
    told["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    installed = run("bash", "-e", "-c", steps["Install"], cwd=theirs, **told)
    assert installed.returncode == 0, installed.stderr

    def checked(paths: str, options: str = "") -> subprocess.CompletedProcess[str]:
        script = ("bash", "-e", "-o", "pipefail", "-c", steps["Check"])
        return run(*script, cwd=theirs, **told, PATHS=paths, OPTIONS=options)

    failed = checked("mlp.yaml\ntwo words.yaml\n")
    assert failed.returncode == 1, failed.stderr
    assert re.search(r"^::error file=mlp\.yaml,line=7,col=9,.*MP201", failed.stdout, re.MULTILINE)
    sarif = temporary / "modelpack.sarif"
    assert (temporary / "output").read_text() == f"sarif={sarif}\n"
    (result,) = json.loads(sarif.read_text())["runs"][0]["results"]
    assert result["ruleId"] == "MP201"

    assert checked("two words.yaml").returncode == 0
    assert checked("mlp.yaml", "--ignore=MP201").returncode == 0
    before = (temporary / "output").read_text()
    missing = checked("nothing.yaml")
    assert missing.returncode == 2
    assert "::error file=nothing.yaml" in missing.stdout
    assert (temporary / "output").read_text() == before  # nothing to upload
    assert checked("$(touch owned); touch owned").returncode == 2
    assert not (theirs / "owned").exists()


# ------------------------------------------------------------------------------------------------------------ GitLab


def test_the_script_of_the_job(us, tmp_path):
    job = yaml.safe_load((ROOT / "integrations" / "gitlab-ci.yml").read_text())["modelpack"]
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "mlp.yaml").write_text(BROKEN)
    told = {**job["variables"], "MODELPACK": str(us), "MODELPACK_PATHS": "models"}
    told["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    told["PIP_CONSTRAINT"] = str(us / "constraints.txt")
    # As GitLab runs it: the lines one after the other in one shell, until one fails.
    failed = run("bash", "-e", "-c", "\n".join(job["script"]), cwd=tmp_path, **told)
    assert failed.returncode == 1
    assert "models/mlp.yaml:7:9: MP201" in failed.stdout
    (finding,) = json.loads((tmp_path / job["artifacts"]["reports"]["codequality"]).read_text())
    assert finding["location"] == {"path": "models/mlp.yaml", "lines": {"begin": 7}}
    told["MODELPACK_PATHS"] = "nowhere"
    missing = run("bash", "-e", "-c", "\n".join(job["script"]), cwd=tmp_path, **told)
    assert missing.returncode == 2
    assert "there is no such file or directory" in missing.stdout
    told["MODELPACK_PATHS"] = "models"
    (tmp_path / "models" / "mlp.yaml").write_text(MENDED)
    assert run("bash", "-e", "-c", "\n".join(job["script"]), cwd=tmp_path, **told).returncode == 0
