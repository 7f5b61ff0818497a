"""Renames by prefix: the longest decides, they are said as shortly as can be, and guessed where modules hold the same."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from modelpack.renames import Renames, condensed, covers, guess, pair, roots

segments = st.sampled_from(["a", "b", "ab", "0", "1", "weight"])
names = st.lists(segments, min_size=1, max_size=4).map(".".join)

LINEAR = {"weight": (3, 3), "bias": (3,)}
NORM = {"weight": (3,), "bias": (3,), "running_mean": (3,)}


def table(**modules: dict[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    """Modules by name, whose dots are written as two underscores."""
    return {
        f"{name.replace('__', '.')}.{leaf}": kind
        for name, own in modules.items()
        for leaf, kind in own.items()
    }


def wide(size: int) -> dict[str, tuple[int, ...]]:
    return {"weight": (size, 3), "bias": (size,)}


@pytest.mark.parametrize(
    ("name", "new"),
    [
        ("a.b.weight", "x.weight"),
        ("a.c.weight", "y.c.weight"),
        ("ab.weight", "whole.ab.weight"),
        ("a.b.skip.weight", None),
        ("a.b", "x"),
        ("c", ""),
    ],
)
def test_the_longest_prefix_decides(name: str, new: str | None) -> None:
    assert Renames({"": "whole", "a": "y", "a.b": "x", "a.b.skip": None, "c": ""})(name) == new


def test_a_prefix_ends_at_a_dot() -> None:
    assert [covers(each, "a.b") for each in ("", "a", "a.b", "a.", "a.bc", "b")] == [
        True,
        True,
        True,
        False,
        False,
        False,
    ]


@given(st.lists(names, unique=True, max_size=5), st.lists(names, unique=True, max_size=5))
def test_roots_cover_these_names_and_no_others(wanted: list[str], others: list[str]) -> None:
    assume(
        not any(
            covers(one, other) for one in (*wanted, *others) for other in (*wanted, *others) if one != other
        )
    )
    others = [name for name in others if name not in wanted]
    found = roots(wanted, others)
    assert {name for name in (*wanted, *others) if any(covers(each, name) for each in found)} == set(wanted)
    assert len(found) <= len(wanted)


@given(st.dictionaries(names, names | st.none()))
def test_condensed_renames_say_the_same(leaves: dict[str, str | None]) -> None:
    renames = Renames(condensed(leaves))
    assert {name: renames(name) for name in leaves} == leaves
    assert len(renames.pairs) <= len(leaves)


@pytest.mark.parametrize(
    ("leaves", "short"),
    [
        ({"a.x": "a.x", "a.y": "a.y"}, {}),
        ({"a.x": "b.x", "a.y": "b.y", "c.x": "c.x"}, {"a": "b"}),
        ({"a.x": "t.a.x", "c.x": "t.c.x"}, {"": "t"}),
        ({"t.a.x": "a.x", "t.c.x": "c.x"}, {"t": ""}),
        ({"a.x": None, "a.y": None, "b.x": "b.x"}, {"a": None}),
        ({"a.0.x": "a.1.x", "a.1.x": "a.2.x", "a.2.x": None}, {"a.0": "a.1", "a.1": "a.2", "a.2": None}),
    ],
)
def test_renames_are_said_of_whole_modules(
    leaves: dict[str, str | None], short: dict[str, str | None]
) -> None:
    assert condensed(leaves) == short


def test_a_pair_is_said_as_high_up_as_names_differ() -> None:
    assert pair("features.0.weight", "backbone.0.weight") == ("features", "backbone")
    assert pair("a.b.weight", "a.c.bias") == ("a.b.weight", "a.c.bias")
    assert pair("weight", "weight") == ("weight", "weight")


@pytest.mark.parametrize(
    ("source", "target", "found"),
    [
        (table(a=LINEAR, b=NORM), table(a=LINEAR, b=NORM), {}),
        (table(a=LINEAR, b=NORM), table(c=LINEAR, b=NORM), {"a": "c"}),
        (table(a=LINEAR, fc=wide(9)), table(t__a=LINEAR, t__n=NORM, head=wide(5)), {"a": "t.a", "fc": None}),
        (table(a=LINEAR, b=NORM), table(t__a=LINEAR, t__b=NORM, head=wide(5)), {"": "t"}),
        (
            table(m__0=wide(4), m__1=wide(5), m__2=wide(6)),
            table(m__0=wide(4), m__1=NORM, m__2=wide(5), m__3=wide(6)),
            {"m.1": "m.2", "m.2": "m.3"},
        ),
        (
            table(m__0=wide(4), m__1=NORM, m__2=wide(6)),
            table(m__0=wide(4), m__1=wide(6)),
            {"m.1": None, "m.2": "m.1"},
        ),
        (
            table(a=wide(4), b__0=LINEAR, b__1=NORM, c=wide(5), d=wide(6)),
            table(a=wide(4), c=wide(5), d=wide(6), z__y__0=LINEAR, z__y__1=NORM),
            {"b": "z.y"},
        ),
    ],
    ids=["equal", "renamed", "other head", "wrapped", "inserted", "removed", "moved"],
)
def test_renames_are_guessed(
    source: dict[str, tuple[int, ...]], target: dict[str, tuple[int, ...]], found: dict[str, str | None]
) -> None:
    assert guess(source, target) == found
    backwards = {name: source[name] for name in reversed(source)}
    assert guess(backwards, target) == found, "the order in a file says nothing"


def test_numbers_are_ordered_as_numbers() -> None:
    source = {f"m.{at}.weight": (at,) for at in range(12)}
    target = {f"m.{at + (at > 9)}.weight": (at,) for at in range(12)} | {"m.10.weight": (99,)}
    assert guess(dict(sorted(source.items())), dict(sorted(target.items()))) == {
        "m.10": "m.11",
        "m.11": "m.12",
    }


def test_what_is_too_long_or_too_deep_is_not_compared() -> None:
    assert guess({"a." * 101 + "x": ()}, {"b." * 101 + "x": ()}) == {}
    many = {f"{at}.x": (at,) for at in range(600)}
    assert guess(many, {f"n{name}": kind for name, kind in many.items()}) == {}
    layers = {f"layers.{at}.{each}.x": (each,) for at in range(100) for each in range(10)}
    wrapped = {f"model.{name}": kind for name, kind in layers.items()}
    assert guess(layers, wrapped) == {"": "model"}
    assert guess(wrapped, layers) == {"model": ""}


@given(st.dictionaries(names, st.integers(0, 3)), st.dictionaries(names, st.integers(0, 3)))
def test_a_guess_gives_no_place_twice_and_only_to_what_is_alike(
    source: dict[str, int], target: dict[str, int]
) -> None:
    renames = Renames(guess(source, target))
    reached = [new for name in source if (new := renames(name)) in target and source[name] == target[new]]
    assert len(reached) == len(set(reached))
    assert len(reached) >= sum(1 for name in source if source == target)
