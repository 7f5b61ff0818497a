"""Block -> what feeds what: names, references and arguments resolved, once per block and before any shape is known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from modelpack.architecture import (
    ARGUMENT_KINDS,
    Apply,
    Architecture,
    Block,
    ByMode,
    Call,
    Inputs,
    InputSpec,
    Node,
    Structure,
    Use,
)
from modelpack.canonical import action_of, implied_inputs, ports_of
from modelpack.dims import Expr, symbols
from modelpack.layers.base import Port
from modelpack.layers.kinds import Literal
from modelpack.names import collisions
from modelpack.network import Slot, Wiring
from modelpack.reading import Problems, without_dollar
from modelpack.when import untimely, untimely_outputs

__all__ = ["WiredBlock", "WiredNode", "input_leaves", "wire"]


@dataclass(frozen=True, slots=True)
class WiredNode:
    """A node with its inputs in the order of the ports. Slots count nodes; names in their paths are as written."""

    node: Node
    inputs: tuple[Wiring, ...]


@dataclass(frozen=True, slots=True)
class WiredBlock:
    """A block whose names all mean something; a node that has a problem is None."""

    nodes: tuple[WiredNode | None, ...]
    outputs: Wiring


def wire(block: Block, architecture: Architecture, path: str, problems: Problems) -> WiredBlock:
    """`block`, its references resolved to slots; what can't be is told to `problems`."""
    return _Wirer(block, architecture, path, problems).wired()


def input_leaves(
    inputs: Inputs, path: tuple[str | int, ...] = ()
) -> Iterator[tuple[tuple[str | int, ...], InputSpec]]:
    """The tensors of a nested input, each with the way to it."""
    if isinstance(inputs, InputSpec):
        yield path, inputs
    elif isinstance(inputs, tuple):
        for at, item in enumerate(inputs):
            yield from input_leaves(item, (*path, at))
    else:
        for name, item in inputs.items():
            yield from input_leaves(item, (*path, name))


