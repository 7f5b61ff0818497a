"""Body -> Program: a block's steps, ready to run: nothing is looked up, parsed or decided while it does.

A program holds no modules and never changes: it belongs to the class of a block's modules, so that copies of one share it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from torch.utils import _pytree

from modelpack.backends.torch.boundary import Check, checks_of
from modelpack.backends.torch.dtypes import to_torch
from modelpack.backends.torch.rows import ModuleRow, OperationRow, Row, Unsupported
from modelpack.backends.torch.symbolic import Environment, compile_dim, compile_value, has_expressions
from modelpack.dims import Expr, symbols
from modelpack.dtypes import DType
from modelpack.errors import BuildError, Problem
from modelpack.layers.base import MANY, Layer
from modelpack.network import Again, Body, Child, Leaf, Slot, Specs, Step, Wiring

__all__ = ["DEVICE", "Action", "Outputs", "Program", "compile_body", "row_of"]

Getter = Callable[[list[Any], Environment], Any]

DEVICE = "the device"
"""The key under which an environment has the device for tensors that are made from nothing; no dimension is called so."""


class Outputs(dict[str, Any]):
    """Named outputs: a dict whose entries are attributes too (`outputs.logits`)."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"there is no output '{name}'; there are {', '.join(self)}") from None


def _flatten(outputs: Outputs) -> tuple[list[Any], Any]:
    return list(outputs.values()), tuple(outputs)


def _unflatten(values: Any, keys: Any) -> Outputs:
    return Outputs(zip(keys, values, strict=True))


_pytree.register_pytree_node(Outputs, _flatten, _unflatten, serialized_type_name="modelpack.Outputs")


@dataclass(frozen=True, slots=True, eq=False)
class Action:
    """One call: what is called, with which values, where the result goes and which values aren't needed after it."""

    path: tuple[str, ...]
    """the way to the submodule; empty where `function` is called"""
    function: Callable[..., Any] | None
    plain: tuple[int, ...] | None
    """the values that are the arguments, where all arguments are whole values"""
    arguments: tuple[Getter, ...]
    """else: what gives each"""
    settings: tuple[Mapping[str, Any], Mapping[str, Any]]
    """keyword arguments: in eval mode, in train mode"""
    computed: tuple[tuple[str, Getter], ...]
    """keyword arguments that depend on sizes"""
    call: Callable[..., tuple[tuple[Any, ...], dict[str, Any]]] | None
    """ports -> (args, kwargs), where the module's forward isn't called with its ports"""
    results: Callable[[Any], Any] | None
    output: int
    dead: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """How a block runs."""

    name: str
    inputs: tuple[str, ...]
    passed: tuple[tuple[str, str], ...]
    """keyword -> argument, with its `$`"""
    raw: tuple[tuple[str, ...], ...]
    """the ways to the block's own tensors, whose values follow those of the inputs"""
    size: int
    """how many values there are"""
    dims: tuple[tuple[str, int, tuple[str | int, ...], int], ...]
    """the dimensions that are needed: name, input, way into it, axis"""
    device: tuple[int, tuple[str | int, ...]] | None
    """the input whose device new tensors get"""
    makes_tensors: bool
    actions: tuple[Action, ...]
    result: Getter
    checks: tuple[Check, ...]
    """only of the outermost"""


def compile_body(body: Body, rows: Mapping[str, Row], *, outermost: bool) -> Program:
    """The program of one block.

    Raises:
        BuildError: MP711 a type that this backend hasn't; MP712 a setting that torch can't change while running.
    """
    compiler = _Compiler(body, rows)
    actions = tuple(compiler.action(position, step) for position, step in enumerate(body.steps))
    inputs = tuple(body.inputs)
    return Program(
        name=body.name,
        inputs=inputs,
        passed=tuple((_keyword(name, body), f"${name}") for name in body.passed),
        raw=tuple(tuple(entry.name.split(".")) for entry in body.raw),
        size=compiler.first_step + len(body.steps),
        dims=tuple(
            (dim.name, inputs.index(dim.input), dim.path, dim.axis)
            for dim in body.dims
            if dim.name in compiler.needed
        ),
        device=_first_tensor(body),
        makes_tensors=compiler.makes_tensors,
        actions=actions,
        result=compiler.getter(body.wiring),
        checks=checks_of(body.inputs) if outermost else (),
    )


