"""Formatting: the canonical layout of any document, which means the same and has all of its comments."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from modelpack import architecture, layout, reader, source
from modelpack.errors import ArchitectureError
from modelpack.formatting import format_text, order
from modelpack.reader import read
from modelpack.writer import write
from tests.commands import app
from tests.strategies import documents, networks

COMMENT = re.compile(r"# c[0-9]+")


@given(st.one_of(documents(), networks()))
def test_canonical_text_stays_as_it_is(architecture):
    text = write(architecture)
    assert format_text(text) == text


@st.composite
def commented(draw, texts):
    """A text with numbered comments and blank lines wherever YAML has room for them, and what YAML lets one write otherwise."""
    text = write(draw(texts))
    count = 0

    def comment():
        nonlocal count
        count += 1
        return f"# c{count}"

    lines = []
    for line in text.splitlines():
        for choice in draw(st.lists(st.sampled_from(("", "comment")), max_size=2)):
            lines.append(draw(st.integers(0, 8)) * " " + comment() if choice else choice)
        lines.append(_broken(line, draw, comment))
    return "\n".join(lines) + draw(st.sampled_from(("\n", "\n\n", "\n  # c0\n"))), count


def _broken(line, draw, comment):
    """A line, with others begun behind some of its brackets and commas."""
    marks = (
        yaml.FlowEntryToken,
        yaml.FlowMappingStartToken,
        yaml.FlowSequenceStartToken,
        yaml.FlowMappingEndToken,
    )
    ends = [token.end_mark.index for token in yaml.scan(line) if isinstance(token, marks)]
    pieces, start = [], 0
    for end in [
        *draw(st.lists(st.sampled_from(ends), max_size=2, unique=True).map(sorted) if ends else st.just([])),
        len(line),
    ]:
        pieces.append(line[start:end] + draw(st.sampled_from(("", "  "))))
        if draw(st.integers(0, 3)) == 0:
            pieces[-1] += f" {comment()}"
        start = end
    return "\n            ".join(pieces)


@settings(max_examples=100)
@given(commented(st.one_of(documents(), networks())))
def test_all_comments_stay_in_their_order_and_the_meaning_too(drawn):
    text, _ = drawn
    formatted = format_text(text)
    assert COMMENT.findall(formatted) == COMMENT.findall(text)
    assert read(formatted) == read(text)
    assert format_text(formatted) == formatted


@st.composite
def in_other_styles(draw):
    """A document as another program would write it, its keys in another order, with comments."""
    data = values(source.parse(write(draw(st.one_of(documents(), networks())))))
    flow = draw(st.sampled_from((None, False, True)))
    indent = draw(st.integers(2, 6))
    text = yaml.safe_dump(
        data, default_flow_style=flow, indent=indent, width=1 << 30, sort_keys=draw(st.booleans())
    )
    lines = []
    for at, line in enumerate(text.splitlines()):
        if draw(st.integers(0, 5)) == 0:
            lines.append(f"{draw(st.integers(0, 12)) * ' '}# c{at}0")
        lines.append(line + draw(st.sampled_from(("", "", "", f" # c{at}1"))))
    return "\n".join(lines)


@settings(max_examples=100)
@given(in_other_styles())
def test_any_style_and_order_means_the_same(text):
    formatted = format_text(text)
    assert read(formatted) == read(text)
    assert sorted(COMMENT.findall(formatted)) == sorted(COMMENT.findall(text))
    assert format_text(formatted) == formatted


HEAD = "modelpack: 1\nname: net\n"


def formatted(body):
    text = format_text(HEAD + body)
    assert format_text(text) == text
    assert text.startswith(HEAD)
    return text.removeprefix(HEAD)


def same(*lines):
    """The lines stay as they are."""
    body = "".join(f"{line}\n" for line in lines)
    assert formatted(body) == body


def test_a_layer_is_on_a_line_of_its_own_where_it_fits():
    body = 'layers: {a: {Linear: {in_features: 3,\n  "out_features": 4}}, b: {ReLU: }}\n'
    assert formatted(body) == "layers:\n  a: {Linear: {in_features: 3, out_features: 4}}\n  b: {ReLU: null}\n"


def test_a_layer_that_is_too_long_has_a_line_for_each_of_its_keys():
    names = ", ".join(f"name{at:02}" for at in range(14))
    body = f"layers:\n  layer: {{inputs: [{names}], cat: {{dim: 1}}}}\n"
    assert formatted(body) == f"layers:\n  layer:\n    cat: {{dim: 1}}\n    inputs: [{names}]\n"


def test_keys_stand_in_canonical_order_and_comments_go_with_them():
    text = """\
