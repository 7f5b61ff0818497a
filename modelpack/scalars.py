"""Plain text -> scalar: YAML 1.2's core schema, less what other readers take for another number.

`no`, `on`, `1:30` and dates are texts, `1e-5` is a number. `017`, `0o17` and `0x1F` are refused: to
YAML 1.1 the first is 15 and the second a text.
"""

from __future__ import annotations

import math
import re
import unicodedata
from typing import TypeAlias

from modelpack.characters import CONTROL_IN_KEY, forbidden
from modelpack.errors import Problem

__all__ = ["Atom", "key_problem", "resolve"]

Atom: TypeAlias = str | int | float | bool | None

# fmt: off
_WORDS: dict[str, Atom] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True,
    "false": False, "False": False, "FALSE": False,
    ".nan": math.nan, ".NaN": math.nan, ".NAN": math.nan,
    ".inf": math.inf, ".Inf": math.inf, ".INF": math.inf,
    "+.inf": math.inf, "+.Inf": math.inf, "+.INF": math.inf,
    "-.inf": -math.inf, "-.Inf": -math.inf, "-.INF": -math.inf,
}
# fmt: on
_NUMBER_BEGINS = frozenset("+-.0123456789")
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9]+")
_OCTAL_OR_HEXADECIMAL = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_MOST_DIGITS = 64
"""Characters of a number: Python writes every float in at most 24."""


def resolve(text: str) -> Atom | Problem:
    """The value of an unquoted scalar, or a Problem (without its place) if it can't be carried exactly."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMBER_BEGINS:
        return text
    if _INTEGER.fullmatch(text):
        return _integer(text)
    if _LEADING_ZERO.fullmatch(text):
        return Problem(
            "MP115",
            f"the number {_shortened(text)} begins with 0, which some YAML readers take for octal",
            hint="leave out the leading zeros, or write it in quotes if it is a text",
        )
    if _FLOAT.fullmatch(text):
        return _float(text)
    if _OCTAL_OR_HEXADECIMAL.fullmatch(text):
        return Problem(
            "MP115",
            f"the number {_shortened(text)} is octal or hexadecimal, which YAML readers read differently",
            hint="write it in decimal, or in quotes if it is a text",
        )
    return text


def key_problem(text: str, *, plain: bool) -> Problem | None:
    """What is wrong with a key, if anything (without its place); `plain`: written without quotes."""
    if (found := CONTROL_IN_KEY.search(text)) is not None:
        return forbidden(found[0], "a key")
    # Two spellings of the same letters would be two layers that look alike.
    if not text.isascii() and unicodedata.normalize("NFC", text) != text:
        hint = f"write it as {unicodedata.normalize('NFC', text)!a}"
        return Problem("MP114", f"the key {text!a} is not in Unicode normal form C", hint=hint)
    if not plain:
        return None
    if text == "<<":
        hint = "write the keys out, or use a block for layers that repeat"
        return Problem("MP110", "the merge key << is not allowed", hint=hint)
    value = resolve(text)
    if isinstance(value, str):
        return None
    kind = "null" if value is None else "a truth value" if isinstance(value, bool) else "a number"
    return Problem("MP112", f"a key must be a text, but {text} is {kind}", hint=f"write '{text}' in quotes")


def _integer(text: str) -> int | Problem:
    # Lengths come first: converting a million digits takes long.
    if len(text) <= _MOST_DIGITS and -(1 << 63) <= (number := int(text)) < 1 << 63:
        return number
    return Problem("MP116", f"the integer {_shortened(text)} does not fit into 64 bits")


def _float(text: str) -> float | Problem:
    if len(text) > _MOST_DIGITS:
        return Problem("MP116", f"the number {_shortened(text)} has more than {_MOST_DIGITS} characters")
    number = float(text)
    mantissa = re.split("[eE]", text)[0]
    if math.isinf(number):
        return Problem(
            "MP116",
            f"the number {text} is too large for a 64-bit float",
            hint="write .inf or -.inf if infinity is meant",
        )
    if number == 0 and mantissa.strip("+-.0"):
        return Problem(
            "MP116",
            f"the number {text} is too small for a 64-bit float",
            hint="write 0.0 if zero is meant",
        )
    return number


def _shortened(text: str) -> str:
    return text if len(text) <= 32 else f"{text[:12]}…{text[-4:]} ({len(text)} characters)"
