"""The inputs of a block: their names, and the sizes that they tell."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import fx

from modelpack.architecture import Inputs, InputSpec
from modelpack.backends.torch.capture.failures import failure
from modelpack.backends.torch.capture.regions import Region
from modelpack.backends.torch.capture.sizes import FreeNames, LocalSizes, SizeError, axis_name
from modelpack.backends.torch.capture.values import Described, Mark, marks, tensors_only, ways
from modelpack.backends.torch.dtypes import from_torch
from modelpack.dims import Dim, Expr, symbol

__all__ = ["Signature"]


class Signature:
    """What `region` was given; `taken` are names that its inputs may not have, as submodules have them."""

    def __init__(self, region: Region, free: FreeNames, taken: set[str]) -> None:
        self._region = region
        self._free = free
        self.inputs: dict[str, Described] = {}
        for name, given in region.call.arguments.items():
            kept = tensors_only(given)
            if kept is not None:
                self.inputs[name + "_" * (name in taken)] = kept
        self.sizes = LocalSizes(self._known_sizes())

    def reference(self, index: int) -> str | None:
        """What the tensor of this mark is called inside."""
        for name, each in self.inputs.items():
            way = ways(each).get(index)
            if way is not None:
                return name + way
        return None

    def declared(self) -> dict[str, Inputs]:
        """The inputs as the block declares them, once it's known which sizes it uses."""
        wanted = set(self.sizes.used)
        return {name: self._specs(each, wanted) for name, each in self.inputs.items()}

    def _specs(self, given: Described, wanted: set[str]) -> Inputs:
        if isinstance(given, tuple):
            return tuple(self._specs(item, wanted) for item in given)
        if isinstance(given, Mapping):
            return {key: self._specs(item, wanted) for key, item in given.items()}
        if isinstance(given, Mark):
            return self._spec(given, wanted)
        raise AssertionError("an input is tensors only")

    def _spec(self, mark: Mark, wanted: set[str]) -> InputSpec:
        """All of an input of the network; of a block's, the shape where it's the first to tell a size that is used."""
        shape = self._shape(mark)
        if self._region.parent is None:
            return InputSpec(from_torch(self._value(mark).dtype), tuple(shape))
        local = tuple(symbol(self.sizes.known[dim]) if isinstance(dim, Expr) else dim for dim in shape)
        told = {str(dim) for dim in local if isinstance(dim, Expr)} & wanted
        wanted -= told
        return InputSpec(shape=local) if told else InputSpec()

    def _known_sizes(self) -> dict[Dim, str]:
        """The sizes of the inputs, each with a name of its own: the network's for it where there is one."""
        axes = [
            (dim, name, at, self._value(mark))
            for name, each in self.inputs.items()
            for mark in marks(each)
            for at, dim in enumerate(self._shape(mark))
            if isinstance(dim, Expr)
        ]
        known: dict[Dim, str] = {}
        for dim, name, at, tensor in sorted(axes, key=lambda axis: not str(axis[0]).isidentifier()):
            if dim not in known:
                usual = axis_name(at, tensor.dim(), tensor.is_floating_point())
                known[dim] = _new_name([str(dim), usual, f"{name}_{at}"], set(known.values()))
        return known

    def _shape(self, mark: Mark) -> list[Dim]:
        try:
            return [self._free.dim(size) for size in self._value(mark).shape]
        except SizeError as error:
            raise failure("MP615", f"the size {error}", self._region.path, self._entered(mark)) from error

    def _value(self, mark: Mark) -> torch.Tensor:
        return self._entered(mark).meta["val"]

    def _entered(self, mark: Mark) -> fx.Node:
        return self._region.entered(mark.index)


def _new_name(wishes: list[str | None], taken: set[str]) -> str:
    """The first of `wishes` that is a name and free; the last with underscores else."""
    for wish in wishes:
        if wish is not None and wish.isidentifier() and wish not in taken:
            return wish
    word = wishes[-1] or "size"
    while word in taken:
        word += "_"
    return word
