"""Wired blocks -> bodies: arguments bound, layers made, shapes and dtypes known through the whole network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from modelpack.architecture import ARGUMENT_KINDS, Apply, Architecture, Block, ByMode, Call, Node, Take, Use
from modelpack.binding import Scope, bind_dims, is_symbolic, match_structure, resolve
from modelpack.budget import Budget
from modelpack.canonical import INDEX
from modelpack.dims import Dim, Expr, TooComplex
from modelpack.layers.kinds import Literal
from modelpack.leaves import infer_leaf, make_leaf, not_fixed
from modelpack.lookup import enter, find, flat, key_of
from modelpack.network import Again, Body, Child, Leaf, Slot, Specs, Step, TensorEntry, Wiring
from modelpack.reading import Problems
from modelpack.tensors import Mismatch, TensorSpec
from modelpack.wiring import WiredBlock, WiredNode

__all__ = ["Inference"]


class _Silent(Exception):  # noqa: N818  (no error: what is wrong has been told already)
    """Something that this depends on has a problem of its own."""


@dataclass(slots=True)
class _Value:
    """What an input, a tensor or a node gives: where in the body it is, and its specs; one entry a repetition."""

    places: list[int]
    specs: list[Specs]
    first: int | None = None
    """the first repetition's number; None where nothing repeats"""


@dataclass(slots=True)
class _Run:
    """One body while its steps are worked out."""

    block: Block
    path: str
    scope: Scope
    first_step: int
    depth: int
    values: list[_Value | None] = field(default_factory=list["_Value | None"])
    steps: list[Step] = field(default_factory=list[Step])
    by_name: dict[str, Step] = field(default_factory=dict[str, Step])


