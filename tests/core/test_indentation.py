"""A line that is indented otherwise than its siblings is told of itself, not the one at which the parser noticed."""

import pytest

from modelpack.errors import ArchitectureError
from modelpack.indentation import astray
from modelpack.source import parse


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a:\n   b: 1\n  c: 2\n  d: 3\n", 2),  # too far right, the first of its mapping
        ("a:\n b: {}\n  c: {}\n  d: {}\n", 2),  # too far left
        ("a:\n  b: {}\n c: {}\n  d: {}\n  e: {}\n", 3),  # between others
        ("a:\n     b:\n    # why\n    c:\n      d: 1\n    e: 2\nf: 3\n", 2),
        ("a:\n  b: 1\n  c: 2\n d: 3\n  e: 4\n", 4),  # its own fault
        ("a:\n  b: 1\n c: 3\n  e: 4\n", 3),
        ("a:\n  b: 1\n c: 3\n", 3),  # nobody knows
        (
            "a:\n  b: {}\n  c: {}\n    d:\n    e: {}\n",
            4,
        ),  # its own fault: there are others where it should be
    ],
)
def test_the_line_to_blame(text, line):
    with pytest.raises(ArchitectureError) as caught:
        parse(text)
    assert [each.place.line for each in caught.value.problems] == [line]


def test_nothing_before_is_to_blame_for_the_first_line():
    assert astray([" a: 1", "b: 2"], 0) is None
    assert astray(["# nothing", "", "b: 2"], 2) is None
