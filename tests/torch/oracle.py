"""Document -> what torch makes of it, or why and where it doesn't: the other opinion that the checker is held against.

Nothing is inferred here. Sizes are numbers, tensors are real, and each layer is torch's own module or function with the settings
as they are written, out of bounds or not: what it can't do, it refuses itself. Of modelpack there are the values of the text
(`source`), the tables of types (their settings by kind, their ports, torch's names for them) and no more; references, scopes,
chains and expressions are worked out again, the plain way. What torch can't tell, as it never sees it, is wrong by construction:
a key that means nothing, a name that nothing bears, a word where a number belongs.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from modelpack import source
from modelpack.backends.torch.bindings import ROWS
from modelpack.backends.torch.dtypes import to_torch
from modelpack.backends.torch.modules import make
from modelpack.backends.torch.rows import ModuleRow, Unsupported
from modelpack.dtypes import DType
from modelpack.errors import ArchitectureError
from modelpack.layers import BUILTIN, LayerType
from modelpack.layers.base import MANY
from tests.torch.oracle_values import (
    ARGUMENTS,
    COMPARISONS,
    NAME,
    PATH,
    Expressions,
    Wrong,
    argument_of,
    beside,
    by_torch,
    check_initialiser,
    check_keys,
    check_names,
    dtype_of,
    filled,
    items_of,
    items_or_none,
    mapping_of,
    scalar_of,
    scalar_or_none,
    setting_of,
    tensors_in,
    torch_dtype_of,
)

__all__ = ["Unmet", "Wrong", "filled", "inputs_of", "run"]

BODY = {"arguments", "inputs", "parameters", "buffers", "layers", "outputs", "tied"}
TOP = {"modelpack", "name", "dtype", "modes", "requires", "blocks", "imports"} | (BODY - {"arguments"})
NODE = {"inputs", "repeat", "from", "frozen", "init", "when", "with"}


class Unmet(Exception):  # noqa: N818
    """The network says itself that it isn't for these sizes."""


def run(text: str, sizes: Mapping[str, int], *, training: bool, zeros: bool = False) -> Any:
    """What the network in `text` gives for inputs of these sizes.

    Raises:
        Wrong: it gives nothing.
        Unmet: these sizes aren't what it requires.
    """
    try:
        document = source.parse(text)
    except ArchitectureError as error:
        # Where is not for this module to say: it would be the same word twice.
        raise Wrong(0, str(error)) from None
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        return _Network(document, sizes, training, zeros).outputs()


def inputs_of(value: source.Value, size: Callable[[str], int], line: int, *, zeros: bool) -> Any:
    """Tensors as an input of the network declares them, nested as it is."""
    if isinstance(value, source.Sequence):
        return tuple(inputs_of(item, size, line, zeros=zeros) for item in value.items)
    entries = mapping_of(value).entries
    if entries and not entries.keys() & {"dtype", "shape"}:
        return {key: inputs_of(item, size, line, zeros=zeros) for key, item in entries.items()}
    check_keys(mapping_of(value), {"dtype", "shape"})
    if entries.keys() != {"dtype", "shape"}:
        raise Wrong(line, "an input of the network says neither dtype nor shape")
    shape = [
        size(item.value)
        if isinstance(item, source.Scalar) and isinstance(item.value, str) and NAME.fullmatch(item.value)
        else Expressions({}, size)(item)
        for item in items_of(entries["shape"])
    ]
    dtype = torch_dtype_of(entries["dtype"])
    if any(each < 0 for each in shape):
        raise Wrong(line, "a size below 0")
    return filled(shape, dtype, zeros=zeros)


@dataclass(slots=True)
class _Copies:
    """What a repeated layer gave: the name alone is the last."""

    first: int
    values: list[Any]


class _Absent:
    """What a layer of the other mode gives."""


@dataclass(slots=True)
class _Made:
    """A layer or block that has run: a call runs it again."""

    type: str
    does: Any
    training: bool


@dataclass(slots=True)
class _Scope:
    """Names of one body while it runs."""

    path: str
    environment: dict[str, Any]
    training: bool
    values: dict[str, Any] = field(default_factory=dict[str, Any])


