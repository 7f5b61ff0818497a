"""spec/backends.md says what the rows say."""

from __future__ import annotations

from pathlib import Path

from modelpack.backends import support
from modelpack.backends.torch.rows import unsupported
from modelpack.backends.torch.told import _cell
from modelpack.layers import BUILTIN

ROOT = Path(__file__).parents[2]


def test_the_committed_page_is_up_to_date() -> None:
    assert (ROOT / support.PAGE).read_text(encoding="utf-8") == support.support_page(), "run `make generate`"


def test_every_type_has_a_line_and_every_line_an_answer() -> None:
    lines = [line for line in support.support_page().splitlines() if line.startswith("| `")]
    assert sorted(line.split("`")[1] for line in lines) == sorted(BUILTIN)
    assert all(cell.strip() for line in lines for cell in line.strip("|").split("|"))


def test_what_cant_be_run_says_why() -> None:
    assert _cell(unsupported("Swish", "it has no gradient")) == "no: it has no gradient"
