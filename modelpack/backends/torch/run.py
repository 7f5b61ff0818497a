"""The modules that a rebuilt network consists of, beside torch's own layers: blocks, and containers that only hold names.

Each block gets a class of its own, called as the block is, with its program and the signature of its `forward`. All of it is
data: no source is generated. Nothing of a call is kept on the module, so replicas and threads may share it.
"""

from __future__ import annotations

import inspect
import keyword
from types import CodeType, FunctionType
from typing import Any, ClassVar

import torch
from torch import nn

from modelpack.backends.torch.boundary import Requirement, other_float, run_checks
from modelpack.backends.torch.program import DEVICE, Action, Program
from modelpack.errors import BuildError, Problem

__all__ = ["BlockModule", "Container", "block_class", "descend"]


class Container(nn.Module):
    """Holds submodules and tensors whose names share a prefix; it has no `forward`."""


class BlockModule(nn.Module):
    """A block: its submodules and tensors bear the names of the architecture, `forward` runs its steps in order."""

    _program: ClassVar[Program]
    _frozen: ClassVar[tuple[tuple[str, ...], ...]] = ()
    """the ways to submodules that stay in eval mode"""
    _modes: ClassVar[tuple[str, ...]] = ("train", "eval")
    """those that the architecture carries; only of the outermost"""
    _requirements: ClassVar[tuple[Requirement, ...]] = ()
    """of the whole network; only of the outermost"""
    _switches: ClassVar[tuple[tuple[tuple[str, ...], tuple[dict[str, Any], dict[str, Any]]], ...]] = ()
    """the ways to submodules with settings that differ by mode: their attributes in eval and in train mode"""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The outputs for the block's inputs, by position or by name.

        Raises:
            TypeError: an input is missing, unknown or given twice.
            BuildError: MP701 an input isn't as declared, MP702 the sizes aren't such as the network requires (at the outermost
                block only).
        """
        program = self._program
        values = (
            list(args) if len(args) == len(program.inputs) and not kwargs else _bind(program, args, kwargs)
        )
        if program.checks:
            run_checks(program.checks, values, self._requirements)
        environment = _environment(self, program, values, kwargs)
        for way in program.raw:
            values.append(getattr(descend(self, way[:-1]), way[-1]))
        values += [None] * (program.size - len(values))
        training = self.training
        for action in program.actions[training]:
            settings = action.settings[training]
            if action.computed:
                settings = {**settings, **{name: get(values, environment) for name, get in action.computed}}
            if action.plain is None:
                arguments = [get(values, environment) for get in action.arguments]
            else:
                arguments = [values[index] for index in action.plain]
            if action.function is not None:
                values[action.output] = action.function(*arguments, **settings)
            else:
                values[action.output] = _call(self, action, arguments, settings)
            for index in action.dead:
                values[index] = None
        return program.result(values, environment)

    def train(self, mode: bool = True) -> BlockModule:
        """As `nn.Module.train`, except that frozen layers stay in eval mode, and settings that differ by mode change.

        Raises:
            BuildError: MP740 the architecture doesn't carry this mode (`modes: [eval]`).
        """
        name = "train" if mode else "eval"
        if name not in self._modes:
            told = (
                f"the network is carried in {' and '.join(self._modes)} mode only, it can't go to {name} mode"
            )
            raise BuildError(Problem("MP740", told, hint="what the other mode does was not saved with it"))
        super().train(mode)
        for way in self._frozen:
            descend(self, way).eval()
        for way, settings in self._switches:
            module = descend(self, way)
            vars(module).update(settings[module.training])
        return self


def block_class(
    program: Program,
    frozen: tuple[tuple[str, ...], ...],
    switches: tuple[tuple[tuple[str, ...], tuple[dict[str, Any], dict[str, Any]]], ...],
) -> type[BlockModule]:
    """The class of a block's modules."""
    forward = _own(BlockModule.forward, "forward")
    forward.__dict__["__signature__"] = _signature(program)
    members = {
        "__module__": __name__,
        "__doc__": None,
        "_program": program,
        "_frozen": frozen,
        "_switches": switches,
        "forward": forward,
    }
    if any(check.any_float for check in program.checks):
        members["__call__"] = _own(_call_network, "__call__")
    return type(program.name, (BlockModule,), members)