def row_of(layer: Layer, rows: Mapping[str, Row], path: str) -> ModuleRow | OperationRow:
    """The row of a layer's type. Raises BuildError MP711 where there is none or it is unsupported."""
    row = rows.get(layer.type.name)
    if row is None or isinstance(row, Unsupported):
        why = "it has no row" if row is None else row.why
        raise BuildError(Problem("MP711", f"the torch backend can't run {layer.type.name}: {why}", path=path))
    return row


class _Compiler:
    """What the steps of one body share: where values are, when each is needed last, which sizes are needed."""

    def __init__(self, body: Body, rows: Mapping[str, Row]) -> None:
        self._body = body
        self._rows = rows
        self.first_step = len(body.inputs) + len(body.raw)
        self.needed: set[str] = set()
        self.makes_tensors = False
        self._dead = _last_uses(body, self.first_step)

    def action(self, position: int, step: Step) -> Action:
        does = step.does.of if isinstance(step.does, Again) else step.does
        output = self.first_step + position
        if isinstance(does, Child):
            return self._of_block(step, does, output)
        row = row_of(does.train, self._rows, step.name)
        if isinstance(row, ModuleRow):
            return self._of_module(step, does, row, output)
        return self._of_operation(step, does, row, output)

    def getter(self, wiring: Wiring) -> Getter:
        """What fetches the value that `wiring` describes."""
        if wiring is None:
            return lambda values, environment: None
        if isinstance(wiring, Slot):
            return self._slot(wiring)
        if isinstance(wiring, Mapping):
            named = tuple((key, self.getter(inner)) for key, inner in wiring.items())
            return lambda values, environment: Outputs({key: get(values, environment) for key, get in named})
        items = tuple(self.getter(inner) for inner in wiring)
        return lambda values, environment: tuple([get(values, environment) for get in items])

    def _of_block(self, step: Step, child: Child, output: int) -> Action:
        passed = tuple(
            (_keyword(name, child.body), self._computed(dim)) for name, dim in child.passed.items()
        )
        return self._action(step, output, path=_path(step), computed=passed)

    def _of_module(self, step: Step, leaf: Leaf, row: ModuleRow, output: int) -> Action:
        late = [name for name, value in leaf.symbolic.items() if has_expressions(value)]
        if late:
            message = f"{leaf.train.type.name} needs {', '.join(late)} before it is built"
            raise BuildError(Problem("MP712", message, path=step.name))
        train, evaluate = (
            {row.rename.get(name, name): vars(layer)[name] for name in row.at_call}
            for layer in (leaf.train, leaf.eval)
        )
        return self._action(
            step,
            output,
            path=_path(step),
            settings=(evaluate, evaluate if step.node.frozen is True else train),
            call=row.call,
            results=row.results,
        )

    def _of_operation(self, step: Step, leaf: Leaf, row: OperationRow, output: int) -> Action:
        ports = {port.name for port in leaf.train.type.ports}
        late = {name: value for name, value in self._symbolic(leaf) if has_expressions(value)}
        computed = [
            (row.rename.get(name, name), self._computed(value))
            for name, value in late.items()
            if name not in ports
        ]
        if row.makes_tensor:
            self.makes_tensors = True
            computed.append(("device", lambda values, environment: environment[DEVICE]))
        train, evaluate = (
            {
                row.rename.get(name, name): _for_torch(value)
                for name, value in vars(layer).items()
                if name not in ports and name not in late
            }
            for layer in (leaf.train, leaf.eval)
        )
        return self._action(
            step,
            output,
            function=row.function,
            arguments=[self._port(step, index, leaf, late) for index in range(len(leaf.train.type.ports))],
            settings=(evaluate, evaluate if step.node.frozen is True else train),
            computed=tuple(computed),
        )

    def _action(
        self,
        step: Step,
        output: int,
        *,
        path: tuple[str, ...] = (),
        function: Callable[..., Any] | None = None,
        arguments: list[Wiring | Getter] | None = None,
        settings: tuple[Mapping[str, Any], Mapping[str, Any]] = ({}, {}),
        computed: tuple[tuple[str, Getter], ...] = (),
        call: Callable[..., tuple[tuple[Any, ...], dict[str, Any]]] | None = None,
        results: Callable[[Any], Any] | None = None,
    ) -> Action:
        given: list[Wiring | Getter] = list(step.inputs) if arguments is None else arguments
        if arguments is None and call is None:
            while given and given[-1] is None:
                given.pop()
        plain = tuple(each.index for each in given if isinstance(each, Slot) and not each.path)
        return Action(
            path=path,
            function=function,
            plain=plain if len(plain) == len(given) else None,
            arguments=tuple(each if callable(each) else self.getter(each) for each in given),
            settings=settings,
            computed=computed,
            call=call,
            results=results,
            output=output,
            dead=self._dead[output - self.first_step],
        )

    def _port(self, step: Step, index: int, leaf: Leaf, late: Mapping[str, Any]) -> Wiring | Getter:
        """The argument for a port of an operation: tensors, or the number that stands in for one."""
        port, wiring = leaf.train.type.ports[index], step.inputs[index] if index < len(step.inputs) else None
        if port.variadic:
            items = tuple(self.getter(each) for each in wiring) if isinstance(wiring, tuple) else ()
            return lambda values, environment: [get(values, environment) for get in items]
        if wiring is not None or port.name not in leaf.train.type.settings:
            return wiring
        if port.name in late:
            return self._computed(late[port.name])
        number, other = vars(leaf.train)[port.name], vars(leaf.eval)[port.name]
        if step.node.frozen is True or number == other:
            return lambda values, environment: other
        message = f"{port.name} stands in for a tensor and can't differ between train and eval"
        raise BuildError(Problem("MP712", message, path=step.name))

    def _symbolic(self, leaf: Leaf) -> Iterator[tuple[str, Any]]:
        kinds = leaf.train.type.settings
        for name, literal in leaf.symbolic.items():
            yield name, kinds[name].kind.expand(literal)

    def _computed(self, value: Any) -> Getter:
        self.needed |= _symbols(value)
        function = compile_dim(value) if isinstance(value, Expr) else compile_value(value)
        return lambda values, environment: function(environment)

    def _slot(self, slot: Slot) -> Getter:
        index, path = slot.index, self._into(slot)
        if not path:
            return lambda values, environment: values[index]
        if len(path) == 1:
            key = path[0]
            return lambda values, environment: values[index][key]

        def deep(values: list[Any], environment: Environment) -> Any:
            value = values[index]
            for key in path:
                value = value[key]
            return value

        return deep

    def _into(self, slot: Slot) -> tuple[str | int, ...]:
        """The way into the value, where the named ports of a layer are places in a tuple."""
        if slot.index < self.first_step or not slot.path:
            return slot.path
        does = self._body.steps[slot.index - self.first_step].does
        does = does.of if isinstance(does, Again) else does
        if isinstance(does, Child) or does.train.type.outputs == MANY or isinstance(slot.path[0], int):
            return slot.path
        return (does.train.type.outputs.index(slot.path[0]), *slot.path[1:])


