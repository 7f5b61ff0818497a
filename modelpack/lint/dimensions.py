"""What `requires` says of free dimensions, and means otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from modelpack.comparison import Comparison
from modelpack.dims import LARGEST, Expr, TooComplex, name_of, symbols
from modelpack.errors import Problem
from modelpack.findings import Severity
from modelpack.lint.rule import Rule
from modelpack.lint.subject import Subject

__all__ = ["RULES"]


def fixed_dimension(subject: Subject) -> Iterator[Problem]:
    """What is required leaves one size only for a dimension that is written as a free one. The shapes promise something that
    the network refuses when it runs. *Way out:* write the number in the shapes of the inputs, and leave the requirement out.

    ```yaml bad
    modelpack: 1
    name: net
    inputs:
      x: {dtype: float32, shape: [batch, length]}
    requires: ['length >= 16', 'length < 17']
    layers:
      act: {ReLU: {}}
    ```

    ```yaml good
    modelpack: 1
    name: net
    inputs:
      x: {dtype: float32, shape: [batch, 16]}
    layers:
      act: {ReLU: {}}
    ```
    """
    for name, bounds in _bounds(subject):
        if bounds.low == bounds.high:
            told = f"'{name}' can be {bounds.low} only, so it isn't free"
            hint = f"write {bounds.low} for '{name}' in the shapes of the inputs"
            yield subject.problem("MP813", told, bounds.last.place, "requires", hint)


def contradiction(subject: Subject) -> Iterator[Problem]:
    """No size of a dimension meets all that is required of it: the network can't be run. *Way out:* correct one of the
    comparisons.

    ```yaml bad
    modelpack: 1
    name: net
    inputs:
      x: {dtype: float32, shape: [batch, length]}
    requires: ['length > 16', '2 * length <= 32']
    layers:
      act: {ReLU: {}}
    ```

    ```yaml good
    modelpack: 1
    name: net
    inputs:
      x: {dtype: float32, shape: [batch, length]}
    requires: ['length > 16', 'length <= 32']
    layers:
      act: {ReLU: {}}
    ```
    """
    for name, bounds in _bounds(subject):
        if bounds.low > bounds.high:
            told = f"with what else is required, no size of '{name}' meets this"
            yield subject.problem("MP814", told, bounds.last.place, "requires")


@dataclass(slots=True)
class _Bounds:
    """The sizes that a dimension may have, and the comparison that bound it last."""

    last: Comparison
    low: int = 1
    high: int = LARGEST


def _bounds(subject: Subject) -> Iterator[tuple[str, _Bounds]]:
    """Of each dimension for which something is required that is linear in it alone."""
    found: dict[str, _Bounds] = {}
    for each in subject.text.requires:
        name = next(iter(each.names)) if len(each.names) == 1 else None
        between = None if name is None else _between(each)
        if name is None or between is None:
            continue
        bounds = found.setdefault(name, _Bounds(each))
        low, high = max(bounds.low, between[0]), min(bounds.high, between[1])
        # One that makes it no narrower than it is isn't to blame, nor one behind the first that leaves nothing.
        if (low, high) != (bounds.low, bounds.high) and bounds.low <= bounds.high:
            bounds.last, bounds.low, bounds.high = each, low, high
    yield from found.items()


def _between(each: Comparison) -> tuple[int, int] | None:
    """The sizes from which to which a comparison holds; None where that isn't plain to see."""
    try:
        difference = each.left - each.right
    except TooComplex:
        return None
    linear = _linear(difference) if isinstance(difference, Expr) else None
    if linear is None:
        return None
    factor, constant = linear
    operator = each.operator
    if factor < 0:
        factor, constant, operator = -factor, -constant, _MIRRORED[operator]
    # factor * size + constant OPERATOR 0
    down, exact = -constant // factor, constant % factor == 0
    match operator:
        case "==":
            return (down, down) if exact else (1, 0)
        case ">":
            return down + 1, LARGEST
        case ">=":
            return (down if exact else down + 1), LARGEST
        case "<":
            return 1, (down - 1 if exact else down)
        case "<=":
            return 1, down
        case _:
            return None


_MIRRORED = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


def _linear(difference: Expr) -> tuple[int, int] | None:
    """Factor and constant, if it is ``factor * size + constant``."""
    terms = dict(difference.terms)
    constant = terms.pop((), 0)
    if len(terms) != 1:
        return None
    ((_, factor),) = terms.items()
    (name,) = symbols(difference)
    rest = difference - constant
    alone = rest // factor if isinstance(rest, Expr) else rest
    return (factor, constant) if name_of(alone) == name else None


RULES = (
    Rule("MP813", Severity.WARNING, fixed_dimension),
    Rule("MP814", Severity.WARNING, contradiction),
)