class Inference:
    """Works out bodies; a block with equal arguments and inputs is worked out once."""

    def __init__(
        self, architecture: Architecture, wired: Mapping[str, WiredBlock], problems: Problems, budget: Budget
    ) -> None:
        self._architecture = architecture
        self._wired = wired
        self._problems = problems
        self._budget = budget
        self._bodies: dict[object, Body | None] = {}
        self._leaves: dict[int, Leaf] = {}
        self._spent = 0
        written = sum(len(block.nodes) for block in (architecture.main, *architecture.blocks.values()))
        self._most = budget.inferences + 4 * written

    def body(
        self,
        name: str,
        arguments: Mapping[str, Literal],
        passed: tuple[str, ...],
        inputs: Mapping[str, Specs],
        depth: int,
    ) -> Body | None:
        """The block `name` (empty: the network itself) on `inputs`; None where it has a problem, which is then told.

        Raises:
            Mismatch: `inputs` aren't what the block declares.
        """
        key = (name, key_of(arguments), passed, key_of(inputs))
        if key not in self._bodies:
            if depth > self._budget.depth:
                raise Mismatch(f"blocks are nested deeper than {self._budget.depth}", code="MP331")
            self._bodies[key] = self._body(name, arguments, passed, inputs, depth)
        return self._bodies[key]

    def _body(
        self,
        name: str,
        arguments: Mapping[str, Literal],
        passed: tuple[str, ...],
        inputs: Mapping[str, Specs],
        depth: int,
    ) -> Body | None:
        block = self._architecture.blocks[name] if name else self._architecture.main
        named = {f"${each}": value for each, value in arguments.items()}
        dims, sources = bind_dims(block.inputs, inputs, named)
        scope = Scope(
            {**named, **dims}, {each: value for each, value in named.items() if each[1:] not in passed}
        )
        run = _Run(
            block, f"blocks.{name}." if name else "", scope, len(block.inputs) + len(block.tensors), depth
        )
        run.values += [_Value([at], [spec]) for at, spec in enumerate(inputs.values())]
        raw = self._raw(run)
        wired = self._wired[name]
        for node, each in zip(block.nodes, wired.nodes, strict=True):
            run.values.append(self._node(node, each, run))
        if wired.outputs is None:
            return None  # why has been told
        try:
            wiring, outputs = self._follow(wired.outputs, run)
        except _Silent:
            return None
        except Mismatch as error:
            places = block.places
            at = places.get(f"outputs.{error.reference}") or places.get("outputs", block.place)
            self._tell(error, at, f"{run.path}outputs")
            return None
        if raw is None or any(value is None for value in run.values):
            return None
        return Body(
            name=name or self._architecture.name,
            block=block,
            arguments={each: value for each, value in arguments.items() if each not in passed},
            passed=passed,
            dims=sources,
            inputs=inputs,
            raw=raw,
            steps=tuple(run.steps),
            wiring=wiring,
            outputs=outputs,
            tied=block.tied,
            size=sum(_size(step) for step in run.steps),
            by_name=run.by_name,
            tensor_count=len(raw) + sum(_tensor_count(step) for step in run.steps),
        )

    def _raw(self, run: _Run) -> tuple[TensorEntry, ...] | None:
        """The block's own tensors; their values stand behind the inputs."""
        entries: list[TensorEntry] = []
        for name, told in run.block.tensors.items():
            sizes = _fixed(told.shape, run.scope.constants)
            if sizes is None:
                if (wrong := not_fixed(told.shape, run.block.arguments, run.scope)) is not None:
                    self._tell(wrong, told.place, f"{run.path}{name}")
                run.values.append(None)
                continue
            dtype = told.dtype or self._architecture.dtype
            run.values.append(_Value([len(run.values)], [TensorSpec(dtype, sizes)]))
            grad = told.is_parameter and not told.frozen and TensorSpec(dtype, ()).is_floating
            entries.append(
                TensorEntry(name, sizes, dtype, told.is_parameter, told.persistent, grad, told.init)
            )
        return tuple(entries) if len(entries) == len(run.block.tensors) else None

    # ------------------------------------------------------------------------------------------------ a node

    def _node(self, node: Node, wired: WiredNode | None, run: _Run) -> _Value | None:
        if wired is None:
            return None
        try:
            inputs = [self._follow(each, run) for each in wired.inputs]
            return self._repeated(node, inputs, run)
        except _Silent:
            return None
        except TooComplex as error:
            self._tell(Mismatch(str(error), code="MP335"), node.place, f"{run.path}layers.{node.name}")
            return None
        except Mismatch as error:
            key = f"inputs.{error.reference}" if error.reference else error.setting or ""
            at = node.places.get(key, node.place)
            self._tell(error, at, f"{run.path}layers.{node.name}")
            return None

    def _repeated(self, node: Node, inputs: list[tuple[Wiring, Specs]], run: _Run) -> _Value:
        if node.repeat is None:
            return self._append(node.name, node, inputs, run)
        count = resolve(node.repeat, run.scope.constants)
        if type(count) is not int or count < 1:
            raise Mismatch(f"repeat must be a fixed positive integer, not {count}", code="MP209")
        if count > self._budget.steps:
            raise Mismatch(f"repeats {count} times, the budget is {self._budget.steps} steps", code="MP330")
        value = _Value([], [], node.first)
        for at in range(count):
            step = self._append(f"{node.name}.{node.first + at}", node, inputs, run)
            value.places += step.places
            value.specs += step.specs
            inputs = _chained(inputs, step)
        return value

    def _append(self, name: str, node: Node, inputs: list[tuple[Wiring, Specs]], run: _Run) -> _Value:
        self._spent += 1
        if self._spent > self._most:
            raise Mismatch(f"blocks need more than {self._most} steps to check", code="MP332")
        does, outputs = self._does(node, [specs for _, specs in inputs], run)
        step = Step(name, does, tuple(wiring for wiring, _ in inputs), outputs, node)
        run.steps.append(step)
        run.by_name[name] = step
        return _Value([run.first_step + len(run.steps) - 1], [outputs])

    def _does(self, node: Node, inputs: list[Specs], run: _Run) -> tuple[Leaf | Child | Again, Specs]:
        match node.action:
            case Apply() as apply:
                leaf = self._leaf(node, apply, run.scope)
                return leaf, infer_leaf(leaf, flat(inputs, leaf), self._budget)
            case Use() as use:
                arguments, passed = self._arguments(use, run.scope)
                return self._child(use.block, arguments, passed, inputs, run)
            case Call(target):
                return self._again(target, inputs, run)
            case Take(source):
                told = f"takes a part of '{source}': its imports must be resolved first"
                raise Mismatch(
                    told, code="MP346", hint="modelpack.check and modelpack.compose do that for a file"
                )

    def _leaf(self, node: Node, apply: Apply, scope: Scope) -> Leaf:
        """The layer; one without names in its settings is made once for all bodies of the block."""
        known = self._leaves.get(id(node))
        if known is None:
            known = make_leaf(apply, scope, self._architecture.dtype)
            if not any(is_symbolic(each) for each in _literals(apply)):
                self._leaves[id(node)] = known
        return known

    def _child(
        self,
        block: str,
        arguments: Mapping[str, Literal],
        passed: Mapping[str, Dim],
        inputs: list[Specs],
        run: _Run,
    ) -> tuple[Child, Specs]:
        declared = self._architecture.blocks[block].inputs
        given = dict(zip(declared, inputs, strict=True))
        for name, tree in declared.items():
            match_structure(tree, given[name], name)
        body = self.body(block, arguments, tuple(passed), given, run.depth + 1)
        if body is None:
            raise _Silent
        return Child(body, passed), body.outputs

    def _arguments(self, use: Use, scope: Scope) -> tuple[dict[str, Literal], dict[str, Dim]]:
        """All arguments in terms of the network, and those known only when called in the caller's own terms."""
        values: dict[str, Literal] = {}
        passed: dict[str, Dim] = {}
        for name, argument in self._architecture.blocks[use.block].arguments.items():
            kind = ARGUMENT_KINDS[argument.kind]
            given = use.arguments.get(name, argument.default)
            try:
                read = kind.read(given)
                values[name] = kind.read(resolve(read, scope.values))
                local = resolve(read, scope.constants)
            except ValueError as error:
                raise Mismatch(f"{name} {error}", code="MP213") from None
            if isinstance(local, Expr):
                passed[name] = local
        return values, passed

    def _again(self, target: str, inputs: list[Specs], run: _Run) -> tuple[Again, Specs]:
        step, nested = find(target, run.by_name)
        if step is None:
            if self._failed(target, run):
                raise _Silent
            raise Mismatch(f"there is no layer '{target}' to call", code="MP315", hint=_WHICH_REPETITION)
        does = step.does.of if isinstance(step.does, Again) else step.does
        if isinstance(does, Leaf):
            return Again(target, does), infer_leaf(does, flat(inputs, does), self._budget)
        if does.passed and nested:
            raise Mismatch(
                f"'{target}' takes dimensions from where it stands, so it can't be called from here",
                code="MP315",
            )
        body = does.body
        arguments = dict(body.arguments)
        arguments |= {name: resolve(does.passed[name], run.scope.values) for name in body.passed}
        child, outputs = self._child(_block_of(step), arguments, does.passed, inputs, run)
        return Again(target, child), outputs

    def _failed(self, target: str, run: _Run) -> bool:
        """Whether `target` is, or lies in, a node whose problem has been told."""
        names = [node.name for node in run.block.nodes]
        first = len(run.block.inputs) + len(run.block.tensors)
        failed = [name for name, value in zip(names, run.values[first:], strict=False) if value is None]
        return any(target == name or target.startswith(f"{name}.") for name in failed)

    # ------------------------------------------------------------------------------------------- references

    def _follow(self, wiring: Wiring, run: _Run) -> tuple[Wiring, Specs]:
        """Slots that count nodes -> slots that count steps, with what they hold."""
        if wiring is None:
            return None, None
        if isinstance(wiring, Slot):
            return self._slot(wiring, run)
        if isinstance(wiring, tuple):
            pairs = [self._follow(item, run) for item in wiring]
            return tuple(slot for slot, _ in pairs), tuple(specs for _, specs in pairs)
        named = {name: self._follow(item, run) for name, item in wiring.items()}
        return {name: slot for name, (slot, _) in named.items()}, {
            name: specs for name, (_, specs) in named.items()
        }

    def _slot(self, slot: Slot, run: _Run) -> tuple[Wiring, Specs]:
        value = run.values[slot.index]
        if value is None:
            raise _Silent
        path, at = slot.path, -1
        if value.first is not None and path and INDEX.fullmatch(str(path[0])):
            at, path = int(path[0]) - value.first, path[1:]
            if not 0 <= at < len(value.places):
                told = f"there are {len(value.places)} repetitions, none has the number {at + value.first}"
                raise _leading_nowhere(Mismatch(told, code="MP313"), slot, run)
        specs = value.specs[at]
        way: list[str | int] = []
        for key in path:
            try:
                specs, step = enter(specs, str(key))
            except Mismatch as error:
                error.message = f"'{_name_of(slot, run)}' {error.message}"
                if isinstance(specs, Mapping):
                    error.hint = self._problems.suggestion(str(key), tuple(specs))
                raise _leading_nowhere(error, slot, run) from None
            way.append(step)
        place = value.places[at]
        # A layer's ports aren't a mapping until someone asks for all of them.
        if not isinstance(specs, TensorSpec) and isinstance(specs, Mapping):
            return {key: Slot(place, (*way, key)) for key in specs}, specs
        return Slot(place, tuple(way)), specs

    def _tell(self, error: Mismatch, at: tuple[int, int] | None, path: str) -> None:
        self._problems.add(error.code, error.message, at, path, error.hint)


