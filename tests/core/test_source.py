"""YAML text to values with places: what the subset allows, where values stand, and how problems are gathered."""

from __future__ import annotations

import gc
import json
import math
import unicodedata
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from modelpack.errors import CODES, ArchitectureError, Place
from modelpack.source import Limits, Mapping, Scalar, Sequence, Value, parse, place

SMALL = Limits(bytes=200, nodes=12, depth=3, scalar=20, key=8)


def data(value: Value) -> Any:
    """The value without its places."""
    if isinstance(value, Mapping):
        assert list(value.entries) == list(value.key_places)
        return {key: data(entry) for key, entry in value.entries.items()}
    if isinstance(value, Sequence):
        return [data(item) for item in value.items]
    return value.value


def refusal(text: str | bytes, limits: Limits = SMALL) -> str:
    with pytest.raises(ArchitectureError) as caught:
        parse(text, "net.yaml", limits)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *[(text, None) for text in ("null", "Null", "NULL", "~")],
        *[(text, True) for text in ("true", "True", "TRUE")],
        *[(text, False) for text in ("false", "False", "FALSE")],
        ("0", 0), ("-0", 0), ("+7", 7), ("-12", -12), ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775808", -(2**63)),
        ("1e-5", 1e-5), ("1E+3", 1000.0), ("1.5", 1.5), (".5", 0.5), ("-.5", -0.5), ("1.", 1.0), ("0.0", 0.0),
        ("-0.0", -0.0), ("007.5", 7.5), ("5e-324", 5e-324), ("0e99999", 0.0),
        (".inf", math.inf), ("+.Inf", math.inf), ("-.INF", -math.inf),
        # Other readers of YAML make numbers, truth values or dates of these.
        *[(text, text) for text in (
            "no", "No", "NO", "on", "off", "yes", "y", "n", "1:30", "190:20:30", "2020-01-01", "2020-01-01T00:00:00Z",
            "1_000", "0b101", "-0x1F", "nULL", "tRUE", "inf", "nan", "NaN", "Infinity", "+.nan", "e5", "1e", "1.2.3",
            ".", "+", "--1", "=", "<", "$channels", "a:b", "acme:Swish2", "batch * heads", "\u0661", "0x", "0o8", "08x",
        )],
        ("'1'", "1"), ('"true"', "true"), ("''", ""), ('"a\\tb\\nc\\r\\u2028"', "a\tb\nc\r\u2028"), ("|\n a\n b\n", "a\nb\n"),
        ("'010'", "010"), ("caf\u00e9", "caf\u00e9"), ('"\\U0001F600"', "\U0001F600"),
    ],
)  # fmt: skip
def test_scalars(text: str, expected: object) -> None:
    value = parse(text)
    assert isinstance(value, Scalar)
    assert (type(value.value), repr(value.value)) == (type(expected), repr(expected))
    assert value.plain == (text[0] not in "'\"|")


@pytest.mark.parametrize("text", [".nan", ".NaN", ".NAN"])
def test_not_a_number(text: str) -> None:
    value = parse(text)
    assert isinstance(value, Scalar)
    assert isinstance(value.value, float)
    assert math.isnan(value.value)


def test_an_empty_value_is_null() -> None:
    assert data(parse("a:\nb: {c, d: }")) == {"a": None, "b": {"c": None, "d": None}}


def test_an_architecture() -> None:
    text = """\
modelpack: 1                       # the format
inputs:
  x: {dtype: float32, shape: [batch, 20]}
layers:
  fc: {Linear: {in_features: 20, bias: false}}
  "0": {ReLU: {}}
"""
    assert data(parse(text)) == {
        "modelpack": 1,
        "inputs": {"x": {"dtype": "float32", "shape": ["batch", 20]}},
        "layers": {"fc": {"Linear": {"in_features": 20, "bias": False}}, "0": {"ReLU": {}}},
    }


