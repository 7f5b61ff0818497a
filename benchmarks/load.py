"""Loading a pack, against what one does today: `python benchmarks/load.py [--models mlp,resnet50,gpt2,llama] [--rounds 9]`.

Everything is timed in forks of a process that has imported the libraries, with the files in the page cache, in interleaved
rounds; a figure is the median of the ratios within each round, the least time beside it. The architecture is read and checked
each time. The perceptron is timed in fresh processes: a fork copies each page that it touches, which there costs several times
what either way does.

pack       modelpack.load(<file>)
directory  modelpack.load(<directory>)
floor-0    the class on meta, safetensors load_file, load_state_dict(assign=True)
plain      the class, torch.load, load_state_dict
plain-st   the class, safetensors load_file, load_state_dict
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from measure import Result, in_child, interleaved, measured, median_ratio, read_through
from models import MODELS, Model, filled, retie, stored

from modelpack.backends.torch.build import build
from modelpack.backends.torch.dtypes import from_torch
from modelpack.backends.torch.fill import fill
from modelpack.backends.torch.load import load
from modelpack.checker import check
from modelpack.collector import collector_paused
from modelpack.match import match
from modelpack.pack import TensorData, open_pack, write_pack
from modelpack.reader import read

LIMITS = {
    "mlp": {"plain-st": 1.5, "directory": 1.05},
    "resnet50": {"floor-0": 1.0, "plain": 0.15, "directory": 1.05},
    "gpt2": {"floor-0": 1.0, "plain": 0.03, "directory": 1.05},
    "llama": {"floor-0": 1.0, "plain": 0.005, "directory": 1.05},
}
"""The most that `pack` may take, as a ratio to each."""

PEAK_MB = 32
COLD_MB = 64


class Files:
    """A model's files: a pack in both forms, and what `torch.save` makes of its `state_dict`."""

    def __init__(self, model: Model, folder: Path) -> None:
        self.model = model
        self.folder = folder
        self.directory = folder / model.name
        self.file = folder / f"{model.name}.modelpack"
        self.checkpoint = folder / f"{model.name}.pt"
        self.weights = self.directory / "weights.safetensors"
        if self.checkpoint.exists():
            return
        module = filled(model)
        for path in (self.directory, self.file):
            tensors = [
                TensorData(name, from_torch(tensor.dtype), tuple(tensor.shape), _bytes(tensor))
                for name, tensor in stored(module)
            ]
            write_pack(path, architecture=model.text.encode(), weights=tensors)
        torch.save(module.state_dict(), self.checkpoint)
        with self.checkpoint.open("rb") as file:
            os.fsync(file.fileno())

    def ways(self) -> dict[str, tuple[Path, Callable[[], object]]]:
        """Each way to load: the file that it reads, and what it does."""
        return {
            "pack": (self.file, lambda: load(self.file)),
            "directory": (self.weights, lambda: load(self.directory)),
            "floor-0": (self.weights, self._floor),
            "plain-st": (self.weights, self._plain_safetensors),
            "plain": (self.checkpoint, self._plain),
        }

    def _floor(self) -> object:
        with torch.device("meta"):
            module = self.model.make()
        module.load_state_dict(self._state(), assign=True)
        retie(module)
        return module.eval()

    def _plain_safetensors(self) -> object:
        module = self.model.make()
        module.load_state_dict(self._state())
        return module.eval()

    def _plain(self) -> object:
        module = self.model.make()
        module.load_state_dict(torch.load(self.checkpoint))
        return module.eval()

    def _state(self) -> dict[str, torch.Tensor]:
        state = safetensors.torch.load_file(self.weights)
        if self.model.name == "gpt2":
            state["lm_head.weight"] = state["wte.weight"]
        return state


def _bytes(tensor: torch.Tensor) -> memoryview:
    return memoryview(tensor.contiguous().flatten().view(torch.uint8).numpy()).cast("B")


