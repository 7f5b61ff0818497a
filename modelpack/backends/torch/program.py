"""Body -> Program: a block's steps, ready to run: nothing is looked up, parsed or decided while it does.

A program holds no modules and never changes: it belongs to the class of a block's modules, so that copies of one share it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from modelpack.backends.torch.boundary import Check, checks_of
from modelpack.backends.torch.dtypes import to_torch
from modelpack.backends.torch.outputs import Outputs
from modelpack.backends.torch.rows import ModuleRow, OperationRow, Row, Unsupported
from modelpack.backends.torch.symbolic import Environment, compile_dim, compile_value, has_expressions
from modelpack.dims import Expr, symbols
from modelpack.dtypes import DType
from modelpack.errors import BuildError, Problem
from modelpack.layers.base import MANY, Layer
from modelpack.layers.stateful import EitherMode
from modelpack.network import Again, Body, Child, Leaf, Slot, Specs, Step, Wiring, slots
from modelpack.tensors import TensorSpec

__all__ = ["DEVICE", "Action", "Program", "compile_body", "row_of"]

Getter = Callable[[list[Any], Environment], Any]

DEVICE = "the device"
"""The key under which an environment has the device for tensors that are made from nothing; no dimension is called so."""


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
    run: Callable[..., Any] | None
    """what is called with the module and those, where it isn't the module itself"""
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
    actions: tuple[tuple[Action, ...], tuple[Action, ...]]
    """in eval mode, in train mode; the same object where they are the same"""
    result: Getter
    checks: tuple[Check, ...]
    """only of the outermost"""


def compile_body(body: Body, rows: Mapping[str, Row], *, outermost: bool) -> Program:
    """The program of one block.

    Raises:
        BuildError: MP711 a type that this backend hasn't; MP712 a setting that torch can't change while running.
    """
    modes = ("eval", "train") if any(map(_depends_on_mode, body.steps)) else ("eval",)
    compilers = [_Compiler(body, rows, mode) for mode in modes]
    actions = [tuple(compiler.actions()) for compiler in compilers]
    needed = set[str]().union(*(compiler.needed for compiler in compilers))
    inputs = tuple(body.inputs)
    return Program(
        name=body.name,
        inputs=inputs,
        passed=tuple((_keyword(name, body), f"${name}") for name in body.passed),
        raw=tuple(tuple(entry.name.split(".")) for entry in body.raw),
        size=len(inputs) + len(body.raw) + len(body.steps),
        dims=tuple(
            (dim.name, inputs.index(dim.input), dim.path, dim.axis) for dim in body.dims if dim.name in needed
        ),
        device=_first_tensor(body),
        makes_tensors=any(compiler.makes_tensors for compiler in compilers),
        actions=(actions[0], actions[-1]),
        result=compilers[0].getter(body.wiring),
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
    """What the steps of one body share in one mode: where values are, when each is needed last, which sizes are needed."""

    def __init__(self, body: Body, rows: Mapping[str, Row], mode: str) -> None:
        self._body = body
        self._rows = rows
        self._mode = mode
        self._first_step = len(body.inputs) + len(body.raw)
        self._steps = {
            self._first_step + at: step
            for at, step in enumerate(body.steps)
            if step.node.when in (None, mode)
        }
        self.needed: set[str] = set()
        self.makes_tensors = False
        self._taken = {output: self._inputs(step) for output, step in self._steps.items()}
        self._dead = _last_uses(self._taken, body)
        self._changed = set(self._updated())

    def actions(self) -> Iterator[Action]:
        for output, step in self._steps.items():
            does = _does(step)
            if isinstance(does, Child):
                yield self._of_block(step, does, output)
                continue
            row = row_of(does.train, self._rows, step.name)
            if _is_either(step):
                yield self._action(step, output, function=_same, arguments=list(self._taken[output]))
            elif isinstance(row, ModuleRow):
                yield self._of_module(step, does, row, output)
            else:
                yield self._of_operation(step, does, row, output)

    def _inputs(self, step: Step) -> tuple[Wiring, ...]:
        """What a step takes in this mode."""
        return (step.inputs[self._mode == "eval"],) if _is_either(step) else step.inputs

    def _updated(self) -> Iterator[int]:
        """The block's own tensors that a step changes where they stand. Who else reads one gets a copy of its value then: what
        is a view of a tensor would change with it afterwards."""
        for step in self._steps.values():
            does = _does(step)
            row = row_of(does.train, self._rows, step.name) if isinstance(does, Leaf) else None
            if isinstance(does, Leaf) and isinstance(row, OperationRow):
                for port, wiring in zip(does.train.type.ports, step.inputs, strict=False):
                    if port.name in row.updates:
                        yield from (slot.index for slot in slots(wiring))

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
            run=row.run,
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
            arguments=[
                self._port(step, index, leaf, late, row) for index in range(len(leaf.train.type.ports))
            ],
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
        run: Callable[..., Any] | None = None,
        results: Callable[[Any], Any] | None = None,
    ) -> Action:
        given: list[Wiring | Getter] = list(step.inputs) if arguments is None else arguments
        if arguments is None and call is None:
            while given and given[-1] is None:
                given.pop()
        plain = tuple(each.index for each in given if isinstance(each, Slot) and self._is_plain(each))
        return Action(
            path=path,
            function=function,
            plain=plain if len(plain) == len(given) else None,
            arguments=tuple(each if callable(each) else self.getter(each) for each in given),
            settings=settings,
            computed=computed,
            call=call,
            run=run,
            results=results,
            output=output,
            dead=self._dead[output],
        )

    def _port(
        self, step: Step, index: int, leaf: Leaf, late: Mapping[str, Any], row: OperationRow
    ) -> Wiring | Getter:
        """The argument for a port of an operation: tensors, or the number that stands in for one."""
        port, wiring = leaf.train.type.ports[index], step.inputs[index] if index < len(step.inputs) else None
        if port.name in row.updates and isinstance(wiring, Slot):
            return _get(wiring.index, self._into(wiring))
        if port.variadic:
            items = tuple(self.getter(each) for each in wiring) if isinstance(wiring, tuple) else ()
            return lambda values, environment: [get(values, environment) for get in items]
        if wiring is not None or port.name not in leaf.train.type.settings:
            return wiring
        if port.name in late:
            return self._computed(late[port.name])
        number, other = vars(leaf.train)[port.name], vars(leaf.eval)[port.name]
        if step.node.frozen is True or repr(number) == repr(other):  # nan equals nothing
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
        get = _get(slot.index, self._into(slot))
        if slot.index in self._changed:
            return lambda values, environment: get(values, environment).clone()
        return get

    def _is_plain(self, slot: Slot) -> bool:
        return not slot.path and slot.index not in self._changed

    def _into(self, slot: Slot) -> tuple[str | int, ...]:
        """The way into the value, where the named ports of a layer are places in a tuple."""
        if slot.index < self._first_step or not slot.path:
            return slot.path
        does = _does(self._body.steps[slot.index - self._first_step])
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


