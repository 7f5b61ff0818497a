"""Registry -> JSON Schemas of architecture and manifest: for editors, and for readers in other languages.

A node is discriminated by its key, never by a `oneOf` over all types: a mistake in one layer gives one message. What no schema
can say (wiring, shapes, expressions, exactly one action per node) is for `modelpack check`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from modelpack.canonical import ARGUMENT_KINDS, LAST
from modelpack.comparison import COMPARISON
from modelpack.dims import Expr
from modelpack.dtypes import DType
from modelpack.layers.base import PARAMETER_DTYPE, LayerType, Setting
from modelpack.layers.initial import INITIALISERS
from modelpack.layers.kinds import Kind, Literal
from modelpack.manifest import FORMAT, MODES
from modelpack.reading import NAME, PATH
from modelpack.take_reader import DIGEST, LONGEST_PATH

__all__ = ["architecture_schema", "manifest_schema", "plain"]

Schema = dict[str, Any]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def architecture_schema(types: Mapping[str, LayerType]) -> Schema:
    """The schema of an `architecture.yaml` whose layers are of these types."""
    kinds = _Kinds()
    node = _node(types, kinds)
    properties = {
        "modelpack": {"const": 1, "description": "the version of the format"},
        "name": {"type": "string", "pattern": _whole(PATH), "maxLength": 128},
        "dtype": _ref("dtype")
        | {"description": "of parameters and buffers that don't say theirs", "default": "float32"},
        "modes": {
            "enum": [["train", "eval"], ["eval"], ["train"]],
            "description": "the modes that it runs in",
        },
        "requires": _list({"type": "string", "pattern": _whole(COMPARISON)})
        | {"description": "what must hold between free dimensions: `height % 32 == 0`, `length > 1`"},
        "imports": _named(_import(), NAME) | {"description": "other packs, of which `use` takes parts"},
        "blocks": _named(_ref("block"), NAME) | {"description": "templates that `use` makes submodules of"},
        **_body(),
    }
    return {
        "$schema": _DIALECT,
        "$id": "urn:modelpack:schema:architecture:1",
        "title": "modelpack architecture",
        "description": "A neural network as a graph of known layers. Generated from the registry of layer types.",
        **_closed(properties, required=("modelpack", "name", "inputs", "layers")),
        "$defs": {**_definitions(), "node": node, **dict(sorted(kinds.definitions.items()))},
    }


def manifest_schema() -> Schema:
    """The schema of a `manifest.json`."""
    digest: Schema = {"type": "string", "pattern": "^blake3:[0-9a-f]{64}$"}
    size: Schema = {"type": "integer", "minimum": 0}
    tensors = {
        "type": "object",
        "additionalProperties": digest,
        "description": "tensor -> digest of its bytes",
    }
    tree: Schema = {"type": "string", "pattern": "^blake3-tensors:[0-9a-f]{64}$"}
    text = _closed({"bytes": size, "digest": digest}, ("bytes", "digest"))
    weights = _closed({"bytes": size, "digest": tree, "tensors": tensors}, ("bytes", "digest", "tensors"))
    files: Schema = {
        "description": "every file of the pack but the manifest",
        **_closed({"architecture.yaml": text, "samples.safetensors": weights}, ("architecture.yaml",)),
        "patternProperties": {r"^weights(-[0-9]{5}-of-[0-9]{5})?\.safetensors$": weights},
    }
    properties: dict[str, Schema] = {
        "modelpack": {"const": FORMAT, "description": "the version of the format"},
        "library": {"type": "string", "description": "what wrote the pack"},
        "files": files,
        "licence": {"type": "string"},
        "modes": _list({"enum": sorted(MODES)}) | {"uniqueItems": True},
        "metrics": {"type": "object", "additionalProperties": {"type": "number"}},
        "metadata": {"type": "object", "description": "kept and never acted upon"},
        "origins": {
            "type": "object",
            "additionalProperties": _origin(digest),
            "description": "tensor -> where it was taken from",
        },
    }
    return {
        "$schema": _DIALECT,
        "$id": "urn:modelpack:schema:manifest:1",
        "title": "modelpack manifest",
        "description": "What is in a pack, by digest, and what its maker says about it.",
        **_closed(properties, ("modelpack", "library", "files")),
    }


def _origin(digest: Schema) -> Schema:
    """Where a tensor comes from; a pack that was written without a manifest has no digest."""
    told: dict[str, Schema] = {
        "pack": {"type": ["string", "null"], "pattern": digest["pattern"], "description": "its digest"},
        "tensor": {"type": "string", "description": "its name there"},
        "frozen": {"type": "boolean", "description": "whether it isn't trained here"},
        "changed": {"type": "boolean", "description": "whether it was trained since, and has other bytes"},
    }
    return _closed(told, told)


def _closed(properties: Mapping[str, Schema], required: Iterable[str] = ()) -> Schema:
    """An object that has these keys and no other."""
    wanted = list(required)
    told: Schema = {"type": "object", "properties": dict(properties)}
    return told | ({"required": wanted} if wanted else {}) | {"additionalProperties": False}


def _named(values: Schema, names: re.Pattern[str]) -> Schema:
    return {"type": "object", "propertyNames": {"pattern": _whole(names)}, "additionalProperties": values}


def _whole(pattern: re.Pattern[str]) -> str:
    return f"^{pattern.pattern}$"


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def _list(items: Schema, **bounds: int) -> Schema:
    return {"type": "array", "items": items, **bounds}


# ---------------------------------------------------------------------------------------------- the document


def _body() -> dict[str, Schema]:
    """The keys that a block and the whole network share."""
    return {
        "inputs": _named(_ref("input"), NAME) | {"description": "what it is called with, in order"},
        "parameters": _named(_ref("parameter"), PATH) | {"description": "trained tensors of its own"},
        "buffers": _named(_ref("buffer"), PATH) | {"description": "other tensors of its own"},
        "layers": _named(_ref("node"), PATH)
        | {"description": "the steps, in order; each feeds the next unless `inputs` says more"},
        "outputs": _ref("references")
        | {"description": "what it returns; the last layer's output where not given"},
        "tied": _list(_list({"type": "string"}, minItems=2))
        | {"description": "groups of names that are one tensor"},
    }


def _import() -> Schema:
    """Another pack: where it is, and which one it must be."""
    told: dict[str, Schema] = {
        "pack": {
            "type": "string",
            "minLength": 1,
            "maxLength": LONGEST_PATH,
            "description": "a path that counts from this file, or what a resolver of the caller's knows: `hub:resnet18`",
        },
        "digest": {
            "type": "string",
            "pattern": _whole(DIGEST),
            "description": "of its manifest; `modelpack lock` tells it",
        },
    }
    return _closed(told, ["pack"])


def _definitions() -> dict[str, Schema]:
    dims = _list(_ref("dim"))
    flag: Schema = {"type": "boolean", "default": False}
    tensor = {"shape": dims, "dtype": _ref("dtype"), "init": _ref("init")}
    argument = _closed({"type": {"enum": list(ARGUMENT_KINDS)}, "default": _ref("literal")}, ["type"])
    return {
        "argument": {"if": {"type": "string"}, "then": {"enum": list(ARGUMENT_KINDS)}, "else": argument},
        "block": _closed({"arguments": _named(_ref("argument"), NAME), **_body()}, ("inputs", "layers")),
        "buffer": _closed({**tensor, "persistent": flag | {"default": True}}, ["shape"]),
        "dim": {
            "description": "an integer, a free dimension (`batch`), an argument (`$channels`) or integer arithmetic over them",
            "type": ["integer", "string"],
            "minimum": 0,
            "maxLength": 256,
        },
        "dtype": {"enum": [dtype.value for dtype in DType]},
        "expression": {
            "type": "string",
            "pattern": "\\$",
            "description": "arithmetic over a block's arguments",
        },
        "init": _init(),
        "input": _input(),
        "literal": {"type": ["null", "boolean", "number", "string", "array"], "items": _ref("literal")},
        "parameter": _closed({**tensor, "frozen": flag}, ["shape"]),
        "references": {
            "description": "names of inputs, tensors and layers, nested; ports stand behind a dot (`lstm.h_n`)",
            "type": ["null", "string", "array", "object"],
            "items": _ref("references"),
            "additionalProperties": _ref("references"),
        },
    }


def _input() -> Schema:
    told = {"anyOf": [{"required": ["dtype"]}, {"required": ["shape"]}, {"maxProperties": 0}]}
    tensor = _closed({"dtype": _ref("dtype"), "shape": _list(_ref("dim"))})
    return {
        "description": "a tensor's dtype and shape, or several tensors nested as lists and mappings",
        "type": ["object", "array"],
        "items": _ref("input"),
        "if": {"type": "object", **told},
        "then": tensor,
        "else": {"additionalProperties": _ref("input")},
    }


def _init() -> Schema:
    """An initialiser's name, or its name with arguments."""
    named = {
        name: _closed({key: dict(kind.schema()) for key, kind in arguments.items()})
        for name, arguments in INITIALISERS.items()
    }
    with_arguments = _closed(named) | {"minProperties": 1, "maxProperties": 1}
    return {"if": {"type": "string"}, "then": {"enum": list(INITIALISERS)}, "else": with_arguments}


