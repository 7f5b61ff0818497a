"""How many of other people's networks are saved, loaded without their code, and equal.

    python benchmarks/coverage.py [--only timm/convnext_atto ...] [--library plain] [--jobs 2] [--keep FOLDER]
                                 [--peers export jit onnx]

Each case runs in two processes of its own, with limits of time and memory: one makes and saves the network, another, to which
its library is forbidden, loads it and compares (benchmarks/zoo). With --peers other ways to save
are asked the same, of the networks that a pack could be made of. Prints a line per network and the table of the project's aims.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.zoo.case import PEERS  # noqa: E402
from benchmarks.zoo.cases import ZOO  # noqa: E402

__all__ = ["QUESTIONS", "Told", "answers", "saved"]

_SECONDS, _BYTES = 600, 12_000_000_000

QUESTIONS = ("example", "batch", "size", "shapes", "names", "train", "buffers", "steps")
"""What is asked of every network; `size` only where it takes several, the last three only where it can be trained."""

_ANSWERS = {
    "benchmarks.zoo.saving": "saving.json",
    "benchmarks.zoo.loading": "loading.json",
    "benchmarks.zoo.peers": "{0}-saving.json",
    "benchmarks.zoo.peers_loading": "{0}-loading.json",
}
"""Where each process leaves what it found."""

Told = dict[str, Any]
"""What is known of one network: answers by question (True, or what was wrong instead), and figures."""


def main() -> int:
    options = _options()
    names = [name for name in ZOO if not options.only or name in options.only]
    names = [name for name in names if options.library in (None, ZOO[name].library)]
    with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(options.jobs) as pool:
        base = options.keep or Path(scratch)
        told = dict(
            zip(
                names,
                pool.map(lambda name: _shown(name, base, bool(options.keep), options.peers), names),
                strict=True,
            )
        )
    if options.json:
        options.json.write_text(json.dumps(told, indent=1))
    print(_table(told.values()))
    for peer in options.peers:
        print(_peer_table(peer, [each["peers"][peer] for each in told.values() if "peers" in each]))
    print("\n".join(["", "what failed:", *_failures(told)]))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="*", default=[], metavar="NAME")
    parser.add_argument("--library", choices=sorted({case.library for case in ZOO.values()}))
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--keep", type=Path, help="a folder for the packs and what was noted of each")
    parser.add_argument("--peers", nargs="*", default=[], choices=list(PEERS))
    parser.add_argument("--json", type=Path, help="a file for the answers")
    return parser.parse_args()


def _shown(name: str, base: Path, keep: bool, peers: Iterable[str]) -> Told:
    folder = base / name.replace("/", "-")
    told = answers(name, folder)
    if "names" in told:  # what the original does was noted
        told["peers"] = {peer: _peer(peer, name, folder) for peer in peers}
    if not keep:
        shutil.rmtree(folder)
    print(f"{'ok  ' if _all(told) else 'FAIL'} {name:40} {_line(told)}", flush=True)
    return told


def answers(name: str, folder: Path) -> Told:
    """Everything that is known of one network; the pack and what was noted of it lie in `folder` then."""
    told = saved(name, folder)
    if "refused" not in told and "crashed" not in told:
        told |= _process("benchmarks.zoo.loading", folder)
    return told


def saved(name: str, folder: Path) -> Told:
    """What is known of one network once it was saved into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    return _process("benchmarks.zoo.saving", folder, name)


def _peer(peer: str, name: str, folder: Path) -> Told:
    """What is known of one network as another way saves it."""
    told = _process("benchmarks.zoo.peers", folder, peer, name)
    if "refused" not in told and "crashed" not in told:
        told |= _process("benchmarks.zoo.peers_loading", folder, peer)
    return told


def _process(module: str, folder: Path, *arguments: str) -> Told:
    answer = folder / _ANSWERS[module].format(*arguments)
    answer.unlink(missing_ok=True)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    try:
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments, str(folder)],
            cwd=ROOT,
            env=environment,
            timeout=_SECONDS,
            capture_output=True,
            text=True,
            preexec_fn=_limit_memory,
        )
    except subprocess.TimeoutExpired:
        return {"crashed": f"took more than {_SECONDS} s"}
    (folder / "stderr.txt").write_text(done.stderr)
    if done.returncode:
        return {"crashed": " | ".join(done.stderr.strip().splitlines()[-3:]) or f"status {done.returncode}"}
    return json.loads(answer.read_text())


