"""What a setting may be: each kind reads a literal into its one normal form and tells JSON Schema the same.

A literal is what an architecture holds (`None`, `bool`, `int`, `float`, `str`, an `Expr`, a tuple of these); `read` gives
its canonical form, `expand` the value that a layer's field has (a pair of ints where the literal is one int for both).
An `Expr` that still has arguments (`$channels`) passes `read` as it is: it's read again when they are known.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from modelpack.dims import Expr, symbols
from modelpack.dtypes import DType
from modelpack.expressions import ExpressionError, parse_dim

__all__ = [
    "Axes",
    "Boolean",
    "Choice",
    "DTypeName",
    "Either",
    "Integer",
    "Integers",
    "Kind",
    "ListOf",
    "Literal",
    "Nullable",
    "Number",
    "Scalar",
    "Shape",
    "Text",
    "has_arguments",
]

Literal = None | bool | int | float | str | Expr | tuple["Literal", ...]

_INT64 = 2**63


class Kind(Protocol):
    """The type of a setting."""

    def read(self, value: Literal) -> Literal:
        """The canonical form of `value`.

        Raises:
            ValueError: it's not of this kind; the message completes "<setting> must be …".
        """
        ...

    def expand(self, literal: Literal) -> Any:
        """The field's value for a canonical literal without arguments."""
        ...

    def describe(self) -> str:
        """The kind in words: "a positive integer"."""
        ...

    def schema(self) -> Mapping[str, Any]:
        """JSON Schema of the literals that `read` takes (arguments and modes are added by the generator)."""
        ...


def has_arguments(value: Literal) -> bool:
    """Whether `value` depends on arguments of a block, so that it can't be judged yet."""
    if isinstance(value, Expr):
        return any(name.startswith("$") for name in symbols(value))
    return isinstance(value, tuple) and any(has_arguments(item) for item in value)


def _refuse(kind: Kind, value: Literal) -> ValueError:
    return ValueError(f"must be {kind.describe()}, not {show(value)}")