def _keyword(argument: str, body: Body) -> str:
    """What the block's `forward` calls an argument that it is passed: an input may bear the same name."""
    while argument in body.inputs:
        argument += "_"
    return argument


def _path(step: Step) -> tuple[str, ...]:
    return tuple((step.does.target if isinstance(step.does, Again) else step.name).split("."))


def _for_torch(value: Any) -> Any:
    return to_torch(value) if isinstance(value, DType) else value


def _symbols(value: Any) -> frozenset[str]:
    if isinstance(value, Expr):
        return symbols(value)
    return frozenset().union(*map(_symbols, value)) if isinstance(value, tuple) else frozenset()


def _slots(wiring: Wiring) -> Iterator[int]:
    if isinstance(wiring, Slot):
        yield wiring.index
    elif wiring is not None:
        for inner in wiring.values() if isinstance(wiring, Mapping) else wiring:
            yield from _slots(inner)


def _last_uses(body: Body, first_step: int) -> list[tuple[int, ...]]:
    """For each step the values that nothing needs after it: kept, they would hold memory that a written-out forward frees."""
    last: dict[int, int] = {}
    for position, step in enumerate(body.steps):
        last[first_step + position] = position
        for wiring in step.inputs:
            last.update(dict.fromkeys(_slots(wiring), position))
    for index in _slots(body.wiring):
        last.pop(index, None)
    dead: list[list[int]] = [[] for _ in body.steps]
    for index, position in last.items():
        dead[position].append(index)
    return [tuple(each) for each in dead]


def _first_tensor(body: Body) -> tuple[int, tuple[str | int, ...]] | None:
    for index, specs in enumerate(body.inputs.values()):
        for path in _tensor_paths(specs):
            return index, path
    return None


def _tensor_paths(specs: Specs, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if isinstance(specs, Mapping):
        for key, inner in specs.items():
            yield from _tensor_paths(inner, (*path, key))
    elif isinstance(specs, tuple):
        for position, inner in enumerate(specs):
            yield from _tensor_paths(inner, (*path, position))
    elif specs is not None:
        yield path
