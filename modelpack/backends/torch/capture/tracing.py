"""nn.Module -> the graph of one run, by torch.export, with every call of a module bracketed by two markers.

`torch.export` gives a flat graph of ATen calls. To have the modules back exactly, each module's `forward` is replaced while it
is traced by one that sends its tensors through `enter` before and through `leave` after, two operators that do nothing:

    enter([x], 3) -> [x']      module call 3 begins; inside it, x is called x'
      linear(x', …) -> y
    leave([y], 3) -> [y']

So every call has its own place, inputs and outputs, in whatever structure Python passed them, and a call that computes nothing
(Identity) is seen as well. The replacement is an attribute of the instance, taken off again whatever happens.
"""

from __future__ import annotations

import inspect
import itertools
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeGuard

import torch
import torch.fx.experimental._config
from torch import nn
from torch.export import Dim, ExportedProgram

from modelpack.backends.torch.capture.as_when_run import (
    as_when_run,
    goes_a_compilers_way,
    not_compiled,
    nothing_run_again,
)
from modelpack.backends.torch.capture.builtin_sizes import with_builtins_of_sizes
from modelpack.backends.torch.capture.decisions import Decision, watching_decisions
from modelpack.backends.torch.capture.failures import failure, forward_line, told_by_export
from modelpack.backends.torch.capture.forwards import forward_of
from modelpack.backends.torch.capture.hooks import hooks_as_found
from modelpack.backends.torch.capture.lines import lines_of_forwards
from modelpack.backends.torch.capture.markers import SET, enter
from modelpack.backends.torch.capture.packing import without_packing
from modelpack.backends.torch.capture.python_state import Attributes, attributes_as_found, random_numbers
from modelpack.backends.torch.capture.quiet import quiet
from modelpack.backends.torch.capture.reparametrized import without_hooks
from modelpack.backends.torch.capture.traced_functions import traced_functions
from modelpack.backends.torch.capture.values import Described, describe, map_tensors, opened, tensors_of
from modelpack.backends.torch.capture.watching import AsLayer, watching
from modelpack.errors import CaptureError

__all__ = ["ModuleCall", "Trace", "arguments_of", "bind", "mode_of", "shortens", "trace", "without_none"]

_PARTS = 60


@dataclass(slots=True)
class ModuleCall:
    """One call of a module."""

    path: str
    module: nn.Module
    arguments: Mapping[str, Described]
    """by the names of forward's parameters"""
    layer: nn.Module | None = None
    """the layer of the registry that it is, if it's one"""
    outputs: Described = ()
    results: Described = ()
    """of a known layer: its output ports, flat"""
    finished: bool = False


@dataclass(frozen=True, slots=True)
class Trace:
    """What one traced run gave; the first of `calls` is the whole network's."""

    program: ExportedProgram
    calls: Sequence[ModuleCall]
    inputs: Sequence[torch.Tensor]
    """the real tensors that it was traced with, in the order of the marks of the first call"""
    decisions: Sequence[Decision]
    """what its own code decided on sizes"""
    changes_attributes: bool
    """whether the run changed what the model keeps in Python"""


def arguments_of(model: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Described]:
    """The inputs of a network by name; the mark of a tensor is its position among all."""
    # Each a tensor of its own, even where the caller gives one twice.
    args, kwargs = map_tensors(lambda tensor: tensor.view_as(tensor), (args, dict(kwargs)))
    found = [id(tensor) for tensor in tensors_of((args, kwargs))]
    positional = [describe(each, lambda tensor: found.index(id(tensor))) for each in args]
    named = {name: describe(each, lambda tensor: found.index(id(tensor))) for name, each in kwargs.items()}
    try:
        signature = inspect.signature(forward_of(model))
        return named_singly(signature, bind(signature, positional, named))
    except TypeError as error:
        raise failure("MP609", f"the example inputs don't fit the forward: {error}") from None


Results = Callable[[nn.Module, Any], Any]
"""A layer and its result -> its output ports, flat."""

StandIn = Callable[[nn.Module, bool], Callable[..., Any]]
"""What runs in place of a module's forward, which may be a layer: mostly the forward itself."""


