"""A pack's samples, run: the inputs through the rebuilt network must give the outputs that were saved."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from typing import Any

import torch

from modelpack.backends.torch.dtypes import to_torch
from modelpack.backends.torch.load import load_opened
from modelpack.backends.torch.seed import seeded
from modelpack.dims import evaluate, name_of, symbols
from modelpack.errors import BuildError, ModelpackError, Problem
from modelpack.network import Again, Body, Child, Network, Specs, Step
from modelpack.opened import OpenPack
from modelpack.tensors import TensorSpec
from modelpack.weights import LazyTensor, Weights

__all__ = ["SampleRun", "run_samples"]


_MOST_ELEMENTS = 1 << 28
"""Of one tensor while the samples run: they were made to be small, and a short text can ask for any size."""
_MOST_ELEMENTS_TOGETHER = 1 << 31
"""Of what all steps give, which may all be alive at once."""


@dataclass(frozen=True, slots=True)
class SampleRun:
    """How many outputs were compared; `exact`: all are equal bit by bit, and not only as close as another machine gets."""

    outputs: int
    exact: bool


def run_samples(opened: OpenPack, samples: Weights) -> SampleRun:
    """Run the network on the samples' inputs and compare with their outputs, as closely as `torch.testing` has it for the dtype
    (another processor adds up in another order). Random numbers are drawn from the seed with which `save` made the samples.

    Raises:
        BuildError: MP730 there are too few inputs or too many outputs; MP731 outputs differ, each named; MP732 running fails, or
            tensors would be too large; or torch can't build it.
    """
    with _failures_told():
        _check_sizes(opened.network, samples)
    module = load_opened(opened)
    with _failures_told(), torch.no_grad(), seeded():
        inputs, wanted = _numbered(samples, "input"), _numbered(samples, "output")
        values = iter(inputs)
        arguments = [_filled(specs, values) for specs in opened.network.inputs.values()]
        if next(values, None) is not None:
            raise BuildError(Problem("MP730", f"{len(inputs)} inputs are more than the network takes"))
        return _compared(list(_flat(module(*arguments))), wanted)


@contextmanager
def _failures_told() -> Generator[None]:
    """Whatever torch raises is the samples' fault or the network's: neither was made here."""
    try:
        yield
    except ModelpackError:
        raise
    except Exception as error:
        message = f"the network fails on its samples: {type(error).__name__}: {error!s:.300}"
        raise BuildError(Problem("MP732", message)) from error


def _compared(found: list[torch.Tensor], wanted: list[torch.Tensor]) -> SampleRun:
    if len(found) != len(wanted):
        raise BuildError(Problem("MP730", f"{len(wanted)} outputs, the network gives {len(found)}"))
    problems = [
        Problem("MP731", why, path=f"output.{at}")
        for at, (actual, expected) in enumerate(zip(found, wanted, strict=True))
        if (why := _difference(actual, expected))
    ]
    if problems:
        raise BuildError(problems)
    exact = all(_same(actual, expected) for actual, expected in zip(found, wanted, strict=True))
    return SampleRun(len(wanted), exact)


def _check_sizes(network: Network, samples: Weights) -> None:
    """Refuse what would take too much memory, before anything is read or run."""
    given = [(name, prod(lazy.shape)) for name, lazy in samples.tensors.items()]
    _check_elements(given)
    sizes = _free_sizes(network, samples)
    known: dict[TensorSpec, int] = {}

    def elements() -> Iterator[tuple[str, int]]:
        for step in _laid_open(network.main):
            for spec in _tensor_specs(step.outputs):
                if spec not in known:
                    known[spec] = prod(evaluate(dim, sizes) for dim in spec.shape)
                yield step.name, known[spec]

    _check_elements(elements())


def _check_elements(tensors: Iterable[tuple[str, int]]) -> None:
    total = 0
    for name, elements in tensors:
        total += elements
        if elements > _MOST_ELEMENTS or total > _MOST_ELEMENTS_TOGETHER:
            message = (
                f"the network fails on its samples: a tensor of {elements:,} elements, {total:,} in all so far; the most is "
                f"{_MOST_ELEMENTS:,} and {_MOST_ELEMENTS_TOGETHER:,}"
            )
            raise BuildError(Problem("MP732", message, path=name))


def _free_sizes(network: Network, samples: Weights) -> dict[str, int]:
    """What the free dimensions of the network are for the samples' inputs."""
    sizes: dict[str, int] = {}
    for at, spec in enumerate(_all_inputs(network)):
        shape = samples[f"input.{at}"].shape if f"input.{at}" in samples else ()
        for dim, size in zip(spec.shape, shape, strict=False):
            if (name := name_of(dim)) is not None:
                sizes.setdefault(name, size)
    missing = {
        name for spec in _all_inputs(network) for dim in spec.shape for name in symbols(dim)
    } - sizes.keys()
    if missing:
        raise BuildError(Problem("MP730", f"no input of the samples tells the size of {min(missing)}"))
    return sizes


def _all_inputs(network: Network) -> Iterator[TensorSpec]:
    for specs in network.inputs.values():
        yield from _tensor_specs(specs)


def _laid_open(body: Body) -> Iterator[Step]:
    """Every call of a layer or an operation, blocks laid open."""
    for step in body.steps:
        does = step.does.of if isinstance(step.does, Again) else step.does
        if isinstance(does, Child):
            yield from _laid_open(does.body)
        else:
            yield step


def _tensor_specs(specs: Specs) -> Iterator[TensorSpec]:
    if isinstance(specs, TensorSpec):
        yield specs
    elif specs is not None:
        for inner in specs.values() if isinstance(specs, Mapping) else specs:
            yield from _tensor_specs(inner)


def _numbered(samples: Weights, kind: str) -> list[torch.Tensor]:
    """The tensors `input.0`, `input.1`, …"""
    found: list[torch.Tensor] = []
    while (name := f"{kind}.{len(found)}") in samples:
        found.append(_tensor(samples[name]))
    return found


def _tensor(lazy: LazyTensor) -> torch.Tensor:
    if lazy.size == 0:
        return torch.empty(lazy.shape, dtype=to_torch(lazy.dtype))
    return torch.frombuffer(lazy.read(), dtype=torch.uint8).view(to_torch(lazy.dtype)).reshape(lazy.shape)


def _filled(specs: Specs, values: Iterator[torch.Tensor]) -> Any:
    """The next values, nested as the input is."""
    if specs is None:
        return None
    if isinstance(specs, Mapping):
        return {name: _filled(inner, values) for name, inner in specs.items()}
    if isinstance(specs, tuple):
        return tuple(_filled(inner, values) for inner in specs)
    value = next(values, None)
    if value is None:
        raise BuildError(Problem("MP730", "there are fewer inputs than the network takes"))
    return value


def _flat(value: Any) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _flat(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _flat(item)


def _same(actual: torch.Tensor, expected: torch.Tensor) -> bool:
    return torch.equal(actual.contiguous().view(-1).view(torch.uint8), expected.view(-1).view(torch.uint8))


def _difference(actual: torch.Tensor, expected: torch.Tensor) -> str | None:
    try:
        torch.testing.assert_close(actual, expected, equal_nan=True)
    except AssertionError as error:
        return "; ".join(line.strip() for line in str(error).splitlines() if line.strip())
    return None
