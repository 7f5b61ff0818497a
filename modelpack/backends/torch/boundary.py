"""What a rebuilt network checks of its inputs: structure, kind of dtype, sizes, once per call at the outermost boundary."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import torch

from modelpack.backends.torch.dtypes import to_torch
from modelpack.backends.torch.symbolic import Environment, compile_dim
from modelpack.comparison import OPERATORS, Comparison
from modelpack.dims import Dim, Symbol, symbols
from modelpack.dtypes import Kind
from modelpack.errors import BuildError, Problem
from modelpack.network import Specs
from modelpack.tensors import TensorSpec

__all__ = ["Check", "Requirement", "checks_of", "other_float", "requirements_of", "run_checks"]


@dataclass(frozen=True, slots=True, eq=False)
class _Sizes:
    """What is declared of one tensor's shape."""

    fixed: tuple[tuple[int, int], ...]
    """axis -> its only size"""
    free: tuple[tuple[int, str], ...]
    """axis -> the dimension that it binds"""
    derived: tuple[tuple[int, str, frozenset[str], Callable[[Environment], Any]], ...]
    """axis -> an expression over bound dimensions: its text, their names, its function"""


@dataclass(frozen=True, slots=True, eq=False)
class Check:
    """One tensor among the inputs: which, and what it must be."""

    input: int
    path: tuple[str | int, ...]
    name: str
    spec: TensorSpec
    dtype: torch.dtype
    any_float: bool
    sizes: _Sizes


def checks_of(inputs: Mapping[str, Specs]) -> tuple[Check, ...]:
    """A check for each tensor of `inputs`."""
    found: list[Check] = []
    for index, (name, specs) in enumerate(inputs.items()):
        _collect(index, (), name, specs, found)
    return tuple(found)


@dataclass(frozen=True, slots=True, eq=False)
class Requirement:
    """A comparison that the sizes must satisfy."""

    text: str
    names: tuple[str, ...]
    holds: Callable[[Any, Any], Any]
    left: Callable[[Environment], Any]
    right: Callable[[Environment], Any]


def requirements_of(requires: Sequence[Comparison]) -> tuple[Requirement, ...]:
    """What is checked of the free dimensions."""
    return tuple(
        Requirement(
            str(each),
            tuple(sorted(each.names)),
            OPERATORS[each.operator],
            compile_dim(each.left),
            compile_dim(each.right),
        )
        for each in requires
    )


def run_checks(
    checks: tuple[Check, ...], values: Sequence[Any], requirements: tuple[Requirement, ...] = ()
) -> None:
    """Raises BuildError: MP701 an input isn't as declared, MP702 their sizes break a requirement."""
    bound: dict[str, Any] = {}
    for check in checks:
        tensor = values[check.input]
        for step in check.path:
            tensor = _inside(tensor, step, check)
        if not isinstance(tensor, torch.Tensor):
            _refuse(check, f"is {type(tensor).__name__}, not a tensor")
        if tensor.dtype != check.dtype and not (check.any_float and tensor.dtype.is_floating_point):
            _refuse(check, f"is {_told(tensor)}", f"pass it as {check.spec.dtype}")
        shape = tensor.shape
        if len(shape) != check.spec.rank:
            _refuse(check, f"is {_told(tensor)}")
        for axis, size in check.sizes.fixed:
            if shape[axis] != size:
                _refuse(check, f"is {_told(tensor)}: axis {axis} is {shape[axis]}, not {size}")
        for axis, name in check.sizes.free:
            if name not in bound:
                bound[name] = shape[axis]
            elif bound[name] != shape[axis]:
                _refuse(
                    check,
                    f"is {_told(tensor)}: axis {axis}, '{name}', is {shape[axis]}, but was {bound[name]} before",
                )
    for check in checks:
        if check.sizes.derived:
            _run_derived(check, values, bound)
    for each in requirements:
        if not _holds(each, bound):
            _refuse_sizes(each, bound)


def other_float(
    checks: tuple[Check, ...], values: Sequence[Any], network: torch.nn.Module, said: str
) -> BuildError | None:
    """MP701 where torch, by what it `said`, could not take an input of another floating dtype than the tensors of the `network`,
    which may have been converted, have. Before it runs nobody knows whether it can: layers may convert it, or have no tensors.
    """
    tensors = (*network.parameters(), *network.buffers())
    own = {tensor.dtype for tensor in tensors if tensor.dtype.is_floating_point}
    for check in checks if own and "type" in said else ():
        tensor = _at(check, values)
        if check.any_float and tensor.dtype not in own:
            known = " and ".join(sorted(map(_dtype, own)))
            wanted = check.dtype if check.dtype in own else min(own, key=str)
            told = f"is {_told(tensor)}, and the network's own tensors are {known}: {said}"
            return BuildError(_problem(check, told, f"pass it as {_dtype(wanted)}"))
    return None


