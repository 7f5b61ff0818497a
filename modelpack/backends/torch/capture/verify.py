"""Original and captured network side by side: equal outputs, bit by bit, or no pack.

The captured network is built from the very text that will be saved. Both get the example inputs, then inputs of other sizes
where an axis is free; then both run in train mode from one seed, and the gradients of all parameters are compared as well. What
a run leaves in the buffers is compared each time.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from modelpack.architecture import Architecture
from modelpack.backends.torch.build import build
from modelpack.backends.torch.capture.capture import Captured
from modelpack.backends.torch.capture.failures import failure, forward_line
from modelpack.backends.torch.capture.free import NotFree
from modelpack.backends.torch.capture.probing import Probe, Run, run_on, run_once, run_with_buffers
from modelpack.backends.torch.capture.tracing import mode_of, without_none
from modelpack.backends.torch.capture.values import map_tensors, tensors_of
from modelpack.checker import check
from modelpack.comparison import Comparison
from modelpack.errors import CaptureError, CaptureWarning
from modelpack.network import Network
from modelpack.reader import read
from modelpack.writer import write

__all__ = ["Tolerance", "Verified", "verify"]

_BUFFER = "the buffer "


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far outputs may be apart, where the caller allows it; by default not at all."""

    relative: float = 0.0
    absolute: float = 0.0


@dataclass(frozen=True, slots=True)
class Verified:
    """What may be saved, with the run that proved it."""

    text: str
    network: Network
    inputs: tuple[torch.Tensor, ...]
    outputs: tuple[torch.Tensor, ...]


def verify(
    captured: Captured,
    model: nn.Module,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    tolerance: Tolerance | None = None,
) -> Verified:
    """Run the captured network beside `model`; the model stays as it is.

    Where only training differs, the network is for evaluation only, with a warning.

    Raises:
        CaptureError: MP616 an output differs for the example inputs.
        NotFree: one differs at another size.
    """
    allowed = tolerance or Tolerance()
    beside = _Beside(captured, model, allowed)
    example = Run("the example inputs", args, dict(kwargs), *beside.run_original(args, dict(kwargs)))
    beside.compare(example)
    _at_other_sizes(beside, Probe(model, captured.architecture, args, dict(kwargs)), captured.decided)
    architecture = captured.architecture
    if "train" in architecture.modes:
        difference = beside.difference_in_training(args, dict(kwargs))
        if difference is not None:
            told = f"captured for evaluation only (modes: [eval]): {difference} ({forward_line(model)})"
            warnings.warn(told, CaptureWarning, stacklevel=4)
            architecture = replace(architecture, modes=("eval",))
    text, network = _as_text(architecture)
    return Verified(text, network, tuple(tensors_of((args, dict(kwargs)))), tuple(example.outputs))


_Decided = Sequence[tuple[Comparison, str]]


def _at_other_sizes(beside: _Beside, probe: Probe, decided: _Decided) -> None:
    """Compare until each dimension was changed: first all at once, and one by one where the model doesn't take that.

    Raises:
        NotFree: they differ, or the model takes no other size of a dimension.
    """
    names = frozenset(probe.example)
    runs = [run for sizes in probe.together() if names and (run := probe.run(sizes))]
    for run in runs:
        try:
            beside.compare(run)
        except CaptureError as error:
            _compare_alone(beside, probe, names, decided)  # to tell which
            raise NotFree(names, probe.axes(names), error) from error
    # Where only doubled sizes are taken, they may hide that two dimensions are one.
    if len(runs) < 2:
        _compare_alone(beside, probe, names, decided)


def _compare_alone(beside: _Beside, probe: Probe, names: frozenset[str], decided: _Decided) -> None:
    for name in sorted(names):
        runs = [run for sizes in probe.alone(name) if (run := probe.run(sizes))]
        axes = probe.axes(frozenset({name}))
        if not runs:
            told = (
                f"the model takes no other size of {name} alone{_by_decision(name, probe.example, decided)}"
            )
            raise NotFree(frozenset({name}), axes, failure("MP616", told))
        for run in runs:
            try:
                beside.compare(run)
            except CaptureError as error:
                raise NotFree(frozenset({name}), axes, error) from error


def _by_decision(name: str, example: Mapping[str, int], decided: _Decided) -> str:
    """What the model's code decides on this size that isn't so at twice the size, as it would be of what only divides it."""
    twice = {**example, name: 2 * example[name]}
    found = [each for each in decided if not each[0].holds(twice)]
    for comparison, line in sorted(found, key=lambda each: len(each[0].names)):
        return f", as its code decides that {comparison} ({line})"
    return ""


def _as_text(architecture: Architecture) -> tuple[str, Network]:
    text = write(architecture)
    return text, check(read(text))


