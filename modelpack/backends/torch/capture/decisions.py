"""What the model's own code decides on sizes, noted while it's traced.

An `if` on a size takes one branch in a trace, and the captured network takes it at every size. torch notes the questions that it
had to guard, but not one that a guard of its own answers already (`batch > 1`, which a convolution wants to know as well). So
each question is noted when it's asked, where it's asked by code that is neither torch's nor ours.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath
from types import FrameType
from typing import Any

import sympy
import torch
from torch.fx.experimental.symbolic_shapes import ShapeEnv

from modelpack.backends.torch import boundary
from modelpack.backends.torch.capture.failures import is_the_users

__all__ = ["Decision", "watching_decisions"]

_TORCH = Path(torch.__file__).parent
_ASKING = (
    str(_TORCH / "__init__.py"),
    str(_TORCH / "fx" / "experimental"),
    str(Path(__file__).with_name("builtin_sizes.py")),
)
"""Where a symbolic size is turned into a truth value or a number, for whoever asks."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What was found to be true of sizes, and where in the model's code."""

    fact: Any
    """as sympy has it"""
    environment: ShapeEnv
    line: str


@contextmanager
def watching_decisions() -> Iterator[list[Decision]]:
    """The decisions of the model's code that are made meanwhile, each once."""
    found: list[Decision] = []
    known: set[tuple[Any, Any]] = set()
    real = ShapeEnv.evaluate_expr

    def evaluate_expr(environment: ShapeEnv, expression: Any, *args: Any, **kwargs: Any) -> Any:
        value = real(environment, expression, *args, **kwargs)
        if (expression, value) not in known:
            frame = sys._getframe(1)
            # A number in floating point is asked for to be kept, whoever asks (`bernoulli_(1 / float(height))`).
            line = _line_of_the_users(frame) if _is_fraction(value) else _line_of_the_model(frame)
            if line is not None:
                known.add((expression, value))
                found.append(Decision(_fact(expression, value), environment, line))
        return value

    ShapeEnv.evaluate_expr = evaluate_expr  # pyright: ignore[reportAttributeAccessIssue]
    try:
        yield found
    finally:
        ShapeEnv.evaluate_expr = real


def _fact(expression: Any, value: Any) -> Any:
    if value == sympy.true:
        return expression
    return sympy.Not(expression) if value == sympy.false else sympy.Eq(expression, value)


def _is_fraction(value: Any) -> bool:
    return isinstance(value, float) or getattr(value, "is_Float", False)


def _line_of_the_users(frame: FrameType | None) -> str:
    """The innermost line that is neither torch's nor ours."""
    while frame is not None and not is_the_users(frame.f_code.co_filename):
        frame = frame.f_back
    return f"{PurePath(frame.f_code.co_filename).name}:{frame.f_lineno}" if frame is not None else "torch"


def _line_of_the_model(frame: FrameType | None) -> str | None:
    """Where the model's code asks: None where torch asks, or where it's us."""
    while frame is not None and frame.f_code.co_filename.startswith(_ASKING):
        frame = frame.f_back
    if frame is None:
        return None
    file = frame.f_code.co_filename
    # What a loaded network requires is decided in our own code.
    if is_the_users(file) or file == boundary.__file__:
        return f"{PurePath(file).name}:{frame.f_lineno}"
    return None
