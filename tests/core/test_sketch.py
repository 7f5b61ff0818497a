"""The tree that the editor's helpers read: that of the reader where there is one, and something sensible where there isn't."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelpack import source
from modelpack.errors import ArchitectureError
from modelpack.language_server.sketch import sketch
from modelpack.language_server.texts import Change, Text, changed, text_of
from modelpack.language_server.tree import Entry, Mapping, Sequence, Value, Word, find, words
from modelpack.scalars import resolve
from modelpack.writer import write
from tests.cases.cases import INVALID, VALID
from tests.core.test_fuzz import mutated
from tests.strategies import documents

EXAMPLES = Path(__file__).parents[2] / "examples"
FILES = sorted([*VALID.glob("*.yaml"), *INVALID.glob("*.yaml"), *EXAMPLES.glob("**/*.yaml")])


def plain(value: source.Value | Value | None) -> object:
    """A tree as nested lists of values; both kinds of tree give the same."""
    if isinstance(value, source.Mapping):
        return {key: plain(item) for key, item in value.entries.items()}
    if isinstance(value, Mapping):
        return {entry.key.value: plain(entry.value) for entry in value.entries}
    if isinstance(value, source.Sequence | Sequence):
        return [plain(item) for item in value.items]
    if isinstance(value, source.Scalar):
        return repr(value.value)
    if value is None:
        return repr(None)
    return repr(value.value if value.quote else resolve(value.value))


def read_places(value: source.Value) -> list[tuple[int, int]]:
    """Where keys and values begin, in order."""
    here = [(value.line, value.column)]
    if isinstance(value, source.Mapping):
        for key, item in value.entries.items():
            empty = isinstance(item, source.Scalar) and item.value is None and item.plain
            here += [value.key_places[key], *([] if empty else read_places(item))]
    elif isinstance(value, source.Sequence):
        for item in value.items:
            here += read_places(item)
    return here


def sketched_places(value: Value, text: Text) -> list[tuple[int, int]]:
    line = text.line_of(value.start)
    here = [(line + 1, value.start - text.starts[line] + 1)]
    for each in value.entries if isinstance(value, Mapping) else ():
        is_empty = each.value is None or (
            isinstance(each.value, Word) and not each.value.quote and resolve(each.value.value) is None
        )
        here += [*sketched_places(each.key, text), *([] if is_empty else sketched_places(each.value, text))]
    for item in value.items if isinstance(value, Sequence) else ():
        here += sketched_places(item, text) if item is not None else [(0, 0)]
    return here


def agrees(text: str) -> None:
    read, sketched = source.parse(text), sketch(text)
    assert plain(read) == plain(sketched)
    assert read_places(read) == sketched_places(sketched, text_of(text))


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_of_every_file_that_can_be_read_it_is_the_readers_tree(file):
    text = file.read_bytes()
    with suppress(ArchitectureError):
        source.parse(text)
        agrees(text.decode())
    sketch(text.decode(errors="replace"))


@settings(max_examples=30)
@given(documents())
def test_of_documents_it_is_the_readers_tree(document):
    agrees(write(document))


@given(mutated())
def test_of_any_text_there_is_one_with_places_in_order(text):
    tree = sketch(text)
    last = 0
    for way in words(tree):
        assert last <= way.word.start <= way.word.end <= len(text)
        last = way.word.start
        if way.word.is_exact:
            assert text[way.word.inner :].startswith(way.word.value)
        assert find(tree, way.word.start) is not None


@given(st.text("ab:{}[],'\"#-|> \n\r\té𝄞\\", max_size=80))
def test_no_text_is_too_odd(text):
    for way in words(sketch(text)):
        assert 0 <= way.word.start <= way.word.end <= len(text)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 10_000,
        "{a: " * 10_000,
        "- " * 10_000,
        "a:\n b:\n" * 5_000,
        "'" * 10_000,
        "|\n" * 5_000,
        ": " * 9_999,
    ],
    ids=lambda text: text[:4].strip(),
)
def test_hostile_texts_end(text):
    sketch(text)


def keys(value: Value | None) -> list[str]:
    return [entry.key.value for entry in value.entries] if isinstance(value, Mapping) else []


@pytest.mark.parametrize(
    "typed",
    [
        "{Linear: {in_features: 3",
        "{Linear: {in_features: 3}",
        "{Linear: [3, {a",
        "'never closed",
        "{Linear: 'never closed}",
        "Lin",
        "",
        "}",
        "{Linear: }}",
    ],
)
def test_what_is_broken_ends_where_the_next_key_begins(typed):
    tree = sketch(f"layers:\n  a: {typed}\n  b: {{ReLU: {{}}}}\noutputs: b\n")
    assert keys(tree) == ["layers", "outputs"]
    assert isinstance(tree, Mapping)
    assert keys(tree.get("layers")) == ["a", "b"]


def test_a_key_without_colon_is_a_key_where_others_are():
    tree = sketch("layers:\n  a:\n    Linear:\n      in_features: 3\n      out\n  b: {ReLU: {}, in}\n")
    found = [way.path for way in words(tree) if way.is_key]
    assert ("layers", "a", "Linear", "out") in found
    assert ("layers", "b", "in") in found


def test_the_word_at_an_offset_with_the_way_to_it():
    text = "layers:\n  a: {add: {}, inputs: [x, y]}\n"
    way = find(sketch(text), text.index("y]"))
    assert way is not None
    assert (way.path, way.word.value, way.is_key) == (("layers", "a", "inputs", 1), "y", False)
    key = find(sketch(text), text.index("add") + 3)
    assert key is not None
    assert (key.path, key.is_key) == (("layers", "a", "add"), True)
    assert find(sketch(text), text.index("[x") - 1) is None


def test_entries_are_told_whole():
    tree = sketch("a: {b: 1}\n")
    assert tree == Mapping(
        (Entry(Word("a", 0, 1), Mapping((Entry(Word("b", 4, 5), Word("1", 7, 8)),), 3, 9, is_flow=True)),),
        0,
        9,
        is_flow=False,
    )


# ------------------------------------------------------------------------------------------------------- texts

ODD = "a𝄞b\r\né\u2028x\r\n\rlast𝄞"


@pytest.mark.parametrize(("encoding", "units"), [("utf-16", 2), ("utf-8", 4), ("utf-32", 1)])
def test_an_editor_counts_in_units_of_its_encoding(encoding, units):
    text = text_of(ODD, encoding)
    assert text.position(ODD.index("b")) == (0, 1 + units)
    assert text.offset((0, 1 + units)) == ODD.index("b")
    assert text.position(ODD.index("x")) == (1, {"utf-16": 2, "utf-8": 5, "utf-32": 2}[encoding])
    assert text.line(0) == "a𝄞b"
    assert text.line(2) == ""
    assert text.offset((3, 99)) == text.offset((99, 0)) == len(ODD)
    assert text.offset((0, 99)) == 3


@given(st.text("ab\r\n𝄞é\u2028"), st.sampled_from(["utf-8", "utf-16", "utf-32"]))
def test_every_offset_has_a_position_and_back(written, encoding):
    text = text_of(written, encoding)
    for offset in range(len(written) + 1):
        if written[offset - 1 : offset + 1] != "\r\n":
            assert text.offset(text.position(offset)) == offset


@given(st.data(), st.text("ab\n𝄞"), st.text("cd\r\n𝄞"))
def test_a_change_is_what_was_typed(data, before, typed):
    text = text_of(before)
    start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(before))] * 2)))
    after = changed(text, Change(typed, text.position(start), text.position(end)))
    assert after == text_of(before[:start] + typed + before[end:])


def test_a_change_without_places_is_all():
    assert changed(text_of("abc"), Change("x")).text == "x"
