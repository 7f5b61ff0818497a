"""Forward hooks that only note a module's output for the forward around it: they are allowed, and run while it's traced.

transformers gathers hidden states so: the first forward that is asked for them installs the hooks, and each appends what its
module gives to a list of the forward that runs. A traced run then has the values where that forward uses them. They are known
by the function's module and name, as no library is imported. Those that a run of ours installs are taken off after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn

__all__ = ["hooks_as_found", "is_collecting"]

_COLLECTING = {
    (
        "transformers.utils.output_capturing",
        "install_output_capuring_hook.<locals>.output_capturing_hook",
    )
}
"""Module and qualified name of the hook's function."""

_INSTALLED = "_output_capturing_hooks_installed"
"""The attribute that says that a module has such hooks on it, and on those in it."""


def is_collecting(hook: Callable[..., Any]) -> bool:
    """Whether `hook` is known to note outputs and to change nothing."""
    return (getattr(hook, "__module__", None), getattr(hook, "__qualname__", None)) in _COLLECTING


@contextmanager
def hooks_as_found(model: nn.Module) -> Iterator[None]:
    """Afterwards `model` has the collecting hooks that it had before, and no others."""
    before = {module: (set(module._forward_hooks), _INSTALLED in vars(module)) for module in model.modules()}
    try:
        yield
    finally:
        for module, (hooks, was_installed) in before.items():
            for key, hook in list(module._forward_hooks.items()):
                if key not in hooks and is_collecting(hook):
                    del module._forward_hooks[key]
            if not was_installed:
                vars(module).pop(_INSTALLED, None)