class _Wirer:
    def __init__(self, block: Block, architecture: Architecture, path: str, problems: Problems) -> None:
        self._block = block
        self._blocks = architecture.blocks
        self._requires = architecture.requires if block is architecture.main else ()
        self._path = path
        self._problems = problems
        self._slots = {name: at for at, name in enumerate((*block.inputs, *block.tensors))}
        self._first_node = len(self._slots)
        self._later = {node.name for node in block.nodes}
        self._earlier: dict[str, Node] = {}
        self._known = self._dimensions()

    def wired(self) -> WiredBlock:
        for message, at, path in collisions(self._block):
            self._add("MP215", message, at, path)
        nodes: list[WiredNode | None] = []
        for at, node in enumerate(self._block.nodes):
            nodes.append(self._node(node, at))
            self._slots.setdefault(node.name, self._first_node + at)
            self._earlier.setdefault(node.name, node)
            self._later.discard(node.name)
        return WiredBlock(tuple(nodes), self._outputs())

    # ----------------------------------------------------------------------------------------------- names

    def _dimensions(self) -> set[str]:
        """The names that expressions here may use: dimensions that inputs declare, and arguments."""
        known = {f"${name}" for name in self._block.arguments}
        mentioned: dict[str, tuple[int, int] | None] = {}
        for inputs in self._block.inputs.values():
            for _, leaf in input_leaves(inputs):
                for dim in leaf.shape or ():
                    mentioned |= {name: leaf.place for name in symbols(dim) if name not in mentioned}
                    if isinstance(dim, Expr) and str(dim) in symbols(dim):
                        known.add(str(dim))
        for name in sorted(mentioned.keys() - known):
            self._add(
                "MP217",
                f"the dimension '{name}' is nowhere an axis by itself, so it can't be known",
                mentioned[name] or self._block.place,
                "inputs",
                hint="name it alone as an axis of an input, or make it an argument",
            )
        for tensor in self._block.tensors.items():
            self._expressions(tensor[1].shape, tensor[1].place, f"parameters.{tensor[0]}", known)
        for each in self._requires:
            self._expressions((each.left, each.right), each.place, "requires", known | mentioned.keys())
            if each.never_holds():
                self._add("MP223", f"'{each}' holds for no sizes", each.place, "requires")
        return known | mentioned.keys()

    def _expressions(self, value: Literal, at: tuple[int, int] | None, path: str, known: set[str]) -> bool:
        """Whether all names in `value` are known here."""
        fine = True
        for name in sorted(_names(value) - known):
            what = "argument" if name.startswith("$") else "dimension"
            self._problems.unknown("MP220", what, name, known, at, f"{self._path}{path}")
            fine = False
        return fine

    # ----------------------------------------------------------------------------------------------- nodes

    def _node(self, node: Node, at: int) -> WiredNode | None:
        path = f"layers.{node.name}"
        fine = self._settings(node, path)
        if isinstance(node.action, Use):
            fine = self._use(node, node.action, path) and fine
        elif isinstance(node.action, Call):
            fine = self._call(node, node.action, path) and fine
        ports = ports_of(node, self._earlier, self._blocks)
        given = node.inputs
        if given is None:
            given = implied_inputs(self._block, self._block.nodes[at - 1] if at else None, ports)
            if given is None:
                self._add(
                    "MP312", "several inputs could feed it", node.place, path, "say which: inputs: [<name>]"
                )
                return None
        resolved = self._resolve(given, node, path)
        if not fine or ports is None or resolved is None:
            return None
        inputs = self._bind(resolved[0], ports, node, path)
        if inputs is None or self._untimely(node, ports, inputs, path):
            return None
        return WiredNode(node, inputs)

    def _untimely(self, node: Node, ports: tuple[Port, ...], inputs: tuple[Wiring, ...], path: str) -> bool:
        action = action_of(node, self._earlier, self._blocks)
        found = list(untimely(self._block, node, action, ports, inputs))
        for code, message, hint in found:
            self._add(code, message, node.place, path, hint)
        return bool(found)

    def _settings(self, node: Node, path: str) -> bool:
        fine = self._expressions(node.repeat, node.place, path, self._known)
        if isinstance(node.action, Apply):
            for name, value in node.action.settings.items():
                at = node.places.get(name, node.place)
                for each in (value.train, value.eval) if isinstance(value, ByMode) else (value,):
                    fine = self._expressions(each, at, path, self._known) and fine
        return fine

    def _use(self, node: Node, use: Use, path: str) -> bool:
        block = self._blocks.get(use.block)
        at = node.places.get("use", node.place)
        if block is None:
            self._problems.unknown("MP211", "block", use.block, self._blocks, at, f"{self._path}{path}")
            return False
        fine = True
        for name, value in use.arguments.items():
            if name not in block.arguments:
                self._problems.unknown(
                    "MP212",
                    f"argument of {use.block}",
                    name,
                    block.arguments,
                    node.places.get(f"with.{name}", node.place),
                    f"{self._path}{path}",
                )
                fine = False
            else:
                fine = self._argument(block.arguments[name].kind, name, value, node, path) and fine
        missing = [
            name
            for name, argument in block.arguments.items()
            if name not in use.arguments and argument.default is None
        ]
        if missing:
            unknown = (name for name in use.arguments if name not in block.arguments)
            meant = self._problems.meant(unknown, block.arguments)
            for name in missing:
                if name not in meant:
                    self._add("MP212", f"{use.block} needs the argument {name}", node.place, path)
        return fine and not missing

    def _argument(self, kind: str, name: str, value: Literal, node: Node, path: str) -> bool:
        at = node.places.get(f"with.{name}", node.place)
        try:
            read = ARGUMENT_KINDS[kind].read(value)
        except ValueError as error:
            said = [value] if isinstance(value, str) else []
            hint = without_dollar(said, self._block.arguments, self._known)
            self._add("MP213", f"{name} {error}", at, path, hint)
            return False
        return self._expressions(read, at, path, self._known)

    def _call(self, node: Node, call: Call, path: str) -> bool:
        if not call.target:
            return False  # the reader has said why
        at = node.places.get("call", node.place)
        if action_of(node, self._earlier, self._blocks) is not None:
            return True
        name = call.target
        if self._is_unknown(name):
            return False  # what it lies in has a problem of its own
        if self._comes_later(name):
            self._add("MP311", f"calls '{name}', which comes later", at, path)
        else:
            self._problems.unknown("MP315", "layer to call", name, self._earlier, at, f"{self._path}{path}")
        return False

    def _is_unknown(self, target: str) -> bool:
        """Whether `target` is, or lies in, an earlier layer of which it isn't known what it does."""
        while target not in self._earlier and "." in target:
            target = target.rpartition(".")[0]
        found = self._earlier.get(target)
        if found is None:
            return False
        return found.action == Call("") or (
            isinstance(found.action, Use) and found.action.block not in self._blocks
        )

    # ------------------------------------------------------------------------------------------ references

    def _resolve(self, given: Structure, node: Node, path: str) -> tuple[Wiring] | None:
        """`given` with slots for references (in a tuple, as None is one); None after a problem."""
        try:
            return (self._slots_of(given),)
        except KeyError as missing:
            self._unknown_reference(str(missing.args[0]), node, path)
            return None

    def _slots_of(self, given: Structure) -> Wiring:
        if given is None or isinstance(given, str):  # first, as it is by far the commonest
            return None if given is None else self._slot(given)
        if isinstance(given, tuple):
            return tuple(self._slots_of(item) for item in given)
        return {name: self._slots_of(item) for name, item in given.items()}

    def _slot(self, reference: str) -> Slot:
        head, path = reference, ()
        while head not in self._slots:
            head, dot, last = head.rpartition(".")
            if not dot:
                raise KeyError(reference)
            path = (last, *path)
        return Slot(self._slots[head], path)

    def _unknown_reference(self, name: str, node: Node, path: str) -> None:
        at = node.places.get(f"inputs.{name}", node.place)
        if name == node.name:
            self._add("MP311", "takes its own output", at, path)
        elif self._comes_later(name):
            self._add("MP311", f"takes '{name}', which comes later", at, path, _ORDER)
        else:
            self._problems.unknown("MP310", "input", name, self._slots, at, f"{self._path}{path}")

    def _comes_later(self, name: str) -> bool:
        """Whether `name` is a later layer's, or a port or a part of one."""
        parts = name.split(".")
        return any(".".join(parts[:count]) in self._later for count in range(1, len(parts) + 1))

    def _outputs(self) -> Wiring:
        given = self._block.outputs
        if given is None:
            if not self._block.nodes:
                self._add("MP316", "has no layers and says no outputs", self._block.place, "layers")
                return None
            return self._timely(Slot(self._first_node + len(self._block.nodes) - 1))
        try:
            return self._timely(self._slots_of(given))
        except KeyError as missing:
            name = str(missing.args[0])
            places = self._block.places
            at = places.get(f"outputs.{name}") or places.get("outputs", self._block.place)
            self._problems.unknown("MP310", "output", name, self._slots, at, f"{self._path}outputs")
            return None

    def _timely(self, outputs: Wiring) -> Wiring:
        """`outputs`; those that aren't there in both modes are told."""
        at = self._block.places.get("outputs", self._block.place)
        for code, message, hint in untimely_outputs(self._block, outputs):
            self._add(code, message, at, "outputs", hint)
        return outputs

    # ----------------------------------------------------------------------------------------------- ports

    def _bind(
        self, given: Wiring, ports: tuple[Port, ...], node: Node, path: str
    ) -> tuple[Wiring, ...] | None:
        """The inputs in the order of the ports; a variadic one has a tuple."""
        if isinstance(given, Slot):
            items: tuple[Wiring, ...] = (given,)
        elif isinstance(given, tuple):
            items = given
        elif given is None:
            items = (None,)
        else:
            return self._bind_names(given, ports, node, path)
        fixed = tuple(port for port in ports if not port.variadic)
        variadic = len(fixed) < len(ports)
        if len(items) > len(fixed) and not variadic:
            self._add("MP312", f"takes {_count(len(fixed))}, but is given {len(items)}", node.place, path)
            return None
        bound: dict[str, Wiring] = dict(zip((port.name for port in fixed), items, strict=False))
        if variadic:
            bound[ports[-1].name] = items[len(fixed) :]
        return self._complete(bound, ports, node, path)

    def _bind_names(
        self, given: Mapping[str, Wiring], ports: tuple[Port, ...], node: Node, path: str
    ) -> tuple[Wiring, ...] | None:
        names = [port.name for port in ports]
        for name in given.keys() - set(names):
            self._problems.unknown("MP312", "input port", name, names, node.place, f"{self._path}{path}")
            return None
        return self._complete(given, ports, node, path)

    def _complete(
        self, bound: Mapping[str, Wiring], ports: tuple[Port, ...], node: Node, path: str
    ) -> tuple[Wiring, ...] | None:
        action = action_of(node, self._earlier, self._blocks)
        applied = action if isinstance(action, Apply) else None
        fine = True
        for port in ports:
            value = bound.get(port.name)
            if applied and port.name in applied.type.settings:
                number = applied.settings.get(port.name)
                if (value is None) == (number is None):
                    told = (
                        "twice: as a setting and as an input"
                        if number is not None
                        else "neither as an input nor as a number"
                    )
                    self._add("MP312", f"is given {port.name} {told}", node.place, path)
                    fine = False
            elif port.required and value is None:
                self._add("MP312", f"needs the input '{port.name}'", node.place, path)
                fine = False
        return tuple(bound.get(port.name, () if port.variadic else None) for port in ports) if fine else None

    def _add(
        self, code: str, message: str, at: tuple[int, int] | None, path: str, hint: str | None = None
    ) -> None:
        self._problems.add(code, message, at, f"{self._path}{path}", hint)


_ORDER = "layers run in the order in which they stand; a network has no cycles"


def _names(value: Literal) -> set[str]:
    """The dimensions and arguments in a literal."""
    if isinstance(value, tuple):
        return set[str]().union(*map(_names, value))
    if isinstance(value, Expr):
        return set(symbols(value))
    return set()


def _count(ports: int) -> str:
    return {0: "no inputs", 1: "one input"}.get(ports, f"{ports} inputs")
