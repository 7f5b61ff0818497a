"""The pieces that schemas are made of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["DIALECT", "Schema", "closed", "many", "named", "ref", "whole"]

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def closed(properties: Mapping[str, Schema], required: Iterable[str] = ()) -> Schema:
    """An object that has these keys and no other."""
    wanted = list(required)
    told: Schema = {"type": "object", "properties": dict(properties)}
    return told | ({"required": wanted} if wanted else {}) | {"additionalProperties": False}


def named(values: Schema, names: re.Pattern[str]) -> Schema:
    """An object with any keys that are such names."""
    return {"type": "object", "propertyNames": {"pattern": whole(names)}, "additionalProperties": values}


def many(items: Schema, **bounds: int) -> Schema:
    return {"type": "array", "items": items, **bounds}


def ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def whole(pattern: re.Pattern[str]) -> str:
    return f"^{pattern.pattern}$"
