"""Two stored tensors of one shape and dtype -> whether they are equal, and how far apart they are; read in pieces."""

from __future__ import annotations

import importlib
import math
from typing import TYPE_CHECKING, Any

from modelpack.difference.report import Norms
from modelpack.dtypes import DType, Kind
from modelpack.weights import LazyTensor

if TYPE_CHECKING:
    import numpy

__all__ = ["equal", "norms"]


def equal(first: LazyTensor, second: LazyTensor) -> bool:
    """Whether their bytes are equal; reads up to the first piece that differs.

    Raises:
        PackError: MP508 a file ended.
    """
    return all(one == other for one, other in zip(first.chunks(), second.chunks(), strict=True))


def norms(first: LazyTensor, second: LazyTensor) -> Norms | None:
    """How far `second` is from `first`, in float64; None where numpy doesn't have the dtype, even with `ml_dtypes`.

    Raises:
        PackError: MP508 a file ended.
    """
    import numpy

    dtype = _dtype(first.dtype)
    if dtype is None:
        return None
    wide = numpy.complex128 if first.dtype.kind is Kind.COMPLEX else numpy.float64
    squares = of_first = largest = 0.0
    with numpy.errstate(all="ignore"):  # a difference of infinities is nan, and says so
        for one, other in zip(first.chunks(), second.chunks(), strict=True):
            # Big numbers of 64 bits lose their last digits here: a difference of one may be told as 0.
            before = numpy.frombuffer(one, dtype).astype(wide)
            apart = numpy.abs(numpy.frombuffer(other, dtype).astype(wide) - before)
            squares += float(numpy.square(apart).sum())
            of_first += float(numpy.square(numpy.abs(before)).sum())
            largest = float(numpy.maximum(largest, apart.max()))  # nan stays, once there is one
    l2, size = math.sqrt(squares), math.sqrt(of_first)
    return Norms(l2, l2 / size if size else math.inf, largest)


def _dtype(dtype: DType) -> numpy.dtype[Any] | None:
    """numpy's own dtype of that name, or that of `ml_dtypes`."""
    import numpy

    if dtype.bits < 8:
        return None  # several elements in a byte
    try:
        return numpy.dtype(dtype.value)
    except TypeError:
        pass
    try:
        found = vars(importlib.import_module("ml_dtypes")).get(dtype.value)
    except ImportError:
        return None
    return None if found is None else numpy.dtype(found)
