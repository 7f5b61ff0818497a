"""Saving a pack, against what one does today: `python benchmarks/save.py [--gigabytes 0.5 2.2] [--rounds 9]`.

Durable: on the disk when the call returns. Each way writes to a new path, in a fork of a process that holds the tensors, after
the disk has come to rest; ways alternate within each round, a figure is the median of the ratios within the rounds.

directory     write_pack(<directory>): digests of every tensor and file, fsync, swap
file          write_pack(<file>.modelpack): the same and CRC-32
save_file     safetensors.torch.save_file, then fsync
torch.save    torch.save, then fsync (with --all)
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import safetensors.torch
import torch
from measure import Result, in_child, interleaved, median_ratio

from modelpack.dtypes import DType
from modelpack.pack import TensorData, write_pack

LIMITS = {"directory": 1.2, "file": 1.5}
MEMORY_LIMIT = 64.0
ARCHITECTURE = b"modelpack: 1\nname: benchmark\n"
LARGEST = 64 << 20


def tensors_of(size: int) -> dict[str, torch.Tensor]:
    """Float32 tensors like a transformer's: of 64 MiB to 12 KiB, random, `size` bytes in all."""
    tensors: dict[str, torch.Tensor] = {}
    generator = torch.Generator().manual_seed(0)
    while size > 0:
        for bytes_ in (LARGEST, LARGEST // 4, LARGEST // 4, 12 << 10):
            bytes_ = min(bytes_, size)
            if bytes_:
                tensors[f"layer{len(tensors)}.weight"] = torch.rand(bytes_ // 4, generator=generator)
            size -= bytes_
    return tensors


def pack(path: Path, tensors: dict[str, torch.Tensor]) -> None:
    weights = (
        TensorData(name, DType.FLOAT32, tuple(tensor.shape), memoryview(tensor.numpy()))
        for name, tensor in tensors.items()
    )
    write_pack(path, architecture=ARCHITECTURE, weights=weights)


def plain(
    save: Callable[[dict[str, torch.Tensor], str], object], path: Path, tensors: dict[str, torch.Tensor]
) -> None:
    save(tensors, str(path))
    with path.open("rb") as file:
        os.fsync(file.fileno())


WAYS: dict[str, tuple[str, Callable[[Path, dict[str, torch.Tensor]], None]]] = {
    "save_file": ("plain.safetensors", partial(plain, safetensors.torch.save_file)),
    "directory": ("pack", pack),
    "file": ("net.modelpack", pack),
    "torch.save": ("plain.pt", partial(plain, torch.save)),
}


def measured(way: str, folder: Path, tensors: dict[str, torch.Tensor]) -> Result:
    name, work = WAYS[way]
    path = folder / name
    os.sync()
    try:
        return in_child(lambda: work(path, tensors))
    finally:
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--gigabytes", type=float, nargs="+", default=[0.5])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument(
        "--folder", type=Path, default=None, help="where to write (default: the system's temporary one)"
    )
    parser.add_argument("--all", action="store_true", help="torch.save too")
    options = parser.parse_args()
    missed = False
    print(
        f"{'':12} {'way':12} {'ms (min)':>9} {'CPU ms':>9} {'ratio':>7} {'limit':>6} {'memory MB':>10} {'limit':>6}"
    )
    for gigabytes in options.gigabytes:
        tensors = tensors_of(round(gigabytes * 1e9) // 4 * 4)
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            chosen = [way for way in WAYS if options.all or way != "torch.save"]
            ways = {way: partial(measured, way, Path(folder), tensors) for way in chosen}
            results = interleaved(ways, options.rounds)
        for way in chosen:
            done = [result for result in results[way] if result is not None]
            ratio, limit = median_ratio(results[way], results["save_file"]), LIMITS.get(way)
            memory = max(result.peak for result in done)
            wrong = limit is not None and (ratio > limit or memory > MEMORY_LIMIT)
            missed |= wrong
            print(
                f"{gigabytes:9.1f} GB {way:12} {min(r.wall for r in done) * 1e3:9.0f} "
                f"{min(r.cpu for r in done) * 1e3:9.0f} {ratio:7.2f} {limit or '':>6} {memory:10.1f} "
                f"{MEMORY_LIMIT if limit else '':>6}{'  MISSED' if wrong else ''}",
                flush=True,
            )
    return int(missed)


if __name__ == "__main__":
    raise SystemExit(main())
