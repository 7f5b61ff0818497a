"""Network, built module, inputs -> where the value of a step isn't what the checker worked out: dtype and shape of every step.

The steps are those of the module's programs, so operations, which are no modules, are seen too, and those inside of blocks each
time that they run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import nn

from modelpack.backends.torch.dtypes import to_torch
from modelpack.backends.torch.program import Action, Program
from modelpack.backends.torch.run import BlockModule, descend
from modelpack.dims import evaluate, symbols
from modelpack.network import Again, Body, Child, Network, Specs, Step
from modelpack.tensors import TensorSpec

__all__ = ["Seen", "observed", "sizes_of"]


@dataclass(slots=True)
class Seen:
    """What became of one run."""

    steps: int = 0
    tensors: int = 0
    wrong: list[str] = field(default_factory=list[str])
    """the name of each step that gave something else, with what was inferred and what came"""


@dataclass(slots=True)
class _Watch:
    sizes: Mapping[str, int]
    seen: Seen
    bodies: list[Body]
    """the bodies that are being run, the innermost last: one class runs all that are alike, and calls of it on other inputs"""
    path: list[str]

    def note(self, at: int, value: Any) -> Any:
        step = self.bodies[-1].steps[at]
        name = ".".join((*self.path, step.name))
        self.seen.steps += 1
        for spec, found in _pairs(step.outputs, value):
            told = _told(found)
            wanted = _wanted(spec, self.sizes)
            self.seen.tensors += 1
            if told != wanted:
                self.seen.wrong.append(f"{name}: inferred {spec}, which is {wanted}, but it gives {told}")
        return value


def observed(network: Network, module: nn.Module, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Seen:
    """Runs `module`, which was built of `network`, and compares what each step gives with what was inferred, at these sizes."""
    watch = _Watch(sizes_of(network, args, kwargs), Seen(), [network.main], [])
    with _watched(network, module, watch):
        outputs = module(*args, **kwargs)
    for spec, found in _pairs(network.outputs, outputs):
        if _told(found) != _wanted(spec, watch.sizes):
            watch.seen.wrong.append(f"outputs: inferred {spec}, but {_told(found)} comes")
    return watch.seen


def sizes_of(network: Network, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, int]:
    """The free dimensions of the network as these inputs bind them."""
    values = [*args, *(kwargs[name] for name in list(network.inputs)[len(args) :])]
    found: dict[str, int] = {}
    for specs, value in zip(network.inputs.values(), values, strict=True):
        for spec, tensor in _pairs(specs, value):
            for axis, dim in enumerate(spec.shape if spec is not None else ()):
                if not isinstance(dim, int) and symbols(dim) == {str(dim)}:
                    found.setdefault(str(dim), tensor.shape[axis])
    return found


@contextmanager
def _watched(network: Network, module: nn.Module, watch: _Watch) -> Iterator[None]:
    """The classes of the blocks below `module` run programs that tell `watch` of each step, for as long as this lasts."""
    before: dict[type[BlockModule], Program] = {}
    for body, block in _blocks(network.main, module):
        kind = type(block)
        if kind not in before:
            before[kind] = kind._program
            kind._program = _telling(kind._program, body, watch)
    try:
        yield
    finally:
        for kind, program in before.items():
            kind._program = program


def _blocks(body: Body, module: nn.Module) -> Iterator[tuple[Body, BlockModule]]:
    if not isinstance(module, BlockModule):
        raise TypeError(f"{type(module).__name__} is no block")
    yield body, module
    for step in body.steps:
        if isinstance(step.does, Child):
            yield from _blocks(step.does.body, descend(module, tuple(step.name.split("."))))


def _telling(program: Program, body: Body, watch: _Watch) -> Program:
    first = program.size - len(body.steps)
    evaluate_, train = (
        tuple(_action(each, each.output - first, body.steps[each.output - first], watch) for each in actions)
        for actions in program.actions
    )
    return replace(program, actions=(evaluate_, train))


def _action(action: Action, at: int, step: Step, watch: _Watch) -> Action:
    if action.function is not None:
        return replace(action, function=_after(action.function, at, watch))
    run = _inside(action.run, at, watch) if isinstance(_does(step), Child) else action.run
    return replace(action, run=run, results=_after(action.results or _same, at, watch))


def _after(function: Callable[..., Any], at: int, watch: _Watch) -> Callable[..., Any]:
    return lambda *args, **kwargs: watch.note(at, function(*args, **kwargs))


def _inside(run: Callable[..., Any] | None, at: int, watch: _Watch) -> Callable[..., Any]:
    """Runs a block, whose steps are then those of the body that was worked out for this call."""

    def entered(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
        step = watch.bodies[-1].steps[at]
        does = _does(step)
        if not isinstance(does, Child):
            raise TypeError(f"{step.name} is no block")
        watch.bodies.append(does.body)
        watch.path.append(step.name)
        try:
            return module(*args, **kwargs) if run is None else run(module, *args, **kwargs)
        finally:
            watch.bodies.pop()
            watch.path.pop()

    return entered


def _does(step: Step) -> object:
    return step.does.of if isinstance(step.does, Again) else step.does


def _same(value: Any) -> Any:
    return value


def _pairs(specs: Specs, value: Any) -> Iterator[tuple[TensorSpec | None, Any]]:
    """Each tensor beside its spec; where one of both has another structure than the other, what is there beside None."""
    if isinstance(specs, TensorSpec):
        yield specs, value
    elif specs is None:
        if value is not None:
            yield None, value
    else:
        inner = list(specs.values()) if isinstance(specs, Mapping) else list(specs)
        values = list(value.values()) if isinstance(value, Mapping) else value
        # A layer with one port of several that exist gives the tensor itself.
        if isinstance(values, torch.Tensor):
            values = [values]
        if not isinstance(values, Sequence) or len(values) != len(inner):
            yield None, value
            return
        for spec, each in zip(inner, values, strict=True):
            yield from _pairs(spec, each)


def _told(value: Any) -> str:
    if not isinstance(value, torch.Tensor):
        return type(value).__name__
    return f"{str(value.dtype).removeprefix('torch.')}{list(value.shape)}"


def _wanted(spec: TensorSpec | None, sizes: Mapping[str, int]) -> str:
    if spec is None:
        return "nothing"
    shape = [evaluate(dim, sizes) for dim in spec.shape]
    return f"{str(to_torch(spec.dtype)).removeprefix('torch.')}{shape}"
