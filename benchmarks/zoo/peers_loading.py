"""Second process of a peer: has torch (and onnxruntime) only, loads its file and compares as for a pack.

python -m benchmarks.zoo.peers_loading export|jit|onnx folder      -> <peer>-loading.json in the folder
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from benchmarks.zoo.case import PEERS
from benchmarks.zoo.loading import compared  # which forbids the libraries
from benchmarks.zoo.observe import leaves, same


class _Session(nn.Module):
    """A graph of ONNX, called as the network was."""

    def __init__(self, path: Path) -> None:
        import onnxruntime

        super().__init__()
        self.session = onnxruntime.InferenceSession(str(path))

    def forward(self, *args: Any, **kwargs: Any) -> list[torch.Tensor]:
        tensors = [each for _, each in leaves((args, kwargs))]
        names = [each.name for each in self.session.get_inputs()]
        given = {name: each.numpy() for name, each in zip(names, tensors, strict=True)}
        return [torch.from_numpy(each) for each in self.session.run(None, given)]

    def train(self, mode: bool = True) -> nn.Module:
        if mode:
            raise NotImplementedError("a graph of ONNX has no train mode")
        return super().train(mode)


def _export(path: Path) -> nn.Module:
    module = torch.export.load(path).module()
    module.eval = lambda: module  # it refuses to be asked; it is in eval mode
    return module


LOADERS: Mapping[str, Callable[[Path], nn.Module]] = {
    "export": _export,
    "jit": torch.jit.load,
    "onnx": _Session,
}


def close(left: Any, right: Any) -> bool:
    """As `same`, but numbers may differ as another runtime's do: ONNX promises no bits."""
    if isinstance(left, torch.Tensor) and isinstance(right, torch.Tensor) and left.shape == right.shape:
        return torch.allclose(left.double(), right.double(), rtol=1e-3, atol=1e-4, equal_nan=True)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(close, left, right))
    return same(left, right)


def main(peer: str, folder: Path) -> None:
    expected = torch.load(folder / "expected.pt")
    told = compared(LOADERS[peer](folder / PEERS[peer]), expected, close if peer == "onnx" else same)
    (folder / f"{peer}-loading.json").write_text(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