def timed(files: Files, way: str) -> Callable[[], Result]:
    """A measurement of one way with its file in the page cache."""
    path, work = files.ways()[way]

    def run() -> Result:
        read_through(path)
        return in_fresh(files, way) if files.model.name == "mlp" else in_child(work)

    return run


def in_fresh(files: Files, way: str) -> Result:
    """As `in_child`, in a process that is started anew."""
    command = [
        sys.executable,
        __file__,
        "--once",
        way,
        "--models",
        files.model.name,
        "--folder",
        str(files.folder),
    ]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return Result(**json.loads(done.stdout))


def cold(files: Files) -> Result:
    """Loading with nothing of the pack in the page cache."""
    with files.file.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return in_child(lambda: load(files.file))


def stages(files: Files) -> dict[str, float]:
    """Seconds of each stage, the least of several runs, each run in a process of its own."""
    runs = [in_child(lambda: _stages(files), answer=True).answer for _ in range(7)]
    return {name: min(run[name] for run in runs) for name in runs[0]}


def _stages(files: Files) -> dict[str, float]:
    spent: dict[str, float] = {}

    def stage(name: str, work: Callable[[], Any]) -> Any:
        start = time.perf_counter()
        result = work()
        spent[name] = time.perf_counter() - start
        return result

    with collector_paused():
        pack = stage("open", lambda: open_pack(files.file))
        architecture = stage("read", lambda: read(pack.architecture))
        network = stage("check", lambda: check(architecture))
        stage("match", lambda: match(network, pack.weights.tensors))
        tensors = stage("fill", lambda: fill(network, pack.weights))
        stage("build", lambda: build(network, tensors=tensors))
    return spent


def report(files: Files, rounds: int) -> bool:
    """Measure one model, print its table; whether it stays within the limits."""
    name = files.model.name
    ways = {way: timed(files, way) for way in files.ways()}
    slow = 3 if name == "llama" else 5
    results = interleaved(ways, rounds, {"plain": slow, "plain-st": slow} if name != "mlp" else None)
    size = files.weights.stat().st_size / 1e6
    print(f"\n{name}: {size:,.1f} MB, {rounds} rounds")
    print(
        f"  {'way':<10} {'least ms':>9} {'cpu ms':>9} {'peak MB':>8} {'pack / way':>11} {'by cpu':>7} {'limit':>6}"
    )
    good = True
    for way, runs in results.items():
        ran = [run for run in runs if run is not None]
        ratio = median_ratio(results["pack"], runs)
        by_cpu = median_ratio(results["pack"], runs, "cpu")
        limit = LIMITS[name].get(way)
        fine = limit is None or ratio <= limit
        good = good and fine
        wall, cpu, peak = (min(getattr(run, key) for run in ran) for key in ("wall", "cpu", "peak"))
        told = f"{limit:>6}{'' if fine else '  OVER'}" if limit is not None else ""
        print(
            f"  {way:<10} {wall * 1e3:9.1f} {cpu * 1e3:9.1f} {peak:8.1f} {ratio:11.4f} {by_cpu:7.3f} {told}"
        )
    peak = max(run.peak for run in results["pack"] if run is not None)
    first = cold(files)
    print(
        f"  peak {peak:.1f} MB (limit {PEAK_MB}); cold: {first.read:.1f} MB read (limit {COLD_MB}), {first.wall * 1e3:.0f} ms"
    )
    told = "  ".join(f"{stage} {seconds * 1e3:.2f}" for stage, seconds in stages(files).items())
    print(f"  ms of each stage: {told}")
    return good and peak <= PEAK_MB and first.read <= COLD_MB


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--models", default="mlp,resnet50,gpt2,llama")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--folder", type=Path, help="where the files are kept (a temporary one otherwise)")
    parser.add_argument("--once", help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.once:
        _, work = Files(MODELS[options.models], options.folder).ways()[options.once]
        print(json.dumps(measured(work)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(exist_ok=True)
        good = [report(Files(MODELS[name], folder), options.rounds) for name in options.models.split(",")]
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
