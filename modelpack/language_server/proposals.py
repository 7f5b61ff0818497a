"""A place in a document -> what may be written there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, cast

from modelpack.architecture import ARGUMENT_KINDS
from modelpack.dtypes import DType
from modelpack.language_server.bodies import Body, Node, Outline
from modelpack.language_server.knowledge import KEYS, NODE_KEYS, type_summary
from modelpack.language_server.roles import BODY_KEYS, Role, Spot
from modelpack.language_server.symbols import dimensions_of, is_arithmetic
from modelpack.language_server.tree import Mapping, Way
from modelpack.layers import BUILTIN
from modelpack.layers.base import LayerType
from modelpack.layers.initial import INITIALISERS
from modelpack.layers.kinds import Kind

__all__ = ["Proposal", "Shape", "proposals"]


class Shape(Enum):
    """What stands behind a proposed word."""

    VALUE = "a value: nothing"
    KEY = "a key: a colon and a value"
    MAPPING = "a key: a colon and a mapping"
    LIST = "a key: a colon and a list"
    TYPE = "a layer type: a colon and its settings"


@dataclass(frozen=True, slots=True)
class Proposal:
    """A word that may be written; `note` says in a line what it is, `rank` what comes first."""

    word: str
    sort: str
    """what it is: `type`, `setting`, `keyword`, `reference`, `value`, `block`, `argument`"""
    note: str = ""
    shape: Shape = Shape.VALUE
    rank: int = 1


def proposals(told: Outline, way: Way, spot: Spot) -> Iterator[Proposal]:
    """What may be written where `way` leads, in the document that `told` outlines; keys that are there aren't proposed."""
    find = _BY_ROLE.get(spot.role)
    if find is None:
        return
    there = _siblings(way)
    for each in find(told, spot):
        if each.word not in there:
            yield each


def _siblings(way: Way) -> set[str]:
    if not way.is_key or not isinstance(way.around, Mapping):
        return set()
    return {entry.key.value for entry in way.around.entries if entry.key is not way.word}


_Finder = Callable[[Outline, Spot], Iterator[Proposal]]

# ------------------------------------------------------------------------------------------------------- keys

_MAPPINGS = {
    "imports",
    "blocks",
    "inputs",
    "parameters",
    "buffers",
    "layers",
    "arguments",
    "with",
    "init",
    "rename",
}
_LISTS = {"modes", "requires", "tied", "reset", "shape"}


def _keys(names: dict[str, str], sort: str) -> Iterator[Proposal]:
    for at, (name, note) in enumerate(names.items()):
        shape = Shape.MAPPING if name in _MAPPINGS else Shape.LIST if name in _LISTS else Shape.KEY
        yield Proposal(name, sort, note, shape, rank=at)


def _top_keys(told: Outline, spot: Spot) -> Iterator[Proposal]:
    yield from _keys({name: note for name, note in KEYS.items() if name != "arguments"}, "keyword")


def _block_keys(told: Outline, spot: Spot) -> Iterator[Proposal]:
    yield from _keys(BODY_KEYS, "keyword")


def _input_keys(told: Outline, spot: Spot) -> Iterator[Proposal]:
    yield from _keys({"dtype": "of its elements", "shape": "its axes"}, "keyword")


def _tensor_keys(told: Outline, spot: Spot) -> Iterator[Proposal]:
    names = {
        "shape": "its axes: integers and arguments",
        "dtype": "the architecture's if absent",
        "init": "its first values",
        "frozen": "of a parameter: it isn't trained",
        "persistent": "of a buffer: false keeps it out of the state_dict",
    }
    yield from _keys(names, "keyword")


def _argument_keys(told: Outline, spot: Spot) -> Iterator[Proposal]:
    yield from _keys({"type": "what it may be", "default": "what it is where it isn't given"}, "keyword")


def _import_keys(told: Outline, spot: Spot) -> Iterator[Proposal]:
    yield from _keys({"pack": "its path, from this file", "digest": "which one it must be"}, "keyword")


def _node_keys(told: Outline, spot: Spot) -> Iterator[Proposal]:
    node = _node(told, spot)
    acts = node is not None and node.does in (*BUILTIN, "use", "call")
    for name, note in NODE_KEYS.items():
        if not (acts and name in ("use", "call")):
            shape = (
                Shape.MAPPING
                if name in _MAPPINGS
                else Shape.LIST
                if name in (*_LISTS, "inputs")
                else Shape.KEY
            )
            yield Proposal(name, "keyword", note, shape, rank=0 if acts else 3)
    if not acts:
        yield from _types(told, spot)


