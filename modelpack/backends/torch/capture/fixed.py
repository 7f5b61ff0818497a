"""What is said of axes that the model's code fixes at the example's sizes: it runs at others, but asks for the number."""

from __future__ import annotations

from collections.abc import Iterator

import sympy
import torch

from modelpack.backends.torch.capture.decisions import Decision
from modelpack.backends.torch.capture.free import Wishes, named_marks
from modelpack.backends.torch.capture.regions import Program
from modelpack.backends.torch.capture.tracing import Trace

__all__ = ["fixed_by_code"]


def fixed_by_code(program: Program, wishes: Wishes, traced: Trace) -> tuple[str, ...]:
    """A sentence for each size: the axes that have it, and the line of the model's code, where it's known. None are told where
    the caller said which axes are free."""
    if wishes.dynamic is not None:
        return ()
    axes: dict[int, list[str]] = {}
    for name, mark in named_marks(program.root.call.arguments):
        shape = program.root.entered(mark.index).meta["val"].shape
        for axis in wishes.axes(wishes.names.index(name), traced.inputs[mark.index]):
            size = sympy.sympify(
                shape[axis].node.expr if isinstance(shape[axis], torch.SymInt) else shape[axis]
            )
            if size.is_Integer:
                axes.setdefault(int(size), []).append(f"axis {axis} of {name}")
    return tuple(_told(size, where, traced) for size, where in axes.items())


def _told(size: int, axes: list[str], traced: Trace) -> str:
    line = next((each.line for each in traced.decisions if size in _fixed(each)), None)
    where = f" ({line})" if line else ""
    return f"captured with {', '.join(axes)} fixed at {size}: its code asks for the number itself{where}"


def _fixed(decision: Decision) -> Iterator[int]:
    """The example's sizes that a decision fixes."""
    for part in sympy.And.make_args(decision.fact):
        if isinstance(part, sympy.Eq) and decision.environment.replace(part) == sympy.true:
            for each in part.free_symbols:
                found = decision.environment.replace(each)
                if found.is_Integer:
                    yield int(found)