@dataclass(slots=True)
class _Recorder:
    results: Results
    stand_in: StandIn
    calls: list[ModuleCall] = field(default_factory=list[ModuleCall])
    buffers: dict[int, dict[str, torch.Tensor | None]] = field(default_factory=dict[int, dict[str, Any]])
    """of each module that was called: what its attributes were before"""
    changes_attributes: bool = False

    def watched(self, path: str, module: nn.Module, layer: nn.Module | None) -> Callable[..., Any]:
        """What is called in place of the forward of `module`: notes the call, and runs the layer, where it is one."""
        signature = inspect.signature(forward_of(module))
        original = self.stand_in(module if layer is None else layer, layer is not None)

        def forward(*args: Any, **kwargs: Any) -> Any:
            number = len(self.calls)
            _refuse_endless_sizes(path, tensors_of((args, kwargs)))
            found, described = _found((args, kwargs))
            markers = enter(found, number)
            args, kwargs = _replaced(found, markers.given, (args, kwargs))
            bound = bind(signature, described[0], described[1])
            call = ModuleCall(path, module, bound if path else named_singly(signature, bound), layer)
            self.calls.append(call)
            if layer is not None:
                # By position, as the layer may call its inputs otherwise.
                bound = signature.bind(None, *args, **kwargs)
                args, kwargs = bound.args[1:], bound.kwargs
            before = self.buffers.setdefault(id(module), dict(module._buffers))
            drawn = random_numbers()
            result = original(*args, **kwargs)
            if random_numbers() != drawn:
                raise failure(
                    "MP601",
                    f"draws random numbers of Python or NumPy, which no graph holds ({forward_line(module)})",
                    path,
                    hint="draw them with torch (torch.rand), and choose by where()",
                )
            if not path:
                result = opened(result)
            _set_anew(path, before, module)
            ports = None if layer is None else self.results(layer, result)
            found, (call.outputs, call.results) = _found((result, ports))
            call.finished = True
            return _replaced(found, markers.leave(found), result)

        return forward


def _found(value: Any) -> tuple[list[torch.Tensor], Any]:
    """The tensors in `value`, each once, and its description."""
    # What is mapped and what is described must be the same tensors: those that map_tensors reaches.
    found = list({id(each): each for each in tensors_of(value)}.values())
    at = {id(each): place for place, each in enumerate(found)}

    def index(tensor: torch.Tensor) -> int:
        if id(tensor) not in at:
            at[id(tensor)] = len(found)
            found.append(tensor)
        return at[id(tensor)]

    return found, describe(value, index)


def _replaced(found: Sequence[torch.Tensor], others: Sequence[torch.Tensor], value: Any) -> Any:
    """`value` with the others in place of those that were found in it."""
    by_id = {id(each): other for each, other in zip(found, others, strict=True)}
    return map_tensors(lambda tensor: by_id[id(tensor)], value)


def _refuse_endless_sizes(path: str, tensors: Sequence[torch.Tensor]) -> None:
    """Windows of windows have sizes that torch would reason about for many minutes, and that nobody would read."""
    for tensor in tensors:
        for size in tensor.shape:
            if isinstance(size, torch.SymInt) and size.node.expr.count_ops() > _PARTS:
                raise failure(
                    "MP615", f"a size of what it's given is an expression of more than {_PARTS} parts", path
                )


def _set_anew(path: str, before: Mapping[str, torch.Tensor | None], module: nn.Module) -> None:
    """Tell the graph of buffers whose attributes were set to other tensors."""
    for name, buffer in before.items():
        now = module._buffers.get(name)
        if now is buffer:
            continue
        unsaved = name in module._non_persistent_buffers_set
        if unsaved and now is not None and (buffer is None or now.shape != buffer.shape):
            continue  # what is kept for the next call of this size: the network makes it each time
        if now is None or buffer is None or (now.shape, now.dtype) != (buffer.shape, buffer.dtype):
            told = ", which held nothing" if buffer is None else " to another shape or dtype, or to nothing"
            raise failure(
                "MP607",
                f"its forward sets the buffer {name}{told} ({forward_line(module)})",
                path,
                hint="register it as a tensor of the shape and dtype that it's set to, or keep the value in a variable",
            )
        SET(buffer, now.detach())


class _Root(nn.Module):
    """The network as a function of a flat list of tensors: torch.export need not know its argument or output types."""

    def __init__(self, model: nn.Module, run: Callable[..., Any]) -> None:
        super().__init__()
        self.model = model
        self._run = run

    def forward(self, *tensors: torch.Tensor) -> list[torch.Tensor]:
        return tensors_of(self._run(tensors))


def trace(
    model: nn.Module,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    *,
    as_layer: AsLayer,
    results: Results,
    stand_in: StandIn,
    free: Callable[[int, torch.Tensor], dict[int, Any]],
    equal: Sequence[Sequence[tuple[int, int]]] = (),
) -> Trace:
    """Follow one run of `model` as it is, in the mode it is in; the model is the same afterwards.

    Modules inside a layer (`as_layer`) aren't watched. `free` tells the free axes of each input by its position, `equal`
    groups of axes (position of the input, axis) that are one dimension.

    Raises:
        CaptureError: MP601 torch.export can't follow it.
    """

    def follow() -> Trace:
        # A run that fails on the way would leave tensors of its own to the next.
        with attributes_as_found(model):
            return _followed(
                model,
                args,
                kwargs,
                as_layer=as_layer,
                results=results,
                stand_in=stand_in,
                free=free,
                equal=equal,
            )

    first: Trace | CaptureError
    try:
        first = with_builtins_of_sizes(follow)
    except CaptureError as error:
        first = error
    if isinstance(first, Trace) and not goes_a_compilers_way(first.program.graph_module):
        return first
    try:
        with not_compiled():
            return with_builtins_of_sizes(follow)
    except CaptureError:
        if isinstance(first, Trace):
            return first
        raise first from None