def _does(step: Step) -> Leaf | Child:
    """What a step does, a call followed."""
    return step.does.of if isinstance(step.does, Again) else step.does


def _is_either(step: Step) -> bool:
    does = _does(step)
    return isinstance(does, Leaf) and does.train.type is EitherMode.type


def _depends_on_mode(step: Step) -> bool:
    return step.node.when is not None or _is_either(step)


def _same(value: Any) -> Any:
    return value


def _get(index: int, path: tuple[str | int, ...]) -> Getter:
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


def _for_torch(value: Any) -> Any:
    return to_torch(value) if isinstance(value, DType) else value


def _symbols(value: Any) -> frozenset[str]:
    if isinstance(value, Expr):
        return symbols(value)
    return frozenset().union(*map(_symbols, value)) if isinstance(value, tuple) else frozenset()


def _last_uses(taken: Mapping[int, tuple[Wiring, ...]], body: Body) -> dict[int, tuple[int, ...]]:
    """For each step, by its output, the values that nothing needs after it: kept, they would hold memory that a written-out
    forward frees. `taken` is what each takes."""
    last: dict[int, int] = {}
    for output, inputs in taken.items():
        last[output] = output
        for wiring in inputs:
            last.update((slot.index, output) for slot in slots(wiring))
    for slot in slots(body.wiring):
        last.pop(slot.index, None)
    dead: dict[int, tuple[int, ...]] = dict.fromkeys(taken, ())
    for index, output in last.items():
        dead[output] += (index,)
    return dead


def _first_tensor(body: Body) -> tuple[int, tuple[str | int, ...]] | None:
    found = ((at, path) for at, specs in enumerate(body.inputs.values()) for path in _tensor_paths(specs))
    return next(found, None)


def _tensor_paths(specs: Specs, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if isinstance(specs, TensorSpec):
        yield path
    elif isinstance(specs, tuple):
        for position, inner in enumerate(specs):
            yield from _tensor_paths(inner, (*path, position))
    elif specs is not None:
        for key, inner in specs.items():
            yield from _tensor_paths(inner, (*path, key))
