"""Following a run in which the model's code calls `int(size)`, `float(size)` or `len(tensor)`: the size stays free.

They have to give a number, so torch fixes the size at the example's, though most mean nothing by `int` but to cut off a fraction
(`int(math.ceil(height / 8) * 8)`), and nothing by `float` but to divide. Where this happens, the run is followed again, and in
that file they give sizes as they are.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch

from modelpack.backends.torch.capture.failures import is_the_users
from modelpack.backends.torch.capture.sizes import FreeNames, SizeError
from modelpack.dims import TooComplex
from modelpack.errors import CaptureError
from modelpack.expressions import ExpressionError

__all__ = ["with_builtins_of_sizes"]

_Traced = TypeVar("_Traced")

_Places = dict[int, dict[str, Any]]
"""Globals of files, by their ids."""


def with_builtins_of_sizes(follow: Callable[[], _Traced]) -> _Traced:
    """What `follow` gives once no file that it comes through fixes a size so; as it was, where that can't be followed."""
    places: _Places = {}
    best: _Traced | None = None
    while True:
        before = dict(places)
        try:
            with _noting(places), _left_free(before):
                best = follow()
        except CaptureError:
            if len(places) > len(before):
                continue
            if best is None:
                raise
            return best
        if len(places) == len(before):
            return best


@contextmanager
def _noting(places: _Places) -> Iterator[None]:
    """Note the files that meanwhile ask for the number that a size is."""
    asked: list[tuple[Any, str]] = [
        (torch.SymInt, "__int__"),
        (torch.SymInt, "__index__"),  # which `float` calls
        (torch.SymFloat, "__int__"),
        (torch.SymFloat, "__float__"),
        (torch.Tensor, "__len__"),
    ]
    real = [getattr(kind, name) for kind, name in asked]

    def noting(name: str, number: Callable[[Any], int]) -> Callable[[Any], int]:
        def noted(value: Any) -> int:
            caller = sys._getframe(1)
            meant = name != "__index__" or "float" in caller.f_code.co_names
            if meant and is_the_users(caller.f_code.co_filename) and _is_free(value):
                places[id(caller.f_globals)] = caller.f_globals
            return number(value)

        return noted

    for (kind, name), number in zip(asked, real, strict=True):
        setattr(kind, name, noting(name, number))
    try:
        yield
    finally:
        for (kind, name), number in zip(asked, real, strict=True):
            setattr(kind, name, number)


def _is_free(value: Any) -> bool:
    size = value.shape[0] if isinstance(value, torch.Tensor) and value.dim() else value
    return isinstance(size, torch.SymInt | torch.SymFloat) and not size.node.expr.is_number


@contextmanager
def _left_free(places: _Places) -> Iterator[None]:
    """`int`, `float` and `len` in these files give sizes as they are."""
    ours = {"int": _Integer, "float": _Float, "len": _length}
    before = {at: {name: each[name] for name in ours if name in each} for at, each in places.items()}
    try:
        for each in places.values():
            each.update(ours)
        yield
    finally:
        for at, each in places.items():
            for name in ours:
                del each[name]
            each.update(before[at])


def _length(value: Any) -> Any:
    return value.shape[0] if isinstance(value, torch.Tensor) and value.dim() else len(value)


def _integer(size: torch.SymInt | torch.SymFloat) -> Any:
    whole: Any = torch.sym_int(size)
    return whole if isinstance(whole, int) or _can_be_said(whole) else int(size)


def _float(size: torch.SymInt | torch.SymFloat) -> Any:
    return float(size) if size.node.expr.is_number else torch.sym_float(size)


class _Like(type):
    """Of a type that stands for another: whatever is asked of it is asked of that."""

    stands_for: type
    of_size: Callable[[Any], Any]

    def __call__(cls, value: Any = 0, *args: Any, **kwargs: Any) -> Any:
        if isinstance(value, torch.SymInt | torch.SymFloat):
            return cls.of_size(value)
        return cls.stands_for(value, *args, **kwargs)

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, cls.stands_for)

    def __subclasscheck__(cls, subclass: type) -> bool:
        return issubclass(subclass, cls.stands_for)

    def __eq__(cls, other: object) -> bool:
        return other is cls.stands_for or other is cls

    def __hash__(cls) -> int:
        return hash(cls.stands_for)


class _Integer(int, metaclass=_Like):
    stands_for = int
    of_size = staticmethod(_integer)


class _Float(float, metaclass=_Like):
    stands_for = float
    of_size = staticmethod(_float)


def _can_be_said(size: torch.SymInt) -> bool:
    """Whether it's integer arithmetic: the side of a square image, from the number of its patches, is not."""
    expression = size.node.expr
    try:
        FreeNames({each: str(each) for each in expression.free_symbols}).expression(expression)
    except (SizeError, TooComplex, ExpressionError):
        return False
    return True