def _followed(
    model: nn.Module,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    *,
    as_layer: AsLayer,
    results: Results,
    stand_in: StandIn,
    free: Callable[[int, torch.Tensor], dict[int, Any]],
    equal: Sequence[Sequence[tuple[int, int]]],
) -> Trace:
    recorder = _Recorder(results, stand_in)
    tensors = tensors_of((args, dict(kwargs)))
    # Each is a tensor of its own, even where the caller gave one twice: an input is what its name says.
    inputs = [tensor.detach().clone() for tensor in tensors]

    def run(given: Sequence[torch.Tensor]) -> Any:
        for (first, axis), *others in filter(None, equal):
            for at, other in others:
                torch._check(given[first].shape[axis] == given[at].shape[other])
        left = iter(given)
        real_args, real_kwargs = map_tensors(lambda _: next(left), (args, dict(kwargs)))
        before = Attributes.of(model)
        result = model(*real_args, **real_kwargs)
        # Here, as torch.export puts them back.
        recorder.changes_attributes |= bool(before.changed())
        return result

    shapes = tuple(
        dict.fromkeys(range(each.dim()), Dim.STATIC) | free(at, each) for at, each in enumerate(inputs)
    )
    with (
        watching(model, recorder.watched, as_layer),
        without_hooks(model),
        without_packing(),
        lines_of_forwards(),
        _cheap_symbols(),
        quiet(),
        as_when_run(),
        warnings.catch_warnings(),
        traced_functions(),
        watching_decisions() as decisions,
    ):
        # Such as the list of weights that recurrent layers keep. What counts is found out by calling the model again.
        warnings.filterwarnings("ignore", message="The tensor attributes? .* assigned during export")
        try:
            program = torch.export.export(
                _Root(model, run), tuple(inputs), dynamic_shapes=(shapes,), strict=False
            )
        except Exception as error:
            raise told_by_export(error, recorder.calls) from error
    for call in recorder.calls:
        if not call.finished:
            raise failure("MP601", "its forward was left by an exception that the model catches", call.path)
    return Trace(program, recorder.calls, inputs, decisions, recorder.changes_attributes)


@contextmanager
def _cheap_symbols() -> Iterator[None]:
    """Sizes are reasoned about without the cases of 0 and 1, as far as torch can: a batch of one stays free, few guards arise,
    and a network of windows (Swin) is traced in a fraction of the time."""
    with torch.fx.experimental._config.patch(backed_size_oblivious=True):  # pyright: ignore[reportAttributeAccessIssue]
        yield


@contextmanager
def mode_of(model: nn.Module, *, training: bool) -> Iterator[None]:
    """`model` in train or eval mode for a while; afterwards each module has the mode, the hooks and the attributes that it had,
    the same parameters are trained, and rows of embeddings that a run shortened (`max_norm`) are as long as they were.

    What a forward keeps in an attribute for the next call of this size would else decide which way a later run takes, and a
    trace would leave its own tensors there.
    """
    before = {module: module.training for module in model.modules()}
    trained = [(each, each.requires_grad) for each in model.parameters()]
    rows = [(each.weight, each.weight.detach().clone()) for each in model.modules() if shortens(each)]
    try:
        with attributes_as_found(model), hooks_as_found(model), nothing_run_again():
            model.train(training)
            yield
    finally:
        for module, mode in before.items():
            module.training = mode
        for parameter, requires_grad in trained:
            parameter.requires_grad = requires_grad
        for weight, long in rows:
            if not torch.equal(weight, long):
                weight.detach().copy_(long)


def shortens(module: nn.Module) -> TypeGuard[nn.Embedding | nn.EmbeddingBag]:
    """Whether it's a layer that says by a setting that it changes its weight."""
    return isinstance(module, nn.Embedding | nn.EmbeddingBag) and module.max_norm is not None


def named_singly(signature: inspect.Signature, bound: Mapping[str, Described]) -> dict[str, Described]:
    """The arguments of a network, those of ``*args`` each by a name of its own: `args_0`, `args_1`."""
    several = {each.name for each in signature.parameters.values() if each.kind is each.VAR_POSITIONAL}
    found: dict[str, Described] = {}
    for name, given in bound.items():
        if name in several and isinstance(given, tuple):
            found |= {f"{name}_{at}": each for at, each in enumerate(given)}
        else:
            found[name] = given
    return found


def without_none(
    model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments as a captured network takes them, which has no input where `model` is given None."""
    if all(each is not None for each in (*args, *kwargs.values())):
        return args, kwargs
    bound = bind(inspect.signature(forward_of(model)), args, kwargs)
    return (), {name: each for name, each in bound.items() if each is not None}


def bind(signature: inspect.Signature, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a forward by name, `self` and defaults left out; those of ``**kwargs`` by their own names."""
    bound = signature.bind(None, *args, **kwargs).arguments
    named = dict(itertools.islice(bound.items(), 1, None))
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:
            named |= named.pop(parameter.name, {})
    return named
