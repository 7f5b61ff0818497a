"""What the language server knows of a text, as functions: at every place of every valid document, and of what isn't valid."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelpack.checker import check_text
from modelpack.examining.document import examined_text
from modelpack.language_server.actions import actions
from modelpack.language_server.answers import diagnostics, outline_of
from modelpack.language_server.beginnings import sound_beginning
from modelpack.language_server.completion import Completion, completions
from modelpack.language_server.hover import hover
from modelpack.language_server.navigation import CantRename, Edit, definition, rename, uses
from modelpack.language_server.roles import Role, spot_of
from modelpack.language_server.symbols import Sort, index
from modelpack.language_server.texts import Text, text_of
from modelpack.language_server.tidying import tidied
from modelpack.language_server.tree import words
from modelpack.network import Network
from modelpack.reader import read
from modelpack.writer import write
from tests.cases.cases import VALID
from tests.core.test_fuzz import mutated
from tests.strategies import documents, networks

EXAMPLES = Path(__file__).parents[2] / "examples"
CASES = sorted([*VALID.glob("*.yaml"), *EXAMPLES.glob("*/architecture.yaml")])
SMALL = [case for case in CASES if case.stat().st_size < 3000]

by_name = {"ids": lambda case: f"{case.parent.name}/{case.name}"}


def edited(text: str, edits: list[Edit]) -> str:
    for each in sorted(edits, key=lambda edit: edit.start, reverse=True):
        text = text[: each.start] + each.text + text[each.end :]
    return text


def written(told: str) -> tuple[Text, int]:
    """A text with a cursor in it, which is written as `|`."""
    return text_of(told.replace("|", "", 1)), told.index("|")


def labels(told: str) -> list[str]:
    return [
        each.proposal.word
        for each in sorted(completions(*written(told)), key=lambda each: each.proposal.rank)
    ]


# ------------------------------------------------------------------------------------------------- everywhere


@pytest.mark.parametrize("case", SMALL, **by_name)
def test_every_place_has_an_answer(case):
    text = text_of(case.read_text("utf-8"))
    for offset in range(0, len(text.text) + 1, 1 + len(text.text) // 500):
        for each in completions(text, offset):
            assert each.start <= offset <= each.end
        found = hover(text, offset, [])
        assert found is None or found.start <= offset <= found.end
        definition(text, offset)


@pytest.mark.parametrize("case", SMALL, **by_name)
def test_what_is_written_is_among_what_is_proposed(case):
    """Of each word that isn't free to be anything: types, settings, keywords, references, dtypes, …"""
    text = text_of(case.read_text("utf-8"))
    for way in words(index(text.text).outline.root):
        offered = {each.proposal.word for each in completions(text, way.word.inner)}
        role = spot_of(way.path, is_key=way.is_key).role
        free = role in (Role.AXIS, Role.REQUIREMENT, Role.SETTING_VALUE, Role.WITH_VALUE, Role.COUNT)
        if offered and not free:
            # A reference may lead into what is proposed: to one copy, to an output.
            parts = way.word.value.split(".")
            heads = {".".join(parts[: at + 1]) for at in range(len(parts))}
            assert heads & offered, (way.path, way.word.value)


@given(mutated(), st.data())
def test_no_text_is_too_broken(broken, data):
    text = text_of(broken)
    offset = data.draw(st.integers(0, len(broken)))
    completions(text, offset)
    hover(text, offset, [])
    definition(text, offset)
    for each in uses(text, offset):
        assert each.span[0] <= each.span[1] <= len(broken)
    for action in actions(text, "MP310", "unknown input 'x'\nhint: did you mean 'n0'?", offset):
        assert 0 <= action.edit.start <= action.edit.end <= len(broken)


@given(mutated())
def test_what_an_editor_is_told_of_any_text_is_in_order(broken):
    """As the protocol wants it: a name lies inside of what it names, and a range ends behind its beginning."""
    text = text_of(broken)
    for each in diagnostics(text, examined_text(broken.encode(), "net.yaml").findings, "net.yaml"):
        assert each.range.start <= each.range.end
        assert each.range.end.line < len(text.starts)
    waiting = outline_of(text, index(broken).outline)
    while waiting:
        each = waiting.pop()
        assert each.name
        assert each.range.start <= each.selection_range.start <= each.selection_range.end <= each.range.end
        waiting += each.children or ()


