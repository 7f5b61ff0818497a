"""Axes that settings name: where they are, and what a tensor is without them."""

from __future__ import annotations

from collections.abc import Sequence

from modelpack.dims import Dim, Expr, ceil_div, exceeds, maximum, minimum
from modelpack.tensors import Mismatch, TensorSpec

__all__ = [
    "axes_of",
    "axis_or_scalar",
    "existing_axis",
    "fixed_axis",
    "not_below_0",
    "reduced",
    "slice_size",
]


def existing_axis(x: TensorSpec, axis: int, setting: str = "dim") -> int:
    """`axis` counted from the front.

    Raises:
        Mismatch: `x` has no such axis.
    """
    if not -x.rank <= axis < x.rank:
        raise Mismatch(f"its input {x} has no axis {axis}", code="MP302", setting=setting)
    return axis % x.rank


def axis_or_scalar(x: TensorSpec, axis: int, setting: str = "dim") -> int:
    """The same, where a scalar counts as having the one axis 0.

    Raises:
        Mismatch: `x` has no such axis.
    """
    return 0 if not x.rank and axis in (0, -1) else existing_axis(x, axis, setting)


def axes_of(x: TensorSpec, axes: Sequence[int] | None, setting: str = "dim") -> tuple[int, ...]:
    """`axes` counted from the front, all where None.

    Raises:
        Mismatch: `x` lacks one of them, or one is named twice.
    """
    if axes is None:
        return tuple(range(x.rank))
    found = tuple(axis_or_scalar(x, axis, setting) for axis in axes)
    if len(set(found)) < len(found):
        raise Mismatch(f"{setting} names an axis of its input {x} twice", code="MP302", setting=setting)
    return found


def reduced(x: TensorSpec, axes: Sequence[int], keepdim: bool) -> TensorSpec:
    """`x` without these axes, or with 1 in their place."""
    if keepdim:
        return x.with_shape(*(1 if at in axes else size for at, size in enumerate(x.shape)))
    return x.with_shape(*(size for at, size in enumerate(x.shape) if at not in axes))


def fixed_axis(x: TensorSpec, axis: int, why: str) -> int:
    """The size of an axis that must be known before the network runs.

    Raises:
        Mismatch: it depends on free dimensions; `why` completes "… is known only when called, but …".
    """
    size = x.shape[axis]
    if isinstance(size, Expr):
        raise Mismatch(f"axis {axis} of its input {x} is known only when called, but {why}")
    return size


def slice_size(size: Dim, start: Dim, end: Dim | None, step: int) -> Dim:
    """How many elements ``[start:end:step]`` has along an axis of `size`; bounds beyond it are drawn in, as in Python.

    A free dimension counts as 1 at least, so that the last element is one: ``[-1:]`` has the size 1.
    """
    first = _bound(start, size)
    if end is None or end == size:
        # `first` lies within the axis, so that the rest is never negative.
        return ceil_div(size - first, step)
    last = _bound(end, size)
    if first == 0:
        return ceil_div(last, step)
    return ceil_div(not_below_0(last - first), step)


def _bound(place: Dim, size: Dim) -> Dim:
    if isinstance(place, int) and place < 0:
        return not_below_0(size + place)
    if place == 0 or place == size:
        return place
    if isinstance(place, Expr) and _negated(place):
        return not_below_0(size + place)
    return place if exceeds(size + 1, place) else minimum(place, size)


def not_below_0(size: Dim) -> Dim:
    """`size`, or 0 where that is less."""
    return size if exceeds(size, -1) else maximum(size, 0)


def _negated(place: Expr) -> bool:
    """Whether an expression is negative for all sizes: `-length`, and not `length - 1`."""
    return all(coefficient < 0 for _, coefficient in place.terms)