# The whole.
layers:
  # First.
  b: {inputs: [x], ReLU: {}}  # act
inputs:
  x: {shape: [2], dtype: float32}
name: net  # of nets
modelpack: 1
"""
    assert (
        format_text(text)
        == """\
# The whole.
modelpack: 1
name: net  # of nets
inputs:
  x: {dtype: float32, shape: [2]}
layers:
  # First.
  b: {ReLU: {}, inputs: [x]}  # act
"""
    )


def test_comments_on_lines_of_their_own():
    same(
        "# of the section",
        "layers:",
        "  # before a",
        "  # in two lines",
        "  a: {ReLU: {}}",
        "",
        "  # b: {ReLU: {}}",
        "  c: {ReLU: {}}",
        "",
        "  # the last of the layers",
        "# of the outputs",
        "outputs: c",
        "# the end",
    )


def test_comments_behind_values():
    same("layers:  # all", "  a: {ReLU: {}}  # one", "  b: {ReLU: {}}  # two", "outputs: b  # three")


def test_a_comment_within_a_layer_lays_it_open():
    body = """\
layers:
  a: {Linear: {in_features: 3, # so many
       # and
       out_features: 4}, inputs: [x,
       y # last
       # none
       ]} # all
"""
    assert (
        formatted(body)
        == """\
layers:
  a:
    Linear:
      in_features: 3  # so many
      # and
      out_features: 4
    inputs:
      - x
      # last
      # none
      - y  # all
"""
    )


def test_a_comment_behind_a_key_stays_there_or_ends_the_line():
    assert formatted("layers:\n  a: # one\n    ReLU: {}\n") == "layers:\n  a: {ReLU: {}}  # one\n"
    same("layers:", "  a:  # one", "    ReLU: {}  # two")


def test_comments_among_items():
    body = "tied:\n- # one\n  - a\n  - b # two\n- # three\n  # four\n  [c, # five\n   d]\n- # six\n  - e\n  # seven\n"
    assert (
        formatted(body)
        == """\
tied:
  # one
  - [a, b]  # two
  # three
  # four
  - - c  # five
    - d
  # six
  - - e
    # seven