def test_places_count_lines_and_characters_from_one() -> None:
    root = parse("a: 1\r\n\"caf\u00e9\": {b: [x,\n   'y']}\n# no more\n", "net.yaml")
    assert isinstance(root, Mapping)
    assert root.key_places == {"a": (1, 1), "caf\u00e9": (2, 1)}
    inner = root.entries["caf\u00e9"]
    assert isinstance(inner, Mapping)
    assert (place(inner, "net.yaml"), inner.key_places) == (Place(2, 9, "net.yaml"), {"b": (2, 10)})
    items = inner.entries["b"]
    assert isinstance(items, Sequence)
    assert [(item.line, item.column) for item in items.items] == [(2, 14), (3, 4)]
    assert str(place(items)) == "<text>:2:13"


def test_bytes_and_text_read_alike() -> None:
    text = "caf\u00e9: [\u00fc, 1]"
    assert data(parse(text.encode())) == data(parse(text))


@pytest.mark.parametrize("collecting", [True, False])
def test_the_garbage_collector_is_as_before(collecting: bool) -> None:
    before = gc.isenabled()
    try:
        (gc.enable if collecting else gc.disable)()
        parse("a: 1")
        assert gc.isenabled() == collecting
        refusal("a: [")
        assert gc.isenabled() == collecting
    finally:
        (gc.enable if before else gc.disable)()


def test_all_problems_come_at_once_in_order_of_place() -> None:
    message = refusal("a: 010\na: !x 1\n0: *y", Limits())
    assert [line.split()[:2] for line in message.splitlines() if "hint" not in line] == [
        ["net.yaml:1:4:", "MP115"],
        ["net.yaml:2:1:", "MP113"],
        ["net.yaml:2:4:", "MP107"],
        ["net.yaml:3:1:", "MP112"],
        ["net.yaml:3:4:", "MP109"],
    ]


def test_problems_before_broken_syntax_are_kept() -> None:
    message = refusal("a: 010\nb: [")
    assert "MP115" in message
    assert "MP101" in message


def test_a_hundred_problems_are_enough() -> None:
    with pytest.raises(ArchitectureError) as caught:
        parse("- 010\n" * 1000)
    assert len(caught.value.problems) == 100


@pytest.mark.parametrize(
    "text",
    [
        "a" * 20,
        "[[[1]]]",
        "12345678: 1".replace("12345678", "abcdefgh"),
        "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]",
        "#" * 198 + "\n1",
    ],
)
def test_what_just_fits_is_read(text: str) -> None:
    parse(text, limits=SMALL)


# JSON is a subset, as far as its keys and numbers are ours: no control characters, integers of 64 bits.
ALLOWED = st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\u2028\u2029\ufeff\ufffe\uffff")
TEXTS = st.text(
    ALLOWED | st.sampled_from("\t\n\r") | st.sampled_from("'\"\\:#-[]{}!&*|>%@` 01~"), max_size=40
)
KEYS = st.text(ALLOWED, max_size=40).map(lambda text: unicodedata.normalize("NFC", text))
ATOMS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
)
JSON = st.recursive(
    ATOMS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)


@given(JSON, st.sampled_from([None, 2]), st.sampled_from([(", ", ": "), (",", ":")]))
def test_json_reads_as_json(value: Any, indent: int | None, separators: tuple[str, str]) -> None:
    text = json.dumps(value, ensure_ascii=False, indent=indent, separators=separators)
    assert repr(data(parse(text))) == repr(value)


@settings(max_examples=300)
@given(st.text(max_size=60) | st.text("ab01:-,[]{}?&*!|>'\"%@`#~<. \t\n\r", max_size=60))
@example("!%ED%A0%80 a")
@example("\udc00")
def test_no_text_raises_anything_else(text: str) -> None:
    _parse_or_refuse(text)


@settings(max_examples=300)
@given(st.binary(max_size=60))
@example(b"\xff\xfe")
def test_no_bytes_raise_anything_else(text: bytes) -> None:
    _parse_or_refuse(text)


def _parse_or_refuse(text: str | bytes) -> None:
    try:
        parse(text)
    except ArchitectureError as error:
        lines = len(text.splitlines()) + 1
        for problem in error.problems:
            assert problem.code in CODES
            assert problem.place is not None
            assert 1 <= problem.place.line <= lines
            assert problem.place.column >= 1
