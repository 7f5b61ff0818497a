"""Flatten, Unflatten: other axes for the same elements."""

from __future__ import annotations

from math import prod

from modelpack.dims import Dim, floor_div, may_equal
from modelpack.layers.base import Layer, example, layer, setting, torch_nn
from modelpack.layers.kinds import Integer, Integers
from modelpack.layers.rules import axis_of
from modelpack.tensors import Mismatch, TensorSpec, number_of_elements

__all__ = ["Flatten", "Unflatten"]


@layer(source=torch_nn("Flatten"))
class Flatten(Layer):
    """Joins the axes from `start_dim` to `end_dim`, both included, to one.

    Shapes: ``[*before, *joined, *after]`` to ``[*before, product of joined, *after]``; a scalar becomes one element.
    """

    start_dim: int = setting(Integer(), "first axis to join; negative ones count from the end", default=1)
    end_dim: int = setting(Integer(), "last axis to join; negative ones count from the end", default=-1)

    examples = (
        example("float32[batch, 3, height, 4]"),
        example("int64[batch, 3, 4, 5]", start_dim=-3, end_dim=2),
        example("bool[]", start_dim=0),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        x = input if input.rank else input.with_shape(1)
        start, end = axis_of(input, self.start_dim), axis_of(input, self.end_dim)
        if start > end:
            raise Mismatch(
                f"start_dim {self.start_dim} is behind end_dim {self.end_dim} in its input {input}",
                code="MP302",
                setting="start_dim",
            )
        joined = number_of_elements(x.shape[start : end + 1])
        return x.with_shape(*x.shape[:start], joined, *x.shape[end + 1 :])


@layer(source=torch_nn("Unflatten"))
class Unflatten(Layer):
    """Splits one axis into several; one of their sizes may be -1: what the others leave.

    Shapes: ``[*before, product of unflattened_size, *after]`` to ``[*before, *unflattened_size, *after]``.
    """

    dim: int = setting(Integer(), "axis to split; negative ones count from the end")
    unflattened_size: tuple[int, ...] = setting(Integers(Integer(-1)), "sizes of the new axes; one may be -1")

    examples = (
        example("float32[batch, 12]", dim=1, unflattened_size=(3, 4)),
        example("int64[batch, 6*height, 2]", dim=-2, unflattened_size=(2, -1, 3)),
        example("bool[6]", dim=0, unflattened_size=(6,)),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        at = input.axis(self.dim)
        sizes = self._sizes(input, input.shape[at])
        return input.with_shape(*input.shape[:at], *sizes, *input.shape[at + 1 :])

    def _sizes(self, x: TensorSpec, size: Dim) -> tuple[Dim, ...]:
        told = list(self.unflattened_size)
        known = prod(each for each in told if each != -1)
        if not told or told.count(-1) > 1 or (known == 0 and -1 in told):
            raise Mismatch(
                f"unflattened_size {told} must have a size at least, -1 once at most, and 0 only without -1",
                code="MP308",
                setting="unflattened_size",
            )
        if not (may_equal(size % known, 0) if -1 in told else may_equal(size, known)):
            raise Mismatch(
                f"unflattened_size {told} doesn't divide axis {self.dim} of its input {x}, which is {size}",
                setting="unflattened_size",
            )
        return tuple(floor_div(size, known) if each == -1 else each for each in told)
