"""Following a run in which the model's code calls `int(size)`: the size stays free.

`int` has to give a number, so torch fixes the size at the example's, though most mean nothing by it but to cut off a fraction
(`int(math.ceil(height / 8) * 8)`). Where this happens, the run is followed again, and `int` in that file leaves sizes what they
are.
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

__all__ = ["with_free_integers"]

_Traced = TypeVar("_Traced")

_Places = dict[int, dict[str, Any]]
"""Globals of files, by their ids."""


def with_free_integers(follow: Callable[[], _Traced]) -> _Traced:
    """What `follow` gives once no file that it comes through fixes a size with `int`; as it was, where that can't be followed."""
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
    """Note the files that meanwhile call `int` of a size."""
    kinds: tuple[Any, Any] = (torch.SymInt, torch.SymFloat)
    real = [kind.__int__ for kind in kinds]

    def noting(convert: Callable[[Any], int]) -> Callable[[Any], int]:
        def converted(size: Any) -> int:
            caller = sys._getframe(1)
            if is_the_users(caller.f_code.co_filename):
                places[id(caller.f_globals)] = caller.f_globals
            return convert(size)

        return converted

    for kind, convert in zip(kinds, real, strict=True):
        kind.__int__ = noting(convert)
    try:
        yield
    finally:
        for kind, convert in zip(kinds, real, strict=True):
            kind.__int__ = convert


@contextmanager
def _left_free(places: _Places) -> Iterator[None]:
    """`int` in these files leaves sizes what they are."""
    before = {at: each.get("int") for at, each in places.items()}
    try:
        for each in places.values():
            each["int"] = _Integer
        yield
    finally:
        for at, each in places.items():
            if before[at] is None:
                del each["int"]
            else:
                each["int"] = before[at]


class _Like(type):
    """Of a type that stands for `int`: whatever is asked of it is asked of `int`."""

    def __call__(cls, value: Any = 0, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(value, torch.SymInt | torch.SymFloat):
            return int(value, *args, **kwargs)
        size: Any = torch.sym_int(value)
        return size if isinstance(size, int) or _can_be_said(size) else int(value)

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, int)

    def __subclasscheck__(cls, subclass: type) -> bool:
        return issubclass(subclass, int)

    def __eq__(cls, other: object) -> bool:
        return other is int or other is cls

    def __hash__(cls) -> int:
        return hash(int)


class _Integer(int, metaclass=_Like):
    pass


def _can_be_said(size: torch.SymInt) -> bool:
    """Whether it's integer arithmetic: the side of a square image, from the number of its patches, is not."""
    expression = size.node.expr
    try:
        FreeNames({each: str(each) for each in expression.free_symbols}).expression(expression)
    except (SizeError, TooComplex, ExpressionError):
        return False
    return True
