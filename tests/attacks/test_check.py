"""Texts with long lines and one thing wrong in them: telling where it is, and whether a comment silences it, is bounded."""

import pytest

from modelpack.examining.document import examine_text
from modelpack.findings import Report
from modelpack.outputs import Format, render
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


@pytest.mark.parametrize("form", list(Format))
def test_what_a_file_says_begins_no_line(form):
    """GitHub takes a line that begins so, spaces before it or not, for a command, whoever printed it."""
    said = r'"a\n  ::add-mask::b"'
    text = f"modelpack: 1\nname: {said}\ninputs: {{x: {{dtype: {said}}}}}\nlayers: {{a: {{use: {said}}}}}\n"
    findings = examine_text(text.encode(), "net.yaml")
    assert [finding for finding in findings if "add-mask" in finding.problem.message]
    lines = render([Report("net.yaml", tuple(findings))], form).splitlines()
    assert not [line for line in lines if line.lstrip().startswith("::add-mask")]
