"""Integer expressions: their normal form has the value that Python would give, and their text reads back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelpack.dims import (
    TooComplex,
    cancelled,
    ceil_div,
    evaluate,
    exceeds,
    floor_div,
    may_equal,
    remainder,
    rounded,
    substitute,
    symbol,
    symbols,
)
from modelpack.expressions import MAX_LENGTH, ExpressionError, parse_dim

BATCH, HEIGHT = symbol("batch"), symbol("height")
VALUES = st.fixed_dictionaries({name: st.integers(-5, 30) for name in ("a", "b", "$c")})
TEXTS = st.recursive(
    st.integers(0, 9).map(str) | st.sampled_from(["a", "b", "$c"]),
    lambda inner: (
        st.builds("({} {} {})".format, inner, st.sampled_from(["+", "-", "*", "//", "%"]), inner)
        | st.builds("{}({}, {})".format, st.sampled_from(["max", "min"]), inner, inner)
        | st.builds("-{}".format, inner)
    ),
    max_leaves=6,
)


@given(TEXTS, VALUES)
def test_the_value_is_pythons(text, values):
    names = {"a": values["a"], "b": values["b"], "c": values["$c"], "max": max, "min": min}
    try:
        wanted = eval(text.replace("$c", "c"), names)
        found = evaluate(parse_dim(text), values)
    except (ZeroDivisionError, ExpressionError):
        return  # 0 * (1 // 0) is 0 here and an error there
    assert found == wanted


@given(TEXTS)
def test_text_reads_back(text):
    try:
        dim = parse_dim(text)
    except ExpressionError:
        return
    assert len(str(dim)) > MAX_LENGTH or parse_dim(str(dim)) == dim


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("batch + batch", "2*batch"),
        ("(height + 2 * 3 - 7) // 2 + 1", "(height + 1) // 2"),
        ("((height - 1) // 2 + 1 - 1) // 2 + 1", "(height + 3) // 4"),
        ("batch * heads * 4 // heads", "4*batch"),
        ("(batch * height + batch) // batch", "height + 1"),
        (
            "(64 * height * (width // 16) + 320) // (height * (width // 16) + 5)",
            "64",
        ),  # heads of a sequence with registers
        ("(height * height - 1) // (height + 1)", "height - 1"),
        ("(64 * height + 321) // (height + 5)", "(64*height + 321) // (height + 5)"),
        ("(4 * batch + 2) % 4", "2"),
        ("(7 - height % 7) % 7", "(6*height) % 7"),
        ("(height % 14 + 1) % 7", "(height + 1) % 7"),
        ("(height % 5 + 1) % 7", "(height % 5 + 1) % 7"),
        ("max(batch + 1, batch)", "batch + 1"),
        ("-(batch // 2)", "-(batch // 2)"),
    ],
)
def test_normal_forms(written, normal):
    assert str(parse_dim(written)) == normal


@pytest.mark.parametrize(
    ("written", "gathered"),
    [
        ("height - height % 4", "4*(height // 4)"),
        ("height + (7 - height % 7) % 7", "7*((height + 6) // 7)"),  # as windows are padded
        ("height // 4 + (height // 4) % 2 + 1", "2*((height + 4) // 8) + 1"),
        ("2 * height + (7 - height % 7) % 7", "(6*height) % 7 + 2*height"),  # one height too many
        ("height + width % 7", "height + width % 7"),
    ],
)
def test_sizes_that_are_rounded_to_multiples(written, gathered):
    assert str(rounded(parse_dim(written))) == gathered


@given(
    st.integers(2, 9),
    st.integers(-9, 9),
    st.integers(-3, 3),
    st.integers(-9, 9),
    st.integers(1, 60),
    st.data(),
)
def test_rounded_keeps_the_value(modulus, constant, coefficient, more, height, data):
    inner = data.draw(
        st.sampled_from([HEIGHT, -HEIGHT, HEIGHT + BATCH, HEIGHT - 2 * BATCH, floor_div(HEIGHT, 3)])
    )
    dim = coefficient * remainder(inner + constant, modulus) - coefficient * inner + more
    values = {"height": height, "batch": 5}
    assert evaluate(rounded(dim), values) == evaluate(dim, values)
    assert "%" not in str(rounded(dim))


def test_what_may_be_equal():
    assert may_equal(BATCH + BATCH, 2 * BATCH)
    assert not may_equal(BATCH, BATCH + 1)
    assert not may_equal(BATCH, HEIGHT)
    assert not may_equal(3, 4)
    assert may_equal(floor_div(HEIGHT, 2) * 2, HEIGHT)
    # Rounding is less than what is added: a skip connection past an unpadded kernel fits at no height.
    assert not may_equal(floor_div(HEIGHT, 2) * 2 + 6, HEIGHT)
    assert not may_equal(floor_div(HEIGHT - 8, 2), floor_div(HEIGHT - 1, 2))
    assert not may_equal(floor_div(HEIGHT, 8), floor_div(HEIGHT, 16) - 1)
    assert may_equal(floor_div(HEIGHT, 8), floor_div(HEIGHT, 16))


def test_substitution_keeps_what_has_no_value():
    dim = substitute(BATCH * HEIGHT + ceil_div(HEIGHT, 2), {"height": 5})
    assert str(dim) == "5*batch + 3"
    assert symbols(dim) == {"batch"}
    with pytest.raises(KeyError):
        evaluate(dim, {})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it ends where a number or a name should stand"),
        ("batch /2", "'batch /2' has '/', which integer arithmetic has not"),
        ("batch heads", "'batch heads' has 'heads' where it should end"),
        ("max(batch)", "')' stands where ',' should"),
        ("(batch", "it ends where ')' should stand"),
        ("batch // 0", "'batch // 0' divides by zero"),
        ("2 ** batch", "'*' stands where a number or a name should"),
        ("(" * 20 + "1" + ")" * 20, f"'{'(' * 20}1{')' * 20}' nests parentheses deeper than 16"),
        ("a" * 300, "an expression may have 256 characters, this one has 300"),
        ("a.b", "'a.b' has '.', which integer arithmetic has not"),
    ],
)
def test_what_is_no_expression(text, message):
    with pytest.raises(ExpressionError) as caught:
        parse_dim(text)
    assert str(caught.value) == message


def test_what_certainly_exceeds():
    assert exceeds(4, 3)
    assert exceeds(2 * BATCH, BATCH)  # no size is below 1
    assert exceeds(BATCH + HEIGHT, HEIGHT)
    assert exceeds(BATCH + floor_div(HEIGHT, 2), floor_div(HEIGHT, 2))
    assert exceeds(1, -(BATCH * HEIGHT))
    assert not exceeds(3, 3)
    assert not exceeds(BATCH, 1)
    assert not exceeds(BATCH, HEIGHT)
    assert not exceeds(100, BATCH)
    assert not exceeds(floor_div(BATCH, 2), 0)
    up, down = rounded(parse_dim("batch + (7 - batch % 7) % 7")), 7 * floor_div(BATCH, 7)
    assert exceeds(up + 1, BATCH)
    assert exceeds(BATCH + 7, up)
    assert exceeds(BATCH + 1, down)
    assert exceeds(down + 7, BATCH)
    assert not exceeds(BATCH + 6, up)
    assert not exceeds(down + 6, BATCH)


@given(TEXTS, st.fixed_dictionaries({name: st.integers(1, 4) for name in ("a", "b", "$c")}))
def test_nothing_exceeds_a_value_that_it_can_have(text, values):
    try:
        dim = parse_dim(text)
        value = evaluate(dim, values)
    except (ZeroDivisionError, ExpressionError):
        return
    assert not exceeds(dim, value)
    assert not exceeds(value, dim)


@given(st.integers(1, 40), st.integers(2, 9), st.integers(2, 9), st.integers(-9, 9), st.integers(-9, 9))
def test_no_quotient_exceeds_one_that_it_can_equal(height, one, other, first, second):
    left, right = floor_div(HEIGHT + first, one), floor_div(HEIGHT + second, other)
    values = {"height": height}
    assert not exceeds(left, right + evaluate(left, values) - evaluate(right, values))
    assert not exceeds(left - evaluate(left, values) + evaluate(right, values), right)


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ("32 * batch * height", "7 * batch * height", ("32", "7")),
        ("6 * batch * batch * height", "4 * batch", ("3*batch*height", "2")),
        ("4 * batch + 2 * height", "6", ("2*batch + height", "3")),
        ("batch * (height // 2)", "height // 2", ("batch*(height // 2)", "height // 2")),  # it may be 0
        ("0", "3 * batch", ("0", "1")),
        ("12", "8", ("12", "8")),
    ],
)
def test_common_factors_cancel(left, right, expected):
    assert tuple(map(str, cancelled(parse_dim(left), parse_dim(right)))) == expected


def halve_and_third(times: int) -> None:
    dim = BATCH
    for _ in range(times):
        dim = floor_div(dim, 2) + floor_div(dim, 3)


def multiply_sums(count: int) -> None:
    product = BATCH
    for number in range(count):
        product = product * (symbol(f"d{number}") + 1)


@pytest.mark.parametrize("grow", [halve_and_third, multiply_sums])
def test_expressions_that_outgrow_all_bounds_are_refused(grow):
    grow(3)
    with pytest.raises(TooComplex):
        grow(100)
