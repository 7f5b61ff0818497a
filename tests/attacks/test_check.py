"""Texts with long lines and one thing wrong in them: telling where it is, and whether a comment silences it, is bounded."""

import pytest

from modelpack.examining.document import examine_text
from tests.attacks.harness import attack

HEAD = "modelpack: 1\nname: attack\ninputs:\n  x: {dtype: float32, shape: [batch, 8]}\nlayers:\n"


def examined(text: str) -> None:
    assert len(examine_text(text.encode(), "net.yaml")) == 1


ATTACKS = {
    "spaces inside of a value": HEAD + "  a: {Linear: foo" + " " * 100_000 + "bar}\n",
    "tabs before a key": HEAD + "\t" * 100_000 + "a: 1\n",
    "comments in comments": HEAD + "  a: {Nope: {}} " + "# modelpack: ignore[" * 20_000 + "\n",
}


@pytest.mark.parametrize("text", ATTACKS.values(), ids=list(ATTACKS))
def test_a_finding_on_a_long_line_is_bounded(text):
    attack(examined, text, None)
