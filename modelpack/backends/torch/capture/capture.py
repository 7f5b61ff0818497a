"""The stages of capture in their order."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from modelpack.architecture import Architecture
from modelpack.backends.torch.capture.blocks import Emitter
from modelpack.backends.torch.capture.failures import failure
from modelpack.backends.torch.capture.free import Dynamic, Wishes, free_names, named_marks
from modelpack.backends.torch.capture.layers import as_layer, ports_of_result
from modelpack.backends.torch.capture.modes import Difference, join
from modelpack.backends.torch.capture.probing import Probe
from modelpack.backends.torch.capture.regions import program_of
from modelpack.backends.torch.capture.stand_ins import stand_in
from modelpack.backends.torch.capture.state import State, refuse_what_is_hidden, state_of
from modelpack.backends.torch.capture.tracing import Trace, arguments_of, mode_of, trace
from modelpack.backends.torch.capture.values import Constant, Described, Opaque, map_tensors, tensors_of
from modelpack.errors import CaptureError, CaptureWarning
from modelpack.templates import fold

__all__ = ["Captured", "capture"]


@dataclass(frozen=True, slots=True)
class Captured:
    """A model as data: what it does, and its tensors by name (the later names of tied ones too)."""

    architecture: Architecture
    tensors: Mapping[str, torch.Tensor]


def capture(
    model: nn.Module,
    args: tuple[Any, ...] = (),
    kwargs: Mapping[str, Any] | None = None,
    *,
    name: str | None = None,
    dynamic: Dynamic | None = None,
    fixed: frozenset[tuple[str, int]] = frozenset(),
) -> Captured:
    """The architecture of `model`, found by following one run on example inputs; the model stays as it is.

    Every axis of the inputs that the model doesn't fix is free: another batch size or length may be given later. `dynamic`
    says otherwise: exactly its axes are free, by its names (``{"ids": {0: "batch", 1: "length"}}``). `fixed` are axes of inputs
    that are not free in any case.

    Raises:
        CaptureError: with the module, the line of its source and the way out, where the model can't be carried exactly.
    """
    refuse_what_is_hidden(model)
    state = state_of(model)
    run = _Run(model, args, dict(kwargs or {}), dynamic, fixed, name or _word(type(model).__name__), state)
    evaluation, constants = run.in_mode(training=False)
    stuck = frozenset() if dynamic is not None else _not_free(run, evaluation)
    if stuck:
        run = replace(run, fixed=fixed | stuck)
        evaluation, constants = run.in_mode(training=False)
    architecture, train_constants = _joined(run, evaluation)
    # A constant has one value: where training has another, the modes can't be one network.
    if architecture.modes == ("train", "eval") and not _equal(constants, train_constants):
        architecture = _only_evaluation(evaluation, "the forward holds another constant in train mode")
    return Captured(fold(architecture), {**state.tensors, **constants})


def _not_free(run: _Run, architecture: Architecture) -> frozenset[tuple[str, int]]:
    """The axes that no step fixes, and at which the model takes no other size all the same."""
    return Probe(run.model, architecture.main.inputs, run.args, run.kwargs).not_free()


def _joined(run: _Run, evaluation: Architecture) -> tuple[Architecture, Mapping[str, torch.Tensor]]:
    try:
        training, constants = run.in_mode(training=True)
        return join(evaluation, training), constants
    except Difference as difference:
        return _only_evaluation(evaluation, str(difference)), {}
    except CaptureError as error:
        return _only_evaluation(evaluation, str(error)), {}


def _only_evaluation(architecture: Architecture, why: str) -> Architecture:
    warnings.warn(f"captured for evaluation only (modes: [eval]): {why}", CaptureWarning, stacklevel=6)
    return replace(architecture, modes=("eval",))


def _equal(first: Mapping[str, torch.Tensor], second: Mapping[str, torch.Tensor]) -> bool:
    return first.keys() == second.keys() and all(
        tensor.dtype == second[name].dtype and torch.equal(tensor, second[name])
        for name, tensor in first.items()
    )


def _word(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "_", text).lower().strip("_-") or "network"


@dataclass(frozen=True, slots=True)
class _Run:
    model: nn.Module
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    dynamic: Dynamic | None
    fixed: frozenset[tuple[str, int]]
    name: str
    state: State

    def in_mode(self, *, training: bool) -> tuple[Architecture, Mapping[str, torch.Tensor]]:
        """The architecture in one mode, and the constants that the forward holds."""
        with mode_of(self.model, training=training), torch.enable_grad():
            self._refuse_stubborn_modules(training)
            traced, wishes = self._traced()
        program = program_of(traced)
        emitter = Emitter(program, self.state, free_names(program, wishes))
        return emitter.architecture(self.name), emitter.constants

    def _refuse_stubborn_modules(self, training: bool) -> None:
        for path, module in self.model.named_modules():
            if module.training is not training:
                mode = "train" if training else "eval"
                raise failure("MP608", f"doesn't follow the network into {mode} mode", path)

    def _traced(self) -> tuple[Trace, Wishes]:
        """A run in which a batch of one was doubled, if that works: torch.export can't leave a size of 1 free."""
        if self.dynamic is None and _has_single_batch(self.args, self.kwargs):
            doubled = map_tensors(_double, (self.args, self.kwargs))
            try:
                traced, wishes = self._trace(*doubled)
            except CaptureError:
                return self._trace(self.args, self.kwargs)
            if _first_axes_are_free(traced, self.args, self.kwargs):
                return traced, wishes
        return self._trace(self.args, self.kwargs)

    def _trace(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Trace, Wishes]:
        described = arguments_of(self.model, args, kwargs)
        _refuse_inputs(described)
        named = sorted(named_marks(described), key=lambda each: each[1].index)
        wishes = Wishes([name for name, _ in named], self.dynamic, self.fixed)
        _refuse_wishes(wishes)
        traced = trace(
            self.model,
            args,
            kwargs,
            as_layer=as_layer,
            results=ports_of_result,
            stand_in=stand_in,
            free=wishes.axes,
        )
        return traced, wishes


