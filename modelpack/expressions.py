"""Text -> Dim: the integer arithmetic that shapes and settings may use, and nothing beyond it.

sum    = term (("+" | "-") term)*
term   = factor (("*" | "//" | "%") factor)*
factor = "-" factor | number | name | "$" name | ("max" | "min") "(" sum "," sum ")" | "(" sum ")"
"""

from __future__ import annotations

import re
from functools import lru_cache

from modelpack.dims import FUNCTIONS, Dim, TooComplex, symbol, within_range

__all__ = ["MAX_LENGTH", "ExpressionError", "parse_dim"]

MAX_LENGTH = 256
"""Longest expression in characters; also bounds the depth of the parser's recursion and the work of expanding."""

_MAX_PARENTHESES = 16
_NAME = re.compile(r"\$?[A-Za-z_][A-Za-z0-9_]*")
_TOKEN = re.compile(r"\s*(//|[-+*%(),]|\$?[A-Za-z_][A-Za-z0-9_]*|[0-9]+)")


class ExpressionError(ValueError):
    """The text isn't such arithmetic; the message says where it stops making sense."""


@lru_cache(maxsize=4096)
def parse_dim(text: str) -> Dim:
    """The integer expression that `text` is.

    Raises:
        ExpressionError: `text` is no such expression, is too long, divides by zero, or has a number of more than 64 bits.
    """
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"an expression may have {MAX_LENGTH} characters, this one has {len(text)}")
    if _NAME.fullmatch(text):
        return symbol(text)
    parser = _Parser(_tokens(text))
    try:
        value = parser.sum()
        if isinstance(value, int):
            within_range(value)
    except ZeroDivisionError:
        raise ExpressionError(f"'{text}' divides by zero") from None
    except TooComplex as error:
        raise ExpressionError(f"'{text}' is too complex: {error}") from None
    if parser.peek():
        raise ExpressionError(f"'{text}' has '{parser.peek()}' where it should end")
    return value


def _tokens(text: str) -> list[str]:
    tokens: list[str] = []
    end = len(text.rstrip())
    at = 0
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None:
            raise ExpressionError(f"'{text}' has '{text[at:].strip()[0]}', which integer arithmetic has not")
        tokens.append(match[1])
        at = match.end()
    if max(_depths(tokens), default=0) > _MAX_PARENTHESES:
        raise ExpressionError(f"'{text}' nests parentheses deeper than {_MAX_PARENTHESES}")
    return tokens


def _instead(found: str, wanted: str) -> ExpressionError:
    return ExpressionError(
        f"'{found}' stands where {wanted} should" if found else f"it ends where {wanted} should stand"
    )


def _depths(tokens: list[str]) -> list[int]:
    depth, depths = 0, [0]
    for token in tokens:
        depth += {"(": 1, ")": -1}.get(token, 0)
        depths.append(depth)
    return depths


class _Parser:
    """Recursive descent over a list of tokens; each method takes the longest rule of its name."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._at = 0

    def peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def sum(self) -> Dim:
        value = self._term()
        while self.peek() in ("+", "-"):
            value = value + self._term() if self._take() == "+" else value - self._term()
        return value

    def _term(self) -> Dim:
        value = self._factor()
        while self.peek() in ("*", "//", "%"):
            operator = self._take()
            right = self._factor()
            value = value * right if operator == "*" else FUNCTIONS[operator](value, right)
        return value

    def _factor(self) -> Dim:
        negative = False
        while self.peek() == "-":
            self._take()
            negative = not negative
        value = self._atom()
        return -value if negative else value

    def _atom(self) -> Dim:
        token = self._take()
        if token == "(":
            return self._closed(self.sum())
        if token.isdigit():
            return within_range(int(token))
        if token in ("max", "min") and self.peek() == "(":
            self._expect("(")
            left = self.sum()
            self._expect(",")
            return self._closed(FUNCTIONS[token](left, self.sum()))
        if _NAME.fullmatch(token):
            return symbol(token)
        raise _instead(token, "a number or a name")

    def _closed(self, value: Dim) -> Dim:
        self._expect(")")
        return value

    def _expect(self, token: str) -> None:
        found = self._take()
        if found != token:
            raise _instead(found, f"'{token}'")

    def _take(self) -> str:
        token = self.peek()
        self._at += 1
        return token