"""
    )


def test_a_comment_before_a_bracket_that_closes_is_the_end_of_what_is_in_it():
    body = "outputs: [\n  a,\n  # none\n]\ntied: [\n  # neither\n]\n"
    assert formatted(body) == "outputs:\n  - a\n  # none\n# neither\ntied: []\n"


def test_a_comment_in_the_column_of_what_follows_goes_with_it():
    body = "outputs:\n- a\n# ties\ntied: []\n"
    assert formatted(body) == "outputs: [a]\n# ties\ntied: []\n"
    body = "layers:\n    a:\n        ReLU: {}\n        # in a\n     # in layers\n  # too\noutputs: a\n"
    inside = "layers:\n  a:\n    ReLU: {}\n    # in a\n  # in layers\n# too\noutputs: a\n"
    assert formatted(body) == inside


def test_a_long_line_with_a_comment_behind_it_stays_one():
    """The comment may mean the whole line: `# modelpack: ignore[…]` does."""
    names = ", ".join(f"name{at:02}" for at in range(14))
    same("layers:", f"  layer: {{cat: {{dim: 1}}, inputs: [{names}]}}  # modelpack: ignore[MP310]")
    same("layers:", "  layer:", "    cat: {dim: 1}", f"    inputs: [{names}]  # modelpack: ignore[MP310]")


def test_what_only_looks_like_a_comment():
    body = "outputs: {a: 'x # y', b: \"x # y\", c: x#y, d: |\n    # text\n  , e: z}\n".replace(
        "|\n    # text\n  ", "'#'"
    )
    assert formatted(body) == "outputs: {a: 'x # y', b: 'x # y', c: 'x#y', d: '#', e: z}\n"
    block = "outputs: |  # so\n  # text\n\n  more\n# not\nlayers: {}\n"
    assert formatted(block) == '# not\nlayers: {}\noutputs: "# text\\n\\nmore\\n"  # so\n'


def test_a_line_of_many_values_with_hash_signs_is_read_once():
    """Each sign compared with each value would take minutes."""
    values = "'#', " * 20_000
    text = format_text(f"a: [{values}'#' ] # c")
    assert text.endswith(", '#', '#']  # c\n")
    assert text.count("#") == 20_002


def test_blank_lines_one_at_most_and_none_at_the_ends():
    text = "\n\nmodelpack: 1\n\n\nname: net\n\nlayers:\n\n  a: {ReLU: {}}\n\n  \n  b:\n\n    ReLU: {}\n\n\n"
    expected = "modelpack: 1\n\nname: net\n\nlayers:\n  a: {ReLU: {}}\n\n  b: {ReLU: {}}\n"
    assert format_text(text) == expected
    assert format_text(expected) == expected


def test_line_ends_become_newlines():
    text = "# top\r\nmodelpack: 1 # one\r\n\r\nname: net\r\nlayers: {}"
    assert format_text(text) == "# top\nmodelpack: 1  # one\n\nname: net\nlayers: {}\n"
    assert format_text("modelpack: 1 # a\rname: net # b") == "modelpack: 1  # a\nname: net  # b\n"


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("1.0", "1.0"),
        ("1e-5", "1e-05"),
        ("+1", "1"),
        ("'1'", "'1'"),
        ('"relu"', "relu"),
        ("~", "null"),
        ("TRUE", "true"),
        ("no", "'no'"),
        ("1:30", "'1:30'"),
        ("2001-12-14", "'2001-12-14'"),
        ("1_000", "'1_000'"),
        (".Inf", ".inf"),
        ("4 * $width", "4 * $width"),
        ("'4 * $width'", "'4 * $width'"),
        ("../packs/parts", "../packs/parts"),
        ("h % 32 == 0", "h % 32 == 0"),
        ('"a\\tb"', '"a\\tb"'),
        ("'it''s'", "'it''s'"),
    ],
)
def test_values_keep_their_kind_and_get_one_spelling(written, canonical):
    assert formatted(f"outputs: [{written}]\n") == f"outputs: [{canonical}]\n"
    assert formatted(f"outputs: {written}\n") == f"outputs: {canonical}\n"


@pytest.mark.parametrize(
    "text",
    [
        "- a\n# between\n- b: 1  # one\n  c: 2\n- []\n",
        "# before\nword  # behind\n# after\n",
        "# before\n{}  # behind\n# after\n",
        "modelpack: 2\nfuture: {}\n",
        "modelpack: 1\nlayers: [a, b]\nblocks: {A: 1, B: []}\nlayer: {}\n",
        "modelpack: 1\nlayers:\n  a: {Rellu: {}, sizes: {b: 1}}\n  b: word\n",
    ],
)
def test_a_document_need_not_be_right(text):
    once = format_text(text)
    assert format_text(once) == once
    assert values(source.parse(once)) == values(source.parse(text))
    assert re.findall("#.*", once) == re.findall("#.*", text)


def values(value):
    if isinstance(value, source.Mapping):
        return {key: values(item) for key, item in value.entries.items()}
    return [values(item) for item in value.items] if isinstance(value, source.Sequence) else value.value


@pytest.mark.parametrize(
    "text", ["a: [1", "a: 1\na: 2", "a: &b 1", "", "# nothing\n", "a: 1\n---\nb: 2\n", b"\xff"]
)
def test_what_is_no_yaml_of_the_subset_is_refused(text):
    with pytest.raises(ArchitectureError, match="MP1"):
        format_text(text)


def test_the_orders_are_of_all_keys_that_the_reader_knows():
    assert tuple(key for key in layout.KEYS if key != "arguments") == reader._TOP
    assert tuple(key for key in layout.KEYS if key in reader._BLOCK) == reader._BLOCK
    assert set(order._LAYER) - {""} == architecture.KEYWORDS


# -------------------------------------------------------------------------------------------- the command


def run(*arguments, stdin=None):
    return CliRunner().invoke(app, ["fmt", *map(str, arguments)], input=stdin)


UGLY = HEAD + "layers: {a: {ReLU: }}  # ö\n"
FINE = HEAD + "layers:  # ö\n  a: {ReLU: null}\n"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def ugly(tmp_path):
    path = tmp_path / "net.yaml"
    path.write_text(UGLY, encoding="utf-8")
    return path


def test_the_examples_are_formatted():
    result = run("--check", ROOT / "examples")
    assert (result.exit_code, result.output) == (0, "")


def test_a_file_is_replaced_whole_with_its_permissions(ugly):
    ugly.chmod(0o640)
    link = ugly.with_name("link.yaml")
    link.symlink_to(ugly)
    result = run(link)
    assert (result.exit_code, result.output) == (0, f"formatted {link}\n")
    assert ugly.read_text(encoding="utf-8") == FINE
    assert stat.S_IMODE(ugly.stat().st_mode) == 0o640
    assert link.is_symlink()
    assert sorted(os.listdir(ugly.parent)) == ["link.yaml", "net.yaml"]


def test_what_is_formatted_is_not_written(ugly):
    ugly.write_text(FINE, encoding="utf-8")
    before = ugly.stat()
    assert run(ugly).output == ""
    assert ugly.stat().st_mtime_ns == before.st_mtime_ns
    assert ugly.stat().st_ino == before.st_ino


def test_a_write_that_fails_leaves_the_file(ugly, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    result = run(ugly)
    assert result.exit_code == 2
    assert "No space left" in result.stderr
    assert ugly.read_text(encoding="utf-8") == UGLY
    assert os.listdir(ugly.parent) == ["net.yaml"]


def test_check_tells_and_writes_nothing(ugly):
    result = run("--check", ugly)
    assert (result.exit_code, result.output) == (1, f"would format {ugly}\n")
    assert ugly.read_text(encoding="utf-8") == UGLY


def test_diff_is_a_patch(ugly):
    ugly.write_text(UGLY.rstrip("\n"), encoding="utf-8")
    result = run("--diff", ugly)
    assert result.exit_code == 1
    assert result.output.splitlines() == [
        f"--- {ugly}",
        f"+++ {ugly}",
        "@@ -1,3 +1,4 @@",
        " modelpack: 1",
        " name: net",
        "-layers: {a: {ReLU: }}  # ö",
        "\\ No newline at end of file",
        "+layers:  # ö",
        "+  a: {ReLU: null}",
    ]


def test_standard_input():
    assert run("-", stdin=UGLY).stdout == FINE
    result = run("--check", "-", stdin=UGLY)
    assert (result.exit_code, result.output) == (1, "would format <stdin>\n")
    result = run("-", stdin="a: [1")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("<stdin>:2:1: MP101")
    result = run("--check", "-", "--stdin-filename", "nets/a.yaml", stdin=UGLY)
    assert (result.exit_code, result.output) == (1, "would format nets/a.yaml\n")
    assert run("a.yaml", "--stdin-filename", "a.yaml").exit_code == 2


def test_directories_are_looked_through_but_for_packs(ugly):
    pack = ugly.with_name("saved")
    pack.mkdir()
    for name in ("architecture.yaml", "manifest.json"):
        (pack / name).write_text(UGLY, encoding="utf-8")
    other = ugly.with_name("other.yaml")
    other.write_text("on: [push]   # no architecture\n")
    result = run(ugly.parent)
    assert (result.exit_code, result.output) == (0, f"formatted {ugly}\n")
    for path in (pack, pack / "architecture.yaml", pack / "manifest.json"):
        result = run(path)
        assert result.exit_code == 2
        assert result.stderr.startswith(f"{path}: not an architecture (.yaml, .yml) by itself; ")
    assert (pack / "architecture.yaml").read_text(encoding="utf-8") == UGLY


def test_what_is_refused_is_told_and_left_and_the_rest_is_done(ugly):
    broken = ugly.with_name("broken.yaml")
    broken.write_text("modelpack: 1\nname: &a net\n")
    result = run(broken, ugly)
    assert (result.exit_code, result.stdout) == (1, f"formatted {ugly}\n")
    assert result.stderr.startswith(f"{broken}:2:7: MP108")
    assert broken.read_text() == "modelpack: 1\nname: &a net\n"


def test_what_cannot_be_done_ends_with_2(tmp_path):
    for arguments in ((), (tmp_path / "none.yaml",), (tmp_path / "*.yaml",), ("https://host/net.yaml",)):
        assert run(*arguments).exit_code == 2
