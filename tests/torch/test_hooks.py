"""Hooks that only note outputs for the forward around them, as transformers installs: they are followed, and taken off again."""

from __future__ import annotations

from contextvars import ContextVar
from pathlib import Path

import pytest
import torch
from torch import nn

import modelpack
from modelpack.errors import CaptureError

_COLLECTED: ContextVar[list[torch.Tensor] | None] = ContextVar("collected", default=None)


def install(module: nn.Module) -> None:
    """Puts a hook on `module` that is like the one of transformers, and is called as it is."""

    def hook(module: nn.Module, args: object, output: torch.Tensor) -> None:
        collected = _COLLECTED.get()
        if collected is not None:
            collected.append(output)

    hook.__module__ = "transformers.utils.output_capturing"
    hook.__qualname__ = "install_output_capuring_hook.<locals>.output_capturing_hook"
    module.register_forward_hook(hook)


class Stage(nn.Module):
    """A module of one's own, so that what it gives leaves a block."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x):
        return torch.relu(self.fc(x))


class Collects(nn.Module):
    """Its first forward installs the hooks; every one adds up what they noted."""

    def __init__(self) -> None:
        super().__init__()
        self.stages = nn.Sequential(Stage(), Stage(), Stage())

    def forward(self, x):
        if "_output_capturing_hooks_installed" not in vars(self):
            for stage in self.stages:
                install(stage)
            self._output_capturing_hooks_installed = True
        token = _COLLECTED.set([])
        try:
            self.stages(x)
            first, second, third = _COLLECTED.get() or ()
        finally:
            _COLLECTED.reset(token)
        return first + 2 * second + 3 * third


def number_of_hooks(model: nn.Module) -> int:
    return sum(len(module._forward_hooks) for module in model.modules())


@pytest.mark.parametrize("was_run", [False, True])
def test_what_they_note_is_carried(was_run: bool, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model, x = Collects().eval(), torch.randn(2, 4)
    if was_run:
        model(x)
    hooks = number_of_hooks(model)
    modelpack.save(model, tmp_path / "first", args=(x,))
    modelpack.save(model, tmp_path / "second", args=(x,))
    assert number_of_hooks(model) == hooks, "the model is as it was found"
    files = [
        path.relative_to(tmp_path / "first") for path in (tmp_path / "first").rglob("*") if path.is_file()
    ]
    for file in files:
        assert (tmp_path / "first" / file).read_bytes() == (tmp_path / "second" / file).read_bytes()
    loaded = modelpack.load(tmp_path / "first")
    other = torch.randn(5, 4)
    assert torch.equal(loaded(other), model(other))
    assert number_of_hooks(loaded) == 0


def test_hooks_of_another_name_are_refused(tmp_path: Path) -> None:
    model = Collects()
    install(model.stages[1])
    (hook,) = model.stages[1]._forward_hooks.values()
    hook.__qualname__ = "install.<locals>.hook"
    with pytest.raises(CaptureError, match="MP604"):
        modelpack.save(model, tmp_path / "pack", args=(torch.randn(2, 4),))
