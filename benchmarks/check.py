"""What reading and checking cost, as ratios measured side by side in one run.

    python benchmarks/check.py [--rounds 9]

Beside onnx's checker where onnx and onnxscript are installed (pip install '.[peers]'). Times are CPU seconds, or wall where told.
Ratios are medians over interleaved rounds, in alternating order. Nothing is taken from a cache where it isn't said; modules are
compiled, as pip leaves them where it installs.
"""

from __future__ import annotations

import argparse
import compileall
import contextlib
import importlib.util
import os
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import yaml

import modelpack
from modelpack.checker import check
from modelpack.examining.document import examine_text
from modelpack.reader import read
from modelpack.source import Limits

LIMITS = Limits(bytes=1 << 28, nodes=10_000_000)
"""50,000 lines are beyond what is read of an untrusted text."""


def text(lines: int) -> str:
    """A residual network of about `lines` lines, as `write` would set it."""
    written = [
        "modelpack: 1",
        "name: residual",
        "inputs:",
        "  image: {dtype: float32, shape: [batch, 64, height, width]}",
        "layers:",
    ]
    before, number = "image", 0
    while len(written) < lines:
        written += [
            f"  conv{number}: {{Conv2d: {{in_channels: 64, out_channels: 64, kernel_size: 3, padding: 1, bias: false}}, "
            f"inputs: [{before}]}}",
            f"  bn{number}: {{BatchNorm2d: {{num_features: 64}}}}",
            f"  relu{number}: {{ReLU: {{inplace: true}}}}",
            f"  sum{number}: {{add: {{}}, inputs: [relu{number}, {before}]}}",
        ]
        before, number = f"sum{number}", number + 1
    return "\n".join(written) + "\n"


def seconds(work: Callable[[], object]) -> float:
    """CPU seconds of this process."""
    start = time.process_time()
    work()
    return time.process_time() - start


def command(*arguments: str) -> tuple[float, float]:
    """CPU seconds and peak memory in MB of a fresh Python."""
    number = os.posix_spawn(sys.executable, [sys.executable, *arguments], ENVIRONMENT, file_actions=QUIET)
    _, status, used = os.wait4(number, 0)
    if status:
        raise SystemExit(f"python {' '.join(arguments)} failed with {status}")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
QUIET = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]


def interleaved(rounds: int, works: dict[str, Callable[[], float]]) -> dict[str, list[float]]:
    """`rounds` measurements of each, in alternating order."""
    found: dict[str, list[float]] = {name: [] for name in works}
    for number in range(rounds):
        names = list(works) if number % 2 == 0 else list(reversed(works))
        for name in names:
            found[name].append(works[name]())
    return found


def ratio(found: dict[str, list[float]], name: str, base: str) -> float:
    """The median of the rounds' ratios."""
    return statistics.median(a / b for a, b in zip(found[name], found[base], strict=True))


def row(what: str, value: str, wanted: str) -> None:
    print(f"{what:<66} {value:>12}   {wanted}")


