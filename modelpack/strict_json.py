"""Bytes -> JSON object: strictly, for safetensors headers and manifests.

`parse_object(data, what, limits) -> dict`. The order of the checks: UTF-8, number of parts, JSON, unique
keys, depth. Python's parser alone would keep the last of two equal keys and read `NaN`.
"""

from __future__ import annotations

import json
from typing import NoReturn, cast

from modelpack.errors import PackError, Problem
from modelpack.limits import Limits

__all__ = ["JsonObject", "JsonValue", "parse_object", "refuse"]


JsonValue = None | bool | int | float | str | list["JsonValue"] | dict[str, "JsonValue"]
JsonObject = dict[str, JsonValue]

# No valid file needs more: a header has 2 lists and 2 objects (with the manifest's: 1) for each tensor. Empty
# lists cost 20 bytes of memory for each byte of text, so their number is capped before they are made.
_OBJECTS_PER_TENSOR = 4
_LISTS_PER_TENSOR = 4
_COMMAS_PER_TENSOR = 16


def refuse(code: str, message: str, path: str = "", hint: str | None = None) -> NoReturn:
    """Raise a `PackError` with one problem."""
    raise PackError(Problem(code, message, path=path, hint=hint))


def parse_object(data: bytes, what: str, limits: Limits) -> JsonObject:
    """The JSON object that `data` holds; `what` names the file in errors.

    Raises:
        PackError: MP533 not UTF-8; MP534 not JSON or not an object; MP535 a key twice; MP536 too deep or too
        many parts.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        refuse("MP533", f"byte {error.start} isn't UTF-8", what)
    _count_parts(data, what, limits)
    try:
        value = cast(JsonValue, _DECODER.decode(text))
    except _DuplicateError as error:
        refuse("MP535", f"the key {error.key!r:.100} stands twice in one object", what)
    except RecursionError:
        refuse("MP536", "lists or objects are nested too deeply", what)
    except ValueError as error:  # json.JSONDecodeError is one; so is an integer of over 4,300 digits
        refuse("MP534", f"not valid JSON: {error}", what)
    if not isinstance(value, dict):
        refuse("MP534", f"a JSON object was expected, this is a {type(value).__name__}", what)
    return value


def _count_parts(data: bytes, what: str, limits: Limits) -> None:
    allowed = limits.tensors + 100
    for mark, per_tensor in (
        (b"{", _OBJECTS_PER_TENSOR),
        (b"[", _LISTS_PER_TENSOR),
        (b",", _COMMAS_PER_TENSOR),
    ):
        if data.count(mark) > allowed * per_tensor:
            refuse("MP536", f"more than {allowed * per_tensor} times {mark.decode()!r}: too many parts", what)


class _DuplicateError(Exception):
    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


def _unique(pairs: list[tuple[str, JsonValue]]) -> JsonObject:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _DuplicateError(key)
            seen.add(key)
    return result


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} isn't JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant)