# ---------------------------------------------------------------------------------------------- a layer


def _node(types: Mapping[str, LayerType], kinds: _Kinds) -> Schema:
    keywords: dict[str, Schema] = {
        "use": {
            "type": "string",
            "description": "a block, or a part of an import, as a submodule",
        },
        "with": _named(_ref("literal"), NAME) | {"description": "the block's arguments"},
        "call": {
            "type": "string",
            "description": "a layer that came before, once more, with the same tensors",
        },
        "inputs": _ref("references") | {"type": ["array", "object", "string"]},
        "repeat": _ref("dim") | {"minimum": 1, "description": "so many in a chain, as submodules 0, 1, …"},
        "from": {
            "type": "integer",
            "minimum": 0,
            "maximum": LAST,
            "description": "the first copy's number in a `repeat`, 0 if absent",
        },
        "frozen": {
            "description": "true: nothing is trained and normalisation stays in eval mode; names: these tensors aren't trained",
            "type": ["boolean", "array"],
            "items": {"type": "string"},
        },
        "init": _named(_ref("init"), PATH) | {"description": "first values of its tensors, by name"},
        "when": {"enum": sorted(MODES, reverse=True), "description": "the only mode in which it runs"},
        **_take(),
    }
    layers = {name: _layer(types[name], kinds) for name in sorted(types)}
    return _closed(keywords | layers) | {
        "minProperties": 1,
        "dependentRequired": {"with": ["use"], "from": ["repeat"], **{key: ["use"] for key in _take()}},
    }


