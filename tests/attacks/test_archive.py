"""Hostile `.modelpack` files: each is refused with its code, fast, in little memory, and nothing happens besides."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelpack.errors import PackError
from modelpack.pack import open_pack, verify_digests
from tests.attacks.archives import ATTACKS, FIRST, LAYOUT, TEXT, VALID
from tests.attacks.harness import attack


def open_and_close(path: Path) -> None:
    open_pack(path).close()


@pytest.mark.parametrize(("make", "code"), [case[1:] for case in ATTACKS], ids=[case[0] for case in ATTACKS])
def test_attack(tmp_path: Path, make: Callable[[], bytes], code: str) -> None:
    path = tmp_path / "net.modelpack"
    path.write_bytes(make())
    attack(open_and_close, path, code)


def test_what_the_attacks_begin_with_is_valid(tmp_path: Path) -> None:
    (tmp_path / "net.modelpack").write_bytes(VALID)
    attack(open_and_close, tmp_path / "net.modelpack", None)
    with zipfile.ZipFile(io.BytesIO(VALID)) as other:
        assert other.testzip() is None


@given(data=st.data())
def test_fuzz(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    changed = bytearray(VALID)
    records = [
        *range(LAYOUT.slots[0].data),
        *range(LAYOUT.slots[1].header, LAYOUT.slots[1].data),
        *range(FIRST, len(VALID)),
    ]
    for _ in range(data.draw(st.integers(1, 4))):
        position = data.draw(st.sampled_from(records))
        changed[position : position + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    path = tmp_path_factory.getbasetemp() / "fuzzed.modelpack"
    path.write_bytes(changed)
    try:
        with open_pack(path) as pack:
            assert pack.architecture == TEXT
            verify_digests(pack)
    except PackError:
        pass
