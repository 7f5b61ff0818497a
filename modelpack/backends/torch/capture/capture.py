"""The stages of capture in their order."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from modelpack.architecture import Architecture
from modelpack.backends.torch.capture.blocks import Emitter
from modelpack.backends.torch.capture.failures import failure, forward_line
from modelpack.backends.torch.capture.first_run import refuse_by_first_run
from modelpack.backends.torch.capture.fixed import fixed_by_code
from modelpack.backends.torch.capture.free import Dynamic, NotFree, Wishes, axes_with, free_names, named_marks
from modelpack.backends.torch.capture.layers import as_layer, ports_of_result
from modelpack.backends.torch.capture.modes import Difference, OneMode, join
from modelpack.backends.torch.capture.probing import run_on
from modelpack.backends.torch.capture.python_state import refuse_dependence_on_calls
from modelpack.backends.torch.capture.regions import Program, program_of
from modelpack.backends.torch.capture.requirements import Required, required
from modelpack.backends.torch.capture.sizes import FreeNames, SizeError
from modelpack.backends.torch.capture.stand_ins import stand_in
from modelpack.backends.torch.capture.state import State, refuse_what_is_hidden, state_of
from modelpack.backends.torch.capture.tracing import Trace, arguments_of, mode_of, trace
from modelpack.backends.torch.capture.tried import Axis, Tried, try_sizes
from modelpack.backends.torch.capture.values import Constant, Described, Opaque, map_tensors, tensors_of
from modelpack.canonical import canonical
from modelpack.comparison import Comparison
from modelpack.errors import CaptureError, CaptureWarning
from modelpack.templates import fold

__all__ = ["Captured", "capture"]


@dataclass(frozen=True, slots=True)
class Captured:
    """A model as data: what it does, and its tensors by name (the later names of tied ones too)."""

    architecture: Architecture
    tensors: Mapping[str, torch.Tensor]
    told: tuple[str, ...] = ()
    """of axes that its code fixes, though it runs at other sizes of them"""
    decided: tuple[tuple[Comparison, str], ...] = ()
    """what its code decides on sizes, and where"""


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
        NotFree: axes that have to be `fixed`, as no comparison says what its code decides on their sizes.
    """
    refuse_what_is_hidden(model)
    state = state_of(model)
    given = dict(kwargs or {})
    _refuse_tensors(tensors_of((args, given)))
    refuse_by_first_run(model, args, given, training=False)
    tried = try_sizes(model, args, given) if dynamic is None else Tried(frozenset(), ())
    run = _Run(
        model,
        args,
        given,
        dynamic,
        fixed | tried.fixed,
        tried.together,
        name or _word(type(model).__name__),
        state,
    )
    evaluation = run.in_mode(training=False)
    found = _both_modes(run, evaluation)
    return Captured(
        fold(found.architecture),
        {**state.tensors, **found.constants},
        evaluation.told,
        evaluation.requires.by_decision,
    )


def _both_modes(run: _Run, evaluation: _InMode) -> OneMode:
    """The network of both modes, or with a warning that of evaluation only."""
    alone = evaluation.emitted()
    try:
        training = run.in_mode(training=True)
        try:
            return _joined(evaluation, training)
        except NotFree as unsaid:
            raise unsaid.error from None
    except (Difference, CaptureError) as error:
        where = f" ({_differing(run.model, error)})" if isinstance(error, Difference) else ""
        told = f"captured for evaluation only (modes: [eval]): {error}{where}"
        warnings.warn(told, CaptureWarning, stacklevel=5)
        return OneMode(replace(alone.architecture, modes=("eval",)), alone.constants)


def _differing(model: nn.Module, difference: Difference) -> str:
    """The forward whose two modes can't be told as one."""
    modules = dict(model.named_modules())
    return forward_line(next((modules[path] for path in sorted(difference.paths) if path in modules), model))


def _joined(evaluation: _InMode, training: _InMode) -> OneMode:
    """The network of both modes; blocks that can't be one in both are laid open in both.

    Raises:
        Difference: nothing says both.
    """
    opened: frozenset[str] = frozenset()
    while True:
        for each in (evaluation, training):
            each.lay_open(opened)
        opened |= evaluation.laid_open | training.laid_open
        if opened - evaluation.laid_open or opened - training.laid_open:
            continue
        try:
            return join(evaluation.emitted(), training.emitted())
        except Difference as difference:
            if difference.paths <= opened:
                raise
            opened |= difference.paths