def in_process(rounds: int) -> None:
    short, long = text(5_000), text(50_000)
    network = read(short)
    found = interleaved(
        rounds,
        {
            "yaml": lambda: seconds(lambda: yaml.load(short, Loader=yaml.CSafeLoader)),
            "read": lambda: seconds(lambda: read(short)),
            "check": lambda: seconds(lambda: check(network)),
            "examine": lambda: seconds(lambda: examine_text(short.encode(), "network.yaml")),
        },
    )
    both = [a + b for a, b in zip(found["read"], found["check"], strict=True)]
    found["both"] = both
    row("read 5,000 lines / yaml.load(CSafeLoader)", f"{ratio(found, 'read', 'yaml'):.2f}x", "<= 1.0x")
    row("read + check 5,000 lines / yaml.load(CSafeLoader)", f"{ratio(found, 'both', 'yaml'):.2f}x", "<= 3x")
    row(
        "what `modelpack check` does with 5,000 lines / yaml.load(CSafeLoader)",
        f"{ratio(found, 'examine', 'yaml'):.2f}x",
        "<= 5x",
    )
    fewer = max(3, rounds // 3)
    lines = interleaved(
        fewer,
        {
            "short": lambda: seconds(lambda: check(read(short))) / short.count("\n"),
            "long": lambda: seconds(lambda: check(read(long, limits=LIMITS))) / long.count("\n"),
        },
    )
    row("read + check, a line of 50,000 / a line of 5,000", f"{ratio(lines, 'long', 'short'):.2f}x", "<= 2x")


def processes(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.yaml"
        path.write_text(text(200))
        memory: list[float] = []

        def checked() -> float:
            spent, peak = command("-m", "modelpack", "check", "--no-cache", str(path))
            memory.append(peak)
            return spent

        found = interleaved(
            rounds,
            {
                "python": lambda: command("-c", "pass")[0],
                "import": lambda: command("-c", "import modelpack")[0],
                "torch": lambda: command("-c", "import torch")[0],
                "check": checked,
            },
        )
    over = statistics.median(a - b for a, b in zip(found["import"], found["python"], strict=True))
    row("import modelpack, over bare Python", f"{over * 1000:.0f} ms", "<= 120 ms")
    row(
        "modelpack check (200 lines) / python -c 'import torch'",
        f"{ratio(found, 'check', 'torch'):.3f}x",
        "<= 0.15x",
    )
    row("modelpack check (200 lines), peak memory", f"{max(memory):.0f} MB", "<= 60 MB")


def wall(*arguments: str) -> float:
    """Seconds that a person waits for a fresh Python."""
    start = time.perf_counter()
    command(*arguments)
    return time.perf_counter() - start


def waiting(rounds: int) -> None:
    """What somebody waits for `modelpack check`: one file, and a thousand that haven't changed."""
    with tempfile.TemporaryDirectory() as folder:
        one, many = Path(folder) / "network.yaml", Path(folder) / "many"
        one.write_text(text(200))
        many.mkdir()
        for number in range(1_000):
            (many / f"network{number}.yaml").write_text(text(200).replace("residual", f"residual{number}"))
        kept = ("--cache-dir", str(Path(folder) / "cache"))
        command("-m", "modelpack", "check", *kept, str(many))
        found = interleaved(
            rounds,
            {
                "python": lambda: wall("-c", "pass"),
                "one": lambda: wall("-m", "modelpack", "check", "--no-cache", str(one)),
                "many": lambda: wall("-m", "modelpack", "check", *kept, str(many)),
            },
        )
    bare = statistics.median(found["python"])
    for name, what, wanted in (
        ("one", "modelpack check, 200 lines, wall", "<= 0.3 s"),
        ("many", "modelpack check, 1,000 unchanged files of 200 lines, wall", "<= 1.5 s"),
    ):
        spent = statistics.median(found[name])
        row(what, f"{spent:.2f} s", f"{wanted} ({spent / bare:.0f}x bare Python)")


def beside_onnx(rounds: int) -> None:
    """Networks as packs and exported to ONNX, weights and all, with onnx's checker and its inference of shapes."""
    if importlib.util.find_spec("onnx") is None or importlib.util.find_spec("onnxscript") is None:
        row("modelpack check / onnx.checker.check_model(full_check=True)", "not run", "needs .[peers]")
        return
    import torch
    from models import MODELS, filled

    for name in ("resnet50", "gpt2"):
        with tempfile.TemporaryDirectory() as folder:
            ours, theirs = Path(folder) / "net.modelpack", Path(folder) / "net.onnx"
            model, example = filled(MODELS[name]).eval(), MODELS[name].inputs(2)
            modelpack.save(model, ours, example)
            with warnings.catch_warnings(), contextlib.redirect_stdout(None):
                warnings.simplefilter("ignore")
                torch.onnx.export(model, example, str(theirs), external_data=False, verbose=False)
            checking = f"import onnx; onnx.checker.check_model({str(theirs)!r}, full_check=True)"
            found = interleaved(
                rounds,
                {
                    "ours": lambda ours=ours: wall("-m", "modelpack", "check", "--no-cache", str(ours)),
                    "theirs": lambda checking=checking: wall("-c", checking),
                },
            )
        what = f"{name}, wall: modelpack check / onnx.checker (full_check=True)"
        seconds_each = (
            f"({statistics.median(found['ours']):.2f} s, {statistics.median(found['theirs']):.2f} s)"
        )
        row(what, f"{ratio(found, 'ours', 'theirs'):.2f}x", f"<= 0.33x {seconds_each}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    compileall.compile_dir(Path(modelpack.__file__).parent, quiet=1)
    print(f"{rounds} rounds, {len(os.sched_getaffinity(0))} cores")
    processes(rounds)
    waiting(rounds)
    beside_onnx(rounds)
    in_process(rounds)


if __name__ == "__main__":
    main()