class _Beside:
    """The two networks, with the same values in their tensors."""

    def __init__(self, captured: Captured, model: nn.Module, allowed: Tolerance) -> None:
        self._model = model
        self._allowed = allowed
        _, self.network = _as_text(captured.architecture)
        self._built = build(self.network)
        _put(self._built, self.network, captured.tensors)
        # A tied one may be listed under another of its names.
        listed = dict(self._built.named_buffers())
        self._buffers = {name: each.shape for name, each in model.named_buffers() if name in listed}
        self._saved = model.state_dict().keys()

    def run_original(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[list[torch.Tensor], dict[str, torch.Tensor]]:
        """What it gives in eval mode, and leaves in its buffers."""
        return run_with_buffers(self._model, args, kwargs, training=False)

    def compare(self, run: Run) -> None:
        """Raises CaptureError (MP616) where the captured network does something else."""
        expected, kept, told = run.outputs, run.buffers, run.told
        try:
            given = without_none(self._model, run.args, run.kwargs)
            actual, changed = run_with_buffers(self._built, *given, training=False)
        except Exception as error:  # whatever an operation raises on sizes that it wasn't meant for
            raise failure("MP616", f"the captured network raises {_first_line(error)} for {told}") from error
        if len(expected) != len(actual):
            raise failure("MP616", f"{len(actual)} outputs instead of {len(expected)} for {told}")
        for at, (first, second) in enumerate(zip(expected, actual, strict=True)):
            why = self._unequal(first, second)
            if why is not None:
                where = self._first_difference(run.args, run.kwargs)
                raise failure("MP616", f"output {at} differs for {told}: {why}", where or "")
        for name, left in self._remaining(kept).items():
            why = self._unequal(left, changed[name])
            if why is not None:
                raise failure(
                    "MP616", f"the run leaves something else in the buffer {name} for {told}: {why}"
                )

    def _remaining(self, buffers: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """What a run left in the buffers, without those that aren't saved and got another shape: what they keep for the next call
        of this size, the captured network makes each time."""
        return {
            name: buffers[name]
            for name, shape in self._buffers.items()
            if buffers[name].shape == shape or name in self._saved
        }

    def difference_in_training(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str | None:
        """In what a step of training differs: outputs, buffers or gradients; None if in nothing."""
        leaves = [_leaf(each) for each in tensors_of((args, kwargs))]
        try:
            expected = self._trained(self._model, args, kwargs, leaves, {})
        except Exception:  # there are operations without a gradient
            leaves = [each.detach() for each in leaves]
            try:
                expected = self._trained(self._model, args, kwargs, leaves, {})
            except Exception as error:  # anything that the user's forward may raise
                return f"in train mode the model itself raises {type(error).__name__} on the example inputs"
        told = self._apart(expected, self._trained(self._built, args, kwargs, leaves, {}))
        if told is not None or not _says_nothing(expected):
            return told
        # What stands behind a gate that starts at zero would show nothing of itself.
        moved = self._moved()
        try:
            expected = self._trained(self._model, args, kwargs, leaves, moved)
        except Exception:  # it may check values
            return None
        told = self._apart(expected, self._trained(self._built, args, kwargs, leaves, moved))
        return None if told is None else f"with other values in its parameters, {told}"

    def _apart(
        self, expected: Mapping[str, torch.Tensor | None], actual: Mapping[str, torch.Tensor | None]
    ) -> str | None:
        # A buffer that the original gives another shape, and doesn't save, isn't compared: the other has it as it was.
        also = [name for name in actual if name not in expected and not name.startswith(_BUFFER)]
        for name in (*expected, *also):
            first, second = expected.get(name), actual.get(name)
            if (first is None) != (second is None):
                return f"in train mode, {name} is there in one and not in the other"
            if first is None or second is None:
                continue
            if first.requires_grad != second.requires_grad:
                return f"in train mode, {name} has a gradient in one and not in the other"
            why = self._unequal(first, second)
            if why is not None:
                return f"in train mode, {name} differs: {why}"
        return None

    def _trained(
        self,
        module: nn.Module,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        leaves: list[torch.Tensor],
        moved: Mapping[str, torch.Tensor],
    ) -> dict[str, torch.Tensor | None]:
        """What one step gives, by what it is called, on the values of `leaves`; the gradients of those that require one too."""
        given = iter(leaves)
        with torch.enable_grad(), mode_of(module, training=True):
            # Not the leaves themselves, which nothing may change in place.
            args, kwargs = map_tensors(lambda _: next(given).clone(), (args, kwargs))
            if module is self._built:
                args, kwargs = without_none(self._model, args, kwargs)
            outputs, buffers = run_on(module, args, kwargs, moved, training=True)
            found: dict[str, torch.Tensor | None] = {f"output {at}": each for at, each in enumerate(outputs)}
            left = self._remaining(buffers)
            found |= {f"{_BUFFER}{name} afterwards": each.detach() for name, each in left.items()}
            wanted = {
                f"the gradient of {name}": moved.get(name, each)
                for name, each in self._trained_parameters(module).items()
            }
            wanted |= {
                f"the gradient of input {at}": each for at, each in enumerate(leaves) if each.requires_grad
            }
            losses = [_real(each).float().square().mean() for each in outputs if each.requires_grad]
            if wanted and losses:
                gradients = torch.autograd.grad(
                    torch.stack(losses).sum(), list(wanted.values()), allow_unused=True
                )
                found |= dict(zip(wanted, gradients, strict=True))
        return found

    def _moved(self) -> dict[str, torch.Tensor]:
        """Other values for the parameters that are trained."""
        generator = torch.Generator().manual_seed(0)
        return {
            name: (
                each.detach() + 0.1 * torch.randn(each.shape, generator=generator).to(each)
            ).requires_grad_()
            for name, each in self._trained_parameters(self._model).items()
        }

    def _trained_parameters(self, module: nn.Module) -> dict[str, nn.Parameter]:
        """Those that the original trains, by its names: a tied one may be listed under another name in the other."""
        found = dict(module.named_parameters(remove_duplicate=False))
        wanted = (name for name, each in self._model.named_parameters() if each.requires_grad)
        return {name: found[name] for name in wanted if name in found and found[name].requires_grad}

    def _unequal(self, first: torch.Tensor, second: torch.Tensor) -> str | None:
        if first.shape != second.shape or first.dtype != second.dtype:
            return f"{_kind(second)} instead of {_kind(first)}"
        if first.layout is not second.layout:
            return f"{second.layout} instead of {first.layout}"
        first, second = first.detach().to_dense(), second.detach().to_dense()
        if _same_bits(first, second):
            return None
        if not first.is_floating_point():
            return "other values"
        far = (first.double() - second.double()).abs()
        allowed = self._allowed.absolute + self._allowed.relative * first.double().abs()
        if bool((far <= allowed).all()):
            return None
        return f"by up to {float(far.max()):.3g}"

    def _first_difference(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str | None:
        """The first module whose outputs differ."""
        expected = _recorded(self, self._model, args, kwargs)
        actual = _recorded(self, self._built, *without_none(self._model, args, kwargs))
        for path, outputs in expected.items():
            theirs = actual.get(path, [])
            if len(theirs) == len(outputs) and any(
                self._unequal(first, second) for first, second in zip(outputs, theirs, strict=True)
            ):
                return path
        return None

    def record(
        self,
        module: nn.Module,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        into: dict[str, list[torch.Tensor]],
    ) -> None:
        with _hooked(module, into):
            run_once(module, args, kwargs, training=False)


def _leaf(tensor: torch.Tensor) -> torch.Tensor:
    copied = tensor.detach().clone()
    return copied.requires_grad_(copied.is_floating_point() or copied.is_complex())


def _real(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.abs() if tensor.is_complex() else tensor


def _says_nothing(found: Mapping[str, torch.Tensor | None]) -> bool:
    """Whether a gradient is 0 everywhere."""
    gradients = (each for name, each in found.items() if name.startswith("the gradient of "))
    return any(
        each is not None and each.numel() > 0 and not bool(each.to_dense().any()) for each in gradients
    )


def _recorded(
    beside: _Beside, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> dict[str, list[torch.Tensor]]:
    found: dict[str, list[torch.Tensor]] = {}
    beside.record(module, args, kwargs, found)
    return found


@contextmanager
def _hooked(module: nn.Module, into: dict[str, list[torch.Tensor]]) -> Iterator[None]:
    handles = [
        each.register_forward_hook(
            lambda _module, _args, output, path=path: (
                into.setdefault(path, [t.clone() for t in tensors_of(output)]) and None
            )
        )
        for path, each in module.named_modules()
        if path
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _put(module: nn.Module, network: Network, values: Mapping[str, torch.Tensor]) -> None:
    """The original's tensors in the built module: parameters are the same memory, buffers are copied."""
    first = {name: group[0] for group in network.tied for name in group}
    made: dict[str, torch.Tensor] = {}
    for name, entry in network.tensors.items():
        source = first.get(name, name)
        if source not in made:
            value = values[source].detach()
            made[source] = nn.Parameter(value, entry.requires_grad) if entry.is_parameter else value.clone()
        path, _, last = name.rpartition(".")
        setattr(module.get_submodule(path), last, made[source])


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')}"


def _same_bits(first: torch.Tensor, second: torch.Tensor) -> bool:
    if torch.equal(first, second):
        return True
    if not first.is_floating_point():
        return False
    both_nan = first.isnan() & second.isnan()
    return bool((both_nan | (first == second)).all())


def _kind(tensor: torch.Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')}{list(tensor.shape)}"
