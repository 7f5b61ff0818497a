"""Libraries that ask torch whether they are exported or compiled, to do something else then, do what they do when run."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import fx
from torch.distributions import Distribution

__all__ = ["as_when_run", "goes_a_compilers_way", "not_compiled"]


@contextmanager
def as_when_run() -> Iterator[None]:
    """Nobody but torch hears that it's exported.

    That something is compiled is told, as many skip checks of values then that can't be traced. Those of distributions, which
    don't ask, are skipped as well.
    """
    real, checks = torch.compiler.is_exporting, Distribution._validate_args
    torch.compiler.is_exporting = _told_to_torch_only(real)
    Distribution._validate_args = False
    try:
        yield
    finally:
        torch.compiler.is_exporting = real
        Distribution._validate_args = checks


@contextmanager
def not_compiled() -> Iterator[None]:
    """Nobody but torch hears that it's compiled."""
    real = torch.compiler.is_compiling
    torch.compiler.is_compiling = _told_to_torch_only(real)
    try:
        yield
    finally:
        torch.compiler.is_compiling = real


def _told_to_torch_only(real: Callable[[], bool]) -> Callable[[], bool]:
    def told() -> bool:
        return real() and str(sys._getframe(1).f_globals.get("__name__", "")).startswith("torch.")

    return told


def goes_a_compilers_way(module: fx.GraphModule) -> bool:
    """Whether a step is no operator but a function of torch's own, as in its `associative_scan`, which libraries take only
    where they are compiled (Mamba): when run they do something else, which doesn't round alike."""
    graphs = [each.graph for each in module.modules() if isinstance(each, fx.GraphModule)]
    targets = [node.target for graph in graphs for node in graph.nodes if node.op == "call_function"]
    return any(str(getattr(each, "__module__", "")).startswith("torch._functorch.") for each in targets)
