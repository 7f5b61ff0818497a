"""Comparisons of dimensions: their text, and what is plain to always hold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelpack.comparison import parse_comparison
from tests.strategies import COMPARISONS

SIZES = st.fixed_dictionaries({name: st.integers(1, 20) for name in ("batch", "h", "$n")})


@given(COMPARISONS)
def test_its_text_says_it(comparison):
    assert parse_comparison(str(comparison)) == comparison


@given(COMPARISONS, SIZES)
def test_what_always_holds_holds_at_any_size(comparison, sizes):
    assert comparison.holds(sizes) or not comparison.always_holds()


@pytest.mark.parametrize(
    "text", ["n >= 1", "n > 0", "n != 0", "2 * n + 1 > 1", "1 <= n", "0 < n", "n % 4 >= 0"]
)
def test_what_says_nothing(text):
    assert parse_comparison(text).always_holds()


@pytest.mark.parametrize("text", ["n > 1", "n != 1", "n % 4 == 0", "n != m", "n <= 1", "m == n"])
def test_what_says_something(text):
    assert not parse_comparison(text).always_holds()


@given(COMPARISONS, SIZES)
def test_what_never_holds_holds_at_no_size(comparison, sizes):
    assert not (comparison.holds(sizes) and comparison.never_holds())


@pytest.mark.parametrize(
    "text", ["n < 1", "n * m <= 0", "n == n + 1", "n % 8 == 15", "n % 2 == -1", "n != n"]
)
def test_what_no_sizes_meet(text):
    assert parse_comparison(text).never_holds()


@pytest.mark.parametrize("text", ["n < 2", "n % 8 == 7", "n == m", "n // 2 == m // 2", "min(n, 16) != 3"])
def test_what_some_sizes_meet(text):
    assert not parse_comparison(text).never_holds()


def test_without_a_value_it_does_not_hold():
    assert not parse_comparison("8 % (n - 2) == 0").holds({"n": 2})
