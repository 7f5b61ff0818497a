"""What a model keeps in Python, outside of its parameters and buffers: attributes that a forward changes, and random numbers.

A pack has no such state. So a run of ours leaves the attributes as it found them; and where a forward gives something else for
what an earlier call left in them, or draws numbers that aren't torch's, the model is refused.
"""

from __future__ import annotations

import copy
import random
import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from modelpack.backends.torch.capture.failures import failure, forward_line

__all__ = ["Attributes", "attributes_as_found", "random_numbers", "refuse_dependence_on_calls"]

_OF_TORCH = {*vars(nn.Module()), "forward"}
_FAR = (10, 1_000, 1_000_000)
"""How many calls later a network that counts is looked at."""


@dataclass(frozen=True, slots=True)
class Attributes:
    """The attributes of modules, and what lists, dictionaries and sets among them hold."""

    _held: dict[nn.Module, dict[str, tuple[Any, Any]]]
    """attribute -> its value, and a copy of what that holds"""

    @classmethod
    def of(cls, model: nn.Module) -> Attributes:
        """Those of `model` as they are now."""
        return cls(
            {
                module: {name: (each, _copied(each)) for name, each in _own(module).items()}
                for module in model.modules()
            }
        )

    def put_back(self) -> None:
        """Make them what they were."""
        for module, held in self._held.items():
            for name in _own(module).keys() - held.keys():
                del vars(module)[name]
            for name, (value, content) in held.items():
                vars(module)[name] = value
                _fill(value, content)

    def changed(self) -> list[tuple[nn.Module, str]]:
        """Those that are something else now."""
        found: list[tuple[nn.Module, str]] = []
        for module, held in self._held.items():
            now = _own(module)
            for name in {**held, **now}:
                if name not in held or name not in now or _differs(held[name], now[name]):
                    found.append((module, name))
        return found

    def value(self, module: nn.Module, name: str) -> Any:
        """What an attribute was; None if it wasn't there."""
        return self._held[module].get(name, (None, None))[0]


def _own(module: nn.Module) -> dict[str, Any]:
    return {name: each for name, each in vars(module).items() if name not in _OF_TORCH}


def _copied(value: Any) -> Any:
    return copy.copy(value) if type(value) in (list, dict, set, deque) else None


def _fill(value: Any, content: Any) -> None:
    if type(value) in (list, deque):
        value.clear()
        value.extend(content)
    elif type(value) in (dict, set):
        value.clear()
        value.update(content)


def _differs(held: tuple[Any, Any], now: Any) -> bool:
    value, content = held
    if value is not now:
        return not (isinstance(value, int | float | str) and type(value) is type(now) and value == now)
    if isinstance(value, list | deque):
        return len(value) != len(content) or any(
            one is not other for one, other in zip(value, content, strict=True)
        )
    if isinstance(value, dict):
        return value.keys() != content.keys() or any(value[key] is not content[key] for key in value)
    return isinstance(value, set) and value != content


@contextmanager
def attributes_as_found(model: nn.Module) -> Iterator[None]:
    """Afterwards the attributes are what they were."""
    before = Attributes.of(model)
    try:
        yield
    finally:
        before.put_back()


def refuse_dependence_on_calls(model: nn.Module, run: Callable[[], list[torch.Tensor]]) -> None:
    """Call `run`, which runs `model`, again and again; the attributes are put back in the end.

    Raises:
        CaptureError: MP607 a later call gives something else.
    """
    before = Attributes.of(model)
    first = _given(run)
    changed, once = before.changed(), Attributes.of(model)
    if not changed:
        return
    second = _given(run)
    steps = {
        (module, name): vars(module)[name] - once.value(module, name)
        for module, name in once.changed()
        if _is_number(vars(module).get(name)) and _is_number(once.value(module, name))
    }
    later = [second]
    for far in _FAR if steps else ():
        for (module, name), step in steps.items():
            vars(module)[name] = once.value(module, name) + far * step
        later.append(_given(run))
    before.put_back()
    if not all(_equal(first, each) for each in later):
        paths = {module: path for path, module in model.named_modules()}
        module, name = next(iter(steps), changed[0])
        raise failure(
            "MP607",
            f"its forward keeps {name} for the next call, which then gives something else ({forward_line(module)})",
            paths[module],
            hint="make it a buffer (register_buffer), or an input and an output",
        )


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)


def _given(run: Callable[[], list[torch.Tensor]]) -> list[torch.Tensor] | str:
    try:
        return run()
    except Exception as error:  # anything that the user's forward may raise
        return type(error).__name__


def _equal(first: list[torch.Tensor] | str, other: list[torch.Tensor] | str) -> bool:
    if isinstance(first, str) or isinstance(other, str):
        return first == other
    return len(first) == len(other) and all(
        one.shape == two.shape and one.dtype == two.dtype and torch.allclose(one, two, 0, 0, equal_nan=True)
        for one, two in zip(first, other, strict=True)
    )


def random_numbers() -> tuple[object, ...]:
    """What tells whether someone has drawn from the global generators of Python and NumPy."""
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return (random.getstate(),)
    _, keys, position, *rest = numpy.random.get_state()
    return random.getstate(), keys.tobytes(), position, *rest
