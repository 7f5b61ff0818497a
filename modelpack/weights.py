"""Weight files -> names with lazy tensors.

    open_weights(path) -> Weights                  one safetensors file, outside of any pack
    Weights.of(windows, limits) -> Weights         one or several files (shards), read as one table
    weights[name] -> LazyTensor                    .dtype .shape .size; .read() .numpy() .digest()
    weights.map() -> {name: memoryview}            private writable mapping of the files, no copy
    weights.load() -> {name: memoryview}           copied, each to a multiple of 64

Nothing but headers is read before a tensor is asked for. Data is little-endian, as safetensors says.
"""

from __future__ import annotations

import difflib
import importlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from modelpack import digests
from modelpack.dtypes import DType
from modelpack.errors import PackError, Problem
from modelpack.files import open_regular
from modelpack.limits import Limits
from modelpack.safetensors_header import Table, TensorInfo, read_table
from modelpack.spans import read_tensors
from modelpack.strict_json import refuse
from modelpack.window import LocalFile, Window

if TYPE_CHECKING:
    import numpy

__all__ = ["LazyTensor", "WeightFile", "Weights", "open_weights"]


@dataclass(frozen=True, slots=True)
class WeightFile:
    """A safetensors file and what its header says."""

    window: Window
    table: Table


class LazyTensor(NamedTuple):
    """A tensor that is read when asked for; `info` says where it is in `window`."""

    info: TensorInfo
    window: Window

    @property
    def name(self) -> str:
        return self.info.name

    @property
    def dtype(self) -> DType:
        return self.info.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        return self.info.shape

    @property
    def size(self) -> int:
        """In bytes."""
        return self.info.size

    def read(self) -> memoryview:
        """The tensor's bytes in memory of their own, writable, at a multiple of 64; exactly these bytes are read.

        Raises:
            PackError: as `read_tensors`.
        """
        return read_tensors([self])[self.name]

    def chunks(self) -> Iterator[memoryview]:
        """The tensor's bytes in pieces, each overwritten when the next is asked for."""
        return self.window.chunks(self.info.start, self.info.stop)

    def pieces(self) -> Iterator[bytes]:
        """The tensor's bytes in pieces of their own, for who writes them."""
        return self.window.pieces(self.info.start, self.info.stop)

    def numpy(self) -> numpy.ndarray[Any, Any]:
        """The tensor as a new array. bfloat16 and the float8s need the package `ml_dtypes`; never another
        dtype instead.

        Raises:
            PackError: MP555 numpy (or ml_dtypes) has no such dtype; MP508.
        """
        return _to_numpy(self)

    def digest(self) -> str:
        """``blake3:<hex>`` of the tensor's bytes."""
        return digests.text(digests.of_bytes(self.chunks()))


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """Names -> lazy tensors, over one or several safetensors files; in the order of files and of bytes in
    them.
    """

    files: tuple[WeightFile, ...]
    tensors: Mapping[str, LazyTensor]

    @classmethod
    def of(cls, windows: Sequence[Window], limits: Limits) -> Weights:
        """Read the headers of `windows` as one table.

        Raises:
            PackError: MP530 to MP552, for all files at once.
        """
        files: list[WeightFile] = []
        tensors: dict[str, LazyTensor] = {}
        problems: list[Problem] = []
        for window in windows:
            try:
                table = read_table(window.read, window.size, window.name, limits)
            except PackError as error:
                problems.extend(error.problems)
                continue
            files.append(WeightFile(window, table))
            if len(tensors) + len(table.tensors) > limits.tensors:
                refuse("MP551", f"more than {limits.tensors} tensors, which is the limit", window.name)
            for info in table.tensors:
                if info.name in tensors:
                    path = f"{window.name}: {info.name!r}"
                    problems.append(Problem("MP552", f"also in {tensors[info.name].window.name}", path=path))
                tensors[info.name] = LazyTensor(info, window)
        if problems:
            raise PackError(problems)
        return cls(tuple(files), tensors)

    def over(self, windows: Mapping[str, Window]) -> Weights:
        """The same tables over other windows on the same files, by the files' names."""
        files = tuple(WeightFile(windows[file.window.name], file.table) for file in self.files)
        tensors = {
            name: tensor._replace(window=windows[tensor.window.name]) for name, tensor in self.tensors.items()
        }
        return Weights(files, tensors)

    def __getitem__(self, name: str) -> LazyTensor:
        """Raises PackError MP553 if there is no tensor `name`."""
        try:
            return self.tensors[name]
        except KeyError:
            near = difflib.get_close_matches(name, self.tensors, n=1)
            hint = f"did you mean {near[0]!r}?" if near else None
            refuse("MP553", f"there is no tensor {name!r}", hint=hint)

    def __contains__(self, name: object) -> bool:
        return name in self.tensors

    def __iter__(self) -> Iterator[str]:
        return iter(self.tensors)

    def __len__(self) -> int:
        return len(self.tensors)

    @property
    def size(self) -> int:
        """Bytes of all tensors together."""
        return sum(tensor.size for tensor in self.tensors.values())

    def map(self) -> dict[str, memoryview]:
        """Each tensor's bytes in a private writable mapping of its file: no copy, and no data read before it
        is touched. A tensor is at a multiple of 64 where it's at one in the file. What can't be mapped, over the
        network, is read as in `load`.

        The views keep their mapping alive, also after the files are closed. See `LocalFile.views` on truncated
        files.
        """
        views: dict[str, memoryview] = {}
        for file in self.files:
            infos = file.table.tensors
            spans = file.window.views([(info.start, info.stop) for info in infos])
            views.update((info.name, span) for info, span in zip(infos, spans, strict=True))
        return views

    def load(self) -> dict[str, memoryview]:
        """Each tensor's bytes, copied to memory at a multiple of 64, wherever it is in the file: for files that
        may be truncated or rewritten in place meanwhile.

        Raises:
            PackError: as `read_tensors`.
        """
        return read_tensors(self.tensors.values())

    def close(self) -> None:
        """Close the files; mapped tensors stay."""
        for file in self.files:
            file.window.source.close()

    def __enter__(self) -> Weights:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_weights(path: str | os.PathLike[str], limits: Limits | None = None) -> Weights:
    """The tensors of one safetensors file.

    Raises:
        PackError: MP501 there is none; MP504 not a regular file; MP530 to MP551 its header is refused.
    """
    file: FileIO = open_regular(Path(path))
    try:
        window = Window(LocalFile(file), 0, os.fstat(file.fileno()).st_size, Path(path).name)
        return Weights.of([window], limits or Limits())
    except BaseException:
        file.close()
        raise


