"""Killed at any moment of a save, the old pack or the new one is there, whole."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from modelpack import atomic
from modelpack.dtypes import DType
from modelpack.pack import TensorData, open_pack, verify_digests, write_pack

FORMS = pytest.mark.parametrize("name", ["net", "net.modelpack"], ids=["directory", "file"])
SWAPS = pytest.mark.parametrize("swap", ["by exchange", "by two renames"])
SIZE = 200_000


def save(path: Path, letter: bytes, pause: float = 0.0) -> None:
    """A pack whose every byte of data is `letter`, given slowly."""

    def pieces() -> Iterator[bytes]:
        for _ in range(10):
            time.sleep(pause)
            yield letter * (SIZE // 10)

    weights = [TensorData(f"t{k}", DType.UINT8, (SIZE,), pieces) for k in range(2)]
    write_pack(path, architecture=letter, weights=weights)


def letter_of(path: Path) -> bytes:
    """The letter of a pack, after every byte was verified."""
    with open_pack(path) as pack:
        verify_digests(pack)
        assert pack.weights is not None
        for tensor in pack.weights.tensors.values():
            assert bytes(tensor.read()) == pack.architecture * SIZE
        return pack.architecture


def in_child(work: Callable[[], None]) -> int:
    """Run `work` in a forked process; its id."""
    child = os.fork()
    if child == 0:
        status = 1
        with contextlib.suppress(BaseException):
            work()
            status = 0
        os._exit(status)
    return child


def saves_without_end(path: Path) -> None:
    for turn in range(1_000_000):
        save(path, b"AB"[turn % 2 : turn % 2 + 1], pause=0.0005)


@FORMS
def test_kill_at_50_random_moments(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    save(path, b"0")
    moments = random.Random(7)
    seen: set[bytes] = set()
    for _ in range(50):
        child = in_child(lambda: saves_without_end(path))
        time.sleep(moments.uniform(0.0, 0.06))
        os.kill(child, signal.SIGKILL)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
        seen.add(letter_of(path))
    assert len(seen) > 1  # some saves did come through, or nothing was tested
    save(path, b"1")
    assert letter_of(path) == b"1"
    assert [each.name for each in tmp_path.iterdir()] == [name]  # what the killed left is gone


STEPS = ("open", "pwrite", "posix_fallocate", "fsync", "rename", "mkdir", "unlink", "rmdir")


def dies_at_step(path: Path, step: int, before: bool) -> None:
    """Save, and die before or after the `step`-th call that changes something on the disk."""
    count = 0

    def counted(call: Callable[..., object]) -> Callable[..., object]:
        def wrapped(*arguments: object, **keywords: object) -> object:
            nonlocal count
            count += 1
            if count == step and before:
                os._exit(77)
            result = call(*arguments, **keywords)
            if count == step:
                os._exit(77)
            return result

        return wrapped

    for name in STEPS:
        setattr(os, name, counted(getattr(os, name)))
    atomic.exchange = counted(atomic.exchange)
    save(path, b"B")


@FORMS
@SWAPS
@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_die_at_every_step(
    tmp_path: Path, name: str, swap: str, before: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Deterministic: each system call that changes something is the last one once, in both ways of swapping."""
    if swap == "by two renames":
        monkeypatch.setattr(atomic, "exchange", lambda first, second: False)
    path = tmp_path / name
    seen: list[bytes] = []
    for step in range(1, 200):
        save(path, b"A")
        child = in_child(lambda step=step: dies_at_step(path, step, before))
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        seen.append(letter_of(path))
        if status == 0:
            break
        assert status == 77
    assert seen[0] == b"A"
    assert seen[-1] == b"B"
    assert seen == sorted(seen)  # once the new one is there, it stays
    assert len(seen) > 20
    save(path, b"A")
    assert [each.name for each in tmp_path.iterdir()] == [name]
