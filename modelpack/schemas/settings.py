"""A setting -> the schema of its values; kinds that are alike are defined once."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Any

from modelpack.dims import Expr
from modelpack.layers.base import PARAMETER_DTYPE, LayerType, Setting
from modelpack.layers.kinds import Kind, Literal
from modelpack.schemas.parts import Schema, closed, ref
from modelpack.schemas.words import setting_text

__all__ = ["Kinds", "is_json", "plain", "setting_schema"]


def setting_schema(kind: LayerType, setting: Setting, kinds: Kinds) -> Schema:
    schema = ref(kinds.name(setting.kind)) | {
        "description": setting.doc,
        "markdownDescription": setting_text(kind, setting),
    }
    if setting.required or setting.default == PARAMETER_DTYPE:
        return schema
    return schema | ({"default": plain(setting.default)} if is_json(setting.default) else {})


def is_json(literal: Literal) -> bool:
    """Whether JSON can say it: it has no infinity."""
    if isinstance(literal, tuple):
        return all(map(is_json, literal))
    return not isinstance(literal, float) or math.isfinite(literal)


def plain(literal: Literal) -> Any:
    """A literal as the value that YAML or JSON would give."""
    if isinstance(literal, tuple):
        return [plain(item) for item in literal]
    return str(literal) if isinstance(literal, Expr) else literal


@dataclass(slots=True)
class Kinds:
    """Schemas of settings, each distinct one defined once."""

    definitions: dict[str, Schema] = field(default_factory=dict[str, Schema])

    def name(self, kind: Kind) -> str:
        """The definition of settings of this kind, which may also depend on arguments or on the mode."""
        value = _join(_alternatives(dict(kind.schema())))
        words = re.sub(r"[^a-z0-9.]+", "-", kind.describe().lower()).strip("-")[:60]
        at = 1
        name = f"value-{words}"
        while self.definitions.setdefault(name, value) != value:
            at += 1
            name = f"value-{words}-{at}"
        modes = closed({"train": ref(name), "eval": ref(name)}, ("train", "eval"))
        setting = f"setting-{name.removeprefix('value-')}"
        self.definitions[setting] = {"if": {"type": "object"}, "then": modes, "else": ref(name)}
        return setting


def _alternatives(schema: Schema) -> list[Schema]:
    """What a setting may be instead of one another, arguments of a block included at every level."""
    if "anyOf" in schema:
        return [each for inner in schema["anyOf"] for each in _alternatives(inner)]
    if schema.get("type") == "array":
        return [{**schema, "items": _join(_alternatives(schema["items"]))}]
    return [schema]


def _join(alternatives: list[Schema]) -> Schema:
    if not any("string" in each.get("type", ()) for each in alternatives):
        alternatives = [*alternatives, ref("expression")]
    unique = [each for at, each in enumerate(alternatives) if each not in alternatives[:at]]
    return unique[0] if len(unique) == 1 else {"anyOf": unique}