# ------------------------------------------------------------------------------------------------------ names


@pytest.mark.parametrize("case", CASES, **by_name)
def test_every_name_of_a_valid_document_is_declared_in_it(case):
    text = text_of(case.read_text("utf-8"))
    told = index(text.text)
    assert told.mentions
    for mention in told.mentions:
        start, end = mention.span
        assert text.text[start:end] == mention.symbol.name
        found = definition(text, start)
        assert found is not None, mention
        assert found.is_definition
        assert found.symbol == mention.symbol
        line = text.line(text.line_of(found.span[0]))
        assert mention.symbol.name in line


@settings(max_examples=20)
@given(documents())
def test_every_name_of_a_drawn_document_has_its_place(document):
    text = write(document)
    for mention in index(text).mentions:
        assert text[slice(*mention.span)] == mention.symbol.name


@pytest.mark.parametrize(
    "case", [case for case in CASES if "imports:" not in case.read_text("utf-8")], **by_name
)
def test_a_document_with_another_name_is_the_same_but_for_it(case):
    """Renamed there and back it's the text that it was, and between the two a network as sound, with as many tensors."""
    text = text_of(case.read_text("utf-8"))
    tensors = list(check_text(text.text).tensors.values())
    symbols = {mention.symbol: mention for mention in index(text.text).mentions if mention.is_definition}
    for symbol, mention in list(symbols.items())[:40]:
        renamed = edited(text.text, rename(text, mention.span[0], "another_name"))
        network = check_text(renamed)
        assert [(each.shape, each.dtype) for each in network.tensors.values()] == [
            (each.shape, each.dtype) for each in tensors
        ]
        if symbol.sort in (Sort.ARGUMENT, Sort.BLOCK, Sort.DIMENSION, Sort.INPUT):
            assert list(network.tensors) == [each.name for each in tensors]
        back = next(each for each in index(renamed).mentions if each.symbol.name == "another_name")
        assert edited(renamed, rename(text_of(renamed), back.span[0], symbol.name)) == text.text


@pytest.mark.parametrize("case", [case for case in CASES if "imports:" in case.read_text("utf-8")], **by_name)
def test_an_import_has_another_name_too(case):
    text = text_of(case.read_text("utf-8"))
    name = next(iter(index(text.text).outline.imports))
    renamed = edited(text.text, rename(text, text.text.index(f"{name}:"), "elsewhere"))
    assert write(read(renamed)) == write(read(text.text)).replace(f"use: {name}", "use: elsewhere").replace(
        f"  {name}: {{pack", "  elsewhere: {pack"
    )


@settings(max_examples=40)
@given(networks(), st.data())
def test_a_drawn_network_with_another_name_is_as_sound(architecture, data):
    text = write(architecture)
    declared = [each for each in index(text).mentions if each.is_definition]
    chosen = data.draw(st.sampled_from(declared))
    name = data.draw(st.sampled_from(["fresh_name", "n0", "x", "null", "a.b"]))
    try:
        renamed = edited(text, rename(text_of(text), chosen.span[0], name))
    except CantRename:
        assert name != "fresh_name"
        return
    before, after = check_text(text), check_text(renamed)
    assert len(before.main.steps) == len(after.main.steps)
    assert [each.shape for each in before.tensors.values()] == [each.shape for each in after.tensors.values()]


@settings(max_examples=40)
@given(documents(), st.data())
def test_a_drawn_document_renamed_there_and_back_is_itself(document, data):
    text = write(document)
    declared = [each for each in index(text).mentions if each.is_definition]
    names = Counter((each.symbol.body, each.symbol.name) for each in declared)
    # Of two that wrongly bear one name, one can be called something else, and not so again.
    declared = [each for each in declared if names[each.symbol.body, each.symbol.name] == 1]
    if declared:
        chosen = data.draw(st.sampled_from(declared))
        try:
            renamed = edited(text, rename(text_of(text), chosen.span[0], "fresh_name"))
        except CantRename:
            return
        [back] = [
            each
            for each in index(renamed).mentions
            if each.is_definition and each.symbol.name == "fresh_name"
        ]
        assert edited(renamed, rename(text_of(renamed), back.span[0], chosen.symbol.name)) == text