def _limit_memory() -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (_BYTES, _BYTES))


# ------------------------------------------------------------------------------------------------------- the table


def _yes(told: Told, *questions: str) -> bool:
    """Whether all were answered with yes; a question that doesn't arise doesn't count."""
    return "names" in told and all(told.get(each, True) is True for each in questions)


def _all(told: Told) -> bool:
    return _yes(told, *QUESTIONS)


def _line(told: Told) -> str:
    if "names" not in told:
        return str(told.get("refused") or told.get("crashed"))[:300]
    wrong = [f"{each}: {told[each]}"[:160] for each in QUESTIONS if told.get(each, True) is not True]
    size = f"{told['lines']} lines, {told['bytes'] / 1000:.1f} kB"
    times = "export fails"
    if told["export"]:
        times = f"capture {told['capture'] / told['export']:.1f}x, save {told['save'] / told['export']:.1f}x export"
    return f"{size}, {told['save']:.1f} s ({times}) {'; '.join(wrong)}"


def _table(all_told: Iterable[Told]) -> str:
    told = list(all_told)
    saved = [each for each in told if "bytes" in each]
    timed = [each for each in saved if each["export"]]
    sized = [each for each in saved if "size" in each]
    trained = [each for each in told if each.get("train") is not None or "names" not in each]
    rows = [
        (
            "captured, loaded in a clean process, equal",
            _share(told, lambda each: _yes(each, "example")),
            ">= 98 %",
        ),
        ("right at another batch size", _share(saved, lambda each: _yes(each, "batch")), "100 % of those"),
        ("right at another length or image size", _share(sized, lambda each: _yes(each, "size")), ">= 95 %"),
        (
            "silently wrong at another size",
            str(sum("differs" in str(each.get("size")) for each in told)),
            "0",
        ),
        (
            "every step's shape as inferred, at all sizes",
            _share(saved, lambda each: _yes(each, "shapes")),
            "100 %",
        ),
        ("names of parameters and buffers kept", _share(saved, lambda each: _yes(each, "names")), "100 %"),
        ("train mode equal", _share(trained, lambda each: _yes(each, "train", "buffers")), ">= 90 %"),
        ("three steps of training equal", _share(trained, lambda each: _yes(each, "steps")), ">= 90 %"),
        ("all of these together", _share(told, _all), ">= 90 %"),
        (
            "size of the architecture, median",
            _median([each["bytes"] / 1000 for each in saved], "kB"),
            "<= 12 kB",
        ),
        (
            "processor time, capture / torch.export, median",
            _median([each["capture"] / each["export"] for each in timed], "x"),
            "<= 3x",
        ),
        (
            "the same with proving and writing",
            _median([each["save"] / each["export"] for each in timed], "x"),
            "",
        ),
    ]
    return "\n".join(["", f"{len(told)} networks", *(f"{what:48} {got:20} {aim}" for what, got, aim in rows)])


def _peer_table(peer: str, told: list[Told]) -> str:
    """As the table of packs; a question that the peer fails before is failed."""
    asked = {
        "example": "saved, loaded in a clean process, equal",
        "batch": "right at another batch size",
        "size": "right at another length or image size",
        "names": "names of parameters and buffers kept",
        "train": "train mode equal",
        "steps": "three steps of training equal",
    }
    rows: list[tuple[str, str]] = []
    for question, what in asked.items():
        of = [each for each in told if question in each or "names" not in each]
        rows.append((what, _share(of, lambda each, question=question: each.get(question) is True)))
    rows.append(("all of these together", _share(told, _all)))
    close = " (numbers within 1e-3)" if peer == "onnx" else ""
    return "\n".join(
        ["", f"{peer}{close}, {len(told)} networks", *(f"{what:45} {got}" for what, got in rows)]
    )


def _share(told: list[Told], good: Callable[[Told], bool]) -> str:
    right = sum(map(good, told))
    return f"{right}/{len(told)} = {100 * right / len(told):.1f} %" if told else "none"


def _median(values: list[float], unit: str) -> str:
    return f"{statistics.median(values):.2f} {unit}" if values else "none"


def _failures(told: dict[str, Told]) -> Iterable[str]:
    for name, each in told.items():
        if not _all(each):
            yield f"  {name}: {_line(each)}"
        for warning in each.get("warnings", ()):
            yield f"  {name} warns: {warning[:300]}"


if __name__ == "__main__":
    sys.exit(main())
