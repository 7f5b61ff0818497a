"""The model at other sizes of an architecture's free dimensions, on inputs made from the example."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any

import torch
from torch import nn
from torch.func import functional_call

from modelpack.architecture import Architecture, Inputs, InputSpec
from modelpack.backends.torch.capture.free import named_marks
from modelpack.backends.torch.capture.tracing import arguments_of, mode_of
from modelpack.backends.torch.capture.values import map_tensors, opened, tensors_of
from modelpack.backends.torch.seed import seeded
from modelpack.dims import Expr, evaluate, symbols

__all__ = ["Probe", "Run", "grown", "run_on", "run_once", "run_with_buffers"]


def run_once(
    module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], *, training: bool
) -> list[torch.Tensor]:
    """The outputs from one seed; a run leaves no trace."""
    return run_with_buffers(module, args, kwargs, training=training)[0]


def run_with_buffers(
    module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], *, training: bool
) -> tuple[list[torch.Tensor], dict[str, torch.Tensor]]:
    """The outputs from one seed, on inputs and buffers of its own, and what the buffers are afterwards."""
    args, kwargs = map_tensors(lambda tensor: tensor.detach().clone(), (args, kwargs))
    with mode_of(module, training=training):
        return run_on(module, args, kwargs, {}, training=training)


def run_on(
    module: nn.Module,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    parameters: Mapping[str, torch.Tensor],
    *,
    training: bool,
) -> tuple[list[torch.Tensor], dict[str, torch.Tensor]]:
    """The same on these very inputs, with `parameters` in place of those of their names, in the mode that the module is in."""
    names = [name for name, _ in module.named_buffers()]
    # What the forward sets anew is put into it.
    tensors = {**parameters, **{name: each.clone() for name, each in module.named_buffers()}}
    with seeded(), torch.set_grad_enabled(training):
        outputs = tensors_of(opened(functional_call(module, tensors, args, kwargs)))
    return outputs, {name: tensors[name] for name in names}


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the original."""

    told: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    outputs: list[torch.Tensor]
    buffers: dict[str, torch.Tensor]


class Probe:
    """A model with its example inputs, and what an architecture says of their sizes: what it forbids isn't tried."""

    def __init__(
        self, model: nn.Module, architecture: Architecture, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        self._model = model
        self._requires = architecture.requires
        inputs = architecture.main.inputs
        self._given = args, kwargs
        named = named_marks(arguments_of(model, args, kwargs))
        specs = [spec for each in inputs.values() for spec in _leaves(each)]
        self._shapes = {mark.index: spec.shape or () for (_, mark), spec in zip(named, specs, strict=True)}
        self._names = {mark.index: name for name, mark in named}

    @cached_property
    def example(self) -> dict[str, int]:
        """The free dimensions, with their sizes in the example."""
        found: dict[str, int] = {}
        for at, tensor in enumerate(tensors_of(self._given)):
            for dim, size in zip(self._shapes[at], tensor.shape, strict=True):
                if isinstance(dim, Expr) and str(dim) in symbols(dim):
                    found[str(dim)] = size
        return found

    def run(self, sizes: Mapping[str, int]) -> Run | None:
        """What the model does at `sizes`; None if it takes no such inputs."""
        args, kwargs = self.grown(sizes)
        try:
            outputs, buffers = run_with_buffers(self._model, args, kwargs, training=False)
        except Exception:  # anything that the user's forward may raise
            return None
        told = ", ".join(f"{name}={size}" for name, size in sizes.items())
        return Run(f"inputs with {told}", args, kwargs, outputs, buffers)

    def together(self) -> list[dict[str, int]]:
        """Sizes to try: each dimension a little more (what is even becomes odd), then twice as many."""
        example = self.example
        tries: list[dict[str, int]] = [
            {name: size + 2 * at + 1 for at, (name, size) in enumerate(example.items())},
            {name: 2 * size for name, size in example.items()},
        ]
        return list(filter(self._allowed, tries))

    def alone(self, name: str) -> list[dict[str, int]]:
        """Sizes to try in which one dimension differs from the example; the nearest that's allowed, where the usual aren't."""
        size = self.example[name]
        usual = filter(self._allowed, [{**self.example, name: other} for other in (size + 1, 2 * size)])
        others = (
            {**self.example, name: other} for other in (*range(size + 2, 4 * size), *range(size - 1, 0, -1))
        )
        return list(usual) or list(islice(filter(self._allowed, others), 1))

    def _allowed(self, sizes: Mapping[str, int]) -> bool:
        return all(each.holds(sizes) for each in self._requires)

    def axes(self, names: frozenset[str]) -> frozenset[tuple[str, int]]:
        """The axes of inputs that depend on these dimensions."""
        return frozenset(
            (self._names[at], axis)
            for at, shape in self._shapes.items()
            for axis, dim in enumerate(shape)
            if symbols(dim) & names
        )

    def grown(self, sizes: Mapping[str, int]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The example inputs, their values repeated along free axes up to `sizes`."""
        position = iter(range(len(self._shapes)))

        def grow(tensor: torch.Tensor) -> torch.Tensor:
            for axis, dim in enumerate(self._shapes[next(position)]):
                tensor = grown(tensor, axis, evaluate(dim, sizes))
            return tensor

        return map_tensors(grow, self._given)


def _leaves(inputs: Inputs) -> Iterator[InputSpec]:
    if isinstance(inputs, InputSpec):
        yield inputs
        return
    for item in inputs if isinstance(inputs, tuple) else inputs.values():
        yield from _leaves(item)


def grown(tensor: torch.Tensor, axis: int, size: int) -> torch.Tensor:
    """`tensor` with its values repeated along an axis up to `size`."""
    if size == tensor.shape[axis]:
        return tensor
    return tensor.index_select(axis, torch.arange(size, device=tensor.device) % tensor.shape[axis])
