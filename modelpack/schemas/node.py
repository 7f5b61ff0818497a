"""Layer types -> the schema of a layer."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice

from modelpack.canonical import LAST
from modelpack.layers.base import LayerType
from modelpack.manifest import MODES
from modelpack.reading import PATH
from modelpack.schemas.parts import Schema, closed, many, ref, whole
from modelpack.schemas.settings import Kinds, is_json, plain, setting_schema
from modelpack.schemas.words import NODE_WORDS, type_summary, type_text, words_of

__all__ = ["OF_A_LAYER", "node_schema"]

OF_A_LAYER = ("inputs", "repeat", "from", "frozen", "init", "when")
"""What stands beside any type."""
_OF_A_PART = ("take", "outputs", "rename", "reset", "shared")
_OF_A_CALL = ("inputs", "when")


def node_schema(types: Mapping[str, LayerType], kinds: Kinds) -> Schema:
    """One of the types, `use` or `call`, and what may stand beside it."""
    keywords = {key: schema | words_of(key, NODE_WORDS[key]) for key, schema in _keywords().items()}
    layers = {name: _layer(types[name], kinds) for name in sorted(types)}
    return closed(keywords | layers) | {
        "minProperties": 1,
        "not": {"propertyNames": {"enum": ["with", *OF_A_LAYER, *_OF_A_PART]}},
        "dependentRequired": {"from": ["repeat"]},
        "dependentSchemas": {
            "use": {"propertyNames": {"enum": ["use", "with", *OF_A_LAYER, *_OF_A_PART]}},
            "call": {"propertyNames": {"enum": ["call", *_OF_A_CALL]}},
            "with": {"propertyNames": {"enum": ["use", "with", *OF_A_LAYER]}},
            **{name: {"propertyNames": _beside(name)} for name in sorted(types)},
        },
    }


def _beside(name: str) -> Schema:
    return {"anyOf": [{"const": name}, ref("of-a-layer")]}


def _keywords() -> dict[str, Schema]:
    return {
        "use": {"type": "string"},
        "with": {"type": "object", "additionalProperties": ref("literal")},
        "call": ref("reference"),
        "inputs": ref("references") | {"type": ["array", "object", "string"]},
        "repeat": ref("dim") | {"minimum": 1},
        "from": {"type": ["integer", "string"], "minimum": 0, "maximum": LAST, "default": 0},
        "frozen": {"type": ["boolean", "array"], "items": ref("reference"), "default": False},
        "init": {"type": "object", "additionalProperties": ref("init")},
        "when": {"enum": sorted(MODES, reverse=True)},
        **_part(),
    }


def _part() -> dict[str, Schema]:
    """The keys of a part of an import."""
    name = ref("reference")
    return {
        "take": {
            "type": ["string", "array", "object"],
            "maxLength": 256,
            "items": name,
            "minItems": 2,
            "maxItems": 2,
            "properties": {"from": name, "to": name},
            "minProperties": 1,
            "additionalProperties": False,
        },
        "outputs": {"type": ["array", "object"], "items": name, "additionalProperties": name},
        "rename": {
            "type": "object",
            "additionalProperties": name | {"pattern": whole(PATH)},
        },
        "reset": many(name),
        "shared": {"type": "boolean", "default": False},
    }


def _layer(kind: LayerType, kinds: Kinds) -> Schema:
    settings = {name: setting_schema(kind, each, kinds) for name, each in kind.settings.items()}
    given = (each.settings for each in kind.examples if all(map(is_json, each.settings.values())))
    examples = [{name: plain(value) for name, value in each.items()} for each in islice(given, 1)]
    return {
        "description": f"{type_summary(kind)}\n\n{kind.source}",
        "markdownDescription": type_text(kind),
        "examples": examples,
        **closed(settings, kind.required),
    }
