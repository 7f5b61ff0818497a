"""Registry -> the schema of an `architecture.yaml`."""

from __future__ import annotations

from collections.abc import Mapping

from modelpack.canonical import ARGUMENT_KINDS
from modelpack.comparison import COMPARISON
from modelpack.dtypes import DType
from modelpack.expressions import MAX_LENGTH
from modelpack.layers.base import LayerType
from modelpack.layers.initial import INITIALISERS
from modelpack.layers.rules import MOST_AXES
from modelpack.manifest import FORMAT
from modelpack.reading import NAME, PATH
from modelpack.schemas.node import OF_A_LAYER, node_schema
from modelpack.schemas.parts import DIALECT, Schema, closed, many, named, ref, whole
from modelpack.schemas.settings import Kinds
from modelpack.schemas.words import BODY_WORDS, DOCUMENT_WORDS, Word, words_of
from modelpack.take_reader import DIGEST, LONGEST_PATH, MOST_IMPORTS

__all__ = ["architecture_schema"]

_FIRST_STEPS = {
    "label": "network",
    "description": "A network of two layers",
    "body": {
        "modelpack": 1,
        "name": "${1:net}",
        "inputs": {"${2:x}": {"dtype": "float32", "shape": ["batch", "${3:20}"]}},
        "layers": {
            "${4:fc}": {"Linear": {"in_features": "${3:20}", "out_features": "${5:10}"}},
            "${6:act}": {"ReLU": {}},
        },
    },
}


def architecture_schema(types: Mapping[str, LayerType]) -> Schema:
    """The schema of an `architecture.yaml` whose layers are of these types."""
    kinds = Kinds()
    node = node_schema(types, kinds)
    properties = _told(_head(), DOCUMENT_WORDS) | _body(ref("network-input"))
    return {
        "$schema": DIALECT,
        "$id": "urn:modelpack:schema:architecture:1",
        "title": "modelpack architecture",
        "description": "A neural network as a graph of known layers. Generated from the registry of layer types.",
        "defaultSnippets": [_FIRST_STEPS],
        **closed(properties, required=("modelpack", "name", "inputs", "layers")),
        "$defs": {**_definitions(), "node": node, **dict(sorted(kinds.definitions.items()))},
    }


def _told(schemas: Mapping[str, Schema], words: Mapping[str, Word]) -> dict[str, Schema]:
    return {key: schema | words_of(key, words[key]) for key, schema in schemas.items()}


def _head() -> dict[str, Schema]:
    """The keys that only the whole document has."""
    return {
        "modelpack": {"const": FORMAT},
        "name": {"type": "string", "pattern": whole(PATH), "maxLength": 128},
        "dtype": ref("dtype") | {"default": "float32"},
        "modes": {"enum": [["train", "eval"], ["eval"], ["train"]], "default": ["train", "eval"]},
        "requires": many({"type": "string", "pattern": whole(COMPARISON)}),
        "imports": named(_import(), NAME) | {"maxProperties": MOST_IMPORTS},
        "blocks": named(ref("block"), NAME),
    }


def _body(an_input: Schema) -> dict[str, Schema]:
    """The keys that a block and the whole network share."""
    keys = {
        "inputs": named(an_input, NAME),
        "parameters": named(ref("parameter"), PATH),
        "buffers": named(ref("buffer"), PATH),
        "layers": named(ref("node"), PATH),
        "outputs": ref("references"),
        "tied": many(many(ref("reference"), minItems=2)),
    }
    return _told(keys, BODY_WORDS)


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
            "pattern": whole(DIGEST),
            "description": "of its manifest; `modelpack lock` tells it",
        },
    }
    return closed(told, ["pack"])


def _definitions() -> dict[str, Schema]:
    flag: Schema = {"type": "boolean", "default": False}
    tensor: dict[str, Schema] = {
        "shape": _shape() | {"description": "the length of each axis"},
        "dtype": ref("dtype") | {"description": "the network's where not given"},
        "init": ref("init") | {"description": "its first values"},
    }
    frozen = flag | {"description": "whether it isn't trained"}
    persistent = flag | {"default": True, "description": "whether it is saved with the weights"}
    return {
        "argument": {"if": {"type": "string"}, "then": _kind_of_argument(), "else": _argument()},
        "block": closed(
            _told({"arguments": named(ref("argument"), NAME)}, BODY_WORDS) | _body(ref("input")),
            ("inputs", "layers"),
        ),
        "buffer": closed({**tensor, "persistent": persistent}, ["shape"]),
        "dim": {
            "description": "an integer, a free dimension (`batch`), an argument (`$channels`) or integer arithmetic over them",
            "type": ["integer", "string"],
            "minimum": 0,
            "maxLength": MAX_LENGTH,
        },
        "dtype": {"enum": [dtype.value for dtype in DType]},
        "expression": {
            "type": "string",
            "pattern": "^\\$[A-Za-z_]",
            "description": "arithmetic over a block's arguments",
        },
        "init": _init(),
        "input": _input("input", ()),
        "literal": {"type": ["null", "boolean", "number", "string", "array"], "items": ref("literal")},
        "network-input": _input("network-input", ("dtype", "shape")),
        "of-a-layer": {"enum": list(OF_A_LAYER)},
        "parameter": closed({**tensor, "frozen": frozen}, ["shape"]),
        "reference": {"type": "string", "maxLength": 256},
        "references": {
            "description": "names of inputs, tensors and layers, nested; ports stand behind a dot (`lstm.h_n`)",
            "type": ["null", "string", "array", "object"],
            "maxLength": 256,
            "items": ref("references"),
            "additionalProperties": ref("references"),
        },
    }


def _shape() -> Schema:
    return many(ref("dim"), maxItems=MOST_AXES)


def _kind_of_argument() -> Schema:
    return {"enum": list(ARGUMENT_KINDS)}


def _argument() -> Schema:
    default = ref("literal") | {"description": "its value where a use gives none"}
    return closed({"type": _kind_of_argument(), "default": default}, ["type"])


def _input(name: str, required: tuple[str, ...]) -> Schema:
    """A tensor or several; of the whole network all of it must be told."""
    told = {"anyOf": [{"required": ["dtype"]}, {"required": ["shape"]}, {"maxProperties": 0}]}
    return {
        "description": "a tensor's dtype and shape, or several tensors nested as lists and mappings",
        "type": ["object", "array"],
        "items": ref(name),
        "if": {"type": "object", **told},
        "then": closed({"dtype": ref("dtype"), "shape": _shape()}, required),
        "else": {"additionalProperties": ref(name)},
    }


def _init() -> Schema:
    """An initialiser's name, or its name with arguments."""
    arguments = {
        name: closed({key: dict(kind.schema()) for key, kind in told.items()})
        for name, told in INITIALISERS.items()
    }
    with_arguments = closed(arguments) | {"minProperties": 1, "maxProperties": 1}
    return {"if": {"type": "string"}, "then": {"enum": list(INITIALISERS)}, "else": with_arguments}
