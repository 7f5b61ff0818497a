"""Every case is told exactly as its `.txt` and its `.json` say, and passes once it's mended; every valid case passes."""

from __future__ import annotations

import difflib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from modelpack import api
from modelpack.errors import CODES
from tests.cases.cases import CORRECTED, HERE, INVALID, TOLD, VALID, expected, problems_of, told
from tests.cases.every import every_case

CASES = every_case()
SPEC = Path(__file__).parents[2] / "spec" / "errors.md"


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_is_wrong_is_told_in_both_formats(case, tmp_path):
    assert told(case, tmp_path) == expected(case)


@pytest.mark.parametrize(("form", "suffix"), [("text", ".txt"), ("json", ".json")])
def test_the_command_prints_what_is_expected(form, suffix):
    """All documents in one run, named as somebody would who stands beside them."""
    names = sorted(path.name for path in INVALID.glob("*.yaml"))
    command = [
        sys.executable,
        "-m",
        "modelpack",
        "check",
        "--no-cache",
        "--jobs",
        "1",
        "--quiet",
        "--format",
        form,
        *names,
    ]
    done = subprocess.run(command, cwd=INVALID, capture_output=True, encoding="utf-8")
    texts = [(INVALID / name).with_suffix(suffix).read_text("utf-8") for name in names]
    assert done.returncode == 1
    if form == "text":
        assert done.stdout == "".join(texts)
    else:
        assert json.loads(done.stdout) == [report for text in texts for report in json.loads(text)]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_is_mended_passes(case, tmp_path):
    assert problems_of(case.mended, tmp_path) == ()


@pytest.mark.parametrize("case", sorted(VALID.glob("*.yaml")), ids=lambda case: case.stem)
def test_valid(case):
    api.check(case)


def test_there_are_many_documents_each_with_its_twin():
    names = {path.name for path in INVALID.glob("*.yaml")}
    assert len(names) >= 120
    assert names == {path.name for path in CORRECTED.iterdir()}


@pytest.mark.parametrize("path", sorted(INVALID.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_twin_is_the_same_document_with_few_lines_changed(path):
    wrong, mended = (
        each.read_bytes().replace(b"\0", b"").split(b"\n") for each in (path, CORRECTED / path.name)
    )
    same = sum(block.size for block in difflib.SequenceMatcher(None, wrong, mended).get_matching_blocks())
    if len(wrong) > 3:  # others are hardly documents
        assert len(wrong) - same <= 7


def test_what_is_told_belongs_to_a_case():
    """Nothing is left of cases that are gone; those of torch are looked at beside their table."""
    known = {case.told for case in CASES}
    found = {
        path.with_suffix("") for path in [*INVALID.iterdir(), *TOLD.rglob("*.json"), *TOLD.rglob("*.txt")]
    }
    assert {path for path in found - known if path.parent.name != "torch"} == set()


def test_no_braces_are_left_of_a_forgotten_format():
    texts = {path.name: path.read_text("utf-8") for path in HERE.rglob("*.txt")}
    assert texts
    assert [name for name, text in texts.items() if "{name}" in text or "{self" in text] == []


def test_code_spec_and_cases_have_the_same_codes():
    spec = re.findall(r"^### (MP\d+) (.*)$", SPEC.read_text(encoding="utf-8"), re.MULTILINE)
    assert dict(spec) == CODES
    assert len(spec) == len(CODES)
    shown = {
        problem["code"]
        for path in HERE.rglob("*.json")
        for report in json.loads(path.read_text("utf-8"))
        for problem in report["problems"]
    }
    assert shown == CODES.keys()
