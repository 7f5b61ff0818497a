"""What a setting may be: each kind reads a literal into its one normal form and tells JSON Schema the same.

A literal is what an architecture holds (`None`, `bool`, `int`, `float`, `str`, an `Expr`, a tuple of these); `read` gives
its canonical form, `expand` the value that a layer's field has (a pair of ints where the literal is one int for both).
An `Expr` that still has arguments (`$channels`) passes `read` as it is: it's read again when they are known.
"""

from modelpack.layers.kinds.base import Kind, Literal, has_arguments, show
from modelpack.layers.kinds.compound import Axes, Either, Integers, ListOf, Nullable, Shape
from modelpack.layers.kinds.simple import Boolean, Choice, DTypeName, Integer, Number, Scalar, Text

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
    "show",
]
