"""Tensors to be written -> the plan of a safetensors file: its header, and where each tensor goes.

    TensorData(name, dtype, shape, data)     a tensor to write; data: its bytes, or a function that gives them in pieces
    lay_out(tensors) -> Part, ...            header first, then the tensors in order of their bytes
    shards(tensors, max_bytes)               the tensors, split in files

Tensors of a multiple of 64 bytes come first and the header is padded so that data begins at a multiple of 64:
so each of them lies at a multiple of 64 in the file and can be mapped in place. The others follow by element
size, largest first: so each lies at a multiple of its element. Otherwise the given order is kept. Equal
tensors give equal bytes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from modelpack.dtypes import DType
from modelpack.errors import PackError, Problem
from modelpack.limits import Limits
from modelpack.safetensors_header import byte_size, name_fault
from modelpack.strict_json import refuse

__all__ = ["ALIGNMENT", "Part", "Pieces", "TensorData", "lay_out", "pieces_of", "shards"]

ALIGNMENT = 64
"""What torch and others give memory of their own; see spec/decisions/alignment.md."""

Pieces = bytes | memoryview | Callable[[], Iterable[bytes | memoryview]]
"""Bytes (C-contiguous), or a function that gives them in order, called when they are due: so a tensor that
must be copied first is copied in pieces, one at a time. A piece must not change until the file is written."""


@dataclass(frozen=True, slots=True)
class TensorData:
    """A tensor to be written, little-endian and row-major."""

    name: str
    dtype: DType
    shape: tuple[int, ...]
    data: Pieces


@dataclass(frozen=True, slots=True)
class Part:
    """A run of `size` bytes of a file that has a digest of its own; `name` is a tensor's, or empty."""

    name: str
    size: int
    data: Pieces


def lay_out(tensors: Sequence[TensorData]) -> tuple[Part, ...]:
    """The parts of a safetensors file of `tensors`: header, then tensors.

    Raises:
        PackError: MP550 a name can't be one, or stands twice; MP554 the data doesn't fit dtype and shape.
    """
    problems = [problem for tensor in tensors for problem in _faults(tensor)]
    names = [tensor.name for tensor in tensors]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        problems.append(Problem("MP550", "two tensors of this name", path=repr(twice)))
    if problems:
        raise PackError(problems)
    ordered = sorted(tensors, key=_rank)
    entries: dict[str, dict[str, str | list[int]]] = {}
    begin = 0
    for tensor in ordered:
        end = begin + _size(tensor)
        entries[tensor.name] = {
            "dtype": tensor.dtype.safetensors, "shape": list(tensor.shape), "data_offsets": [begin, end],
        }  # fmt: skip
        begin = end
    header = json.dumps(entries, ensure_ascii=False, separators=(",", ":")).encode()
    header += b" " * (-(len(header) + 8) % ALIGNMENT)
    head = len(header).to_bytes(8, "little") + header
    return Part("", len(head), head), *(Part(tensor.name, _size(tensor), tensor.data) for tensor in ordered)


def shards(tensors: Iterable[TensorData], max_bytes: int | None) -> list[list[TensorData]]:
    """The tensors in order, split in files of at most `max_bytes` of data (a larger tensor stands alone)."""
    result: list[list[TensorData]] = [[]]
    filled = 0
    for tensor in tensors:
        size = byte_size(tensor.dtype, tensor.shape) or 0
        if max_bytes is not None and result[-1] and filled + size > max_bytes:
            result.append([])
            filled = 0
        result[-1].append(tensor)
        filled += size
    return result


def pieces_of(part: Part) -> Iterator[memoryview]:
    """The bytes of `part`, as given. Raises PackError MP554 if they are more or fewer than its size."""
    data = (part.data,) if isinstance(part.data, bytes | memoryview) else part.data()
    done = 0
    for piece in data:
        view = _flat(piece)
        done += len(view)
        if done > part.size:
            break
        yield view
    if done != part.size:
        found = f"more than {part.size}" if done > part.size else str(done)
        refuse("MP554", f"its data has {found} bytes, dtype and shape say {part.size}", repr(part.name))


def _flat(piece: bytes | memoryview) -> memoryview:
    view = memoryview(piece)
    if not view.nbytes:
        return memoryview(b"")
    return view if view.format == "B" and view.ndim == 1 else view.cast("B")


def _faults(tensor: TensorData) -> Iterator[Problem]:
    fault = name_fault(tensor.name, Limits())
    if tensor.name == "__metadata__":
        fault = "safetensors keeps it for metadata"
    if fault:
        yield Problem("MP550", f"not a name for a tensor: {fault}", path=repr(tensor.name))
    size = byte_size(tensor.dtype, tensor.shape)
    if size is None:
        message = f"{tensor.dtype}{list(tensor.shape)} doesn't fill whole bytes"
        yield Problem("MP554", message, path=repr(tensor.name))
    elif isinstance(tensor.data, bytes | memoryview):
        view = memoryview(tensor.data)
        if view.nbytes != size:
            message = f"its data has {view.nbytes} bytes, dtype and shape say {size}"
            yield Problem("MP554", message, path=repr(tensor.name))
        if not view.c_contiguous:
            yield Problem("MP554", "its data isn't contiguous", path=repr(tensor.name))


def _size(tensor: TensorData) -> int:
    return byte_size(tensor.dtype, tensor.shape) or 0


def _rank(tensor: TensorData) -> tuple[bool, int]:
    odd = _size(tensor) % ALIGNMENT != 0
    return odd, -tensor.dtype.bits if odd else 0
