"""Tensors and packs for tests: made of raw bytes, no framework."""

from __future__ import annotations

import random

from hypothesis import strategies as st

from modelpack.dtypes import DType
from modelpack.pack import TensorData
from modelpack.safetensors_header import byte_size

ARCHITECTURE = b"modelpack: 1\nname: test\n"


def tensor(name: str, dtype: DType, shape: tuple[int, ...], seed: int = 0) -> TensorData:
    """A tensor of random bytes, the same for the same seed."""
    size = byte_size(dtype, shape)
    if size is None:
        raise ValueError("doesn't fill whole bytes")
    return TensorData(name, dtype, shape, random.Random(f"{name}{seed}").randbytes(size))


def some_tensors(seed: int = 0) -> list[TensorData]:
    """Large and small, aligned and odd, empty and 0-d."""
    return [
        tensor("steps", DType.INT64, (), seed),
        tensor("fc.weight", DType.FLOAT32, (64, 32), seed),
        tensor("fc.bias", DType.FLOAT32, (3,), seed),
        tensor("half", DType.BFLOAT16, (5,), seed),
        tensor("none", DType.FLOAT16, (0, 3), seed),
        tensor("flags", DType.BOOL, (7,), seed),
    ]


names = st.text(st.sampled_from("abcxyz019._/-é字 "), min_size=1, max_size=12).filter(
    lambda name: not name.startswith("/") and ".." not in name.split("/")
)


@st.composite
def tensors(draw: st.DrawFn, dtypes: tuple[DType, ...] = tuple(DType)) -> list[TensorData]:
    """Up to eight tensors of all dtypes; those below a byte have a last axis of a multiple of 8."""
    made: list[TensorData] = []
    for name in draw(st.lists(names, max_size=8, unique=True)):
        dtype = draw(st.sampled_from(dtypes))
        shape = tuple(draw(st.lists(st.integers(0, 5), max_size=3)))
        if dtype.bits < 8:
            shape = (*shape, 8 * draw(st.integers(0, 4)))
        made.append(tensor(name, dtype, shape, draw(st.integers(0, 3))))
    return made