def _types(told: Outline, spot: Spot) -> Iterator[Proposal]:
    for name, kind in BUILTIN.items():
        yield Proposal(name, "type", type_summary(kind), Shape.TYPE, rank=1 + kind.is_operation)


def _settings(told: Outline, spot: Spot) -> Iterator[Proposal]:
    kind = BUILTIN.get(spot.name)
    for each in kind.settings.values() if kind else ():
        yield Proposal(each.name, "setting", each.doc, Shape.KEY, rank=0 if each.required else 1)


def _modes(told: Outline, spot: Spot) -> Iterator[Proposal]:
    yield from _keys({"train": "in training", "eval": "in evaluation"}, "keyword")


def _arguments_given(told: Outline, spot: Spot) -> Iterator[Proposal]:
    node = _node(told, spot)
    block = told.bodies.get(node.target) if node and node.does == "use" else None
    for name in block.arguments if block else ():
        yield Proposal(name, "argument", f"argument of {node.target if node else ''}", Shape.KEY)


def _ports(told: Outline, spot: Spot) -> Iterator[Proposal]:
    node = _node(told, spot)
    block = told.bodies.get(node.target) if node and node.does == "use" else None
    kind = BUILTIN.get(node.does) if node else None
    if kind is not None:
        for port in kind.ports:
            yield Proposal(
                port.name, "port", f"input of {kind.name}", Shape.KEY, rank=0 if port.required else 1
            )
    for name in block.inputs if block else ():
        yield Proposal(name, "port", f"input of {node.target if node else ''}", Shape.KEY)


def _initialiser_arguments(told: Outline, spot: Spot) -> Iterator[Proposal]:
    for name, kind in INITIALISERS.get(spot.name, {}).items():
        yield Proposal(name, "setting", kind.describe(), Shape.KEY)


# ----------------------------------------------------------------------------------------------------- values


def _words(*names: str) -> _Finder:
    def find(told: Outline, spot: Spot) -> Iterator[Proposal]:
        yield from (Proposal(name, "value", rank=at) for at, name in enumerate(names))

    return find


def _setting_values(told: Outline, spot: Spot) -> Iterator[Proposal]:
    kind = BUILTIN.get(spot.name)
    setting = kind.settings.get(spot.key) if kind else None
    if setting is not None:
        yield from (Proposal(each, "value", rank=0) for each in _of_kind(setting.kind))
        if is_arithmetic(setting.kind):
            yield from _dimensions(told, spot)
    yield from _arguments(told, spot)


def _expressions(told: Outline, spot: Spot) -> Iterator[Proposal]:
    yield from _arguments(told, spot)
    yield from _dimensions(told, spot)


def _of_kind(kind: Kind) -> list[str]:
    """The words that a setting may be."""
    return list(dict.fromkeys(_of_schema(kind.schema())))


def _of_schema(schema: Any) -> Iterator[str]:
    told = cast("dict[str, Any]", schema)
    yield from told.get("enum", ())
    kinds = told.get("type", ())
    kinds = (kinds,) if isinstance(kinds, str) else kinds
    yield from ("true", "false") if "boolean" in kinds else ()
    yield from ("null",) if "null" in kinds else ()
    for each in told.get("anyOf", ()):
        yield from _of_schema(each)
    if "items" in told:
        yield from _of_schema(told["items"])


def _arguments(told: Outline, spot: Spot) -> Iterator[Proposal]:
    body = told.bodies.get(spot.body)
    for name in body.arguments if body else ():
        yield Proposal(f"${name}", "argument", f"argument of {spot.body}", rank=0)


def _dimensions(told: Outline, spot: Spot) -> Iterator[Proposal]:
    body = told.bodies.get(spot.body)
    for name in dimensions_of(body) if body else ():
        yield Proposal(name, "dimension", "the size of an axis")


def _uses(told: Outline, spot: Spot) -> Iterator[Proposal]:
    yield from (Proposal(name, "block", "block") for name in told.blocks if name != spot.body)
    yield from (Proposal(name, "block", "import") for name in told.imports)


def _calls(told: Outline, spot: Spot) -> Iterator[Proposal]:
    for node in _before(told.bodies.get(spot.body), spot.node):
        if node.does not in ("call", ""):
            yield Proposal(node.key.value, "reference", _does(node))


