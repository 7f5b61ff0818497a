"""Two modules -> where the one isn't built as the other: layers, and the settings with which they compute."""

from __future__ import annotations

from collections.abc import Iterator
from types import FunctionType
from typing import Any

from torch import nn

from modelpack.backends.torch.run import BlockModule

__all__ = ["differences"]


def differences(wanted: nn.Module, found: nn.Module) -> Iterator[tuple[str, str]]:
    """Each path at which `found` has another layer than `wanted`, or one with other settings, and what is different.

    `wanted` is of `build`; what an attribute must be may depend on the mode, so it is put into both. Hooks aren't asked for.
    """
    layers, others = _by_path(wanted), _by_path(found)
    for path in layers.keys() | others.keys():
        if path not in others or path not in layers:
            where = "the module" if path in others else "the pack"
            yield path, f"only {where} has it"
    both = [path for path in layers if path in others]
    for path in both:
        if (told := _class(layers[path])) != (other := _class(others[path])):
            yield path, f"is a {other}, and in the pack a {told}"
    alike = [path for path in both if type(layers[path]) is type(others[path]) or _is_block(layers[path])]
    settings: list[dict[str, dict[str, str]]] = []
    for mode in wanted._modes if isinstance(wanted, BlockModule) else ():
        wanted.train(mode == "train")
        settings.append({path: _settings(layers[path]) for path in alike})
    for path in alike:
        actual = _settings(others[path])
        for name in {name for each in settings for name in each[path]} | ({"forward"} & actual.keys()):
            possible = [each[path].get(name) for each in settings]
            if actual.get(name) not in possible:
                yield path, f"{name} is {actual.get(name)}, and in the pack {possible[0]}"


def _by_path(module: nn.Module) -> dict[str, nn.Module]:
    return dict(module.named_modules(remove_duplicate=False))


def _is_block(module: nn.Module) -> bool:
    return isinstance(module, BlockModule)


def _class(module: nn.Module) -> str:
    """Each block has a class of its own, which is made anew each time, with the block's name."""
    kind = type(module)
    return f"block {kind.__name__}" if _is_block(module) else kind.__qualname__


def _settings(module: nn.Module) -> dict[str, str]:
    """What torch's layers keep for their forward: attributes without an underscore, as text."""
    return {
        name: _shown(value)
        for name, value in vars(module).items()
        if not name.startswith("_") and name != "training"
    }


def _shown(value: Any) -> str:
    return f"{value.__module__}.{value.__qualname__}" if isinstance(value, FunctionType) else repr(value)
