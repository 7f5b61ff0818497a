"""Files -> findings: what a text is found to be, what comments silence, which paths are meant."""

from contextlib import suppress

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from modelpack.examining.document import examine_text
from modelpack.examining.extent import end_column
from modelpack.findings import Severity
from modelpack.lint.comments import Comments, Silencing

NET = """\
modelpack: 1
name: net
inputs:
  x: {dtype: float32, shape: [batch, 20]}
layers:
  hidden: {Linear: {in_features: 20, out_features: 8}}
  act: {Rellu: {}}
  last: {Linear: {in_features: 8, out_features: 2, biass: true}}
"""


def codes(text):
    return [finding.problem.code for finding in examine_text(text.encode(), "net.yaml")]


def test_findings_carry_line_extent_and_severity():
    first, second = examine_text(NET.encode(), "net.yaml")
    assert (first.problem.code, first.severity, first.line) == ("MP201", Severity.ERROR, "  act: {Rellu: {}}")
    place = first.problem.place
    assert (place.file, place.line, first.line[place.column - 1 : first.end_column - 1]) == (
        "net.yaml",
        7,
        "Rellu",
    )
    assert second.line[second.problem.place.column - 1 : second.end_column - 1] == "biass"


def test_an_import_counts_from_the_files_folder(tmp_path):
    text = (
        NET.replace("Rellu", "ReLU").replace(", biass: true", "") + "imports:\n  body: {pack: ./not-there}\n"
    )
    (found,) = examine_text(text.encode(), str(tmp_path / "net.yaml"))
    assert found.problem.code == "MP501"
    assert found.line == "  body: {pack: ./not-there}"


@pytest.mark.parametrize(
    ("comment", "left"),
    [
        ("# modelpack: ignore[MP201]", ["MP207"]),
        ("#modelpack: ignore[MP2]", ["MP207"]),
        ("# modelpack: ignore[MP3, MP201]", ["MP207"]),
        ("# meant so # modelpack: ignore[MP201]", ["MP207"]),
        ("# modelpack: ignore[MP202]", ["MP201", "MP207"]),
        ("# modelpack: ignore[]", ["MP201", "MP207"]),
        ("# modelpack: ignore[MP]", ["MP201", "MP207"]),
        ("# modelpack: ignore", ["MP201", "MP207"]),
    ],
)
def test_a_comment_silences_codes_on_its_line(comment, left):
    assert codes(NET.replace("{Rellu: {}}", f"{{Rellu: {{}}}}  {comment}")) == left


MARK = "# modelpack: ignore[MP303]"


def silenced(text):
    """Line -> the codes that comments silence there."""
    return {line: [each.code for each in found] for line, found in Comments(text).by_line.items()}


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (f"a: 1 {MARK}\n", [1]),
        (f"{MARK}\na: 1\n", [1]),
        (f"a: 1\r\nb: 2\r\nc: 3\t{MARK}\r\n", [3]),
        (f'a: "x {MARK}"\n', []),
        (f"a: 'x {MARK}'\n", []),
        (f"a: 'x {MARK}' {MARK}\n", [1]),
        (f"a: 'it''s {MARK}\n  b'\n", []),
        (f'"a {MARK}": 1\n', []),
        (f"a: x{MARK}\n", []),
        (f"a: |\n  x {MARK}\nb: 1\n", []),
        (f"a: | {MARK}\n  x\nb: 1\n", [1]),
        (f"a: >\n  x\n\n{MARK}\nb: 1\n", [4]),
        (f"a: x\n  y {MARK}\nb: [1, {MARK}\n 2]\n", [2, 3]),
        (f"a: {{b: 1}} {MARK}\nc: [\n{MARK}\n", [1, 3]),
        (f"a: 1 {MARK}\nb: c: d\ne: 1 {MARK}\n", [1]),
        (f"\N{LATIN SMALL LETTER E WITH ACUTE}: 'ü {MARK}' {MARK}\n", [1]),
    ],
)
def test_only_a_comment_is_a_comment(text, lines):
    assert silenced(text.encode()) == {line: ["MP303"] for line in lines}


@pytest.mark.parametrize(
    "text", [b"[" * 100_000 + MARK.encode(), b"%TAG ! x\n" * 10 + MARK.encode(), b"\xff" + MARK.encode()]
)
def test_comments_of_hostile_texts_end_early(text):
    assert silenced(text) == {}


def test_what_is_nested_deeper_than_the_reader_goes_is_not_followed():
    """libyaml takes a minute for 200,000 brackets."""
    for depth, found in ((64, {2: ["MP303"]}), (65, {})):
        assert silenced(f"{'[' * depth}\n{MARK}\n{']' * depth}\n".encode()) == found


def test_codes_have_their_columns():
    assert Comments(b"a: 1  # why # modelpack: ignore[MP303, MP8]\n").by_line == {
        1: (Silencing("MP303", 33), Silencing("MP8", 40))
    }


def test_a_line_of_many_values_with_hash_signs_is_read_once():
    """Each sign compared with each value would take minutes."""
    values = "' #', " * 20_000
    assert silenced(f"a: [{values}] {MARK}".encode()) == {1: ["MP303"]}


@pytest.mark.parametrize(
    ("line", "token"),
    [
        ("  act: ^Rellu", "Rellu"),
        ("  ^act: Rellu", "act"),
        ("  a: {^Rellu: {}}", "Rellu"),
        ("  a: {b: ^Rellu}", "Rellu"),
        ("  a: ^{b: [1, '}'], c: \"}\"} # x", "{b: [1, '}'], c: \"}\"}"),
        ("  a: ^[1, 2", "[1, 2"),
        ("  a: ^[1, # ]", "[1,"),
        ("  a: ^'it''s' # x", "'it''s'"),
        ('  a: ^"x\\"y: z", b', '"x\\"y: z"'),
        ("  equation: ^bhid,bhjd->bhij", "bhid,bhjd->bhij"),
        ("  a: [^x, y]", "x"),
        ("  a: ^two words  # why", "two words"),
        ("  ^a:", "a"),
        ("  a: ^:", ":"),
        ("  a: b^", ""),
        ("^", ""),
    ],
)
def test_the_extent_of_a_token(line, token):
    column = line.index("^") + 1
    line = line.replace("^", "", 1)
    assert line[column - 1 : end_column(line, column) - 1] == token


@given(st.text("ab:,{}[]#'\" \\-", max_size=30), st.integers(1, 35))
def test_an_extent_begins_at_its_column_and_ends_on_its_line(line, column):
    end = end_column(line, column)
    assert column <= end <= max(column, len(line) + 1)
    assert end > column or column > len(line)


@given(
    st.lists(
        st.sampled_from([f"a{n}: x {MARK}" for n in range(3)] + ["'q", "q'", "  |", "[", "]", MARK, "b: #"])
    )
)
def test_comments_are_those_of_another_reader(lines):
    """To PyYAML's own scanner, in Python, nothing has changed where other words stand in them."""
    text = "".join(f"{line}\n" for line in lines)
    ours = silenced(text.encode())
    assert set(ours) <= {number for number, line in enumerate(lines, 1) if MARK in line}
    others = [
        line.replace(MARK, "# another") if number in ours else line for number, line in enumerate(lines, 1)
    ]
    assert _events("\n".join(others)) == _events("\n".join(lines))


def _events(text):
    """What YAML makes of a text, up to where it isn't any."""
    found = []
    with suppress(yaml.YAMLError):
        found.extend((type(event), getattr(event, "value", None)) for event in yaml.parse(text))
    return found
