"""Texts that are open in an editor: what it asks about them is answered in time that grows with their length alone."""

import pytest

from modelpack.language_server.answers import edits, outline_of
from modelpack.language_server.bodies import outlined
from modelpack.language_server.hover import hover
from modelpack.language_server.navigation import rename
from modelpack.language_server.texts import text_of
from tests.attacks.harness import attack

pytest.importorskip("lsprotocol")

HEAD = "modelpack: 1\nname: attack\ninputs:\n  x: {dtype: float32, shape: [8]}\nlayers:\n"


def renamed(text: str) -> None:
    told = text_of(text)
    assert edits(told, rename(told, text.index("x:"), "y"))


def hovered(text: str) -> None:
    assert hover(text_of(text), len(text) - 1, []) is None


def listed(text: str) -> None:
    assert outline_of(text_of(text), outlined(text))


def test_a_name_that_is_used_everywhere():
    attack(renamed, HEAD + f"  a: {{ReLU: {{}}, inputs: [{', '.join(['x'] * 10_000)}]}}\n", None, seconds=3)


def test_comments_in_comments():
    attack(hovered, HEAD + "  a: {ReLU: {}} " + "# modelpack: ignore[" * 20_000 + "\n", None)


@pytest.mark.parametrize("letter", ["a", "é", "𝄞"])
def test_a_text_that_is_one_line(letter):
    layers = ", ".join(f"{letter}{at}: {{ReLU: {{}}}}" for at in range(8_000))
    attack(listed, f"{{layers: {{{layers}}}}}", None, seconds=3)
