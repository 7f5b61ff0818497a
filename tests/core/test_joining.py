"""Parts that are put one after another: what the second requires of its sizes is asked of those that it gets."""

import pytest

from modelpack.errors import ArchitectureError
from modelpack.reader import read
from modelpack.reuse.grafting import graft
from modelpack.reuse.joining import join
from modelpack.reuse.part import Part


def part(name: str, shape: str, layer: str, requires: str = "") -> Part:
    return Part(
        read(
            f"modelpack: 1\nname: {name}\n{requires}inputs:\n  x_{name}: {{dtype: float32, shape: {shape}}}\n"
            f"layers:\n  {layer}\n"
        ),
        {},
        {},
        {},
    )


FIVE = part("five", "[batch, 5, 8]", "fc: {Linear: {in_features: 8, out_features: 8}}")


def picky(requires: str) -> Part:
    return part("picky", "[n, length, 8]", "out: {ReLU: {}}", f"requires: ['{requires}']\n")


def test_what_is_required_of_a_size_that_is_known_now_must_hold():
    for joined in (
        lambda: join(FIVE, picky("length % 2 == 0")),
        lambda: graft(FIVE, "fc", picky("length < 5")),
    ):
        with pytest.raises(
            ArchitectureError, match=r"MP344.*'picky' requires 'length .*here that is '(1 == 0|5 < 5)'"
        ):
            joined()


def test_what_has_no_value_there_does_not_hold():
    with pytest.raises(ArchitectureError, match=r"MP344.*'8 // \(length - 5\).*has no value"):
        join(FIVE, picky("8 // (length - 5) > 1"))


def test_what_holds_there_is_not_said_again():
    assert join(FIVE, picky("length % 5 == 0")).architecture.requires == ()


def test_what_depends_on_a_free_size_is_required_of_the_whole():
    assert [*map(str, join(FIVE, picky("n % 2 == 0")).architecture.requires)] == ["batch % 2 == 0"]
