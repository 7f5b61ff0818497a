"""The first run of a model in a mode: whether it takes the example inputs, and changes what outlives the call.

It runs on copies of its parameters and inputs, so that the model stays as it is whatever its forward does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from modelpack.backends.torch.capture.failures import failing, failure, forward_line, line_here
from modelpack.backends.torch.capture.probing import run_on
from modelpack.backends.torch.capture.tracing import mode_of, shortens
from modelpack.backends.torch.capture.values import map_tensors

__all__ = ["refuse_by_first_run"]


def refuse_by_first_run(
    model: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any], *, training: bool
) -> None:
    """Run `model` once.

    Raises:
        CaptureError: MP619 it fails; MP607 it changes a parameter, or a list or dictionary that it was given.
    """
    parameters = {
        name: nn.Parameter(each.detach().clone(), each.requires_grad)
        for name, each in model.named_parameters()
    }
    given = map_tensors(lambda tensor: tensor.detach().clone(), (args, dict(kwargs)))
    before = _held(given)
    try:
        with mode_of(model, training=training):
            run_on(model, given[0], given[1], parameters, training=training)
    except Exception as error:  # anything that the user's forward may raise
        raise failing(error, model, "train" if training else "eval") from error
    where = forward_line(model)
    if _held(given) != before:
        hint = "give what it puts there as an output instead"
        raise failure("MP607", f"changes a list or dictionary that it's given ({where})", hint=hint)
    for name, each in model.named_parameters():
        if not _equal(each, parameters[name]) and not shortens(model.get_submodule(name.rpartition(".")[0])):
            hint = "change it where you train, or compute a new tensor from it in each forward"
            given = map_tensors(lambda tensor: tensor.detach().clone(), (args, dict(kwargs)))
            changed = nn.Parameter(each.detach().clone(), each.requires_grad)
            watch = _UntilChanged(changed)
            with mode_of(model, training=training), watch:
                run_on(model, given[0], given[1], {**parameters, name: changed}, training=training)
            told = f"the forward changes this parameter ({watch.line or where})"
            raise failure("MP607", told, name, hint=hint)


class _UntilChanged(TorchFunctionMode):
    """Notes the user's line that first changes a tensor."""

    def __init__(self, tensor: torch.Tensor) -> None:
        super().__init__()
        self.line: str | None = None
        self._tensor, self._before = tensor, tensor.detach().clone()

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if self.line is None and not _equal(self._tensor, self._before):
            self.line = line_here()
        return result


def _held(value: Any) -> Any:
    """Which objects stand where in lists and dictionaries."""
    if type(value) in (list, tuple):
        return tuple(map(_held, value))
    return {key: _held(item) for key, item in value.items()} if type(value) is dict else id(value)


def _equal(one: torch.Tensor, other: torch.Tensor) -> bool:
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    return torch.equal(one, other) or torch.allclose(one, other, 0, 0, equal_nan=True)
