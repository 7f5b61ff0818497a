"""Settings made of others: lists, choices between kinds, `null` beside a kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelpack.dims import Expr
from modelpack.layers.kinds.base import Kind, Literal, argument_of, refuse
from modelpack.layers.kinds.simple import Integer

__all__ = ["Axes", "Either", "Integers", "ListOf", "Nullable", "Shape"]


_ANY = Integer()


@dataclass(frozen=True, slots=True)
class Integers:
    """A list of integers. With a `length`, one integer stands for all: the normal form where all are equal."""

    item: Kind = _ANY
    length: int | None = None

    def read(self, value: Literal) -> Literal:
        if isinstance(value, tuple):
            if self.length is not None and len(value) != self.length:
                raise refuse(self, value)
            items = tuple(self._item(item) for item in value)
            if self.length and all(item == items[0] for item in items):
                return items[0]
            return items
        if self.length is None:
            found = argument_of(value)
            if found is not None:
                return found
            raise refuse(self, value)
        return self._item(value)

    def _item(self, value: Literal) -> Literal:
        try:
            return self.item.read(value)
        except ValueError as error:
            if isinstance(value, str | Expr):
                raise
            raise refuse(self, value) from error

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
            raise refuse(self, value)
        try:
            sizes = tuple(Integer(1).read(item) for item in items)
        except ValueError as error:
            raise (error if isinstance(value, str | Expr) else refuse(self, value)) from None
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
            raise refuse(self, value)
        try:
            axes = tuple(Integer().read(item) for item in items)
        except ValueError as error:
            raise (error if isinstance(value, str | Expr) else refuse(self, value)) from None
        return axes[0] if len(axes) == 1 else axes

    def expand(self, literal: Literal) -> Any:
        return literal if literal is None or isinstance(literal, tuple) else (literal,)

    def describe(self) -> str:
        text = "an axis or a list of different axes"
        return f"{text}, or null for all" if self.all_by_default else text

    def schema(self) -> Mapping[str, Any]:
        one = Integer().schema()
        many = {
            "type": "array",
            "items": one,
            "minItems": 0 if self.all_by_default else 1,
            "uniqueItems": True,
        }
        return {"anyOf": [one, many, *([{"type": "null"}] if self.all_by_default else [])]}


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
        raise refuse(self, value)

    def expand(self, literal: Literal) -> Any:
        for kind in self.kinds:
            try:
                kind.read(literal)
            except ValueError:
                continue
            return kind.expand(literal)
        raise refuse(self, literal)

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
        found = argument_of(value)
        if found is None:
            raise refuse(self, value)
        return found

    def expand(self, literal: Literal) -> Any:
        return tuple(self.kind.expand(item) for item in literal) if isinstance(literal, tuple) else literal

    def describe(self) -> str:
        count = "" if self.length is None else f"{self.length} items, "
        return f"a list of {count}each {self.kind.describe()}"

    def schema(self) -> Mapping[str, Any]:
        many: dict[str, Any] = {"type": "array", "items": self.kind.schema()}
        return many if self.length is None else many | {"minItems": self.length, "maxItems": self.length}