def _references(told: Outline, spot: Spot) -> Iterator[Proposal]:
    body = told.bodies.get(spot.body)
    if body is None:
        return
    # What was made last is the likeliest.
    nodes = list(_before(body, spot.node))
    for at, node in enumerate(reversed(nodes)):
        for name in _values_of(told, node):
            yield Proposal(name, "reference", _does(node), rank=at)
    for name in body.inputs:
        yield Proposal(name, "reference", "input", rank=len(nodes))
    for name in body.tensors:
        yield Proposal(name, "reference", "tensor", rank=len(nodes))


def _values_of(told: Outline, node: Node) -> Iterator[str]:
    """The name of a layer, and those of its outputs if there are several."""
    name = node.key.value
    kind = BUILTIN.get(node.does)
    yield name
    for port in kind.outputs if kind else ():
        if port != "*":
            yield f"{name}.{port}"
    block = told.bodies.get(node.target) if node.does == "use" else None
    outputs = block.value.get("outputs") if block and block.value else None
    outputs = node.get("outputs") if block is None and node.does == "use" else outputs
    for entry in outputs.entries if isinstance(outputs, Mapping) else ():
        yield f"{name}.{entry.key.value}"


def _tensor_names(told: Outline, spot: Spot) -> Iterator[Proposal]:
    node = _node(told, spot)
    kind = BUILTIN.get(node.does) if node else None
    yield from (Proposal(name, "value", "tensor", Shape.KEY) for name in _tensors_of(kind, node))


def _frozen(told: Outline, spot: Spot) -> Iterator[Proposal]:
    yield Proposal("true", "value", rank=0)
    for each in _tensor_names(told, spot):
        yield Proposal(each.word, each.sort, each.note)


def _tensors_of(kind: LayerType | None, node: Node | None) -> list[str]:
    """The names of a layer's tensors with the settings of the type's first example: most have the same with any."""
    if kind is None or node is None or not kind.examples:
        return []
    given = kind.examples[0].settings
    read = {name: kind.settings[name].kind.read(value) for name, value in given.items()}
    return [each.name for each in kind.instance(read).tensors() if each.is_parameter]


def _tied(told: Outline, spot: Spot) -> Iterator[Proposal]:
    body = told.bodies.get(spot.body)
    for node in body.nodes.values() if body else ():
        for name in _tensors_of(BUILTIN.get(node.does), node):
            yield Proposal(f"{node.key.value}.{name}", "reference", "tensor")
    for name in body.tensors if body else ():
        yield Proposal(name, "reference", "tensor")


def _before(body: Body | None, node: str) -> Iterator[Node]:
    """The layers that stand before `node`; all if it is none."""
    for name, each in body.nodes.items() if body else ():
        if name == node:
            return
        yield each


def _does(node: Node) -> str:
    return f"{node.does} {node.target}" if node.target else node.does


def _node(told: Outline, spot: Spot) -> Node | None:
    body = told.bodies.get(spot.body)
    return body.nodes.get(spot.node) if body else None


_BY_ROLE: dict[Role, _Finder] = {
    Role.TOP_KEY: _top_keys,
    Role.BLOCK_KEY: _block_keys,
    Role.INPUT_KEY: _input_keys,
    Role.TENSOR_KEY: _tensor_keys,
    Role.ARGUMENT_KEY: _argument_keys,
    Role.IMPORT_KEY: _import_keys,
    Role.NODE_KEY: _node_keys,
    Role.NODE_VALUE: _node_keys,
    Role.SETTING_KEY: _settings,
    Role.MODE_KEY: _modes,
    Role.WITH_KEY: _arguments_given,
    Role.PORT_KEY: _ports,
    Role.INITIALISER_ARGUMENT_KEY: _initialiser_arguments,
    Role.VERSION: _words("1"),
    Role.MODE_LIST: _words("train", "eval"),
    Role.WHEN: _words("train", "eval"),
    Role.FLAG: _words("true", "false"),
    Role.DTYPE: _words(*(each.value for each in DType)),
    Role.ARGUMENT_KIND: _words(*ARGUMENT_KINDS),
    Role.INITIALISER: _words(*INITIALISERS),
    Role.SETTING_VALUE: _setting_values,
    Role.WITH_VALUE: _expressions,
    Role.COUNT: _expressions,
    Role.AXIS: _expressions,
    Role.REQUIREMENT: _dimensions,
    Role.USE: _uses,
    Role.CALL: _calls,
    Role.REFERENCE: _references,
    Role.FROZEN: _frozen,
    Role.INITIALISED_KEY: _tensor_names,
    Role.TIED: _tied,
}