def _refuse_inputs(described: Mapping[str, Described]) -> None:
    def check(name: str, given: Described, allowed: Callable[[Any], bool]) -> None:
        if isinstance(given, tuple):
            for at, item in enumerate(given):
                check(f"{name}.{at}", item, lambda _: False)
        elif isinstance(given, Mapping):
            for key, item in given.items():
                check(f"{name}.{key}", item, lambda _: False)
        elif isinstance(given, Constant):
            if not allowed(given.value):
                raise _no_tensor(name, type(given.value).__name__)
        elif isinstance(given, Opaque):
            raise _no_tensor(name, given.type)

    for name, given in described.items():
        check(name, given, lambda value: value is None)


def _no_tensor(name: str, told: str) -> CaptureError:
    hint = "make it an attribute of the model, or wrap the model in one whose forward takes only tensors"
    return failure("MP609", f"the input '{name}' is {told}, not a tensor", hint=hint)


def _refuse_wishes(wishes: Wishes) -> None:
    for name in wishes.dynamic or {}:
        if name not in wishes.names:
            raise failure("MP617", f"dynamic= names the input '{name}'; there are {', '.join(wishes.names)}")


def _is_single(tensor: torch.Tensor) -> bool:
    return tensor.dim() > 0 and tensor.shape[0] == 1


def _has_single_batch(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    return any(map(_is_single, tensors_of((args, kwargs))))


def _double(tensor: torch.Tensor) -> torch.Tensor:
    return torch.cat([tensor, tensor]) if _is_single(tensor) else tensor


def _first_axes_are_free(traced: Trace, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether no doubled axis became a fixed 2."""
    signature = traced.program.graph_signature
    values = {node.name: node.meta["val"] for node in traced.program.graph.nodes if node.op == "placeholder"}
    given = zip(signature.user_inputs, tensors_of((args, kwargs)), strict=True)
    return all(
        isinstance(values[str(name)].shape[0], torch.SymInt) for name, tensor in given if _is_single(tensor)
    )
