"""safetensors header -> tensor table: strictly, before any tensor exists.

    read_table(read, size, what, limits) -> Table          from a file or a span of one
    parse_header(header, data_start, size, what, limits) -> Table

`Table.tensors` holds a frozen `TensorInfo(name, dtype, shape, start, stop)` per tensor, in order of its
bytes; the bytes count from the beginning of the safetensors file. Stricter than the library, which takes
misaligned data, `..` and NUL in names, and the last of two equal keys. Source of the format:
https://github.com/huggingface/safetensors (README, "Format").
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import NamedTuple

from modelpack.dtypes import DType
from modelpack.errors import PackError, Problem
from modelpack.limits import Limits
from modelpack.strict_json import JsonObject, JsonValue, parse_object, refuse

__all__ = ["Table", "TensorInfo", "byte_size", "name_fault", "parse_header", "read_table"]

FORMAT_HEADER_CAP = 100_000_000
_LENGTH_BYTES = 8
_DATA_ALIGNMENT = 8
_LARGEST = 2**63 - 1
_KEYS = {"dtype", "shape", "data_offsets"}
_GOOD_NAME = re.compile("[^\\x00-\\x1f\\x7f-\\x9f\\\\\ud800-\udfff]+")


class TensorInfo(NamedTuple):
    """A tensor and the bytes `start` to `stop` (exclusive) of its safetensors file.

    A named tuple, as files have thousands: it is made several times faster than a frozen dataclass.
    """

    name: str
    dtype: DType
    shape: tuple[int, ...]
    start: int
    stop: int

    @property
    def size(self) -> int:
        """In bytes."""
        return self.stop - self.start


@dataclass(frozen=True, slots=True)
class Table:
    """What a safetensors header says; `data_start` is the length of header and length field together."""

    tensors: tuple[TensorInfo, ...]
    data_start: int
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])


def byte_size(dtype: DType, shape: tuple[int, ...]) -> int | None:
    """Bytes of a tensor, or None if its elements don't fill whole bytes."""
    bits = prod(shape) * dtype.bits
    return None if bits % 8 else bits // 8


def name_fault(name: str, limits: Limits) -> str | None:
    """Why `name` can't be a tensor's name, or None if it can."""
    if not name:
        return "it is empty"
    if not _GOOD_NAME.fullmatch(name):
        return "it holds a control character, a backslash or half a surrogate pair"
    if name[0] == "/":
        return "it begins with '/'"
    if ".." in name and ".." in name.split("/"):
        return "it has '..' between slashes"
    if len(name) > limits.name_bytes // 4 and len(name.encode()) > limits.name_bytes:
        return f"it is longer than {limits.name_bytes} bytes"
    return None


def read_table(read: Callable[[int, int], bytes], size: int, what: str, limits: Limits) -> Table:
    """The table of a safetensors file of `size` bytes, where `read(start, stop)` gives bytes of it.

    Raises:
        PackError: MP530 to MP551; nothing is read beyond the header.
    """
    if size < _LENGTH_BYTES:
        refuse("MP530", f"{size} bytes, but a header's length takes {_LENGTH_BYTES}", what)
    length = int.from_bytes(read(0, _LENGTH_BYTES), "little")
    cap = min(limits.header_bytes, FORMAT_HEADER_CAP)
    if length > cap:
        refuse("MP531", f"the header claims {length} bytes, the limit is {cap}", what)
    data_start = _LENGTH_BYTES + length
    if data_start > size:
        refuse(
            "MP532",
            f"the header claims {length} bytes, the file has {size - _LENGTH_BYTES} after its length",
            what,
        )
    return parse_header(read(_LENGTH_BYTES, data_start), size, what, limits)


def parse_header(header: bytes, size: int, what: str, limits: Limits) -> Table:
    """The table of a safetensors file of `size` bytes, from its header without the length field."""
    data_start = _LENGTH_BYTES + len(header)
    if not header.startswith(b"{"):
        refuse("MP534", "the header doesn't begin with '{'", what)
    document = parse_object(header, what, limits)
    metadata = _metadata(document, what)
    if len(document) > limits.tensors:
        refuse("MP551", f"{len(document)} tensors, the limit is {limits.tensors}", what)
    problems: list[Problem] = []
    if data_start % _DATA_ALIGNMENT:
        problems.append(
            Problem("MP549", f"data begins at byte {data_start}, no multiple of {_DATA_ALIGNMENT}", path=what)
        )
    tensors: list[TensorInfo] = []
    for name, entry in document.items():
        result = _tensor(name, entry, data_start, limits)
        if isinstance(result, TensorInfo):
            tensors.append(result)
        else:
            problems.append(Problem(result[0], result[1], path=f"{what}: {name!r:.200}"))
        if len(problems) > _ENOUGH:
            break
    if not problems:
        tensors.sort(key=_by_bytes)
        problems.extend(_tiling(tensors, data_start, size, what))
    if problems:
        raise PackError(problems)
    return Table(tuple(tensors), data_start, metadata)


