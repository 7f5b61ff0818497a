"""Architecture -> canonical YAML.

One layer to a line where it fits. Settings stand in the order of their declaration; what equals a default, and inputs that
the order of the layers implies, are left out. ``read(write(a)) == a``, and ``write(read(t))`` is a fixed point.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping

from modelpack import scalars
from modelpack.architecture import (
    Apply,
    Architecture,
    Argument,
    Block,
    ByMode,
    Call,
    Import,
    Inputs,
    InputSpec,
    Node,
    RawTensor,
    SettingValue,
    Structure,
    Take,
)
from modelpack.dims import Dim, Expr
from modelpack.dtypes import DType
from modelpack.layers.initial import Init
from modelpack.layers.kinds import Literal

__all__ = ["write"]

_WIDTH = 120


def write(architecture: Architecture) -> str:
    """The text of `architecture`, ending with a newline."""
    return "\n".join(_document(architecture)) + "\n"


def _document(architecture: Architecture) -> Iterator[str]:
    yield "modelpack: 1"
    yield f"name: {_word(architecture.name)}"
    if architecture.dtype is not DType.FLOAT32:
        yield f"dtype: {architecture.dtype}"
    if architecture.modes != ("train", "eval"):
        yield f"modes: [{', '.join(architecture.modes)}]"
    if architecture.imports:
        yield from _section("imports", {name: _import(each) for name, each in architecture.imports.items()})
    main = architecture.main
    yield from _inputs(main)
    yield from _requires(architecture)
    yield from _tensors(main)
    if architecture.blocks:
        yield "blocks:"
        for name, block in architecture.blocks.items():
            yield f"  {_word(name)}:"
            yield from (f"    {line}" for line in _block(block))
    yield from _layers(main)


def _requires(architecture: Architecture) -> Iterator[str]:
    """One line, or one line a comparison where that is too long."""
    words = [_word(str(each)) for each in architecture.requires]
    line = _entry("requires", list(words))
    if len(line) <= _WIDTH:
        yield from [line] if words else []
        return
    yield "requires:"
    yield from (f"  - {word}" for word in words)


def _block(block: Block) -> Iterator[str]:
    if block.arguments:
        yield _entry("arguments", {name: _argument(each) for name, each in block.arguments.items()})
    yield from _inputs(block)
    yield from _tensors(block)
    yield from _layers(block)


def _inputs(block: Block) -> Iterator[str]:
    yield from _section("inputs", {name: _input(each) for name, each in block.inputs.items()})


def _tensors(block: Block) -> Iterator[str]:
    for key, wanted in (("parameters", True), ("buffers", False)):
        chosen = {name: _tensor(each) for name, each in block.tensors.items() if each.is_parameter is wanted}
        if chosen:
            yield from _section(key, chosen)


def _layers(block: Block) -> Iterator[str]:
    yield from _section("layers", {node.name: _node(node) for node in block.nodes})
    if block.outputs is not None:
        yield _entry("outputs", _structure(block.outputs))
    if block.tied:
        yield _entry("tied", [list(map(_word, group)) for group in block.tied])


# -------------------------------------------------------------------------------------- parts as trees of text

_Tree = str | list["_Tree"] | dict[str, "_Tree"]
"""Texts of scalars, nested as the document nests."""


def _node(node: Node) -> _Tree:
    tree: dict[str, _Tree] = {}
    match node.action:
        case Apply(kind, settings):
            tree[kind.name] = {name: _setting(settings[name]) for name in kind.settings if name in settings}
        case Call(target):
            tree["call"] = _word(target)
        case Take() as take:
            tree |= _take(take)
        case use:
            tree["use"] = _word(use.block)
            if use.arguments:
                tree["with"] = {name: _literal(value) for name, value in use.arguments.items()}
    if node.repeat is not None:
        tree["repeat"] = _literal(node.repeat)
        if node.first:
            tree["from"] = str(node.first)
    if node.inputs is not None:
        tree["inputs"] = _structure(node.inputs)
    if node.frozen is not False:
        tree["frozen"] = "true" if node.frozen is True else list(map(_word, node.frozen))
    if node.init:
        tree["init"] = {name: _init(each) for name, each in node.init.items()}
    if node.when is not None:
        tree["when"] = node.when
    return tree


def _take(take: Take) -> dict[str, _Tree]:
    tree: dict[str, _Tree] = {"use": _word(take.source)}
    if take.path is not None:
        tree["take"] = _word(take.path)
    elif take.first is not None and take.last is not None:
        tree["take"] = [_word(take.first), _word(take.last)]
    elif take.first is not None or take.last is not None:
        ends = {"from": take.first, "to": take.last}
        tree["take"] = {key: _word(each) for key, each in ends.items() if each is not None}
    if take.outputs:
        tree["outputs"] = {name: _word(each) for name, each in take.outputs.items()}
    if take.rename:
        tree["rename"] = {name: _word(each) for name, each in take.rename.items()}
    if take.reset:
        tree["reset"] = list(map(_word, take.reset))
    if take.shared:
        tree["shared"] = "true"
    return tree


def _import(value: Import) -> _Tree:
    tree: dict[str, _Tree] = {"pack": _word(value.pack)}
    if value.digest is not None:
        tree["digest"] = _word(value.digest)
    return tree


def _setting(value: SettingValue) -> _Tree:
    if isinstance(value, ByMode):
        return {"train": _literal(value.train), "eval": _literal(value.eval)}
    return _literal(value)


def _literal(value: Literal) -> _Tree:
    if isinstance(value, tuple):
        return [_literal(item) for item in value]
    if isinstance(value, str):
        return _word(value)
    if isinstance(value, Expr):
        return _word(str(value))
    return _number(value)


def _input(value: Inputs) -> _Tree:
    if isinstance(value, InputSpec):
        tree: dict[str, _Tree] = {}
        if value.dtype is not None:
            tree["dtype"] = value.dtype.value
        if value.shape is not None:
            tree["shape"] = _shape(value.shape)
        return tree
    if isinstance(value, Mapping):
        return {name: _input(item) for name, item in value.items()}
    return [_input(item) for item in value]


def _tensor(value: RawTensor) -> _Tree:
    tree: dict[str, _Tree] = {"shape": _shape(value.shape)}
    if value.dtype is not None:
        tree["dtype"] = value.dtype.value
    if not value.persistent:
        tree["persistent"] = "false"
    if value.frozen:
        tree["frozen"] = "true"
    if value.init is not None:
        tree["init"] = _init(value.init)
    return tree


def _argument(value: Argument) -> _Tree:
    if value.default is None:
        return value.kind
    return {"type": value.kind, "default": _literal(value.default)}


def _init(value: Init) -> _Tree:
    if not value.arguments:
        return value.name
    return {value.name: {name: _literal(each) for name, each in value.arguments.items()}}


def _shape(shape: tuple[Dim, ...]) -> _Tree:
    return [_literal(dim) for dim in shape]


def _structure(value: Structure) -> _Tree:
    if isinstance(value, Mapping):
        return {name: _structure(item) for name, item in value.items()}
    if isinstance(value, tuple):
        return [_structure(item) for item in value]
    return "null" if value is None else _word(value)


# ------------------------------------------------------------------------------------------------- as lines


def _section(key: str, entries: Mapping[str, _Tree]) -> Iterator[str]:
    """A key with one entry to a line."""
    if not entries:
        yield f"{key}: {{}}"
        return
    yield f"{key}:"
    for name, tree in entries.items():
        yield from (f"  {line}" for line in _wrapped(_word(name), tree))


def _entry(key: str, tree: _Tree) -> str:
    return f"{key}: {_flow(tree)}"


def _wrapped(key: str, tree: _Tree) -> Iterator[str]:
    """One line, or one line an entry where that is too long."""
    line = _entry(key, tree)
    if len(line) <= _WIDTH or not isinstance(tree, dict) or not tree:
        yield line
        return
    yield f"{key}:"
    for name, item in tree.items():
        yield f"  {_entry(_word(name), item)}"


def _flow(tree: _Tree) -> str:
    if isinstance(tree, dict):
        return "{" + ", ".join(f"{_word(name)}: {_flow(item)}" for name, item in tree.items()) + "}"
    if isinstance(tree, list):
        return "[" + ", ".join(map(_flow, tree)) + "]"
    return tree


# --------------------------------------------------------------------------------------------------- scalars


_PLAIN = re.compile(r"(?:[0-9]+\*)?[A-Za-z_$(][A-Za-z0-9_$.()*/%+-]*(?: [A-Za-z0-9_$.()*/%+-]+)*")
_WORDS_OF_YAML_1_1 = frozenset({"yes", "no", "on", "off"})


def _word(text: str) -> str:
    """A string, in quotes where plain it would be something else, to this reader or to one of YAML 1.1."""
    if _PLAIN.fullmatch(text) and scalars.resolve(text) == text and text.lower() not in _WORDS_OF_YAML_1_1:
        return text
    if text.isprintable():
        return "'" + text.replace("'", "''") + "'"
    return json.dumps(text, ensure_ascii=False)


def _number(value: bool | int | float | None) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if math.isnan(value):
        return ".nan"
    if math.isinf(value):
        return ".inf" if value > 0 else "-.inf"
    return repr(value)
