"""A pack's samples, run: the inputs through the rebuilt network must give the outputs that were saved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from modelpack.api import OpenPack
from modelpack.backends.torch.dtypes import to_torch
from modelpack.backends.torch.load import load
from modelpack.errors import BuildError, Problem
from modelpack.network import Specs
from modelpack.weights import LazyTensor, Weights

__all__ = ["SampleRun", "run_samples"]


@dataclass(frozen=True, slots=True)
class SampleRun:
    """How many outputs were compared; `exact`: all are equal bit by bit, and not only as close as another machine gets."""

    outputs: int
    exact: bool


def run_samples(opened: OpenPack, samples: Weights) -> SampleRun:
    """Run the network on the samples' inputs and compare with their outputs, as closely as `torch.testing` has it for the dtype
    (another processor adds up in another order).

    Raises:
        BuildError: MP730 there are too few inputs or too many outputs; MP731 outputs differ, each named; or torch can't build it.
    """
    inputs, wanted = _numbered(samples, "input"), _numbered(samples, "output")
    values = iter(inputs)
    arguments = [_filled(specs, values) for specs in opened.network.inputs.values()]
    if next(values, None) is not None:
        raise BuildError(Problem("MP730", f"{len(inputs)} inputs are more than the network takes"))
    with torch.no_grad():
        found = list(_flat(load(opened.pack.path)(*arguments)))
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
