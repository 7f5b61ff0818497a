"""While a model is traced: each module's forward is replaced by one that is watched, except those inside of layers.

A layer that stands for a module with submodules behind it (a normalisation with its activation) is watched where the module is
called, and the submodules right after it. They are then siblings of the layer, as a layer has nothing below it but its tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn

from modelpack.backends.torch.capture.forwards import forward_of
from modelpack.backends.torch.capture.known import Known
from modelpack.backends.torch.capture.packing import accepting_packed

__all__ = ["AsLayer", "watching"]

AsLayer = Callable[[nn.Module], Known | None]
"""The layer that a module is, if it's one."""

Watched = Callable[[str, nn.Module, nn.Module | None], Callable[..., Any]]
"""Name, module, and the layer that it is, if it's one -> what to call in place of its forward."""


@contextmanager
def watching(model: nn.Module, watched: Watched, as_layer: AsLayer) -> Iterator[None]:
    """Replace the forwards, on the instances, for a while."""
    found = _layers(model, as_layer)
    names = _Names(model)
    replaced: list[tuple[nn.Module, Any]] = []
    try:
        for path, module in model.named_modules():
            if module not in found or forward_of(module) is nn.Module.forward:
                continue
            layer = found[module]
            forward = watched(names.of(path), module, layer.layer if layer is not None else None)
            if layer is not None:
                forward = accepting_packed(layer.layer, forward)
            if layer is not None and layer.tail:
                names.beside(path, layer.tail)
                forward = _with_tail(forward, [module.get_submodule(name) for name in layer.tail])
            replaced.append((module, vars(module).get("forward")))
            module.__dict__["forward"] = forward
        yield
    finally:
        for module, own in replaced:
            del module.__dict__["forward"]
            if own is not None:
                module.__dict__["forward"] = own


def _layers(model: nn.Module, as_layer: AsLayer) -> dict[nn.Module, Known | None]:
    """The modules to watch, with the layers that they are; not those inside of layers."""
    found: dict[nn.Module, Known | None] = {}
    inside: set[nn.Module] = set()
    for path, module in model.named_modules():
        if module in inside:
            continue
        layer = found[module] = as_layer(module) if path else None
        if layer is not None:
            behind = {each for name in layer.tail for each in module.get_submodule(name).modules()}
            inside |= {*module.modules()} - {module} - behind
    return found


def _with_tail(forward: Callable[..., Any], tail: list[nn.Module]) -> Callable[..., Any]:
    steps = [each for each in tail if type(each) is not nn.Identity]

    def both(*args: Any, **kwargs: Any) -> Any:
        result = forward(*args, **kwargs)
        for step in steps:
            result = step(result)
        return result

    return both


class _Names:
    """What modules are called: as they are, but those behind a layer get names beside it (`bn1_act` for `bn1.act`)."""

    def __init__(self, model: nn.Module) -> None:
        self._taken = {name for name, _ in model.named_modules()} | set(model.state_dict())
        self._beside: dict[str, str] = {}

    def of(self, path: str) -> str:
        for below, name in self._beside.items():
            if path == below or path.startswith(f"{below}."):
                return name + path[len(below) :]
        return path

    def beside(self, path: str, tail: tuple[str, ...]) -> None:
        for each in tail:
            name = f"{self.of(path)}_{each}"
            while name in self._taken:
                name += "_"
            self._taken.add(name)
            self._beside[f"{path}.{each}"] = name
