"""What is known of a tensor before it exists: dtype and symbolic shape."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from modelpack.dims import LARGEST, Dim, may_equal
from modelpack.dtypes import DType, Kind, promote
from modelpack.expressions import parse_dim

__all__ = ["Mismatch", "TensorSpec", "broadcast", "common_dtype", "number_of_elements"]


class Mismatch(Exception):  # noqa: N818  (not an error of the library: a rule's way to say what it refuses)
    """A rule can't take its inputs: raised by `infer`, turned into a `Problem` with its place by the checker.

    `setting` names the setting that is at fault, if one is; `port` the input.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str = "MP304",
        setting: str | None = None,
        port: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message, self.code, self.setting, self.port, self.hint = message, code, setting, port, hint
        self.reference: str | None = None
        """the reference that leads nowhere, as it is written"""


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """A dtype and a shape whose entries may be symbolic; ``str`` gives ``float32[batch, 3, 224, 224]``."""

    dtype: DType
    shape: tuple[Dim, ...]

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def is_floating(self) -> bool:
        return self.dtype.kind is Kind.FLOAT

    def axis(self, axis: int) -> int:
        """`axis` counted from the front.

        Raises:
            Mismatch: there is no such axis.
        """
        if not -self.rank <= axis < self.rank:
            raise Mismatch(f"axis {axis} does not exist in its input {self}", code="MP302")
        return axis % self.rank

    def with_shape(self, *shape: Dim) -> TensorSpec:
        return TensorSpec(self.dtype, shape)

    def with_axis(self, axis: int, size: Dim) -> TensorSpec:
        """The same tensor with one axis resized."""
        at = self.axis(axis)
        return TensorSpec(self.dtype, (*self.shape[:at], size, *self.shape[at + 1 :]))

    def with_dtype(self, dtype: DType) -> TensorSpec:
        return replace(self, dtype=dtype)

    def __str__(self) -> str:
        return f"{self.dtype}[{', '.join(map(str, self.shape))}]"

    @classmethod
    def parse(cls, text: str) -> TensorSpec:
        """The inverse of ``str``, for examples in declarations and tests.

        Raises:
            ValueError: `text` isn't of the form ``dtype[dim, …]``.
        """
        match = re.fullmatch(r"(\w+)\[(.*)\]", text)
        if match is None:
            raise ValueError(f"'{text}' is not of the form 'float32[batch, 3]'")
        dims = [part.strip() for part in match[2].split(",")] if match[2].strip() else []
        return cls(DType(match[1]), tuple(parse_dim(dim) for dim in dims))


def number_of_elements(shape: Iterable[Dim]) -> Dim:
    """The product of all axes; 1 for a scalar.

    Raises:
        Mismatch: it has more than 64 bits.
    """
    product: Dim = 1
    for size in shape:
        product = product * size
        if isinstance(product, int) and product > LARGEST:
            raise Mismatch(
                "a tensor would have more elements than an integer of 64 bits counts", code="MP333"
            )
    return product


def broadcast(shapes: Sequence[tuple[Dim, ...]]) -> tuple[Dim, ...]:
    """The common shape of all, aligned at the last axis, axes of 1 stretched (Array API, broadcasting).

    Raises:
        Mismatch: two axes differ, provably, and none is 1.
    """
    rank = max(map(len, shapes), default=0)
    padded = [(1,) * (rank - len(shape)) + shape for shape in shapes]
    return tuple(_broadcast_axis(axis, shapes) for axis in zip(*padded, strict=True))


def _broadcast_axis(sizes: tuple[Dim, ...], shapes: Sequence[tuple[Dim, ...]]) -> Dim:
    result: Dim = 1
    for size in sizes:
        if result == 1:
            result = size
        elif size != 1 and size != result:
            if not may_equal(size, result):
                told = " and ".join("[" + ", ".join(map(str, shape)) + "]" for shape in shapes)
                raise Mismatch(f"shapes {told} don't broadcast: {result} against {size}", code="MP305")
            result = size if isinstance(size, int) else result
    return result


def common_dtype(specs: Sequence[TensorSpec], numbers: Sequence[DType] = ()) -> DType:
    """The dtype of an operation over tensors and plain numbers, each number given as the default dtype of its kind.

    Tensors with axes decide; those without count only where their kind is higher, and numbers only where theirs is
    higher still (PyTorch documentation, tensor attributes, type promotion).

    Raises:
        Mismatch: they have none.
    """
    groups = (
        [spec.dtype for spec in specs if spec.rank],
        [spec.dtype for spec in specs if not spec.rank],
        list(numbers),
    )
    result: DType | None = None
    for group in groups:
        if group:
            lower = _promote_all(group)
            result = lower if result is None else _outranked(result, lower)
    if result is None:
        raise Mismatch("nothing to take a dtype from", code="MP306")
    return result


def _outranked(higher: DType, lower: DType) -> DType:
    """What becomes of a dtype beside one of less say."""
    if lower.kind.value <= higher.kind.value:
        return higher
    if higher is DType.FLOAT16 and lower.kind is Kind.COMPLEX:
        raise Mismatch(
            "float16 beside a complex number gives complex32, which a pack can't hold", code="MP306"
        )
    return _promote_all([higher, lower])


def _promote_all(dtypes: Sequence[DType]) -> DType:
    result = dtypes[0]
    for dtype in dtypes[1:]:
        try:
            result = promote(result, dtype)
        except ValueError as error:
            raise Mismatch(str(error), code="MP306") from None
    return result
