"""How the benchmarks measure: forked children, interleaved rounds, ratios within a round."""

from __future__ import annotations

import gc
import json
import os
import statistics
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Result", "in_child", "interleaved", "measured", "median_ratio", "read_through"]


@dataclass(frozen=True, slots=True)
class Result:
    """What one run cost: seconds, CPU seconds, and megabytes of peak resident memory over that of before."""

    wall: float
    cpu: float
    peak: float
    read: float
    """megabytes that came from the disk"""
    answer: Any = None


def in_child(work: Callable[[], object], *, answer: bool = False) -> Result:
    """Run `work` in a fork of this process, which has imported everything: the time is that of the work alone.

    With `answer` what it returns comes along (as JSON).
    """
    receive, send = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(receive)
            os.write(send, json.dumps(measured(work, answer=answer)).encode())
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(send)
    with os.fdopen(receive, "rb") as pipe:
        told = pipe.read()
    _, status = os.waitpid(child, 0)
    if status:
        raise RuntimeError(f"the measured process failed with status {status}")
    return Result(**json.loads(told))


def measured(work: Callable[[], object], *, answer: bool = False) -> Mapping[str, Any]:
    """The fields of a `Result` for `work`, run here and now."""
    gc.freeze()  # else what imports made may be gone through within the work: it isn't the work's
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    before, disk = _status("VmRSS"), _disk()
    cpu, start = time.process_time(), time.perf_counter()
    kept = work()  # held until all is measured: freeing it isn't part of the work
    wall, used = time.perf_counter() - start, time.process_time() - cpu
    return {
        "wall": wall,
        "cpu": used,
        "peak": (_status("VmHWM") - before) / 1e3,
        "read": (_disk() - disk) / 1e6,
        "answer": kept if answer else None,
    }


def _status(key: str) -> float:
    """A line of /proc/self/status, in kilobytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{key}:"):
            return float(line.split()[1]) * 1.024
    raise KeyError(key)


def _disk() -> int:
    """Bytes that this process had fetched from the disk, page faults and readahead included."""
    for line in Path("/proc/self/io").read_text().splitlines():
        if line.startswith("read_bytes:"):
            return int(line.split()[1])
    raise KeyError("read_bytes")


def interleaved(
    ways: Mapping[str, Callable[[], Result]], rounds: int, rare: Mapping[str, int] | None = None
) -> dict[str, list[Result | None]]:
    """Each way once a round, in alternating order; those in `rare` only in the first so many rounds."""
    results: dict[str, list[Result | None]] = {name: [] for name in ways}
    for number in range(rounds):
        order = list(ways) if number % 2 == 0 else list(reversed(ways))
        for name in order:
            skipped = rare is not None and number >= rare.get(name, rounds)
            results[name].append(None if skipped else ways[name]())
    return results


def median_ratio(
    over: Sequence[Result | None], under: Sequence[Result | None], attribute: str = "wall"
) -> float:
    """The median over rounds of the ratio within each."""
    return statistics.median(
        getattr(a, attribute) / getattr(b, attribute)
        for a, b in zip(over, under, strict=True)
        if a is not None and b is not None
    )


def read_through(path: Path) -> None:
    """Bring a file into the page cache."""
    buffer = bytearray(1 << 22)
    with path.open("rb", buffering=0) as file:
        while file.readinto(buffer):
            pass