NESTED = """\
modelpack: 1
name: case
inputs:
  x: {dtype: float32, shape: [batch, length]}
blocks:
  Inner:
    inputs: {h: {}}
    layers:
      fc: {Linear: {in_features: 4, out_features: 4}}
  Outer:
    inputs: {h: {}}
    layers:
      one: {use: Inner, repeat: 2}
      two: {call: one.0.fc}
layers:
  a: {reshape: {shape: [batch * length // 4, 4]}}
  b: {use: Outer, frozen: [one.1.fc.bias], init: {one.0.fc.weight: zeros}}
  c: {call: b.one.1.fc}
requires: [length % 4 == 0]
tied: [[b.one.0.fc.weight, b.one.1.fc.weight]]
"""


def test_a_name_is_followed_into_blocks():
    text = text_of(NESTED)
    at = NESTED.index("fc: {Linear")
    assert len(uses(text, at)) == 7
    assert edited(NESTED, rename(text, at, "affine")) == NESTED.replace("fc", "affine")
    check_text(NESTED.replace("fc", "affine"))
    assert edited(NESTED, rename(text, NESTED.index("length %"), "size")) == NESTED.replace("length", "size")


@pytest.mark.parametrize(
    ("at", "name", "why"),
    [
        ("fc: {", "", "can't be"),
        ("fc: {", "a b", "can't be"),
        ("Inner:", "In-ner", "can't be"),
        ("Inner:", "Outer", "taken"),
        ("batch,", "length", "taken"),
        ("batch,", "max", "taken"),
        ("a: {", "b", "taken"),
        ("a: {", "x", "taken"),
        ("a: {", "b.one", "something else"),
        ("modelpack", "other", "nothing here"),
    ],
)
def test_a_name_that_cannot_be(at, name, why):
    with pytest.raises(CantRename, match=why):
        rename(text_of(NESTED), NESTED.index(at), name)


def test_a_name_that_would_be_a_number_is_quoted():
    text = "layers:\n  a: {ReLU: {}}\n  b: {ReLU: {}, inputs: [a]}\n"
    assert edited(text, rename(text_of(text), text.index("a:"), "0")) == text.replace("a:", "'0':").replace(
        "[a]", "['0']"
    )


# ------------------------------------------------------------------------------------------------- completion

HEAD = """\
modelpack: 1
name: case
inputs:
  x: {dtype: float32, shape: [batch, 20]}
blocks:
  Pair:
    arguments: {width: int}
    inputs: {h: {}}
    layers:
      fc: {Linear: {in_features: $width, out_features: 3}}
layers:
  a: {LSTM: {input_size: 20, hidden_size: 4}}
"""


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("  b: {Linear: {|", ["in_features", "out_features", "bias", "dtype"]),
        ("  b: {Linear: {in_features: 3, ou|}}", ["out_features", "bias", "dtype"]),
        ("  b:\n    Linear:\n      in_features: 3\n      |", ["out_features", "bias", "dtype"]),
        ("  b:\n    Linear:\n      in_features: 3\n      bias: |\noutputs: b", ["true", "false"]),
        ("  b: {Conv2d: {padding_mode: |}}", ["zeros", "reflect", "replicate", "circular"]),
        ("  b: {Identity: {}, inputs: [|", ["a", "a.output", "a.h_n", "a.c_n", "x"]),
        ("  b: {Identity: {}, inputs: [a.|]}\n  c: {ReLU: {}}", ["a", "a.output", "a.h_n", "a.c_n", "x"]),
        ("  b: {add: {}, inputs: {|}}", ["input", "other"]),
        ("  b: {use: |}", ["Pair"]),
        ("  b: {use: Pair, with: {|}}", ["width"]),
        ("  b: {use: Pair, inputs: {|}}", ["h"]),
        ("  b: {call: |}", ["a"]),
        ("  b: {Linear: {}, init: {|}}", ["weight", "bias"]),
        ("  b: {Linear: {}, init: {weight: {normal: {|}}}}", ["mean", "std"]),
        ("  b: {Linear: {}, frozen: [|]}", ["true", "weight", "bias"]),
        ("  b: {ReLU: {}, when: |}", ["train", "eval"]),
        ("  b: {reshape: {shape: [|]}}", ["batch"]),
        ("buffers:\n  s: {|", ["shape", "dtype", "init", "frozen", "persistent"]),
        ("outputs: {y: |}", ["a", "a.output", "a.h_n", "a.c_n", "x"]),
        ("requires: ['|']", ["batch"]),
        ("# a comment |", []),
        ("outputs: 'a'|", []),
        ("  b:\n    Linear: {in_features: 3, |\n    inputs: [x]\n", ["out_features", "bias", "dtype"]),
        ("  b: {ReLU: {}, inputs: [a, |\n  c: {ReLU: {}}\n", ["a", "a.output", "a.h_n", "a.c_n", "x"]),
        ("  b: {ReLU: {}, inputs: ['|\n  c: {ReLU: {}}\n", ["a", "a.output", "a.h_n", "a.c_n", "x"]),
        ("  b: {use: Pair, with: {\n    |\n    }}\n", ["width"]),
        ("  |\n  c: {ReLU: {}}\n", []),
    ],
)
def test_what_is_proposed(typed, offered):
    assert labels(HEAD + typed) == offered


