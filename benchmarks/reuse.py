"""The first two layers out of a large pack, against safetensors: `python benchmarks/reuse.py [--rounds 9]`.

The pack is a Llama of 2.2 GB (benchmarks/models.py). Nothing of the files is in the page cache when a way begins. Each runs in a
fork of a process that has imported the libraries, opens its file, and touches every page of the tensors that it got. Ways
alternate within each round; a ratio is the median of those within the rounds.

pack        modelpack.open(<file>), read_tensors of the layers' tensors
directory   the same of a directory
numpy       safetensors.safe_open(…, framework="numpy"), get_tensor of each: memory of its own, as ours
pt          the same for torch: views of the file, mapped. Nothing is copied, and there is little to win but the bytes that
            the kernel reads ahead, so its time is printed without a limit

Then over HTTP, from a server in a process of its own: requests, and bytes of their bodies.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import re
import statistics
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from pathlib import Path

import numpy
import torch
from measure import Result, in_child, interleaved, median_ratio
from models import MODELS
from safetensors import safe_open

import modelpack
from modelpack.dtypes import DType
from modelpack.pack import TensorData, copy_pack, write_pack
from modelpack.safetensors_header import byte_size
from modelpack.spans import read_tensors

READ_LIMIT = 1.2
REQUESTS_LIMIT = 4
SENT_LIMIT = 1.05
LIMITS = {"numpy": {"wall": 0.8, "peak": 1.0}, "pt": {"peak": 1.0}}
"""The most that our ways may take, as a ratio to each peer."""
_PAGE = 4096


class Files:
    """The pack in both forms, of values that cost little to make, and what is wanted of it."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "llama.modelpack"
        self.directory = folder / "llama"
        self.weights = self.directory / "weights.safetensors"
        with torch.device("meta"):
            # numpy has no bfloat16; two bytes are two bytes.
            entries = [
                (name, DType.FLOAT16, tuple(tensor.shape))
                for name, tensor in MODELS["llama"].make().state_dict().items()
            ]
        if not self.directory.exists():
            tensors = [
                TensorData(name, dtype, shape, _values(byte_size(dtype, shape) or 0))
                for name, dtype, shape in entries
            ]
            # In a child: memory that this process has kept would be missing in the figures.
            in_child(lambda: self._write(tensors))
        modelpack.open(self.file).close()  # so that all is imported that this takes
        self.names = [name for name, _, _ in entries if re.match(r"layers\.[01]\.", name)]
        self.wanted = sum(
            byte_size(dtype, shape) or 0 for name, dtype, shape in entries if name in self.names
        )

    def _write(self, tensors: list[TensorData]) -> None:
        write_pack(self.file, architecture=MODELS["llama"].text.encode(), weights=tensors)
        copy_pack(self.file, self.directory)

    def ways(self) -> dict[str, tuple[Path, Callable[[], object]]]:
        """Each way: the file that it reads, and what it does."""
        return {
            "pack": (self.file, partial(self.ours, self.file)),
            "directory": (self.weights, partial(self.ours, self.directory)),
            **{peer: (self.weights, partial(self.theirs, peer)) for peer in LIMITS},
        }

    def ours(self, path: Path | str) -> object:
        with modelpack.open(path) as pack:
            views = read_tensors([pack[name] for name in self.names])
        return views, [numpy.frombuffer(view, "u1")[::_PAGE].sum() for view in views.values()]

    def theirs(self, framework: str) -> object:
        with safe_open(self.weights, framework=framework) as file:
            tensors = {name: file.get_tensor(name) for name in self.names}
        if framework == "pt":
            return tensors, [each.view(torch.uint8).flatten()[::_PAGE].sum() for each in tensors.values()]
        return tensors, [each.reshape(-1).view("u1")[::_PAGE].sum() for each in tensors.values()]


def _values(size: int) -> Callable[[], Iterator[bytes]]:
    block = numpy.random.default_rng(0).bytes(1 << 20)

    def pieces() -> Iterator[bytes]:
        for start in range(0, size, len(block)):
            yield block[: size - start]

    return pieces


def cold(path: Path, work: Callable[[], object]) -> Result:
    """A measurement with nothing of `path` in the page cache."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return in_child(work)


def report_disk(files: Files, rounds: int) -> bool:
    results = interleaved({way: partial(cold, *each) for way, each in files.ways().items()}, rounds)
    print(
        f"two layers of {files.weights.stat().st_size / 1e9:.1f} GB: {files.wanted / 1e6:.1f} MB, {rounds} rounds"
    )
    print(f"  {'way':<10} {'least ms':>9} {'peak MB':>8} {'read MB':>8} {'read / wanted':>14} {'limit':>6}")
    good = True
    for way, runs in results.items():
        done = [run for run in runs if run is not None]
        read = statistics.median(run.read for run in done)
        limit = READ_LIMIT if way not in LIMITS else None
        good &= limit is None or _within(read * 1e6 / files.wanted, limit)
        print(
            f"  {way:<10} {min(run.wall for run in done) * 1e3:9.1f} {max(run.peak for run in done):8.1f} {read:8.1f} "
            f"{read * 1e6 / files.wanted:14.3f} {limit or '':>6}"
        )
    for way in ("pack", "directory"):
        for peer, limits in LIMITS.items():
            for figure, called in (("wall", "time"), ("cpu", "CPU time"), ("peak", "memory")):
                ratio, limit = median_ratio(results[way], results[peer], figure), limits.get(figure)
                fine = limit is None or _within(ratio, limit)
                good &= fine
                told = "" if limit is None else f" (limit {limit}){'' if fine else '  OVER'}"
                print(f"  {way} / {peer}: {called} {ratio:.3f}{told}")
    return good


def _within(value: float, limit: float) -> bool:
    return round(value, 3) <= limit


def report_http(files: Files) -> bool:
    receive, send = multiprocessing.Pipe()
    server = multiprocessing.Process(target=serve, args=(files.file, send), daemon=True)
    server.start()
    port = receive.recv()
    result = in_child(lambda: files.ours(f"http://127.0.0.1:{port}/llama.modelpack"))
    receive.send(None)
    requests, sent = receive.recv()
    server.join()
    ratio = sent / files.wanted
    print(
        f"over HTTP: {requests} requests (limit {REQUESTS_LIMIT}), {ratio:.4f} of the tensors' bytes (limit {SENT_LIMIT}), "
        f"{result.wall * 1e3:.0f} ms, peak {result.peak:.1f} MB"
    )
    return requests <= REQUESTS_LIMIT and ratio <= SENT_LIMIT


def serve(path: Path, pipe: Connection) -> None:
    """Ranges of one file, until told to end; then how many requests there were, and bytes."""
    counts = {"requests": 0, "sent": 0}
    size = path.stat().st_size

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            first, last = (int(each) for each in self.headers["Range"].removeprefix("bytes=").split("-"))
            last = min(last, size - 1)
            counts["requests"] += 1
            counts["sent"] += last + 1 - first
            self.send_response(206)
            self.send_header("Content-Length", str(last + 1 - first))
            self.send_header("Content-Range", f"bytes {first}-{last}/{size}")
            self.end_headers()
            self.wfile.flush()
            with path.open("rb") as file:
                while first <= last:
                    first += os.sendfile(self.connection.fileno(), file.fileno(), first, last + 1 - first)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    pipe.send(server.server_port)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    pipe.recv()
    pipe.send((counts["requests"], counts["sent"]))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--folder", type=Path, help="where the files are kept (a temporary one otherwise)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(exist_ok=True)
        files = Files(folder)
        good = [report_disk(files, options.rounds), report_http(files)]
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