_WHICH_REPETITION = "of a repeated layer name one repetition, such as layer1.0"


def _fixed(shape: tuple[Dim, ...], constants: Mapping[str, Literal]) -> tuple[int, ...] | None:
    """`shape` with arguments put in, if that makes sizes."""
    try:
        known = [resolve(dim, constants) for dim in shape]
    except (ValueError, TooComplex):
        return None
    sizes = tuple(size for size in known if type(size) is int and size >= 0)
    return sizes if len(sizes) == len(shape) else None


def _leading_nowhere(error: Mismatch, slot: Slot, run: _Run) -> Mismatch:
    error.reference = ".".join((_name_of(slot, run), *map(str, slot.path)))
    return error


def _name_of(slot: Slot, run: _Run) -> str:
    values = [*run.block.inputs, *run.block.tensors]
    at = slot.index
    return values[at] if at < len(values) else run.block.nodes[at - len(values)].name


def _chained(inputs: list[tuple[Wiring, Specs]], step: _Value) -> list[tuple[Wiring, Specs]]:
    """The next repetition's inputs: the first ones are what the one before gave, the others stay."""
    specs = step.specs[-1]
    given = list(specs) if isinstance(specs, tuple) else [specs]
    if isinstance(specs, Mapping) or len(given) > len(inputs):
        raise Mismatch("gives more than the next repetition takes", code="MP316")
    slots = [Slot(step.places[-1], (at,) if isinstance(specs, tuple) else ()) for at in range(len(given))]
    return [*zip(slots, given, strict=True), *inputs[len(given) :]]


def _block_of(step: Step) -> str:
    """The name of the block that a step uses, a call followed."""
    does = step.does.of if isinstance(step.does, Again) else step.does
    return does.body.name if isinstance(does, Child) else ""


def _size(step: Step) -> int:
    return 1 + (step.does.body.size if isinstance(step.does, Child) else 0)


def _tensor_count(step: Step) -> int:
    match step.does:
        case Leaf():
            return len(step.does.tensors)
        case Child():
            return step.does.body.tensor_count
        case Again():
            return 0


def _literals(apply: Apply) -> list[Literal]:
    found: list[Literal] = []
    for value in apply.settings.values():
        found += [value.train, value.eval] if isinstance(value, ByMode) else [value]
    return found
