"""The harness sees what it is there to see: each budget fails when it is broken."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from modelpack.errors import ArchitectureError, Problem
from tests.attacks.harness import attack


def refuse(code: str) -> None:
    raise ArchitectureError(Problem(code, "no"))


def return_quietly(_: object) -> None:
    pass


def spin(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def sleep(seconds: float) -> None:
    time.sleep(seconds)


def allocate(size: int) -> None:
    bytearray(size).count(0)


def write(name: str) -> None:
    Path(name).write_text("x")


def write_outside(name: str) -> None:
    os.close(os.open(name, os.O_WRONLY | os.O_CREAT))


def run(command: str) -> None:
    os.system(command)


def die(signal: int) -> None:
    os.kill(os.getpid(), signal)


def break_down(text: str) -> None:
    raise KeyError(text)


def test_a_refusal_passes() -> None:
    assert attack(refuse, "MP101", "MP101").codes == ("MP101",)


def test_a_return_passes_where_one_is_expected() -> None:
    attack(return_quietly, "x", None)


def test_memory_is_measured() -> None:
    assert attack(allocate, 50_000_000, None).megabytes == pytest.approx(50, abs=5)


@pytest.mark.parametrize(
    ("function", "argument", "expected", "complaint"),
    [
        (refuse, "MP102", "MP101", "MP102"),
        (refuse, "MP102", None, "MP102"),
        (return_quietly, "x", "MP101", "nothing was raised"),
        (break_down, "x", "MP101", "KeyError"),
        (spin, 1.2, None, "s of CPU"),
        (allocate, 130_000_000, None, "MB"),
        (allocate, 20 << 30, None, "MemoryError"),
        (write, "file", None, "touched"),
        (run, "true", None, "touched"),
        (die, 11, None, "died with exit code -11"),
    ],
)
def test_what_breaks_a_rule_is_seen(function, argument, expected, complaint) -> None:
    with pytest.raises(AssertionError, match=complaint):
        attack(function, argument, expected)


def test_a_file_written_elsewhere_is_seen(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="touched"):
        attack(write_outside, str(tmp_path / "file"), None)


def test_a_hang_is_killed() -> None:
    with pytest.raises(AssertionError, match="no answer within 1 s"):
        attack(sleep, 60, None, seconds=0.1)
