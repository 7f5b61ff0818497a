"""A network straight from a URL: what can't be mapped is read, with nothing to say about it; and kept, if a cache is given."""

from __future__ import annotations

from pathlib import Path

import fsspec
import torch
from torch import nn

import modelpack


def test_load_from_a_url(tmp_path: Path) -> None:
    """The same outputs; with the cache no tensor comes from there again, so it can be loaded though the weights are damaged."""
    model, x = nn.Sequential(nn.Linear(40, 300), nn.ReLU(), nn.Linear(300, 3)).eval(), torch.randn(2, 40)
    modelpack.save(model, tmp_path / "net.modelpack", args=(x,))
    fs = fsspec.filesystem("memory")
    data = (tmp_path / "net.modelpack").read_bytes()
    fs.pipe_file("/load/net.modelpack", data)
    try:
        loaded = modelpack.load("memory://load/net.modelpack", cache=tmp_path / "cache")
        assert torch.equal(loaded(x), model(x))
        assert all(parameter.data_ptr() % 64 == 0 for parameter in loaded.parameters())
        with modelpack.open(tmp_path / "net.modelpack") as pack:
            at = pack["0.weight"].window.offset + pack["0.weight"].info.start
        fs.pipe_file("/load/net.modelpack", data[:at] + bytes(100) + data[at + 100 :])
        assert torch.equal(
            modelpack.load("memory://load/net.modelpack", cache=tmp_path / "cache")(x), model(x)
        )
    finally:
        fs.rm("/load", recursive=True)
    loaded.train()(x).sum().backward()
    assert all(parameter.grad is not None for parameter in loaded.parameters())
