"""Hostile weight files: each is refused with its code, fast, in little memory, and nothing happens besides."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelpack.errors import PackError
from modelpack.limits import Limits
from modelpack.safetensors_header import read_table
from modelpack.safetensors_layout import lay_out, pieces_of
from modelpack.weights import open_weights
from tests.attacks.harness import attack
from tests.attacks.weight_files import ATTACKS, framed
from tests.core.packs import some_tensors


@pytest.mark.parametrize(("make", "code"), [case[1:] for case in ATTACKS], ids=[case[0] for case in ATTACKS])
def test_attack(tmp_path: Path, make: Callable[[], bytes], code: str) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(make())
    attack(open_weights, path, code)


VALID = b"".join(piece for part in lay_out(some_tensors()) for piece in pieces_of(part))


def read(data: bytes) -> None:
    """Only our error, and of what is accepted every tensor lies inside the file."""
    try:
        table = read_table(lambda start, stop: data[start:stop], len(data), "fuzzed", Limits())
    except PackError:
        return
    for info in table.tensors:
        assert table.data_start <= info.start <= info.stop <= len(data)


@given(st.data())
def test_fuzz_bytes(data: st.DataObject) -> None:
    changed = bytearray(VALID)
    for _ in range(data.draw(st.integers(1, 4))):
        position = data.draw(st.integers(0, 420))
        changed[position : position + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=3))
    read(bytes(changed[: data.draw(st.integers(0, len(changed)) | st.just(len(changed)))]))


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=4)
    | st.sampled_from([0, 4, 8, "F32"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
entries = st.fixed_dictionaries({
    "dtype": st.sampled_from(["F32", "U8", "F4", "F6_E2M3", "BOOL"]) | anything,
    "shape": st.lists(st.integers(-1, 5), max_size=3) | anything,
    "data_offsets": st.lists(st.integers(-1, 40), min_size=2, max_size=2) | anything,
})  # fmt: skip


@given(st.dictionaries(st.text(max_size=5) | st.just("__metadata__"), entries | anything), st.integers(0, 64))
def test_fuzz_entries(header: dict[str, object], size: int) -> None:
    read(framed(json.dumps(header).encode(), bytes(size)))


def test_fuzz_does_reach_valid_tables() -> None:
    """The fuzz above would prove nothing if every mutation ended in the JSON parser."""
    codes: set[str] = set()
    chance = random.Random(1)
    for _ in range(3000):
        changed = bytearray(VALID)
        changed[chance.randrange(8, 400)] = chance.choice(b"0123456789UFBI,")
        try:
            read_table(
                lambda start, stop, data=changed: bytes(data[start:stop]), len(changed), "fuzzed", Limits()
            )
        except PackError as error:
            codes |= {problem.code for problem in error.problems}
        else:
            codes.add("accepted")
    assert {"accepted", "MP534", "MP538", "MP539", "MP544"} <= codes
