"""Document -> Architecture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from modelpack import source
from modelpack.architecture import (
    ARGUMENT_KINDS,
    Architecture,
    Argument,
    Block,
    Inputs,
    InputSpec,
    Node,
    RawTensor,
)
from modelpack.canonical import canonical_block, canonical_requirements
from modelpack.collector import collector_paused
from modelpack.comparison import Comparison, parse_comparison
from modelpack.dims import Dim, Expr
from modelpack.dtypes import DType
from modelpack.errors import ArchitectureError, Problem, raise_if_any
from modelpack.expressions import ExpressionError
from modelpack.hints import dtype_meant
from modelpack.layers import BUILTIN, LayerType
from modelpack.layers.kinds import Integer, Literal
from modelpack.layers.rules import MOST_AXES
from modelpack.node_reader import NodeReader
from modelpack.reading import NAME, PATH, Problems, describe, literal, text_places
from modelpack.take_reader import read_imports

__all__ = ["Draft", "read", "read_draft"]

FORMAT = 1
_TOP = (
    "modelpack",
    "name",
    "dtype",
    "modes",
    "imports",
    "inputs",
    "requires",
    "parameters",
    "buffers",
    "blocks",
    "layers",
    "outputs",
    "tied",
)
_BLOCK = ("arguments", "inputs", "parameters", "buffers", "layers", "outputs", "tied")
_DIM = Integer(minimum=0, symbolic=True)


def read(
    text: str | bytes,
    file: str = "<text>",
    types: Mapping[str, LayerType] = BUILTIN,
    limits: source.Limits = source.DEFAULT_LIMITS,
) -> Architecture:
    """The architecture that `text` describes; `types` are the layer types that the caller allows.

    Only the document is judged here: keys, names, types, settings. Whether the network holds together is for `check`.

    Raises:
        ArchitectureError: with every problem of the text (1xx) or of the document (2xx), in order of place.
    """
    draft = read_draft(text, file, types, limits)
    raise_if_any(draft.problems, ArchitectureError)
    return draft.architecture


@dataclass(frozen=True, slots=True)
class Draft:
    """What could be read of a document. Where `sound`, all problems lie within single layers, which are replaced by such as
    `check` passes over, so that it can judge the rest."""

    architecture: Architecture
    problems: tuple[Problem, ...]
    sound: bool


def read_draft(
    text: str | bytes,
    file: str = "<text>",
    types: Mapping[str, LayerType] = BUILTIN,
    limits: source.Limits = source.DEFAULT_LIMITS,
) -> Draft:
    """As `read`, but with the problems of the document beside what could be read.

    Raises:
        ArchitectureError: with every problem of the text (1xx).
    """
    reader = _Reader(Problems(file), types)
    with collector_paused():
        architecture = reader.architecture(source.parse(text, file, limits))
    found = reader.problems.found
    return Draft(architecture, tuple(found), sound=len(found) == reader.in_layers)


class _Reader:
    """Each method reads one part of the document; what is wrong is noted in `problems` and replaced by something harmless."""

    def __init__(self, problems: Problems, types: Mapping[str, LayerType]) -> None:
        self.problems = problems
        self.in_layers = 0
        """problems that lie within single layers"""
        self._nodes = NodeReader(problems, types)

    def architecture(self, document: source.Value) -> Architecture:
        top = self.problems.mapping(document, "")
        if top is None:
            return Architecture("", Block({}, ()))
        self._format(top)
        self.problems.keys(top, _TOP, "")
        value = top.entries.get("imports")
        imports = read_imports(value, self.problems) if value else {}
        self._nodes.imports = value.entries if isinstance(value, source.Mapping) else ()
        named = top.entries.get("blocks")
        self._nodes.blocks = named.entries if isinstance(named, source.Mapping) else ()
        blocks = self._blocks(top)
        main = self._block(top, "")
        dtype = top.entries.get("dtype")
        return Architecture(
            name=self._name(top),
            main=canonical_block(main, blocks),
            blocks={name: canonical_block(block, blocks) for name, block in blocks.items()},
            dtype=(self._dtype(dtype, "dtype") if dtype else None) or DType.FLOAT32,
            modes=self._modes(top),
            requires=canonical_requirements(self._requires(top)),
            imports=imports,
            file=self.problems.file,
        )

    def _format(self, top: source.Mapping) -> None:
        value = top.entries.get("modelpack")
        at = (value.line, value.column) if value else (top.line, top.column)
        if value is None:
            self.problems.missing("modelpack", top, _TOP, "", "begin with: modelpack: 1")
        elif not isinstance(value, source.Scalar) or value.value != FORMAT or isinstance(value.value, bool):
            self.problems.add(
                "MP205",
                f"the format version is {describe(value)}, and this library reads {FORMAT}",
                at,
                "modelpack",
                hint="a newer version of modelpack may read it",
            )

    def _name(self, top: source.Mapping) -> str:
        value = top.entries.get("name")
        if value is None:
            self.problems.missing("name", top, _TOP, "")
            return ""
        name = self.problems.text(value, "name")
        if name is None:
            return ""
        if not (PATH.fullmatch(name) and len(name) <= 128):
            self.problems.add(
                "MP206",
                f"'{name}' can't be a name: letters, digits, '_', '-' and '.' only",
                _at(value),
                "name",
            )
        return name

    def _modes(self, top: source.Mapping) -> tuple[str, ...]:
        value = top.entries.get("modes")
        if value is None:
            return ("train", "eval")
        items = self.problems.sequence(value, "modes")
        modes = tuple(self.problems.text(item, "modes") or "" for item in items.items) if items else ()
        if modes not in (("train", "eval"), ("eval",), ("train",)):
            self.problems.add("MP204", "must be [train, eval], [eval] or [train]", _at(value), "modes")
            return ("train", "eval")
        return modes

    def _requires(self, top: source.Mapping) -> Iterator[Comparison]:
        value = top.entries.get("requires")
        items = self.problems.sequence(value, "requires") if value else None
        for item in items.items if items else ():
            text = self.problems.text(item, "requires")
            if text is None:
                continue
            try:
                yield parse_comparison(text, _at(item))
            except ExpressionError as error:
                self.problems.add("MP223", str(error), _at(item), "requires")

    def _blocks(self, top: source.Mapping) -> dict[str, Block]:
        value = top.entries.get("blocks")
        entries = self.problems.mapping(value, "blocks") if value else None
        blocks: dict[str, Block] = {}
        for name, item in entries.entries.items() if entries else ():
            path = f"blocks.{name}"
            if not NAME.fullmatch(name) and entries:
                self.problems.add(
                    "MP206", f"'{name}' can't be a block's name", entries.key_places[name], path
                )
            if name in self._nodes.imports and entries:
                self.problems.add(
                    "MP215", f"the name '{name}' is an import's", entries.key_places[name], path
                )
            body = self.problems.mapping(item, path)
            if body is not None:
                self.problems.keys(body, _BLOCK, path)
                blocks[name] = self._block(body, f"{path}.", entries.key_places[name] if entries else None)
        return blocks

    def _block(self, body: source.Mapping, prefix: str, name: tuple[int, int] | None = None) -> Block:
        """A body; `name` is where its name stands, if it has one."""
        entries = body.entries
        places = {key: body.key_places[key] for key in ("outputs", "tied") if key in entries}
        places |= {"name": name} if name else {}
        for key in ("outputs", "tied"):
            places |= text_places(entries[key], key) if key in entries else {}
        for key in ("inputs", "arguments", "imports"):
            each = entries.get(key)
            if isinstance(each, source.Mapping):
                places |= {f"{key}.{inner}": at for inner, at in each.key_places.items()}
        return Block(
            inputs=self._inputs(body, prefix),
            nodes=self._layers(body, prefix),
            outputs=self._nodes.structure(entries["outputs"], f"{prefix}outputs")
            if "outputs" in entries
            else None,
            arguments=self._arguments(entries.get("arguments"), f"{prefix}arguments"),
            tensors=self._tensors(body, prefix, "parameters") | self._tensors(body, prefix, "buffers"),
            tied=self._tied(entries.get("tied"), f"{prefix}tied"),
            place=(body.line, body.column),
            places=places,
        )

    def _layers(self, body: source.Mapping, prefix: str) -> tuple[Node, ...]:
        value = body.entries.get("layers")
        if value is None:
            self.problems.missing("layers", body, _BLOCK if prefix else _TOP, prefix.rstrip("."))
            return ()
        layers = self.problems.mapping(value, f"{prefix}layers", "layers have names, and no dashes")
        if layers is None:
            return ()
        before = len(self.problems.found)
        self._nodes.body = body
        nodes = tuple(
            self._nodes.node(name, item, layers.key_places[name], f"{prefix}layers.{name}")
            for name, item in layers.entries.items()
        )
        self.in_layers += len(self.problems.found) - before
        return nodes

    def _inputs(self, body: source.Mapping, prefix: str) -> dict[str, Inputs]:
        value = body.entries.get("inputs")
        if value is None:
            self.problems.missing("inputs", body, _BLOCK if prefix else _TOP, prefix.rstrip("."))
            return {}
        hint = "inputs have names: {x: {dtype: float32, shape: [batch, 20]}}, in blocks {x: {}}"
        inputs = self.problems.mapping(value, f"{prefix}inputs", hint)
        found: dict[str, Inputs] = {}
        for name, item in inputs.entries.items() if inputs else ():
            path = f"{prefix}inputs.{name}"
            if not NAME.fullmatch(name) and inputs:
                self.problems.add(
                    "MP206", f"'{name}' can't be an input's name", inputs.key_places[name], path
                )
            found[name] = self._input(item, path)
        return found

    def _input(self, value: source.Value, path: str) -> Inputs:
        if isinstance(value, source.Sequence):
            return tuple(self._input(item, f"{path}.{at}") for at, item in enumerate(value.items))
        mapping = self.problems.mapping(value, path)
        if mapping is None:
            return InputSpec()
        entries = mapping.entries
        if entries and not entries.keys() & {"dtype", "shape"}:
            return {key: self._input(item, f"{path}.{key}") for key, item in entries.items()}
        self.problems.keys(mapping, ("dtype", "shape"), path)
        return InputSpec(
            dtype=self._dtype(entries["dtype"], f"{path}.dtype") if "dtype" in entries else None,
            shape=self._shape(entries["shape"], f"{path}.shape") if "shape" in entries else None,
            place=(value.line, value.column),
        )

    def _tensors(self, body: source.Mapping, prefix: str, key: str) -> dict[str, RawTensor]:
        value = body.entries.get(key)
        entries = self.problems.mapping(value, f"{prefix}{key}") if value else None
        found: dict[str, RawTensor] = {}
        for name, item in entries.entries.items() if entries else ():
            path = f"{prefix}{key}.{name}"
            at = entries.key_places[name] if entries else None
            if not PATH.fullmatch(name):
                self.problems.add("MP206", f"'{name}' can't be a tensor's name", at, path)
            mapping = self.problems.mapping(item, path)
            if mapping is not None:
                found[name] = self._tensor(mapping, path, is_parameter=key == "parameters")
        return found

    def _tensor(self, value: source.Mapping, path: str, *, is_parameter: bool) -> RawTensor:
        entries = value.entries
        special = "frozen" if is_parameter else "persistent"
        known = ("shape", "dtype", "init", special)
        self.problems.keys(value, known, path)
        if "shape" not in entries:
            self.problems.missing("shape", value, known, path)
        init = entries.get("init")
        return RawTensor(
            shape=self._shape(entries["shape"], f"{path}.shape") if "shape" in entries else (),
            dtype=self._dtype(entries["dtype"], f"{path}.dtype") if "dtype" in entries else None,
            is_parameter=is_parameter,
            persistent=self._flag(entries.get("persistent"), f"{path}.persistent", default=True),
            frozen=self._flag(entries.get("frozen"), f"{path}.frozen", default=False),
            init=self._nodes.init_of(init, f"{path}.init") if init else None,
            place=(value.line, value.column),
            init_place=(init.line, init.column) if init else None,
        )

    def _arguments(self, value: source.Value | None, path: str) -> dict[str, Argument]:
        hint = "arguments have a type: {width: int}"
        entries = self.problems.mapping(value, path, hint) if value else None
        found: dict[str, Argument] = {}
        for name, item in entries.entries.items() if entries else ():
            if not NAME.fullmatch(name) and entries:
                self.problems.add(
                    "MP206", f"'{name}' can't be an argument's name", entries.key_places[name], path
                )
            found[name] = self._argument(item, f"{path}.{name}")
        return found

    def _argument(self, value: source.Value, path: str) -> Argument:
        kind, default = value, None
        if isinstance(value, source.Mapping):
            self.problems.keys(value, ("type", "default"), path)
            kind, default = value.entries.get("type"), value.entries.get("default")
        word = kind.value if isinstance(kind, source.Scalar) else None
        if word not in ARGUMENT_KINDS:
            self.problems.add("MP213", f"must be one of {', '.join(ARGUMENT_KINDS)}", _at(value), path)
            word = "int"
        return Argument(str(word), self._literal(default, path) if default else None, _at(value))

    def _tied(self, value: source.Value | None, path: str) -> tuple[tuple[str, ...], ...]:
        groups = self.problems.sequence(value, path) if value else None
        found: list[tuple[str, ...]] = []
        for group in groups.items if groups else ():
            names = self.problems.sequence(group, path)
            found.append(tuple(self._nodes.reference(name, path) for name in names.items) if names else ())
            if names and len(names.items) < 2:
                self.problems.add("MP204", "a tie needs at least two names", _at(group), path)
        return tuple(found)

    def _shape(self, value: source.Value, path: str) -> tuple[Dim, ...]:
        sequence = self.problems.sequence(value, path)
        shape: list[Dim] = []
        if sequence and len(sequence.items) > MOST_AXES:
            told = f"a tensor has at most {MOST_AXES} axes, not {len(sequence.items)}"
            self.problems.add("MP302", told, _at(value), path)
            return ()
        for item in sequence.items if sequence else ():
            try:
                axis = _DIM.read(literal(item))
            except ValueError as error:
                self.problems.add("MP217", f"an axis {error}", _at(item), path, _free(item))
                axis = 1
            shape.append(axis if isinstance(axis, int | Expr) else 1)
        return tuple(shape)

    def _dtype(self, value: source.Value, path: str) -> DType | None:
        name = self.problems.text(value, path)
        try:
            return DType(name) if name else None
        except ValueError:
            hint = dtype_meant(str(name))
            hint = hint or self.problems.suggestion(str(name), [each.value for each in DType])
            self.problems.add("MP218", f"unknown dtype '{name}'", _at(value), path, hint)
            return None

    def _flag(self, value: source.Value | None, path: str, *, default: bool) -> bool:
        if value is None:
            return default
        if isinstance(value, source.Scalar) and isinstance(value.value, bool):
            return value.value
        self.problems.wrong_kind(value, path, "true or false")
        return default

    def _literal(self, value: source.Value, path: str) -> Literal:
        try:
            return literal(value)
        except ValueError as error:
            self.problems.add("MP204", str(error), _at(value), path)
            return None


def _free(axis: source.Value) -> str | None:
    unknown = isinstance(axis, source.Scalar) and axis.value in (-1, None)
    return "a free dimension is a word, such as batch" if unknown else None


def _at(value: source.Value) -> tuple[int, int]:
    return value.line, value.column
