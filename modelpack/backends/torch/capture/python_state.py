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
from types import FunctionType, MethodType, ModuleType
from typing import Any

import torch
from torch import nn

from modelpack.backends.torch.capture.failures import failure, forward_line

__all__ = ["Attributes", "attributes_as_found", "random_numbers", "refuse_dependence_on_calls"]

_OF_TORCH = {*vars(nn.Module()), "forward"}
"""What is no state, or is looked after elsewhere."""
_KINDS = ("_parameters", "_buffers", "_modules")
_DEEP = 2
"""How far objects are looked into that attributes hold: a schedule, and what it counts by."""
_FAR = (10, 1_000, 1_000_000)
"""How many calls later a network that counts is looked at."""


@dataclass(frozen=True, slots=True)
class _Held:
    """A module or an object that one holds, and what its attributes were."""

    holder: Any
    module: nn.Module
    """whose it is"""
    name: str
    """of the module's attribute that leads to it; of the module itself, none"""
    attributes: dict[str, tuple[Any, Any]]
    """attribute -> its value, and a copy of what that holds"""

    def changed(self) -> list[str]:
        now = vars(self.holder)
        return [
            name
            for name in {**self.attributes, **now}
            if name not in _OF_TORCH
            and (name not in self.attributes or name not in now or _differs(self.attributes[name], now[name]))
        ]


@dataclass(frozen=True, slots=True)
class Attributes:
    """The attributes of modules, what lists, dictionaries and sets among them hold, and the attributes of objects among them."""

    _held: list[_Held]

    @classmethod
    def of(cls, model: nn.Module) -> Attributes:
        """Those of `model` as they are now."""
        found: dict[int, _Held] = {}
        for module in model.modules():
            _look_into(module, module, "", _DEEP, found)
        return cls(list(found.values()))

    def put_back(self) -> None:
        """Make them what they were."""
        for held in self._held:
            now = vars(held.holder)
            for name in now.keys() - held.attributes.keys() - _OF_TORCH:
                del now[name]
            for name, (value, content) in held.attributes.items():
                if name not in _OF_TORCH:
                    now[name] = value
                _fill(value, content)

    def changed(self) -> dict[tuple[nn.Module, str], tuple[Any, str, Any]]:
        """Attributes of modules that are something else now, or lead to what is: to whose attribute, and what that was."""
        return {
            (held.module, held.name or name): (
                held.holder,
                name,
                held.attributes.get(name, (None, None))[0],
            )
            for held in self._held
            for name in held.changed()
        }


def _look_into(holder: Any, module: nn.Module, name: str, deep: int, found: dict[int, _Held]) -> None:
    attributes = {
        each: (value, _copied(value))
        for each, value in vars(holder).items()
        if each not in _OF_TORCH or each in _KINDS
    }
    found[id(holder)] = _Held(holder, module, name, attributes)
    for each, (value, _) in attributes.items() if deep else ():
        if id(value) not in found and _is_plain_object(value):
            _look_into(value, module, name or each, deep - 1, found)


def _is_plain_object(value: Any) -> bool:
    """Whether `value` is an object of somebody's class that has nothing but attributes."""
    if isinstance(value, nn.Module | torch.Tensor | type | FunctionType | MethodType | ModuleType):
        return False
    return type(getattr(value, "__dict__", None)) is dict and not type(value).__module__.startswith("torch.")


def _copied(value: Any) -> Any:
    if isinstance(value, random.Random):
        return value.getstate()
    generator = getattr(value, "bit_generator", None)  # of NumPy
    if generator is not None:
        return copy.deepcopy(generator.state)
    return copy.copy(value) if type(value) in (list, dict, set, deque) else None


def _fill(value: Any, content: Any) -> None:
    if isinstance(value, random.Random):
        value.setstate(content)
    elif content is not None and type(value) not in (list, dict, set, deque):
        value.bit_generator.state = content
    elif type(value) in (list, deque):
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
    if isinstance(value, set):
        return value != content
    return content is not None and repr(_copied(value)) != repr(content)


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
        place: (holder, name, value, vars(holder)[name] - value)
        for place, (holder, name, value) in once.changed().items()
        if _is_number(value) and _is_number(vars(holder).get(name))
    }
    later = [second]
    for far in _FAR if steps else ():
        for holder, name, value, step in steps.values():
            vars(holder)[name] = value + far * step
        later.append(_given(run))
    before.put_back()
    drawn = [place for place, (_, _, value) in changed.items() if _is_generator(value)]
    if drawn or not all(_equal(first, each) for each in later):
        paths = {module: path for path, module in model.named_modules()}
        module, name = next(iter((*drawn, *steps, *changed)))
        raise failure(
            "MP607",
            f"its forward keeps {name} for the next call, which then gives something else ({forward_line(module)})",
            paths[module],
            hint="make it a buffer (register_buffer), or an input and an output",
        )


def _is_generator(value: Any) -> bool:
    return _copied(value) is not None and type(value) not in (list, dict, set, deque)


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
