"""Running a rebuilt network, against the class it was: `python benchmarks/forward.py [--rounds 15] [--models resnet50,gpt2]`.

Both hold the same tensors, so memory and caches are alike. Rounds alternate which goes first; a figure is the median of the
ratios within each round (rebuilt over class), of wall and of CPU time, which is the tie-break. Outputs must be equal bit by
bit, compiled ones to the compiled class's.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from models import MODELS, Model, filled
from torch import nn

from modelpack.backends.torch.build import build
from modelpack.checker import check
from modelpack.reader import read

LIMIT = 1.02


def rebuilt(model: Model, original: nn.Module) -> nn.Module:
    """The network of the model's architecture, on the tensors of `original`."""
    module = build(check(read(model.text)))
    module.load_state_dict(original.state_dict(), assign=True)
    return module.eval()


def compare(
    ours: Callable[..., Any], theirs: Callable[..., Any], inputs: tuple[Any, ...], rounds: int
) -> tuple[float, float]:
    """The median ratio of wall times, `ours` over `theirs`, and that of CPU times.

    Raises:
        SystemExit: the outputs differ.
    """
    if not torch.equal(ours(*inputs), theirs(*inputs)):
        sys.exit("the outputs differ")
    ratios: list[tuple[float, float]] = []
    for number in range(rounds):
        pair = (ours, theirs) if number % 2 == 0 else (theirs, ours)
        spent = {each: _time(each, inputs) for each in pair}
        ratios.append((spent[ours][0] / spent[theirs][0], spent[ours][1] / spent[theirs][1]))
    wall, cpu = (statistics.median(each) for each in zip(*ratios, strict=True))
    return wall, cpu


def _time(run: Callable[..., Any], inputs: tuple[Any, ...]) -> tuple[float, float]:
    start, used = time.perf_counter(), time.process_time()
    run(*inputs)
    return time.perf_counter() - start, time.process_time() - used


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--models", default="resnet50,gpt2")
    parser.add_argument("--batches", default="1,8")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--ways", default="eager,compiled")
    options = parser.parse_args()
    torch.set_num_threads(1)
    good = True
    with torch.inference_mode():
        for name in options.models.split(","):
            original = filled(MODELS[name])
            network = rebuilt(MODELS[name], original)
            for way in options.ways.split(","):
                pair = (network, original)
                if way == "compiled":
                    pair = tuple(torch.compile(each, fullgraph=True) for each in pair)
                for batch in map(int, options.batches.split(",")):
                    wall, cpu = compare(*pair, MODELS[name].inputs(batch), options.rounds)
                    fine = wall <= LIMIT
                    good = good and fine
                    told = "" if fine else "  OVER"
                    print(
                        f"{name:<10} {way:<9} batch {batch}: {wall:.4f}, cpu {cpu:.4f} (limit {LIMIT}){told}"
                    )
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
