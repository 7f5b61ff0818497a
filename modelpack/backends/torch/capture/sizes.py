"""Symbolic sizes of torch.export -> Dims: first in terms of the network's free dimensions, then of a block's own.

A size is known by its value as an expression, not by the steps that computed it: `x.shape[1] // 2` taken from any tensor
is the same expression over the free dimensions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import sympy
import torch
from torch.fx.experimental.symbolic_shapes import free_unbacked_symbols

from modelpack.dims import (
    FUNCTIONS,
    Call,
    Dim,
    Expr,
    Symbol,
    ceil_div,
    exceeds,
    floor_div,
    is_exact,
    rounded,
    symbol,
    symbols,
)

__all__ = ["FreeNames", "LocalSizes", "SizeError", "axis_name"]

_FUNCTIONS = {"FloorDiv": "//", "CleanDiv": "//", "Mod": "%", "PythonMod": "%", "Max": "max", "Min": "min"}

_ROUNDED = {"CeilToInt": ceil_div, "FloorToInt": floor_div, "TruncToInt": floor_div}
"""How a quotient of sizes becomes whole (`math.ceil(height / 2)`); quotients of sizes aren't negative."""


_SYMBOLIC = torch.SymInt | torch.SymFloat | torch.SymBool


class SizeError(ValueError):
    """A size that integer arithmetic over dimensions can't say; the message completes "the size …"."""

    symbols: frozenset[Any] = frozenset()
    """of torch.export, on which it depends"""


def axis_name(axis: int, rank: int, is_floating: bool) -> str | None:
    """What the field calls an axis: `batch` first, images have height and width, sequences a length."""
    if axis == 0:
        return "batch"
    names = {2: ("length",), 3: ("length", "length"), 4: ("channels", "height", "width")}
    if rank == 5:
        return ("channels", "depth", "height", "width")[axis - 1]
    if rank == 2 and is_floating:
        return "length"
    return names[rank][axis - 1] if rank in names else None


@dataclass(slots=True)
class FreeNames:
    """The network's free dimensions: symbol of torch.export -> name."""

    names: dict[sympy.Symbol, str] = field(default_factory=dict[sympy.Symbol, str])

    def dim(self, size: Any) -> Dim:
        """`size` in terms of the free dimensions.

        Raises:
            SizeError: it depends on something else, or isn't such arithmetic.
        """
        if isinstance(size, int):
            return int(size)
        try:
            return self._said(size)
        except SizeError as error:
            error.symbols = (
                frozenset(size.node.expr.free_symbols) if isinstance(size, _SYMBOLIC) else frozenset()
            )
            raise

    def _said(self, size: Any) -> Dim:
        if isinstance(size, torch.SymInt):
            return self.expression(size.node.expr)
        if isinstance(size, torch.SymFloat | torch.SymBool) and free_unbacked_symbols(size):
            raise SizeError(
                "is a value of a tensor, which is known only when run: keep it a tensor, without item()"
            )
        raise SizeError(f"{size} is not an integer")

    def expression(self, expression: Any) -> Dim:
        """The same for an expression of sympy."""
        if expression.is_Integer:
            return int(expression)
        if expression.is_Symbol:
            if expression not in self.names:
                raise SizeError(f"{expression} depends on values of tensors")
            return symbol(self.names[expression])
        if expression.is_Add or expression.is_Mul:
            parts = [self.expression(each) for each in expression.args]
            total = parts[0]
            for part in parts[1:]:
                total = total + part if expression.is_Add else total * part
            return rounded(total)
        if expression.is_Pow and expression.args[1].is_Integer and expression.args[1] > 0:
            base, power = self.expression(expression.args[0]), int(expression.args[1])
            return base if power == 1 else base * self.expression(expression.args[0] ** (power - 1))
        quotient = _ROUNDED.get(type(expression).__name__)
        if quotient is not None:
            top, bottom = self._quotient(expression.args[0])
            if type(expression).__name__ == "TruncToInt" and expression.has(sympy.Float):
                _refuse_below_0(expression, top)
            return quotient(top, bottom)
        function = _FUNCTIONS.get(type(expression).__name__)
        if function is None:
            raise SizeError(f"{expression} is not integer arithmetic")
        parts = [self.expression(each) for each in expression.args]
        total = parts[0]
        for part in parts[1:]:
            total = _applied(function, total, part)
        return total

    def _quotient(self, expression: Any) -> tuple[Dim, Dim]:
        """A size in floating point (``(height - 0.5) / 2.0``, as `arange` counts) as two of integers."""
        name = type(expression).__name__
        if name == "ToFloat":
            return self.expression(expression.args[0]), 1
        if name == "IntTrueDiv":
            top, bottom = map(self.expression, expression.args)
            return top, bottom
        if expression.is_number and is_exact(float(expression)):
            return float(expression).as_integer_ratio()
        if name == "FloatTrueDiv":
            top, bottom = self._quotient(expression.args[0])
            divisor, times = self._quotient(expression.args[1])
            if isinstance(divisor, int) and divisor > 0:
                return top * times, bottom * divisor
        if expression.is_Add or expression.is_Mul:
            top, bottom = self._quotient(expression.args[0])
            for each in expression.args[1:]:
                numerator, denominator = self._quotient(each)
                top = top * denominator + numerator * bottom if expression.is_Add else top * numerator
                bottom = bottom * denominator
            return top, bottom
        raise SizeError(f"{expression} is not integer arithmetic")