_NUMPY = {
    DType.BOOL, DType.UINT8, DType.INT8, DType.UINT16, DType.INT16, DType.UINT32, DType.INT32, DType.UINT64,
    DType.INT64, DType.FLOAT16, DType.FLOAT32, DType.FLOAT64, DType.COMPLEX64,
}  # fmt: skip
_ML_DTYPES = {
    DType.BFLOAT16, DType.FLOAT8_E5M2, DType.FLOAT8_E4M3FN, DType.FLOAT8_E5M2FNUZ, DType.FLOAT8_E4M3FNUZ,
    DType.FLOAT8_E8M0FNU,
}  # fmt: skip


def _to_numpy(tensor: LazyTensor) -> numpy.ndarray[Any, Any]:
    import numpy  # slow to import, and not needed for anything else here

    if tensor.dtype in _NUMPY:
        dtype = numpy.dtype(tensor.dtype.value)
    elif tensor.dtype in _ML_DTYPES:
        dtype = _ml_dtype(tensor)
    else:
        hint = "read() gives the packed bytes"
        refuse("MP555", f"numpy has no {tensor.dtype}", tensor.name, hint)
    return numpy.frombuffer(tensor.read(), dtype).reshape(tensor.shape)


def _ml_dtype(tensor: LazyTensor) -> numpy.dtype[Any]:
    import numpy

    try:
        ml_dtypes = importlib.import_module("ml_dtypes")  # optional, so not known to type checkers
    except ImportError:
        hint = "install the package ml_dtypes, or use read() for the bytes"
        refuse("MP555", f"numpy has no {tensor.dtype}", tensor.name, hint)
    return numpy.dtype(vars(ml_dtypes)[tensor.dtype.value])
