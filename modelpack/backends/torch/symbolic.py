"""Dim -> function of what is known when running: arithmetic on sizes, compiled once.

The functions work on plain integers and on the symbolic ones of `torch.compile` and `torch.export` alike, and hold nothing but
numbers and names, so that a network that is deep-copied may share them.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

import torch

from modelpack.dims import Call, Dim, Expr, Symbol

__all__ = ["Environment", "compile_dim", "compile_value", "has_expressions"]

Environment = Mapping[str, Any]
"""The dimensions of a body and, with a leading `$`, the arguments passed to it."""

_Function = Callable[[Environment], Any]

# torch's own max and min, as Python's would pin a symbolic size to one value.
_BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "//": operator.floordiv,
    "%": operator.mod,
    "max": torch.sym_max,
    "min": torch.sym_min,
}


def compile_dim(dim: Dim) -> _Function:
    """The function that gives `dim` its value."""
    if isinstance(dim, int):
        return lambda environment: dim
    terms = [_term(monomial, coefficient) for monomial, coefficient in dim.terms]
    first, rest = terms[0], tuple(terms[1:])
    if not rest:
        return first

    def total(environment: Environment) -> Any:
        value = first(environment)
        for term in rest:
            value = value + term(environment)
        return value

    return total


def compile_value(value: Any) -> _Function:
    """The function that gives `value`, a setting with `Expr`s in it, at any depth of tuples, as plain values."""
    if isinstance(value, Expr):
        return compile_dim(value)
    if isinstance(value, tuple):
        items = tuple(compile_value(item) for item in value)
        return lambda environment: tuple([item(environment) for item in items])
    return lambda environment: value


def has_expressions(value: Any) -> bool:
    """Whether `value` can be known only when running."""
    return isinstance(value, Expr) or (isinstance(value, tuple) and any(map(has_expressions, value)))


def _term(monomial: tuple[Symbol | Call, ...], coefficient: int) -> _Function:
    factors = tuple(_atom(atom) for atom in monomial)
    if coefficient == 1 and len(factors) == 1:
        return factors[0]

    def product(environment: Environment) -> Any:
        value: Any = coefficient
        for factor in factors:
            value = value * factor(environment)
        return value

    return product


def _atom(atom: Symbol | Call) -> _Function:
    if isinstance(atom, Symbol):
        name = atom.name
        return lambda environment: environment[name]
    function, left, right = _BINARY[atom.function], compile_dim(atom.left), compile_dim(atom.right)
    return lambda environment: function(left(environment), right(environment))
