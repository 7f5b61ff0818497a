"""Architecture -> canonical YAML.

One layer to a line where it fits. Settings stand in the order of their declaration; what equals a default, and inputs that
the order of the layers implies, are left out. ``read(write(a)) == a``, and ``write(read(t))`` is a fixed point.
"""

from __future__ import annotations

from collections.abc import Mapping

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
from modelpack.layout import Tree, lay_out, number, word

__all__ = ["write"]


def write(architecture: Architecture) -> str:
    """The text of `architecture`, ending with a newline."""
    return lay_out(_document(architecture))


def _document(architecture: Architecture) -> Tree:
    tree: dict[str, Tree] = {"modelpack": "1", "name": word(architecture.name)}
    if architecture.dtype is not DType.FLOAT32:
        tree["dtype"] = architecture.dtype.value
    if architecture.modes != ("train", "eval"):
        tree["modes"] = list(architecture.modes)
    if architecture.imports:
        tree["imports"] = {name: _import(each) for name, each in architecture.imports.items()}
    main = architecture.main
    tree["inputs"] = _inputs(main)
    if architecture.requires:
        tree["requires"] = [word(str(each)) for each in architecture.requires]
    tree |= _tensors(main)
    if architecture.blocks:
        tree["blocks"] = {name: _block(block) for name, block in architecture.blocks.items()}
    return tree | _layers(main)


def _block(block: Block) -> Tree:
    tree: dict[str, Tree] = {}
    if block.arguments:
        tree["arguments"] = {name: _argument(each) for name, each in block.arguments.items()}
    tree["inputs"] = _inputs(block)
    return tree | _tensors(block) | _layers(block)


def _inputs(block: Block) -> Tree:
    return {name: _input(each) for name, each in block.inputs.items()}


def _tensors(block: Block) -> dict[str, Tree]:
    tree: dict[str, Tree] = {}
    for key, wanted in (("parameters", True), ("buffers", False)):
        chosen = {name: _tensor(each) for name, each in block.tensors.items() if each.is_parameter is wanted}
        if chosen:
            tree[key] = chosen
    return tree


def _layers(block: Block) -> dict[str, Tree]:
    tree: dict[str, Tree] = {"layers": {node.name: _node(node) for node in block.nodes}}
    if block.outputs is not None:
        tree["outputs"] = _structure(block.outputs)
    if block.tied:
        tree["tied"] = [list(map(word, group)) for group in block.tied]
    return tree


def _node(node: Node) -> Tree:
    tree: dict[str, Tree] = {}
    match node.action:
        case Apply(kind, settings):
            tree[kind.name] = {name: _setting(settings[name]) for name in kind.settings if name in settings}
        case Call(target):
            tree["call"] = word(target)
        case Take() as take:
            tree |= _take(take)
        case use:
            tree["use"] = word(use.block)
            if use.arguments:
                tree["with"] = {name: _literal(value) for name, value in use.arguments.items()}
    if node.repeat is not None:
        tree["repeat"] = _literal(node.repeat)
        if node.first:
            tree["from"] = str(node.first)
    if node.inputs is not None:
        tree["inputs"] = _structure(node.inputs)
    if node.frozen is not False:
        tree["frozen"] = "true" if node.frozen is True else list(map(word, node.frozen))
    if node.init:
        tree["init"] = {name: _init(each) for name, each in node.init.items()}
    if node.when is not None:
        tree["when"] = node.when
    return tree


def _take(take: Take) -> dict[str, Tree]:
    tree: dict[str, Tree] = {"use": word(take.source)}
    if take.path is not None:
        tree["take"] = word(take.path)
    elif take.first is not None and take.last is not None:
        tree["take"] = [word(take.first), word(take.last)]
    elif take.first is not None or take.last is not None:
        ends = {"from": take.first, "to": take.last}
        tree["take"] = {key: word(each) for key, each in ends.items() if each is not None}
    if take.outputs:
        tree["outputs"] = {name: word(each) for name, each in take.outputs.items()}
    if take.rename:
        tree["rename"] = {name: word(each) for name, each in take.rename.items()}
    if take.reset:
        tree["reset"] = list(map(word, take.reset))
    if take.shared:
        tree["shared"] = "true"
    return tree


def _import(value: Import) -> Tree:
    tree: dict[str, Tree] = {"pack": word(value.pack)}
    if value.digest is not None:
        tree["digest"] = word(value.digest)
    return tree


def _setting(value: SettingValue) -> Tree:
    if isinstance(value, ByMode):
        return {"train": _literal(value.train), "eval": _literal(value.eval)}
    return _literal(value)


def _literal(value: Literal) -> Tree:
    if isinstance(value, tuple):
        return [_literal(item) for item in value]
    if isinstance(value, str):
        return word(value)
    if isinstance(value, Expr):
        return word(str(value))
    return number(value)


def _input(value: Inputs) -> Tree:
    if isinstance(value, InputSpec):
        tree: dict[str, Tree] = {}
        if value.dtype is not None:
            tree["dtype"] = value.dtype.value
        if value.shape is not None:
            tree["shape"] = _shape(value.shape)
        return tree
    if isinstance(value, Mapping):
        return {name: _input(item) for name, item in value.items()}
    return [_input(item) for item in value]


def _tensor(value: RawTensor) -> Tree:
    tree: dict[str, Tree] = {"shape": _shape(value.shape)}
    if value.dtype is not None:
        tree["dtype"] = value.dtype.value
    if not value.persistent:
        tree["persistent"] = "false"
    if value.frozen:
        tree["frozen"] = "true"
    if value.init is not None:
        tree["init"] = _init(value.init)
    return tree


def _argument(value: Argument) -> Tree:
    if value.default is None:
        return value.kind
    return {"type": value.kind, "default": _literal(value.default)}


def _init(value: Init) -> Tree:
    if not value.arguments:
        return value.name
    return {value.name: {name: _literal(each) for name, each in value.arguments.items()}}


def _shape(shape: tuple[Dim, ...]) -> Tree:
    return [_literal(dim) for dim in shape]


def _structure(value: Structure) -> Tree:
    if isinstance(value, Mapping):
        return {name: _structure(item) for name, item in value.items()}
    if isinstance(value, tuple):
        return [_structure(item) for item in value]
    return "null" if value is None else word(value)
