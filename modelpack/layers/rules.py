"""Checks and shape arithmetic that several declarations share."""

from __future__ import annotations

from modelpack.dtypes import DType
from modelpack.tensors import Mismatch, TensorSpec, broadcast, common_dtype

__all__ = ["elementwise", "of_dtype", "of_rank"]


def of_dtype(x: TensorSpec, dtype: DType) -> TensorSpec:
    """`x`, which must have the dtype of the layer's parameters.

    Raises:
        Mismatch: it has another.
    """
    if x.dtype is not dtype:
        raise Mismatch(
            f"its parameters are {dtype}, but its input is {x}",
            code="MP306",
            hint=f"convert the input with to: {{dtype: {dtype}}}",
        )
    return x


def of_rank(x: TensorSpec, *ranks: int) -> TensorSpec:
    """`x`, which must have one of these numbers of axes.

    Raises:
        Mismatch: it has another.
    """
    if x.rank not in ranks:
        wanted = " or ".join(map(str, ranks))
        raise Mismatch(f"its input must have {wanted} axes, {x} has {x.rank}", code="MP302")
    return x


def elementwise(*operands: object) -> TensorSpec:
    """The spec of an operation on tensors and numbers that broadcasts and promotes (a number counts as a scalar tensor
    of the default dtype of its kind).

    Raises:
        Mismatch: the shapes don't broadcast or the dtypes don't promote.
    """
    specs = [each if isinstance(each, TensorSpec) else TensorSpec(_dtype_of_number(each), ()) for each in operands]
    return TensorSpec(common_dtype(specs), broadcast([spec.shape for spec in specs]))


def _dtype_of_number(number: object) -> DType:
    if isinstance(number, bool):
        return DType.BOOL
    return DType.FLOAT32 if isinstance(number, float) else DType.INT64
