"""Every case of `call_cases.py` is told exactly as its files say, and passes once it's mended."""

from __future__ import annotations

import pytest

from tests.cases.cases import TOLD, expected, problems_of, table, told
from tests.torch.call_cases import CALL_CASES

CASES = table("torch", CALL_CASES)
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_is_wrong_is_told_in_both_formats(case, tmp_path):
    assert told(case, tmp_path) == expected(case)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_is_mended_passes(case, tmp_path):
    assert problems_of(case.mended, tmp_path) == ()


def test_what_is_told_belongs_to_a_case():
    assert {path.stem for path in (TOLD / "torch").iterdir()} == set(CALL_CASES)