def _take() -> dict[str, Schema]:
    """The keys of a part of an import."""
    path: Schema = {"type": "string"}
    return {
        "take": {
            "description": "a path; the first and the last one of a range; or `from` and `to`, either of them; all if absent",
            "type": ["string", "array", "object"],
            "items": path,
            "minItems": 2,
            "maxItems": 2,
            "properties": {"from": path, "to": path},
            "minProperties": 1,
            "additionalProperties": False,
        },
        "outputs": {
            "description": "the layers whose values it gives, by name",
            "type": ["array", "object"],
            "items": path,
            "additionalProperties": path,
        },
        "rename": {
            "description": "layers and tensors of the part -> what they are called here",
            "type": "object",
            "additionalProperties": {"type": "string", "pattern": _whole(PATH)},
        },
        "reset": _list(path) | {"description": "tensors, and layers with all of theirs, that are made anew"},
        "shared": {
            "type": "boolean",
            "default": False,
            "description": "the same part once more is the same module",
        },
    }


def _layer(kind: LayerType, kinds: _Kinds) -> Schema:
    settings = {name: _setting(each, kinds) for name, each in kind.settings.items()}
    summary = kind.doc.partition("\n")[0].replace("``", "`")
    return {"description": f"{summary}\n\n{kind.source}", **_closed(settings, kind.required)}


def _setting(setting: Setting, kinds: _Kinds) -> Schema:
    schema = _ref(kinds.name(setting.kind)) | {"description": setting.doc}
    if setting.required or setting.default == PARAMETER_DTYPE:
        return schema
    default = plain(setting.default)
    finite = not isinstance(default, float) or math.isfinite(default)
    return schema | ({"default": default} if finite else {})


def plain(literal: Literal) -> Any:
    """A literal as the value that YAML or JSON would give."""
    if isinstance(literal, tuple):
        return [plain(item) for item in literal]
    return str(literal) if isinstance(literal, Expr) else literal


@dataclass(slots=True)
class _Kinds:
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
        modes = _closed({"train": _ref(name), "eval": _ref(name)}, ("train", "eval"))
        setting = f"setting-{name.removeprefix('value-')}"
        self.definitions[setting] = {"if": {"type": "object"}, "then": modes, "else": _ref(name)}
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
        alternatives = [*alternatives, _ref("expression")]
    unique = [each for at, each in enumerate(alternatives) if each not in alternatives[:at]]
    return unique[0] if len(unique) == 1 else {"anyOf": unique}