# A file that is wrong this often isn't going to be mended line by line.
_ENOUGH = 50


def _by_bytes(tensor: TensorInfo) -> tuple[int, int]:
    return tensor.start, tensor.stop


def _metadata(document: JsonObject, what: str) -> Mapping[str, str]:
    if "__metadata__" not in document:
        return {}
    value = document.pop("__metadata__")
    if not isinstance(value, dict):
        refuse("MP537", "'__metadata__' isn't an object", what)
    texts: dict[str, str] = {}
    for key, text in value.items():
        if not isinstance(text, str):
            refuse("MP537", f"'__metadata__' holds something else than text at {key!r:.100}", what)
        texts[key] = text
    return texts


def _tensor(name: str, entry: JsonValue, data_start: int, limits: Limits) -> TensorInfo | tuple[str, str]:
    """The tensor that an entry describes, or the code and message of what is wrong with it."""
    fault = name_fault(name, limits)
    if fault:
        return "MP550", f"not a name for a tensor: {fault}"
    if not isinstance(entry, dict) or entry.keys() != _KEYS:
        return "MP538", "an entry has exactly the keys dtype, shape and data_offsets"
    dtype_name, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    dtype = DType.from_safetensors(dtype_name) if isinstance(dtype_name, str) else None
    if dtype is None:
        return "MP539", f"unknown dtype {dtype_name!r:.60}"
    if not isinstance(shape, list) or len(shape) > limits.tensor_axes:
        return "MP540", f"a shape is a list of at most {limits.tensor_axes} sizes"
    sizes: list[int] = []
    bits = dtype.bits
    for size in shape:
        if type(size) is not int or not 0 <= size <= _LARGEST:
            return "MP540", f"the shape {shape!r:.100} has something else than integers from 0 to 2^63 - 1"
        sizes.append(size)
        # Zero sizes don't excuse the others: a product that overflows in another language is refused here too.
        bits *= size or 1
    if bits > _LARGEST:
        return "MP541", f"{dtype}{sizes} has more than 2^63 - 1 bits"
    return _placed(name, dtype, tuple(sizes), offsets, data_start)


def _placed(
    name: str, dtype: DType, shape: tuple[int, ...], offsets: JsonValue, data_start: int
) -> TensorInfo | tuple[str, str]:
    size = byte_size(dtype, shape)
    if size is None:
        return "MP542", f"{dtype}{list(shape)} doesn't fill whole bytes"
    if not isinstance(offsets, list) or len(offsets) != 2:
        return "MP543", "data_offsets is a list of two integers"
    begin, end = offsets
    if type(begin) is not int or type(end) is not int or not 0 <= begin <= end <= _LARGEST:
        return "MP543", f"data_offsets {offsets!r:.100} aren't two integers 0 <= begin <= end"
    if end - begin != size:
        return "MP544", f"{dtype}{list(shape)} has {size} bytes, data_offsets span {end - begin}"
    element = dtype.bits // 8
    if element and begin % element:
        return "MP549", f"begins at byte {begin} of the data, no multiple of its element's {element} bytes"
    return TensorInfo(name, dtype, shape, data_start + begin, data_start + end)


def _tiling(tensors: list[TensorInfo], data_start: int, size: int, what: str) -> list[Problem]:
    """The tensors, sorted by their bytes, must cover the data exactly."""
    problems: list[Problem] = []
    expected = data_start
    for tensor in tensors:
        path = f"{what}: {tensor.name!r}"
        if tensor.stop > size:
            problems.append(Problem("MP547", f"ends at byte {tensor.stop}, the file at {size}", path=path))
        elif tensor.start < expected:
            problems.append(
                Problem("MP545", f"begins at byte {tensor.start}, inside another tensor", path=path)
            )
        elif tensor.start > expected:
            problems.append(
                Problem("MP546", f"{tensor.start - expected} bytes before it belong to no tensor", path=path)
            )
        if len(problems) > _ENOUGH:
            return problems
        expected = max(expected, tensor.stop)
    if not problems and expected < size:
        problems.append(Problem("MP548", f"{size - expected} bytes follow the last tensor", path=what))
    return problems