def _own(function: FunctionType, name: str) -> FunctionType:
    """The same with code of its own: torch.compile counts its variants per code object and gives up after a few."""
    code: CodeType = function.__code__.replace(co_name=name)
    made = FunctionType(code, function.__globals__, name)
    made.__doc__ = function.__doc__
    return made


def _call_network(self: BlockModule, *args: Any, **kwargs: Any) -> Any:
    """As any module is called; of the outermost block. Around `forward`, not in it: of what is in a `try` torch.compile takes all
    or nothing.

    Raises:
        As `BlockModule.forward`.
    """
    try:
        return nn.Module.__call__(self, *args, **kwargs)
    except RuntimeError as error:
        program = self._program
        told = other_float(program.checks, _bind(program, args, kwargs), self, str(error))
        if told is None:
            raise
        raise told from error


def descend(module: nn.Module, way: tuple[str, ...]) -> nn.Module:
    """The submodule at the end of `way`."""
    for name in way:
        inner = module._modules[name]
        if inner is None:
            raise AttributeError(f"the submodule '{'.'.join(way)}' was taken away")
        module = inner
    return module


def _call(block: nn.Module, action: Action, arguments: list[Any], settings: Any) -> Any:
    module = descend(block, action.path)
    positional, named = (arguments, {}) if action.call is None else action.call(*arguments)
    if action.run is None:
        result = module(*positional, **named, **settings)
    else:
        result = action.run(module, *positional, **named, **settings)
    return result if action.results is None else action.results(result)


def _bind(program: Program, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
    """The values of the block's inputs, in order; passed arguments stay in `kwargs`."""
    names = program.inputs
    if len(args) > len(names):
        raise TypeError(
            f"{program.name} takes {len(names)} inputs ({', '.join(names)}), {len(args)} were given"
        )
    unknown = [name for name in kwargs if name not in names and name not in dict(program.passed)]
    if unknown:
        raise TypeError(f"{program.name} has no input {', '.join(unknown)}; it takes {', '.join(names)}")
    twice = [name for name in names[: len(args)] if name in kwargs]
    if twice:
        raise TypeError(f"{program.name} was given {', '.join(twice)} twice: by position and by name")
    missing = [name for name in names[len(args) :] if name not in kwargs]
    if missing:
        raise TypeError(f"{program.name} lacks its input {', '.join(missing)}; it takes {', '.join(names)}")
    return [*args, *(kwargs[name] for name in names[len(args) :])]


def _environment(
    block: nn.Module, program: Program, values: list[Any], kwargs: dict[str, Any]
) -> dict[str, Any]:
    environment: dict[str, Any] = {}
    for name, index, way, axis in program.dims:
        value = values[index]
        for step in way:
            value = value[step]
        environment[name] = value.shape[axis]
    for name, argument in program.passed:
        environment[argument] = kwargs[name]
    if program.makes_tensors:
        environment[DEVICE] = _device(block, program, values)
    return environment


def _device(block: nn.Module, program: Program, values: list[Any]) -> torch.device:
    if program.device is not None:
        value, way = values[program.device[0]], program.device[1]
        for step in way:
            value = value[step]
        return value.device
    for tensors in (block.parameters(), block.buffers()):
        for tensor in tensors:
            return tensor.device
    return torch.get_default_device()


def _signature(program: Program) -> inspect.Signature:
    """As if `forward` had been written out; names that Python hasn't are taken as keywords all the same."""
    kind = inspect.Parameter
    passed = [name for name, _ in program.passed]
    names = (*program.inputs, *passed)
    if all(name.isidentifier() and not keyword.iskeyword(name) and name != "self" for name in names):
        written = [kind("self", kind.POSITIONAL_OR_KEYWORD)]
        written += [kind(name, kind.POSITIONAL_OR_KEYWORD) for name in program.inputs]
        written += [kind(name, kind.KEYWORD_ONLY) for name in passed]
        return inspect.Signature(written)
    any_arguments = [kind("self", kind.POSITIONAL_OR_KEYWORD), kind("args", kind.VAR_POSITIONAL)]
    return inspect.Signature([*any_arguments, kind("kwargs", kind.VAR_KEYWORD)])
