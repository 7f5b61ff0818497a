"""Settings of one value: integers, truth values, numbers, words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelpack.dims import Expr
from modelpack.dtypes import DType
from modelpack.expressions import ExpressionError, parse_dim
from modelpack.layers.kinds.base import Literal, argument_of, has_arguments, refuse

__all__ = ["Boolean", "Choice", "DTypeName", "Integer", "Number", "Scalar", "Text"]

_INT64 = 2**63


@dataclass(frozen=True, slots=True)
class Integer:
    """An integer within bounds; `symbolic` ones may depend on free dimensions."""

    minimum: int = -_INT64
    maximum: int = _INT64 - 1
    symbolic: bool = False

    def read(self, value: Literal) -> Literal:
        if type(value) is int:
            if self.minimum <= value <= self.maximum:
                return value
            raise refuse(self, value)
        if isinstance(value, str):
            try:
                value = parse_dim(value)
            except ExpressionError as error:
                raise ValueError(f"must be {self.describe()}: {error}") from None
            return self.read(value)
        if isinstance(value, Expr) and (self.symbolic or has_arguments(value)):
            return value
        if isinstance(value, Expr):
            raise ValueError(f"must be a fixed integer, not '{value}', which is known only when called")
        raise refuse(self, value)

    def expand(self, literal: Literal) -> Any:
        return literal

    def describe(self) -> str:
        names = {0: "an integer of at least 0", 1: "a positive integer", -_INT64: "an integer"}
        text = names.get(self.minimum, f"an integer of at least {self.minimum}")
        return text if self.maximum == _INT64 - 1 else f"an integer from {self.minimum} to {self.maximum}"

    def schema(self) -> Mapping[str, Any]:
        bounds: dict[str, Any] = {"type": ["integer", "string"]}
        if self.minimum != -_INT64:
            bounds["minimum"] = self.minimum
        if self.maximum != _INT64 - 1:
            bounds["maximum"] = self.maximum
        return bounds


@dataclass(frozen=True, slots=True)
class Boolean:
    """`true` or `false`, never a number or a word."""

    def read(self, value: Literal) -> Literal:
        if isinstance(value, bool):
            return value
        found = argument_of(value)
        if found is None:
            raise refuse(self, value)
        return found

    def expand(self, literal: Literal) -> Any:
        return literal

    def describe(self) -> str:
        return "true or false"

    def schema(self) -> Mapping[str, Any]:
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True)
class Number:
    """A real number, finite unless `finite` is False; integers become floats."""

    minimum: float = -math.inf
    maximum: float = math.inf
    finite: bool = True

    def read(self, value: Literal) -> Literal:
        if isinstance(value, int | float) and not isinstance(value, bool):
            number = float(value)
            if number != value and isinstance(value, int):
                raise ValueError(f"must be {self.describe()}, and {value} is no 64-bit float exactly")
            inside = self.minimum <= number <= self.maximum or math.isnan(number)
            if inside and (math.isfinite(number) or not self.finite):
                return number
            raise refuse(self, value)
        found = argument_of(value)
        if found is None:
            raise refuse(self, value)
        return found

    def expand(self, literal: Literal) -> Any:
        return literal

    def describe(self) -> str:
        if self.minimum > -math.inf and self.maximum < math.inf:
            return f"a number from {self.minimum:g} to {self.maximum:g}"
        if self.minimum > -math.inf:
            return f"a number of at least {self.minimum:g}"
        return "a number"

    def schema(self) -> Mapping[str, Any]:
        bounds: dict[str, Any] = {"type": "number"}
        if self.minimum > -math.inf:
            bounds["minimum"] = self.minimum
        if self.maximum < math.inf:
            bounds["maximum"] = self.maximum
        return bounds


@dataclass(frozen=True, slots=True)
class Scalar:
    """A number that takes part in arithmetic with a tensor: boolean, integer (symbolic too) or float, kept apart."""

    def read(self, value: Literal) -> Literal:
        if isinstance(value, bool | float | Expr):
            return value
        if isinstance(value, int):
            return Integer().read(value)
        if isinstance(value, str):
            try:
                return parse_dim(value)  # of 64 bits, as `Integer` is
            except ExpressionError as error:
                raise ValueError(f"must be {self.describe()}: {error}") from None
        raise refuse(self, value)

    def expand(self, literal: Literal) -> Any:
        return literal

    def describe(self) -> str:
        return "a number, true or false"

    def schema(self) -> Mapping[str, Any]:
        return {"type": ["number", "boolean", "string"]}


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words."""

    options: tuple[str, ...]

    def read(self, value: Literal) -> Literal:
        if isinstance(value, str) and value in self.options:
            return value
        found = argument_of(value)
        if found is None:
            raise refuse(self, value)
        return found

    def expand(self, literal: Literal) -> Any:
        return literal

    def describe(self) -> str:
        quoted = [f"'{option}'" for option in self.options]
        return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"

    def schema(self) -> Mapping[str, Any]:
        return {"enum": list(self.options)}


@dataclass(frozen=True, slots=True)
class Text:
    """A short string with a grammar of its own, which the rule checks (an einsum equation)."""

    maximum: int = 256

    def read(self, value: Literal) -> Literal:
        found = argument_of(value)
        if found is not None:
            return found
        if isinstance(value, str) and len(value) <= self.maximum:
            return value
        raise refuse(self, value)

    def expand(self, literal: Literal) -> Any:
        return literal

    def describe(self) -> str:
        return f"a string of at most {self.maximum} characters"

    def schema(self) -> Mapping[str, Any]:
        return {"type": "string", "maxLength": self.maximum}


@dataclass(frozen=True, slots=True)
class DTypeName:
    """The name of a dtype; expands to the `DType`."""

    def read(self, value: Literal) -> Literal:
        if isinstance(value, str) and value in _DTYPES:
            return value
        found = argument_of(value)
        if found is None:
            raise refuse(self, value)
        return found

    def expand(self, literal: Literal) -> Any:
        return None if literal is None else DType(literal)

    def describe(self) -> str:
        return "a dtype such as 'float32'"

    def schema(self) -> Mapping[str, Any]:
        return {"enum": list(_DTYPES)}


_DTYPES = tuple(dtype.value for dtype in DType)
