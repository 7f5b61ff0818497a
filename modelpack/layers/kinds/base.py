"""What a kind is, and what kinds share: literals, how they are shown, arguments that stand in for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from modelpack.dims import Expr, symbols
from modelpack.expressions import ExpressionError, parse_dim

__all__ = ["Kind", "Literal", "argument_of", "has_arguments", "refuse", "show"]

Literal = None | bool | int | float | str | Expr | tuple["Literal", ...]


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


def refuse(kind: Kind, value: Literal) -> ValueError:
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


def argument_of(value: Literal) -> Expr | None:
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
