"""Libraries that ask torch whether they are exported or compiled, to do something else then, do what they do when run."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import fx
from torch.distributions import Distribution
from torch.nn.modules import transformer
from torch.utils.checkpoint import CheckpointFunction

__all__ = ["as_when_run", "goes_a_compilers_way", "not_compiled", "nothing_run_again"]


@contextmanager
def as_when_run() -> Iterator[None]:
    """Nobody but torch hears that it's exported.

    That something is compiled is told, as many skip checks of values then that can't be traced. Those of distributions, which
    don't ask, are skipped as well, and whether a mask's values are those of a causal one, which is only asked to be faster.
    """
    real, checks = torch.compiler.is_exporting, Distribution._validate_args
    detect = transformer._detect_is_causal_mask
    transformer._detect_is_causal_mask = _is_said_to_be_causal
    torch.compiler.is_exporting = _told_to_torch_only(real)
    Distribution._validate_args = False
    try:
        yield
    finally:
        torch.compiler.is_exporting = real
        Distribution._validate_args = checks
        transformer._detect_is_causal_mask = detect


@contextmanager
def not_compiled() -> Iterator[None]:
    """Nobody but torch hears that it's compiled."""
    real = torch.compiler.is_compiling
    torch.compiler.is_compiling = _told_to_torch_only(real)
    try:
        yield
    finally:
        torch.compiler.is_compiling = real


@contextmanager
def nothing_run_again() -> Iterator[None]:
    """What torch.utils.checkpoint (reentrant) computes once more for its gradients keeps its values instead: the same gradients,
    in a graph that can be followed, and asked for those of single tensors."""

    def apply(function: Callable[..., Any], _preserve: bool, *args: Any) -> Any:
        # Nothing is trained in it unless one of its inputs is.
        trained = any(isinstance(each, torch.Tensor) and each.requires_grad for each in args)
        with torch.set_grad_enabled(torch.is_grad_enabled() and trained):
            return function(*args)

    if "apply" in vars(CheckpointFunction):  # a run within another
        yield
        return
    CheckpointFunction.apply = apply
    try:
        yield
    finally:
        del CheckpointFunction.apply


def _is_said_to_be_causal(_mask: Any, is_causal: bool | None = None, _size: int | None = None) -> bool:
    return is_causal is True


def _told_to_torch_only(real: Callable[[], bool]) -> Callable[[], bool]:
    def told() -> bool:
        return real() and str(sys._getframe(1).f_globals.get("__name__", "")).startswith("torch.")

    return told


def goes_a_compilers_way(module: fx.GraphModule) -> bool:
    """Whether a step is no operator but a function of torch's own, as in its `associative_scan`, which libraries take only
    where they are compiled (Mamba): when run they do something else, which doesn't round alike."""
    graphs = [each.graph for each in module.modules() if isinstance(each, fx.GraphModule)]
    targets = [node.target for graph in graphs for node in graph.nodes if node.op == "call_function"]
    homes = ("torch._functorch.", "torch._C._functorch")
    return any(str(getattr(each, "__module__", "")).startswith(homes) for each in targets)