def test_an_argument_behind_its_dollar():
    assert labels(HEAD.replace("$width", "$|")) == ["$width"]


@pytest.mark.parametrize(
    "typed",
    ["  b: {|", "  b: {Lin|}", "  b: |", "  b:\n    |", "  b:\n    Con|", "  b:\n    repeat: 1\n    |"],
)
def test_a_layer_type_and_what_it_needs(typed):
    found = {each.proposal.word: each for each in completions(*written(HEAD + typed))}
    snippet = "Linear: {in_features: ${1}, out_features: ${2}}"
    assert found["Linear"].snippet == (f"{{{snippet}}}" if typed == "  b: |" else snippet)
    assert found["use"].proposal.note
    assert found["relu"].proposal.sort == "type"


def test_top_keys_and_those_of_blocks():
    assert {"outputs", "requires", "imports"} <= set(labels(HEAD + "|"))
    assert "inputs" not in labels(HEAD + "|")
    assert {"parameters", "outputs"} <= set(labels(HEAD.replace("    arguments: {width: int}", "    |")))


def test_a_completion_takes_the_place_of_the_word():
    text, offset = written(HEAD + "  b: {Li|n: {in_features: 3}}")
    [linear] = [each for each in completions(text, offset) if each.proposal.word == "Linear"]
    assert isinstance(linear, Completion)
    assert (text.text[linear.start : linear.end], linear.snippet) == ("Lin", "Linear")


# ------------------------------------------------------------------------------------------------------ hover


def told_at(told: str, *networks: Network) -> str:
    found = hover(*written(told), networks)
    return found.markdown if found else ""


def test_hover():
    network = check_text(HEAD)
    assert "float32[batch, 20] → {output: float32[batch, 4]" in told_at(
        HEAD.replace("LSTM", "LS|TM"), network
    )
    assert told_at(HEAD.replace("hidden_size", "hid|den_size")).startswith("**hidden_size** of LSTM")
    assert "default" not in told_at(HEAD.replace("blocks:", "bl|ocks:"))
    assert "templates" in told_at(HEAD.replace("blocks:", "bl|ocks:"))
    assert "`int`" in told_at(HEAD.replace("$width", "$wid|th"))
    assert "float32[1, 4]" in told_at(HEAD + "outputs: a.h|_n", network)
    assert "MP303" in told_at(HEAD + "# modelpack: ignore[MP2, MP3|03]")
    assert told_at(HEAD + "# nothing| here") == ""


def test_a_file_brings_no_markdown_of_its_own():
    picture = "![](http://example.org/seen)"
    in_block = f"blocks:\n  '{picture}|': 1\n"
    in_use = f"layers:\n  a: {{use: '`{picture}|'}}\n"
    in_import = f"imports:\n  a|: {{pack: '`{picture}'}}\n"
    for text in (in_block, in_use, in_import):
        found = hover(*written(text), [])
        assert found is not None
        outside = found.markdown.split("`")[::2]
        assert picture in found.markdown
        assert not any("(" in each for each in outside)