def _refuse_below_0(expression: Any, top: Dim) -> None:
    if not exceeds(top + 1, 0):
        raise SizeError(f"{expression} is rounded towards 0, and may be below")


def _applied(function: str, one: Dim, other: Dim) -> Dim:
    """Of two sizes the larger or smaller, where free dimensions from 1 on leave no doubt."""
    if function in ("max", "min"):
        for size, against in ((one, other), (other, one)):
            if exceeds(size + 1, against):
                return size if function == "max" else against
    return FUNCTIONS[function](one, other)


@dataclass(slots=True)
class LocalSizes:
    """The dimensions that one block knows: those of its inputs by names of its own, others as arguments that it's passed.

    `known` maps a dimension, in the network's terms, to its name here.
    """

    known: Mapping[Dim, str]
    used: set[str] = field(default_factory=set[str])
    passed: dict[str, Dim] = field(default_factory=dict[str, Dim])
    """argument -> its value in the network's terms"""
    _atoms: dict[Any, Dim] = field(default_factory=dict[Any, Dim])

    def __post_init__(self) -> None:
        for dim, name in self.known.items():
            solved = _solve(dim, symbol(name))
            if solved is not None:
                self._atoms.setdefault(*solved)

    def local(self, dim: Dim) -> Dim:
        """`dim` in this block's terms; what no input tells becomes an argument."""
        if isinstance(dim, int):
            return dim
        if dim in self.known:
            return self._note(symbol(self.known[dim]))
        total: Dim = 0
        for monomial, coefficient in dim.terms:
            product: Dim = coefficient
            for atom in monomial:
                product = product * self._atom(atom)
            total = total + product
        return total

    def _atom(self, atom: Symbol | Call) -> Dim:
        if atom in self._atoms:
            return self._note(self._atoms[atom])
        if isinstance(atom, Call):
            of_known = self._quotient_of_known(atom)
            if of_known is not None:
                return of_known
            return FUNCTIONS[atom.function](self.local(atom.left), self.local(atom.right))
        self.passed[atom.name] = symbol(atom.name)
        return symbol(f"${atom.name}")

    def _quotient_of_known(self, atom: Call) -> Dim | None:
        """Where ``x // 4`` is known as `height`, ``(x + 8) // 16`` is ``(height + 2) // 4``."""
        for known, here in (
            self._atoms.items() if atom.function == "//" and isinstance(atom.right, int) else ()
        ):
            if isinstance(known, Call) and known.function == "//" and isinstance(known.right, int):
                more = atom.left - known.left
                if isinstance(more, int) and atom.right % known.right == more % known.right == 0:
                    return floor_div(self._note(here) + more // known.right, atom.right // known.right)
        return None

    def _note(self, dim: Dim) -> Dim:
        self.used |= symbols(dim)
        return dim


def _solve(dim: Dim, name: Expr) -> tuple[Symbol | Call, Dim] | None:
    """`dim = name`, solved for its first atom: ``h // 2 + 1 = height`` gives ``h // 2 -> height - 1``.

    Of half a size rounded up, ``-(-h // 2) = height``, it's ``-h // 2 -> -height``.
    """
    if isinstance(dim, int):
        return None
    monomial, coefficient = dim.terms[0]
    if abs(coefficient) != 1 or len(monomial) != 1:
        return None
    rest = Expr.__sub__(dim, coefficient * _single(monomial[0]))
    if isinstance(rest, Expr):
        return None
    return monomial[0], coefficient * (name - rest)


def _single(atom: Symbol | Call) -> Dim:
    if isinstance(atom, Symbol):
        return symbol(atom.name)
    return FUNCTIONS[atom.function](atom.left, atom.right)