class _Network:
    def __init__(self, document: source.Value, sizes: Mapping[str, int], training: bool, zeros: bool) -> None:
        self.top = mapping_of(document)
        self.sizes = sizes
        self.training = training
        self.zeros = zeros
        self.made: dict[str, _Made] = {}
        self.tensors: dict[str, torch.Tensor] = {}
        self.depth = 0

    def outputs(self) -> Any:
        top = self.top
        check_keys(top, TOP)
        for key in ("modelpack", "name", "inputs", "layers"):
            if key not in top.entries:
                raise Wrong(top.line, f"no {key}")
        version = scalar_of(top.entries["modelpack"])
        if version != 1 or isinstance(version, bool):
            raise Wrong(top.entries["modelpack"].line, "another version")
        name = scalar_of(top.entries["name"])
        if not isinstance(name, str) or not PATH.fullmatch(name):
            raise Wrong(top.entries["name"].line, "no name")
        self.dtype = dtype_of(top.entries["dtype"]) if "dtype" in top.entries else DType.FLOAT32
        modes = (
            [scalar_of(each) for each in items_of(top.entries["modes"])] if "modes" in top.entries else None
        )
        if modes not in (None, ["train", "eval"], ["train"], ["eval"]):
            raise Wrong(top.entries["modes"].line, "no modes")
        self.blocks = self._blocks()
        inputs = mapping_of(top.entries["inputs"])
        given = [
            inputs_of(value, lambda name: self.sizes[name], value.line, zeros=self.zeros)
            for value in inputs.entries.values()
        ]
        self._requires()
        return self._body(top, given, {}, "", self.training)

    def _blocks(self) -> dict[str, source.Mapping]:
        value = self.top.entries.get("blocks")
        found = mapping_of(value) if value else source.Mapping({}, 1, 1, {})
        blocks: dict[str, source.Mapping] = {}
        for name, body in found.entries.items():
            if not NAME.fullmatch(name):
                raise Wrong(found.key_places[name][0], "no name for a block")
            blocks[name] = mapping_of(body)
            check_keys(blocks[name], BODY)
            for key in ("inputs", "layers"):
                if key not in blocks[name].entries:
                    raise Wrong(blocks[name].line, f"no {key}")
        return blocks

    def _requires(self) -> None:
        known = self._declared(self.top)
        for each in items_of(self.top.entries["requires"]) if "requires" in self.top.entries else ():
            text = scalar_of(each)
            found = re.fullmatch(
                r"([^=!<>]+)(==|!=|<=|>=|<|>)([^=!<>]+)", text if isinstance(text, str) else ""
            )
            if found is None or not any(name in text for name in known):
                raise Wrong(each.line, "no comparison of dimensions")
            told = {
                Expressions(dict.fromkeys(known, size)).text(each.line, f"({found[1]}) - ({found[3]})")
                for size in range(2, 40)
            }
            if len(told) == 1:
                raise Wrong(each.line, "it depends on no dimension")
            sides = Expressions({name: self.sizes[name] for name in known})
            if not COMPARISONS[found[2]](sides.text(each.line, found[1]), sides.text(each.line, found[3])):
                raise Unmet(text)

    def _declared(self, body: source.Mapping) -> set[str]:
        """The dimensions that stand alone in the inputs."""
        found: set[str] = set()
        for leaf in tensors_in(body.entries["inputs"]):
            shape = leaf.entries.get("shape")
            for item in items_of(shape) if shape else ():
                word = item.value if isinstance(item, source.Scalar) else None
                if isinstance(word, str) and NAME.fullmatch(word):
                    found.add(word)
        return found

    # ----------------------------------------------------------------------------------------------- a body

    def _body(
        self, body: source.Mapping, given: list[Any], arguments: Mapping[str, Any], path: str, training: bool
    ) -> Any:
        self.depth += 1
        if self.depth > 40:
            raise Wrong(body.line, "a block in itself")
        inputs = mapping_of(body.entries["inputs"])
        scope = _Scope(path, dict(arguments), training)
        for name, value in zip(inputs.entries, given, strict=True):
            if not NAME.fullmatch(name):
                raise Wrong(inputs.key_places[name][0], "no name for an input")
            scope.values[name] = value
        self._bind(inputs, given, scope)
        for kind in ("parameters", "buffers"):
            if kind in body.entries:
                self._own(mapping_of(body.entries[kind]), kind, scope)
        layers = mapping_of(body.entries["layers"])
        check_names(inputs, body, layers)
        before: str | None = None
        for name, node in layers.entries.items():
            line = layers.key_places[name][0]
            if not PATH.fullmatch(name):
                raise Wrong(line, "no name for a layer")
            scope.values[name] = self._node(name, node, before, inputs, scope, line)
            before = name
        self._tied(body, scope)
        self.depth -= 1
        if "outputs" in body.entries:
            return self._there(self._follow(body.entries["outputs"], scope), body.entries["outputs"].line)
        if before is None:
            raise Wrong(body.line, "nothing to give")
        return self._there(_last(scope.values[before]), body.line)

    def _bind(self, inputs: source.Mapping, given: list[Any], scope: _Scope) -> None:
        """What a body's inputs declare: names that stand alone get their sizes, the rest must hold."""
        found: list[tuple[source.Value, int, int]] = []
        for value, tensors in zip(inputs.entries.values(), given, strict=True):
            for leaf, tensor in beside(value, tensors):
                if not isinstance(tensor, torch.Tensor):
                    raise Wrong(leaf.line, "an input of several tensors where one is declared")
                check_keys(leaf, {"dtype", "shape"})
                if "dtype" in leaf.entries and torch_dtype_of(leaf.entries["dtype"]) != tensor.dtype:
                    raise Wrong(leaf.line, "an input of another dtype than is declared")
                if "shape" not in leaf.entries:
                    continue
                items = items_of(leaf.entries["shape"])
                if len(items) != tensor.dim():
                    raise Wrong(leaf.line, "an input with other axes than are declared")
                found += [(item, size, leaf.line) for item, size in zip(items, tensor.shape, strict=True)]
        for item, size, line in found:
            word = scalar_of(item)
            if (
                isinstance(word, str)
                and NAME.fullmatch(word)
                and scope.environment.setdefault(word, size) != size
            ):
                raise Wrong(line, f"{word} is {size} and {scope.environment[word]}")
        for item, size, line in found:
            declared = Expressions(scope.environment)(item)
            if declared != size or declared < 0:
                raise Wrong(line, f"{size} where {declared} is declared")

    def _own(self, tensors: source.Mapping, kind: str, scope: _Scope) -> None:
        """A body's own parameters or buffers."""
        arguments = {name: value for name, value in scope.environment.items() if name.startswith("$")}
        for name, value in tensors.entries.items():
            if not PATH.fullmatch(name):
                raise Wrong(tensors.key_places[name][0], "no name for a tensor")
            told = mapping_of(value)
            check_keys(told, {"shape", "dtype", "init", "frozen" if kind == "parameters" else "persistent"})
            if "shape" not in told.entries:
                raise Wrong(told.line, "no shape")
            for flag in ("frozen", "persistent"):
                if flag in told.entries and not isinstance(scalar_of(told.entries[flag]), bool):
                    raise Wrong(told.line, "neither true nor false")
            shape = [Expressions(arguments)(item) for item in items_of(told.entries["shape"])]
            dtype = torch_dtype_of(told.entries["dtype"]) if "dtype" in told.entries else to_torch(self.dtype)
            if "init" in told.entries:
                check_initialiser(told.entries["init"])
            if any(each < 0 for each in shape):
                raise Wrong(told.line, "a size below 0")
            with by_torch(told.line):
                made = torch.full(shape, 0.5 if dtype.is_floating_point else 0, dtype=dtype)
                if kind == "parameters":
                    made = torch.nn.Parameter(made, requires_grad=made.is_floating_point())
            scope.values[name] = self.tensors[f"{scope.path}{name}"] = made

    def _tied(self, body: source.Mapping, scope: _Scope) -> None:
        for group in items_of(body.entries["tied"]) if "tied" in body.entries else ():
            names = [scalar_of(each) for each in items_of(group)]
            found = [self.tensors.get(f"{scope.path}{name}") for name in names]
            if len(found) < 2 or any(each is None for each in found) or len(set(names)) < len(names):
                raise Wrong(group.line, "a tie of what isn't there")
            if len({(each.shape, each.dtype) for each in found if each is not None}) > 1:
                raise Wrong(group.line, "a tie of tensors that differ")

    # ----------------------------------------------------------------------------------------------- a node

    def _node(
        self,
        name: str,
        value: source.Value,
        before: str | None,
        inputs: source.Mapping,
        scope: _Scope,
        line: int,
    ) -> Any:
        node = mapping_of(value)
        entries = node.entries
        actions = [key for key in entries if key not in NODE]
        if len(actions) != 1:
            raise Wrong(line, "not one thing to do")
        action = actions[0]
        if action not in (*BUILTIN, "use", "call"):
            raise Wrong(node.key_places[action][0], f"no type {action}")
        self._keywords(node, action, line)
        if "when" in entries and scalar_of(entries["when"]) != ("train" if scope.training else "eval"):
            return _Absent()
        training = scope.training and not ("frozen" in entries and scalar_or_none(entries["frozen"]) is True)
        if action == "call":
            made = self.made.get(f"{scope.path}{scalar_of(entries['call'])}")
            if made is None:
                raise Wrong(line, "nothing to call")
            ports, does = self._ports(made), lambda given, _: self._run(made, given, scope, line)
        else:
            ports = self._ports(_Made(action, self._used(node) if action == "use" else None, training))
            does = lambda given, at: self._new(at, node, action, training, given, scope, line)  # noqa: E731
        given = self._given(node, ports, before, inputs, scope, line)
        if "repeat" not in entries:
            return does(given, f"{scope.path}{name}")
        return self._repeated(node, name, given, does, scope)

    def _repeated(
        self, node: source.Mapping, name: str, given: list[Any], does: Callable[..., Any], scope: _Scope
    ) -> _Copies:
        constants = {key: value for key, value in scope.environment.items() if key.startswith("$")}
        count = Expressions(constants)(node.entries["repeat"])
        first = scalar_of(node.entries["from"]) if "from" in node.entries else 0
        if count < 1 or type(first) is not int or first < 0:
            raise Wrong(node.entries["repeat"].line, "no count")
        copies = _Copies(first, [])
        for at in range(count):
            result = does(given, f"{scope.path}{name}.{first + at}")
            copies.values.append(result)
            if at + 1 < count or isinstance(result, Mapping):
                passed = list(result) if isinstance(result, tuple | list) else [result]
                if isinstance(result, Mapping) or len(passed) > len(given):
                    raise Wrong(node.line, "gives more than the next copy takes")
                given = [*passed, *given[len(passed) :]]
        return copies

    def _keywords(self, node: source.Mapping, action: str, line: int) -> None:
        """What the format says of a node, whatever it does."""
        entries = node.entries
        wrong = [] if action == "use" else ["with"]
        wrong += [] if "repeat" in entries else ["from"]
        wrong += ["repeat", "frozen", "init"] if action == "call" else []
        if any(key in entries for key in wrong):
            raise Wrong(line, "a key without meaning here")
        if "when" in entries and scalar_of(entries["when"]) not in ("train", "eval"):
            raise Wrong(line, "no mode")
        frozen = entries.get("frozen")
        if (
            frozen is not None
            and not isinstance(frozen, source.Sequence)
            and not isinstance(scalar_of(frozen), bool)
        ):
            raise Wrong(line, "neither frozen nor not")
        for each in mapping_of(entries["init"]).entries.values() if "init" in entries else ():
            check_initialiser(each)

    def _new(
        self,
        at: str,
        node: source.Mapping,
        action: str,
        training: bool,
        given: list[Any],
        scope: _Scope,
        line: int,
    ) -> Any:
        """The layer or block, made and run; then what the node says of its tensors."""
        if action == "use":
            does: Any = (self._used(node), self._arguments(node, scope, line))
        else:
            does = self._layer(action, mapping_of(node.entries[action]), scope, training, line)
        made = self.made[at] = _Made(action, does, training)
        result = self._run(made, given, scope, line, at)
        named = [scalar_of(each) for each in items_or_none(node.entries.get("frozen"))]
        named += list(mapping_of(node.entries["init"]).entries) if "init" in node.entries else []
        if any(f"{at}.{name}" not in self.tensors for name in named):
            raise Wrong(line, "a tensor that isn't there")
        return result

    def _used(self, node: source.Mapping) -> str:
        name = scalar_of(node.entries["use"])
        if name not in self.blocks:
            raise Wrong(node.entries["use"].line, f"no block {name}")
        return str(name)

    def _arguments(self, node: source.Mapping, scope: _Scope, line: int) -> dict[str, Any]:
        body = self.blocks[self._used(node)]
        declared = (
            mapping_of(body.entries["arguments"])
            if "arguments" in body.entries
            else source.Mapping({}, 1, 1, {})
        )
        given = mapping_of(node.entries["with"]).entries if "with" in node.entries else {}
        if given.keys() - declared.entries.keys():
            raise Wrong(line, "no such argument")
        found: dict[str, Any] = {}
        for name, each in declared.entries.items():
            kind, default = each, None
            if isinstance(each, source.Mapping):
                check_keys(each, {"type", "default"})
                kind, default = each.entries.get("type", each), each.entries.get("default")
            word = kind.value if isinstance(kind, source.Scalar) else None
            if word not in ARGUMENTS or not NAME.fullmatch(name):
                raise Wrong(each.line, "no kind of argument")
            value = given.get(name, default)
            if value is None:
                raise Wrong(line, f"the argument {name} isn't given")
            # Only `dim` may depend on sizes.
            names = {key: at for key, at in scope.environment.items() if word == "dim" or key.startswith("$")}
            found[f"${name}"] = argument_of(str(word), value, names, line)
        return found

    # ----------------------------------------------------------------------------------------------- references

    def _ports(self, made: _Made) -> list[tuple[str, bool, bool]]:
        """Name, required, variadic."""
        if made.type == "use":
            name = made.does[0] if isinstance(made.does, tuple) else made.does
            return [(each, True, False) for each in mapping_of(self.blocks[name].entries["inputs"]).entries]
        return [(port.name, port.required, port.variadic) for port in BUILTIN[made.type].ports]

    def _given(
        self,
        node: source.Mapping,
        ports: list[tuple[str, bool, bool]],
        before: str | None,
        inputs: source.Mapping,
        scope: _Scope,
        line: int,
    ) -> list[Any]:
        """A value for each port; of a variadic one a list."""
        if "inputs" in node.entries:
            value = node.entries["inputs"]
            if isinstance(value, source.Mapping):
                named = {key: self._follow(item, scope) for key, item in value.entries.items()}
                if named.keys() - {name for name, _, _ in ports}:
                    raise Wrong(value.line, "no such port")
                return [named.get(name) for name, _, _ in ports]
            items = items_of(value) if isinstance(value, source.Sequence) else [value]
            given = [self._follow(item, scope) for item in items]
        elif not ports:
            given = []
        elif before is not None:
            given = [_last(scope.values[before])]
        elif len(inputs.entries) == 1:
            given = [scope.values[next(iter(inputs.entries))]]
        else:
            raise Wrong(line, "several inputs could feed it")
        fixed = [port for port in ports if not port[2]]
        if len(fixed) < len(ports):
            absent = [None] * (len(fixed) - len(given))
            return [*given[: len(fixed)], *absent, given[len(fixed) :]]
        if len(given) > len(ports):
            raise Wrong(line, "too many inputs")
        return [*given, *[None] * (len(ports) - len(given))]

    def _follow(self, value: source.Value, scope: _Scope) -> Any:
        if isinstance(value, source.Sequence):
            return tuple(self._follow(item, scope) for item in value.items)
        if isinstance(value, source.Mapping):
            return {key: self._follow(item, scope) for key, item in value.entries.items()}
        if value.value is None:
            return None
        if not isinstance(value.value, str):
            raise Wrong(value.line, "no reference")
        head, rest = value.value, list[str]()
        while head not in scope.values:
            head, dot, last = head.rpartition(".")
            if not dot:
                raise Wrong(value.line, f"nothing is called {value.value}")
            rest.insert(0, last)
        found = scope.values[head]
        if isinstance(found, _Copies) and rest and rest[0].isdigit():
            at = int(rest.pop(0)) - found.first
            if not 0 <= at < len(found.values):
                raise Wrong(value.line, "no such copy")
            found = found.values[at]
        found = _last(found)
        for key in rest:
            if isinstance(found, Mapping) and key in found:
                found = found[key]
            elif isinstance(found, tuple | list) and key.isdigit() and int(key) < len(found):
                found = found[int(key)]
            else:
                raise Wrong(value.line, f"nothing is called {value.value}")
        return found

    def _there(self, value: Any, line: int) -> Any:
        if isinstance(value, _Absent):
            raise Wrong(line, "isn't there in this mode")
        for each in (
            value.values() if isinstance(value, Mapping) else value if isinstance(value, tuple) else ()
        ):
            self._there(each, line)
        return value

    # ----------------------------------------------------------------------------------------------- running

    def _run(self, made: _Made, given: list[Any], scope: _Scope, line: int, at: str = "") -> Any:
        if made.type == "by_mode":
            return self._there(given[0 if scope.training else 1], line)
        for each in given:
            self._there(tuple(each) if isinstance(each, list) else each, line)
        if made.type == "use":
            name, arguments = made.does
            body = self.blocks[name]
            if any(each is None for each in given):
                raise Wrong(line, "an input of the block isn't given")
            path = f"{at}." if at else next(f"{key}." for key, each in self.made.items() if each is made)
            return self._body(body, given, arguments, path, made.training)
        kind = BUILTIN[made.type]
        layer, module = made.does
        flat = [item for each in given for item in (each if isinstance(each, list) else [each])]
        if any(each is not None and not isinstance(each, torch.Tensor) for each in flat):
            raise Wrong(line, "several tensors where one is wanted")
        for port, each in zip(kind.ports, given, strict=True):
            number = vars(layer).get(port.name)
            if port.name in kind.settings and (each is None) == (number is None):
                raise Wrong(line, "a number or a tensor, one of both")
            if port.required and port.name not in kind.settings and each is None:
                raise Wrong(line, f"needs {port.name}")
        row = ROWS[made.type]
        with by_torch(line):
            if isinstance(row, ModuleRow):
                self._name_tensors(at, module)
                result = _of_module(layer, row, module, given)
            else:
                result = _of_operation(layer, row, given)
        return _by_port(kind, result)

    def _name_tensors(self, at: str, module: torch.nn.Module) -> None:
        if at:
            for name, tensor in [*module.named_parameters(remove_duplicate=False), *module.named_buffers()]:
                self.tensors[f"{at}.{name}"] = tensor

    def _layer(
        self, type: str, settings: source.Mapping, scope: _Scope, training: bool, line: int
    ) -> tuple[Any, torch.nn.Module | None]:
        kind = BUILTIN[type]
        values: dict[str, Any] = {"dtype": self.dtype} if kind.has_parameter_dtype else {}
        for name, value in settings.entries.items():
            if name not in kind.settings:
                raise Wrong(settings.key_places[name][0], f"{type} has no {name}")
            values[name] = setting_of(kind.settings[name].kind, value, scope.environment, training)
        missing = [name for name in kind.required if name not in values]
        if missing:
            raise Wrong(line, f"{type} needs {missing[0]}")
        row = ROWS[type]
        if isinstance(row, Unsupported):
            raise Wrong(line, row.why)
        with by_torch(line):
            layer = kind.cls(**values)
            if not isinstance(row, ModuleRow):
                return layer, None
            module = make(layer, row, "cpu")
            for tensor in (*module.parameters(), *module.buffers()):
                tensor.fill_(0.5 if tensor.is_floating_point() else 0)
            return layer, module.train(training)


