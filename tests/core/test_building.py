"""A part -> a pack: what is written is what was read, however late the digests are made beside."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import modelpack
from modelpack.dtypes import DType
from modelpack.pack import verify_digests, write_pack
from modelpack.safetensors_layout import TensorData
from modelpack.stream import Beside
from modelpack.window import CHUNK

TEXT = b"""\
modelpack: 1
name: wide
inputs:
  x: {dtype: float32, shape: [batch, 1024]}
layers:
  wide: {Linear: {in_features: 1024, out_features: 2600, bias: false}}
  act: {ReLU: {}}
"""


def test_digests_may_be_made_when_all_is_written(tmp_path, monkeypatch):
    values = np.random.default_rng(0).random((2600, 1024), dtype=np.float32)
    assert values.nbytes > 2 * CHUNK  # read in several pieces
    data = TensorData("wide.weight", DType.FLOAT32, values.shape, values.tobytes())
    write_pack(tmp_path / "whole", architecture=TEXT, weights=[data])
    late: list[Callable[[], None]] = []
    leave = Beside.__exit__

    def run_late(self, *error):
        for work in late:
            work()
        return leave(self, *error)

    monkeypatch.setattr(Beside, "do", lambda self, work: late.append(work))
    monkeypatch.setattr(Beside, "__exit__", run_late)
    with modelpack.open(tmp_path / "whole") as whole:
        whole.take("wide", "wide").save(tmp_path / "part")
    assert late
    with modelpack.open(tmp_path / "part") as part:
        verify_digests(part.pack)
        np.testing.assert_array_equal(part["wide.weight"].numpy(), values)
