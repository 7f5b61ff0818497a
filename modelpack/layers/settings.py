"""How a declaration writes its settings: what each may be, what it means, and its default."""

from __future__ import annotations

from dataclasses import MISSING, dataclass
from typing import Any, cast

from modelpack.layers.kinds import (
    Boolean,
    Choice,
    DTypeName,
    Integer,
    Integers,
    Kind,
    Literal,
    Nullable,
    Number,
    Scalar,
)

__all__ = [
    "PARAMETER_DTYPE",
    "Setting",
    "choice",
    "flag",
    "number",
    "operand",
    "optional_number",
    "parameter_dtype",
    "setting",
    "size",
    "sizes",
]

PARAMETER_DTYPE = "the architecture's"
"""The default of `parameter_dtype`: filled in from the architecture."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of a layer type; `default` is a canonical literal, `MISSING` where it must be given."""

    name: str
    kind: Kind
    doc: str
    default: Any
    axis: int | None = None

    @property
    def required(self) -> bool:
        return self.default is MISSING


def setting(kind: Kind, doc: str, *, default: Any = MISSING, axis: int | None = None) -> Any:
    """A setting of any kind; `default` is the canonical literal. With `axis`, it equals that axis of the first input."""
    if default is not MISSING and default != PARAMETER_DTYPE:
        default = kind.read(cast("Literal", default))
    return Setting("", kind, doc, default, axis)


def size(doc: str, *, axis: int | None = None, default: Any = MISSING, minimum: int = 1) -> Any:
    """A count that must be known before the network is built."""
    return setting(Integer(minimum), doc, default=default, axis=axis)


def sizes(length: int, doc: str, *, default: Any = MISSING, minimum: int = 1) -> Any:
    """`length` integers, or one for all; the field holds a tuple."""
    return setting(Integers(Integer(minimum), length), doc, default=default)


def flag(doc: str, *, default: Any = MISSING) -> Any:
    """`true` or `false`."""
    return setting(Boolean(), doc, default=default)


def number(
    doc: str, *, default: Any = MISSING, minimum: float | None = None, maximum: float | None = None
) -> Any:
    """A float."""
    low = float("-inf") if minimum is None else minimum
    return setting(Number(low, float("inf") if maximum is None else maximum), doc, default=default)


def choice(*options: str, doc: str, default: Any = MISSING) -> Any:
    """One of the words `options`."""
    return setting(Choice(options), doc, default=default)


def optional_number(doc: str, *, default: Any = None) -> Any:
    """A float or `null`."""
    return setting(Nullable(Number()), doc, default=default)


def operand(doc: str) -> Any:
    """A number that may stand in for the tensor port of the same name."""
    return setting(Nullable(Scalar()), doc, default=None)


def parameter_dtype() -> Any:
    """The dtype of the parameters: the architecture's, unless given."""
    return setting(
        DTypeName(), "dtype of the parameters; the architecture's where not given", default=PARAMETER_DTYPE
    )
