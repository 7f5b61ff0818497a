"""`modelpack explain`, and the page of errors, which is made of the same."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from modelpack.errors import CODES
from modelpack.explanations import error_reference, explanation, explanations
from modelpack.lint import RULES
from tests.cases.pages import PAGES, with_examples
from tests.commands import app

ROOT = Path(__file__).parents[2]


def run(*arguments):
    return CliRunner().invoke(app, ["explain", *arguments])


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_a_page_with_a_way_out(code):
    page = explanation(code)
    assert "*Way out:*" in page
    assert "### " not in page
    assert "## " not in page


def test_a_page_is_what_stands_under_its_title():
    assert explanation("MP110").startswith("Merge keys (`<<`) hide what a mapping holds")
    assert explanation("MP124") == "One key is longer than any name may be. *Way out:* shorten it."


def test_pages_have_the_examples_of_the_cases():
    text = PAGES.read_text(encoding="utf-8")
    assert with_examples(text) == text, "python -m tests.cases.pages"
    assert explanation("MP201").endswith(
        "```diff\n-  act: {Rellu: {}}\n+  act: {ReLU: {}}\n```\n\n"
        "> MP201 layers.act: unknown layer type 'Rellu'\n> hint: did you mean 'ReLU'?"
    )


def test_rules_have_their_pages_in_their_docstrings_only():
    assert explanations().keys() == CODES.keys() - RULES.keys()
    assert explanation("MP822").startswith("*Note.* The dropout drops with probability 0")
    assert "\nBad:\n\n```yaml\n" in explanation("MP822")


def test_the_page_of_errors_has_them_all_in_order():
    page = error_reference()
    assert re.findall(r"^### (MP\d{3}) ", page, re.MULTILINE) == list(CODES)
    for code in CODES:
        assert explanation(code) in page


def test_a_code_is_explained():
    done = run("MP303")
    assert done.exit_code == 0
    assert done.stdout == f"MP303 {CODES['MP303']}\n\n{explanation('MP303')}\n"
    assert run("mp303").stdout == run("303").stdout == done.stdout


def test_several_codes():
    assert run("MP303", "MP801").stdout == f"{run('MP303').stdout}\n{run('MP801').stdout}"


def test_an_unknown_code():
    done = run("MP3003")
    assert done.exit_code == 2
    assert done.stdout == ""
    assert "there is no code MP3003; did you mean MP303 (a setting differs" in done.stderr
    assert run("nonsense").stderr == "there is no code NONSENSE\n"


def test_the_beginning_of_codes_gives_their_titles():
    lines = run("MP84").stdout.splitlines()
    assert lines == [f"{code}  {CODES[code]}" for code in CODES if code.startswith("MP84")]
    assert run("84").stdout.splitlines() == lines
    assert run("MP303", "MP84").stdout.splitlines() == [f"MP303  {CODES['MP303']}", *lines]


def test_nothing_to_explain_is_misuse():
    assert run().exit_code == 2


def test_all_codes_are_listed():
    lines = run("--list").stdout.splitlines()
    assert lines[0] == "MP101  not valid YAML"
    assert len(lines) == len(CODES)


def test_as_json():
    (document,) = json.loads(run("MP801", "--json").stdout)
    assert document == {
        "code": "MP801",
        "title": "unused block",
        "severity": "warning",
        "explanation": explanation("MP801"),
    }
    assert [each["code"] for each in json.loads(run("--list", "--json").stdout)] == list(CODES)


def test_the_pages_are_part_of_the_package():
    """Read beside the code, and nothing of the checkout is: a wheel holds all files of the package's folder."""
    code = "import modelpack.explanations as e; print(e.explanation('MP303'))"
    done = subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True, cwd=ROOT / "spec"
    )
    assert done.stdout.strip() == explanation("MP303")
    assert (ROOT / "modelpack" / "explanations.md").is_file()
