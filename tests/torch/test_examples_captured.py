"""The captured networks of examples/ are what capture makes of them today, and short enough to be read."""

from __future__ import annotations

import difflib

import pytest

from tests.torch.captured_examples import EXAMPLES, captured_text, committed

LINES = {"resnet18": 80, "gpt2": 130, "bert_base": 150}
"""How long the text of each may be."""


@pytest.mark.parametrize("name", EXAMPLES)
def test_capture_still_gives_the_committed_text(name: str) -> None:
    kept, found = committed(name).read_text(), captured_text(name)
    changes = "\n".join(
        difflib.unified_diff(kept.splitlines(), found.splitlines(), "kept", "found", n=1, lineterm="")
    )
    assert found == kept, f"where this is meant: `make examples`, and read the change\n{changes}"


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_person_can_read_it_all(name: str) -> None:
    assert committed(name).read_text().count("\n") <= LINES[name]