def _word(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "_", text).lower().strip("_-") or "network"


@dataclass(slots=True)
class _InMode:
    """One traced run, from which the architecture is made as often as blocks have to be laid open."""

    _emitter: Emitter
    _program: Program
    _free: FreeNames
    _name: str
    requires: Required
    told: tuple[str, ...]
    _made: OneMode | None = None

    @property
    def laid_open(self) -> frozenset[str]:
        return frozenset(self._emitter.laid_open)

    def lay_open(self, paths: frozenset[str]) -> None:
        if not paths <= self._emitter.laid_open:
            self._emitter.laid_open |= paths
            self._made = None

    def emitted(self) -> OneMode:
        if self._made is None:
            architecture = replace(self._emitted(), requires=self.requires.comparisons)
            self._made = OneMode(canonical(architecture), dict(self._emitter.constants))
        return self._made

    def _emitted(self) -> Architecture:
        """Raises NotFree where it's known on which free sizes it depends that something can't be said."""
        try:
            return self._emitter.architecture(self._name)
        except CaptureError as error:
            unsaid = error.__cause__.symbols if isinstance(error.__cause__, SizeError) else frozenset()
            axes = axes_with(self._program, unsaid)
            if not axes:
                raise
            names = frozenset(self._free.names[each] for each in unsaid if each in self._free.names)
            raise NotFree(names, axes, error) from error


@dataclass(frozen=True, slots=True)
class _Run:
    model: nn.Module
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    dynamic: Dynamic | None
    fixed: frozenset[Axis]
    together: tuple[tuple[Axis, ...], ...]
    name: str
    state: State

    def in_mode(self, *, training: bool) -> _InMode:
        """What the model does in one mode."""
        with mode_of(self.model, training=training), torch.enable_grad():
            self._refuse_stubborn_modules(training)
            if training:
                refuse_by_first_run(self.model, self.args, self.kwargs, training=True)
            traced, wishes = self._traced()
            if traced.changes_attributes:
                refuse_dependence_on_calls(self.model, lambda: self._outputs(training))
        program = program_of(traced)
        free = free_names(program, wishes)
        return _InMode(
            Emitter(program, self.state, free),
            program,
            free,
            self.name,
            required(traced.decisions, free, program),
            fixed_by_code(program, wishes, traced),
        )

    def _outputs(self, training: bool) -> list[torch.Tensor]:
        args, kwargs = map_tensors(lambda tensor: tensor.detach().clone(), (self.args, self.kwargs))
        return run_on(self.model, args, kwargs, {}, training=training)[0]

    def _refuse_stubborn_modules(self, training: bool) -> None:
        for path, module in self.model.named_modules():
            if module.training is not training:
                mode = "train" if training else "eval"
                raise failure("MP608", f"doesn't follow the network into {mode} mode", path)

    def _traced(self) -> tuple[Trace, Wishes]:
        """A run in which a batch of one is free, if that works: some steps have to know whether a size is 1."""
        single = self._single_batches()
        if single and self.dynamic is None:
            try:
                return self._trace(self.args, self.kwargs)
            except CaptureError:
                return replace(self, fixed=self.fixed | single)._trace(self.args, self.kwargs)
        return self._trace(self.args, self.kwargs)

    def _single_batches(self) -> frozenset[tuple[str, int]]:
        """First axes of size 1 that are not known to stay so."""
        tensors = tensors_of((self.args, self.kwargs))
        named = named_marks(arguments_of(self.model, self.args, self.kwargs))
        single = {(name, 0) for name, mark in named if _is_single(tensors[mark.index])}
        return frozenset(single - self.fixed)

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
            equal=wishes.positions(self.together),
        )
        return traced, wishes


def _refuse_tensors(given: Sequence[torch.Tensor]) -> None:
    if not given:
        hint = "give it one that it takes, or makes something of"
        raise failure("MP609", "the network takes no tensor", hint=hint)
    if any(each.layout is not torch.strided or each.is_quantized for each in given):
        raise failure("MP609", "an input is sparse, nested or quantised", hint="give dense tensors")


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
