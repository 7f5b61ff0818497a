"""Every case of `tests/cases/invalid` is told exactly as its `.txt` says; every valid one passes."""

from __future__ import annotations

import pytest

from modelpack.errors import CODES
from tests.cases.cases import INVALID, VALID, told

OF_CALLS = {"MP347"}
"""What only a call can do wrong, here `join`: no document says it."""


@pytest.mark.parametrize("case", sorted(INVALID.glob("*.yaml")), ids=lambda case: case.stem)
def test_invalid(case):
    assert told(case) == case.with_suffix(".txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("case", sorted(VALID.glob("*.yaml")), ids=lambda case: case.stem)
def test_valid(case):
    assert told(case) == ""


@pytest.mark.parametrize("case", sorted(INVALID.glob("*.yaml")), ids=lambda case: case.stem)
def test_no_braces_are_left_of_a_forgotten_format(case):
    text = case.with_suffix(".txt").read_text(encoding="utf-8")
    assert text
    assert "{name}" not in text
    assert "{self" not in text


def test_every_code_of_documents_and_networks_has_a_case():
    expected = "".join(case.read_text(encoding="utf-8") for case in INVALID.glob("*.txt"))
    codes = {code for code in CODES if code[2] in "23"} - OF_CALLS
    assert {code for code in codes if code not in expected} == set()
