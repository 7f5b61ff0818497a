"""Other ways to save a network, asked the same questions: what torch itself saves, and ONNX.

python -m benchmarks.zoo.peers export|jit|onnx library/name folder      -> a file and <peer>-saving.json in the folder
python -m benchmarks.zoo.peers_loading export|jit|onnx folder           -> <peer>-loading.json in the folder
"""

from __future__ import annotations

import inspect
import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from benchmarks.zoo.case import PEERS
from benchmarks.zoo.cases import ZOO
from benchmarks.zoo.saving import BATCH, axes, made

__all__ = ["SAVERS"]

Saver = Callable[[nn.Module, tuple[Any, ...], Mapping[str, Any], Path], None]


def _export(model: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any], path: Path) -> None:
    shapes = axes(model, args, kwargs)
    torch.export.save(
        torch.export.export(model, args, dict(kwargs), dynamic_shapes=shapes, strict=False), path
    )


def _jit(model: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any], path: Path) -> None:
    if kwargs:  # a trace takes names or positions, not both
        named = dict(inspect.signature(model.forward).bind(*args, **kwargs).arguments)
        traced = torch.jit.trace(model, example_kwarg_inputs=named, strict=False)
    else:
        traced = torch.jit.trace(model, args, strict=False)
    torch.jit.save(traced, path)


def _onnx(model: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any], path: Path) -> None:
    shapes = axes(model, args, kwargs)
    torch.onnx.export(
        model, args, path, kwargs=dict(kwargs), dynamo=True, dynamic_shapes=shapes, verbose=False
    )


SAVERS: Mapping[str, Saver] = {"export": _export, "jit": _jit, "onnx": _onnx}


def main(peer: str, name: str, folder: Path) -> None:
    case = ZOO[name]
    model = made(case).eval()
    torch.manual_seed(1)
    args, kwargs = case.given(BATCH, case.size)
    start = time.perf_counter()
    told: dict[str, Any] = {}
    try:
        SAVERS[peer](model, args, kwargs, folder / PEERS[peer])
    except Exception as error:  # whatever it says: it didn't save
        told["refused"] = f"{type(error).__name__}: {error}"[:500]
    told["save"] = time.perf_counter() - start
    (folder / f"{peer}-saving.json").write_text(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