def show(value: Literal) -> str:
    """`value` as it would be written in an architecture."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"'{value}'" if len(value) <= 40 else f"'{value[:40]}…'"
    if isinstance(value, tuple):
        return "[" + ", ".join(map(show, value[:8])) + (", …]" if len(value) > 8 else "]")
    return str(value)


def _argument(value: Literal) -> Expr | None:
    """The expression that a string beginning with `$` stands for, in settings that aren't integers."""
    if isinstance(value, Expr):
        return value if has_arguments(value) else None
    if isinstance(value, str) and value.startswith("$"):
        try:
            parsed = parse_dim(value)
        except ExpressionError:
            return None
        return parsed if isinstance(parsed, Expr) else None
    return None


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
            raise _refuse(self, value)
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
        raise _refuse(self, value)

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
class Integers:
    """A list of integers. With a `length`, one integer stands for all: the normal form where all are equal."""

    item: Kind = Integer()
    length: int | None = None

    def read(self, value: Literal) -> Literal:
        if isinstance(value, tuple):
            if self.length is not None and len(value) != self.length:
                raise _refuse(self, value)
            items = tuple(self._item(item) for item in value)
            if self.length and all(item == items[0] for item in items):
                return items[0]
            return items
        if self.length is None:
            found = _argument(value)
            if found is not None:
                return found
            raise _refuse(self, value)
        return self._item(value)

    def _item(self, value: Literal) -> Literal:
        try:
            return self.item.read(value)
        except ValueError as error:
            if isinstance(value, str | Expr):
                raise
            raise _refuse(self, value) from error

    def expand(self, literal: Literal) -> Any:
        if isinstance(literal, tuple) or self.length is None:
            return literal
        return (literal,) * self.length

    def describe(self) -> str:
        if self.length is None:
            return f"a list of integers, each {self.item.describe()}"
        if self.length == 1:
            return f"{self.item.describe()} (or a list of one)"
        return f"{self.item.describe()} or a list of {self.length}"

    def schema(self) -> Mapping[str, Any]:
        many: dict[str, Any] = {"type": "array", "items": self.item.schema()}
        if self.length is None:
            return many
        many |= {"minItems": self.length, "maxItems": self.length}
        return {"anyOf": [self.item.schema(), many]}


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of one axis or more, all fixed; one integer alone, the normal form, is a shape of one axis."""

    def read(self, value: Literal) -> Literal:
        items = value if isinstance(value, tuple) else (value,)
        if not items:
            raise _refuse(self, value)
        try:
            sizes = tuple(Integer(1).read(item) for item in items)
        except ValueError as error:
            raise (error if isinstance(value, str | Expr) else _refuse(self, value)) from None
        return sizes[0] if len(sizes) == 1 else sizes

    def expand(self, literal: Literal) -> Any:
        return literal if isinstance(literal, tuple) else (literal,)

    def describe(self) -> str:
        return "a positive integer or a list of them"

    def schema(self) -> Mapping[str, Any]:
        one = Integer(1).schema()
        return {"anyOf": [one, {"type": "array", "items": one, "minItems": 1}]}


@dataclass(frozen=True, slots=True)
class Axes:
    """One axis or several different ones; a lone integer is the normal form of a single one. Where `all_by_default`,
    null and the empty list stand for every axis, null being the normal form."""

    all_by_default: bool = False

    def read(self, value: Literal) -> Literal:
        if self.all_by_default and (value is None or value == ()):
            return None
        items = value if isinstance(value, tuple) else (value,)
        if not items or len(set(items)) < len(items):
            raise _refuse(self, value)
        try:
            axes = tuple(Integer().read(item) for item in items)
        except ValueError as error:
            raise (error if isinstance(value, str | Expr) else _refuse(self, value)) from None
        return axes[0] if len(axes) == 1 else axes

    def expand(self, literal: Literal) -> Any:
        return literal if literal is None or isinstance(literal, tuple) else (literal,)

    def describe(self) -> str:
        text = "an axis or a list of different axes"
        return f"{text}, or null for all" if self.all_by_default else text

    def schema(self) -> Mapping[str, Any]:
        one = Integer().schema()
        many = {"type": "array", "items": one, "minItems": 0 if self.all_by_default else 1, "uniqueItems": True}
        return {"anyOf": [one, many, *([{"type": "null"}] if self.all_by_default else [])]}


@dataclass(frozen=True, slots=True)
class Boolean:
    """`true` or `false`, never a number or a word."""

    def read(self, value: Literal) -> Literal:
        if isinstance(value, bool):
            return value
        found = _argument(value)
        if found is None:
            raise _refuse(self, value)
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
            raise _refuse(self, value)
        found = _argument(value)
        if found is None:
            raise _refuse(self, value)
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
                return parse_dim(value)
            except ExpressionError as error:
                raise ValueError(f"must be {self.describe()}: {error}") from None
        raise _refuse(self, value)

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
        found = _argument(value)
        if found is None:
            raise _refuse(self, value)
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
        found = _argument(value)
        if found is not None:
            return found
        if isinstance(value, str) and len(value) <= self.maximum:
            return value
        raise _refuse(self, value)

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
        found = _argument(value)
        if found is None:
            raise _refuse(self, value)
        return found

    def expand(self, literal: Literal) -> Any:
        return None if literal is None else DType(literal)

    def describe(self) -> str:
        return "a dtype such as 'float32'"

    def schema(self) -> Mapping[str, Any]:
        return {"enum": list(_DTYPES)}


_DTYPES = tuple(dtype.value for dtype in DType)


@dataclass(frozen=True, slots=True)
class Nullable:
    """A kind, or `null`."""

    kind: Kind

    def read(self, value: Literal) -> Literal:
        if value is None:
            return None
        try:
            return self.kind.read(value)
        except ValueError as error:
            raise ValueError(f"{error} (or null)") from None

    def expand(self, literal: Literal) -> Any:
        return None if literal is None else self.kind.expand(literal)

    def describe(self) -> str:
        return f"{self.kind.describe()} or null"

    def schema(self) -> Mapping[str, Any]:
        return {"anyOf": [self.kind.schema(), {"type": "null"}]}


@dataclass(frozen=True, slots=True)
class Either:
    """One of several kinds; the first that takes the value decides."""

    kinds: tuple[Kind, ...]

    def read(self, value: Literal) -> Literal:
        for kind in self.kinds:
            try:
                return kind.read(value)
            except ValueError:
                continue
        raise _refuse(self, value)

    def expand(self, literal: Literal) -> Any:
        for kind in self.kinds:
            try:
                kind.read(literal)
            except ValueError:
                continue
            return kind.expand(literal)
        raise _refuse(self, literal)

    def describe(self) -> str:
        return " or ".join(kind.describe() for kind in self.kinds)

    def schema(self) -> Mapping[str, Any]:
        return {"anyOf": [kind.schema() for kind in self.kinds]}


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of literals of one kind."""

    kind: Kind
    length: int | None = None

    def read(self, value: Literal) -> Literal:
        if isinstance(value, tuple) and self.length in (None, len(value)):
            return tuple(self.kind.read(item) for item in value)
        found = _argument(value)
        if found is None:
            raise _refuse(self, value)
        return found

    def expand(self, literal: Literal) -> Any:
        return tuple(self.kind.expand(item) for item in literal) if isinstance(literal, tuple) else literal

    def describe(self) -> str:
        count = "" if self.length is None else f"{self.length} items, "
        return f"a list of {count}each {self.kind.describe()}"

    def schema(self) -> Mapping[str, Any]:
        many: dict[str, Any] = {"type": "array", "items": self.kind.schema()}
        return many if self.length is None else many | {"minItems": self.length, "maxItems": self.length}