def _of_module(layer: Any, row: ModuleRow, module: torch.nn.Module, given: list[Any]) -> Any:
    while row.call is None and given and given[-1] is None:
        given = given[:-1]
    args, named = row.call(*given) if row.call else (given, {})
    named = {**named, **{row.rename.get(name, name): vars(layer)[name] for name in row.at_call}}
    result = module(*args, **named) if row.run is None else row.run(module, *args, **named)
    return row.results(result)


def _of_operation(layer: Any, row: Any, given: list[Any]) -> Any:
    settings = dict(vars(layer))
    arguments = []
    for port, each in zip(layer.type.ports, given, strict=True):
        number = settings.pop(port.name, None)
        arguments.append(number if each is None else each)
    named = {
        row.rename.get(name, name): to_torch(value) if isinstance(value, DType) else value
        for name, value in settings.items()
    }
    return row.function(*arguments, **named, **({"device": "cpu"} if row.makes_tensor else {}))


def _by_port(kind: LayerType, result: Any) -> Any:
    if kind.outputs == MANY:
        return tuple(result)
    if not kind.outputs:
        return result
    return dict(zip(kind.outputs, result if isinstance(result, tuple | list) else (result,), strict=False))


def _last(value: Any) -> Any:
    return value.values[-1] if isinstance(value, _Copies) else value
