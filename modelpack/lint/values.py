"""The values of tensors, read piece by piece."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelpack.dtypes import DType
from modelpack.errors import PackError, Problem
from modelpack.findings import Severity
from modelpack.lint.rule import Rule
from modelpack.lint.subject import Subject

if TYPE_CHECKING:
    from modelpack.weights import LazyTensor

__all__ = ["RULES"]


def not_a_number(subject: Subject) -> Iterator[Problem]:
    """A tensor holds NaN, or a parameter holds an infinity: training diverged, or a conversion went beyond what the dtype
    holds. All that the network gives will be NaN sooner or later. Buffers may hold infinities, which masks do. Values are
    read with `--weights` only. *Way out:* save from a checkpoint before training diverged; convert to bfloat16 rather than
    float16.

    ```python bad
    weights["fc.weight"][0, 0] = float("nan")
    write_pack("net.modelpack", architecture=text, weights=weights, samples=samples, licence="Apache-2.0")
    ```

    ```python good
    weights["fc.weight"][0, 0] = 0.5
    write_pack("net.modelpack", architecture=text, weights=weights, samples=samples, licence="Apache-2.0")
    ```
    """
    if subject.pack is None or not subject.values:
        return
    entries = subject.network.tensors
    for name, tensor in subject.pack.tensors.items():
        format_ = _FORMATS.get(tensor.dtype)
        if format_ is None:
            continue
        try:
            nans, infinities = _count(tensor, format_)
        except PackError:  # the digests tell what is wrong with the bytes
            continue
        entry = entries.get(name)
        if entry is not None and not entry.is_parameter:
            infinities = 0
        told = [f"{count:,} {what}" for count, what in ((nans, "NaN"), (infinities, "infinite")) if count]
        if told:
            yield Problem("MP843", f"{' and '.join(told)} of its values", path=name)


@dataclass(frozen=True, slots=True)
class _Format:
    """How the bits of a dtype say NaN and infinity: where `bits & mask == wanted`; NaN where also `bits & fraction`, or where
    `fraction` is 0 always."""

    unsigned: str
    mask: int
    wanted: int
    fraction: int


_SINGLE = _Format("<u4", 0x7F80_0000, 0x7F80_0000, 0x007F_FFFF)
_FORMATS: Mapping[DType, _Format] = {
    DType.FLOAT16: _Format("<u2", 0x7C00, 0x7C00, 0x03FF),
    DType.BFLOAT16: _Format("<u2", 0x7F80, 0x7F80, 0x007F),
    DType.FLOAT32: _SINGLE,
    DType.COMPLEX64: _SINGLE,
    DType.FLOAT64: _Format("<u8", 0x7FF0 << 48, 0x7FF0 << 48, (1 << 52) - 1),
    DType.FLOAT8_E5M2: _Format("<u1", 0x7C, 0x7C, 0x03),
    DType.FLOAT8_E4M3FN: _Format("<u1", 0x7F, 0x7F, 0),
    DType.FLOAT8_E5M2FNUZ: _Format("<u1", 0xFF, 0x80, 0),
    DType.FLOAT8_E4M3FNUZ: _Format("<u1", 0xFF, 0x80, 0),
    DType.FLOAT8_E8M0FNU: _Format("<u1", 0xFF, 0xFF, 0),
}
"""IEEE 754; Micikevicius et al. 2022, "FP8 Formats for Deep Learning" (arXiv:2209.05433); the OCP specification of
microscaling formats 1.0 for e8m0. What is missing has neither."""


def _count(tensor: LazyTensor, how: _Format) -> tuple[int, int]:
    """How many values are NaN, and how many infinite. Pieces are multiples of 8 bytes, all but the last."""
    import numpy as np

    nans = infinities = 0
    for piece in tensor.chunks():
        bits = np.frombuffer(piece, how.unsigned)
        special = bits[(bits & bits.dtype.type(how.mask)) == bits.dtype.type(how.wanted)]
        if special.size:
            fractions = special & bits.dtype.type(how.fraction)
            of_these = int(np.count_nonzero(fractions)) if how.fraction else special.size
            nans += of_these
            infinities += special.size - of_these
    return nans, infinities


RULES = (Rule("MP843", Severity.WARNING, not_a_number),)