def _at(check: Check, values: Sequence[Any]) -> Any:
    tensor = values[check.input]
    for step in check.path:
        tensor = tensor[step]
    return tensor


def _holds(requirement: Requirement, bound: Environment) -> bool:
    try:
        # Capture takes what is decided in this file for a decision of the model: so a network that was loaded keeps it.
        return bool(requirement.holds(requirement.left(bound), requirement.right(bound)))
    except ZeroDivisionError:
        return False


def _refuse_sizes(requirement: Requirement, bound: Environment) -> NoReturn:
    told = ", ".join(f"{name} is {bound[name]}" for name in requirement.names)
    hint = "the network was captured at sizes where it holds; what the original does at others was not saved"
    raise BuildError(
        Problem("MP702", f"the network requires {requirement.text}, but {told}", path="inputs", hint=hint)
    )


def _run_derived(check: Check, values: Sequence[Any], bound: Environment) -> None:
    tensor = _at(check, values)
    for axis, text, names, function in check.sizes.derived:
        # A dimension that occurs in expressions alone has no value to compare with.
        if names <= bound.keys() and function(bound) != tensor.shape[axis]:
            _refuse(
                check,
                f"is {_told(tensor)}: axis {axis} is {tensor.shape[axis]}, but '{text}' is {function(bound)}",
            )


def _collect(index: int, path: tuple[str | int, ...], name: str, specs: Specs, found: list[Check]) -> None:
    if isinstance(specs, TensorSpec):
        any_float = specs.dtype.kind is Kind.FLOAT
        # A network may have been converted (`half()`, `load(dtype=…)`), so one float may stand for another.
        found.append(Check(index, path, name, specs, to_torch(specs.dtype), any_float, _sizes(specs.shape)))
    elif isinstance(specs, Mapping):
        for key, inner in specs.items():
            _collect(index, (*path, key), f"{name}.{key}", inner, found)
    elif specs is not None:
        for position, inner in enumerate(specs):
            _collect(index, (*path, position), f"{name}.{position}", inner, found)


def _sizes(shape: tuple[Dim, ...]) -> _Sizes:
    fixed: list[tuple[int, int]] = []
    free: list[tuple[int, str]] = []
    derived: list[tuple[int, str, frozenset[str], Callable[[Environment], Any]]] = []
    for axis, dim in enumerate(shape):
        if isinstance(dim, int):
            fixed.append((axis, dim))
        elif (name := _symbol(dim)) is not None:
            free.append((axis, name))
        else:
            derived.append((axis, str(dim), symbols(dim), compile_dim(dim)))
    return _Sizes(tuple(fixed), tuple(free), tuple(derived))


def _symbol(dim: Dim) -> str | None:
    names = symbols(dim)
    name = next(iter(names)) if len(names) == 1 else None
    return name if name is not None and str(dim) == str(Symbol(name)) else None


def _inside(value: Any, step: str | int, check: Check) -> Any:
    """What `value` has at `step`, where an input is a list or mapping of tensors."""
    if isinstance(step, int):
        if not isinstance(value, list | tuple):
            _refuse(check, f"has no item {step}: a list or tuple is declared, not {type(value).__name__}")
        if step >= len(value):
            _refuse(check, f"is missing: the list has {len(value)} items")
        return value[step]
    if not isinstance(value, Mapping) or step not in value:
        told = (
            f"the keys are {', '.join(map(str, value))}"
            if isinstance(value, Mapping)
            else type(value).__name__
        )
        _refuse(check, f"is missing: a mapping with the key '{step}' is declared, not {told}")
    return value[step]


def _told(tensor: torch.Tensor) -> str:
    return f"{_dtype(tensor.dtype)}[{', '.join(map(str, tensor.shape))}]"


def _dtype(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _refuse(check: Check, message: str, hint: str | None = None) -> NoReturn:
    raise BuildError(_problem(check, message, hint))


def _problem(check: Check, message: str, hint: str | None) -> Problem:
    return Problem("MP701", f"declared as {check.spec}, {message}", path=f"inputs.{check.name}", hint=hint)