def test_of_a_text_that_is_wrong_the_first_layers_are_known():
    wrong = NESTED.replace(
        "  c: {call: b.one.1.fc}", "  c: {Linear: {in_features: 5, out_features: 6}}\n  d: {ReLU: {}}"
    )
    problems = examined_text(wrong.encode(), "net.yaml").findings
    network = sound_beginning(wrong.encode(), [each.problem for each in problems])
    assert network is not None
    assert [step.name for step in network.main.steps] == ["a", "b"]
    in_block = NESTED.replace("fc: {Linear: {in_features: 4", "fc: {Lenear: {in_features: 4")
    problems = examined_text(in_block.encode(), "net.yaml").findings
    network = sound_beginning(in_block.encode(), [each.problem for each in problems])
    assert network is not None
    assert [step.name for step in network.main.steps] == ["a"]
    assert sound_beginning(b"modelpack: [", []) is None


@given(mutated())
def test_a_beginning_is_found_or_not(text):
    findings = examined_text(text.encode(), "net.yaml").findings
    sound_beginning(text.encode(), [each.problem for each in findings])


def test_hover_tells_each_shape_that_a_block_is_used_with():
    text = NESTED.replace("fc: {Linear: {in_features: 4, out_features: 4}}", "fc: {ReLU: {}}")
    text = text.replace("frozen: [one.1.fc.bias], init: {one.0.fc.weight: zeros}", "frozen: true")
    text = text[: text.index("tied:")] + "outputs: [c, d]\n"
    text = text.replace("  c: {call: b.one.1.fc}", "  c: {call: b.one.1.fc}\n  d: {use: Inner, inputs: [x]}")
    shown = told_at(text.replace("fc: {ReLU", "f|c: {ReLU"), check_text(text))
    assert "float32[(batch*length) // 4, 4] →" in shown.replace(" * ", "*")
    assert "float32[batch, length] → float32[batch, length]" in shown


# ---------------------------------------------------------------------------------------------- small answers


def test_a_second_code_goes_into_the_comment_that_is_there():
    text = HEAD.replace("hidden_size: 4}}", "hidden_size: 4}}  # modelpack: ignore[MP801]")
    [ignoring] = actions(text_of(text), "MP802", "something", text.index("LSTM"))
    assert "# modelpack: ignore[MP801, MP802]" in edited(text, [ignoring.edit])
    assert list(actions(text_of(text), "MP101", "not YAML", 0)) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("  # modelpack: ignore[^MP822]", ""),
        ("  # modelpack: ignore[^MP303, MP822]", "  # modelpack: ignore[MP822]"),
        ("  # modelpack: ignore[MP822,  ^MP303 ]  # why", "  # modelpack: ignore[MP822 ]  # why"),
        ("  # why # modelpack: ignore[^MP303]", "  # why"),
        ("  # modelpack: ignore[^MP303] and why", "  # modelpack: ignore[] and why"),
    ],
)
def test_a_code_that_silences_nothing_goes(before, after):
    marked = HEAD.replace("hidden_size: 4}}", f"hidden_size: 4}}}}{before}")
    text = marked.replace("^", "")
    [removing] = actions(text_of(text), "MP806", "something", marked.index("^"))
    assert edited(text, [removing.edit]) == HEAD.replace("hidden_size: 4}}", f"hidden_size: 4}}}}{after}")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("in_features: width", "in_features: $width"),
        ("in_features: 2 * width + widths", "in_features: 2 * $width + widths"),
        ("in_features: 'width'", "in_features: '$width'"),
        ("in_features: [1, width]", "in_features: [1, $width]"),
    ],
)
def test_an_argument_gets_its_dollar(before, after):
    said = "in_features must be a fixed integer\nhint: write $width: it is an argument"
    text = f"layers:\n  fc: {{Linear: {{{before}}}}}\n"
    writing, _ = actions(text_of(text), "MP209", said, text.index("in_features: ") + 13)
    assert edited(text, [writing.edit]) == text.replace(before, after)


@given(st.text("a: {}\n#", max_size=40))
def test_tidying_is_an_edit_that_gives_the_formatted_text(text):
    from modelpack.errors import ArchitectureError
    from modelpack.formatting import format_text

    try:
        formatted = format_text(text)
    except ArchitectureError:
        formatted = text
    assert edited(text, tidied(text_of(text))) == formatted
