"""The graph of a trace -> a tree of module calls: what each did itself, and which modules it called.

Regions that torch.export moved into subgraphs (`torch.no_grad()`) are laid open again; what was computed without gradients is
detached at its end, so that training stays the same.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import fx
from torch.export.graph_signature import InputKind

from modelpack.backends.torch.capture.failures import failure, source_line
from modelpack.backends.torch.capture.lowering import lower
from modelpack.backends.torch.capture.markers import ENTER, LEAVE
from modelpack.backends.torch.capture.parts import replace_parts
from modelpack.backends.torch.capture.tracing import ModuleCall, Trace

__all__ = ["Lifted", "Program", "Region", "marker_source", "program_of"]

aten = torch.ops.aten


@dataclass(eq=False, slots=True)
class Region:
    """One call of a module, and what happened in it, in order."""

    call: ModuleCall
    enter: fx.Node
    parent: Region | None
    items: list[fx.Node | Region] = field(default_factory=list["fx.Node | Region"])
    leave: fx.Node = field(init=False)

    @property
    def path(self) -> str:
        return self.call.path

    def entered(self, index: int) -> fx.Node:
        """The caller's value for a mark of the arguments."""
        return _item(self.enter.args[0], index)

    def left(self, index: int) -> fx.Node:
        """The module's value for a mark of the outputs."""
        return _item(self.leave.args[0], index)

    def entered_nodes(self) -> Iterator[tuple[fx.Node, int]]:
        """The values inside that are the arguments, each with its mark."""
        return _taken(self.enter)

    def left_nodes(self) -> Iterator[tuple[fx.Node, int]]:
        """The caller's values that are the outputs, each with its mark."""
        return _taken(self.leave)

    def regions(self) -> Iterator[Region]:
        """This one and all below, outer before inner."""
        yield self
        for item in self.items:
            if isinstance(item, Region):
                yield from item.regions()


@dataclass(frozen=True, slots=True)
class Lifted:
    """A parameter, buffer or constant that the graph has as an input."""

    name: str
    is_constant: bool
    is_buffer: bool
    value: torch.Tensor | None
    """of a constant"""


@dataclass(eq=False, slots=True)
class Program:
    """A trace, read."""

    root: Region
    lifted: Mapping[fx.Node, Lifted]
    home: dict[fx.Node, Region]
    """node -> the region whose value it is: what `enter` gives lives inside, what `leave` gives outside"""
    order: dict[fx.Node, int]
    bracketed: Mapping[fx.Node, Region]
    """marker -> the call that it begins or ends"""
    same: dict[fx.Node, fx.Node]
    """value -> the one that it is another name of, wherever it's used"""

    def resolve(self, node: fx.Node) -> fx.Node:
        """The value that `node` is a name of."""
        while node in self.same:
            node = self.same[node]
        return node


def program_of(trace: Trace) -> Program:
    """The tree of module calls of a traced run.

    Raises:
        CaptureError: MP602 a control-flow operator; MP601 calls that do not nest.
    """
    lower(trace.program)
    replace_parts(trace.program.graph_module)
    flat, same = _flat(trace)
    root: Region | None = None
    current: Region | None = None
    home: dict[fx.Node, Region] = {}
    for node in flat:
        if node.target is ENTER:
            region = Region(trace.calls[_number(node)], node, current)
            if current is not None:
                current.items.append(region)
            current, root = region, root or region
        elif node.target is LEAVE:
            if current is None or _number(node) != _number(current.enter):
                raise failure("MP601", "calls of modules don't nest", trace.calls[_number(node)].path, node)
            current.leave = node
            current = current.parent
        elif current is not None:
            home[node] = current
            if marker_source(node) is None:
                current.items.append(node)
        elif root is not None:
            home[node] = root
    if root is None or current is not None:
        raise failure("MP601", "the traced run has no beginning or no end")
    bracketed = {marker: each for each in root.regions() for marker in (each.enter, each.leave)}
    return Program(root, _lifted(trace), home, {node: at for at, node in enumerate(flat)}, bracketed, same)


def _number(node: fx.Node) -> int:
    number = node.args[1]
    return number if isinstance(number, int) else -1


def marker_source(node: fx.Node) -> fx.Node | None:
    """What went into the marker where `node` comes out of it; None if it comes from elsewhere."""
    marker = node.args[0] if node.target is operator.getitem else None
    if isinstance(marker, fx.Node) and marker.target in (ENTER, LEAVE):
        return _item(marker.args[0], node.args[1])
    return None


def _taken(marker: fx.Node) -> Iterator[tuple[fx.Node, int]]:
    for node in marker.users:
        if node.target is operator.getitem and isinstance(node.args[1], int):
            yield node, node.args[1]


def _item(tensors: Any, index: Any) -> fx.Node:
    return tensors[index]


def _lifted(trace: Trace) -> dict[fx.Node, Lifted]:
    program = trace.program
    found: dict[fx.Node, Lifted] = {}
    placeholders = [node for node in program.graph.nodes if node.op == "placeholder"]
    for node, spec in zip(placeholders, program.graph_signature.input_specs, strict=True):
        if spec.kind in (InputKind.PARAMETER, InputKind.BUFFER, InputKind.CONSTANT_TENSOR):
            is_constant = spec.kind is InputKind.CONSTANT_TENSOR
            value = program.constants[str(spec.target)] if is_constant else None
            found[node] = Lifted(
                str(spec.target).removeprefix("model."),
                is_constant,
                spec.kind is InputKind.BUFFER,
                value if isinstance(value, torch.Tensor) else None,
            )
    return found


# ------------------------------------------------------------------------------------------- subgraphs


def _flat(trace: Trace) -> tuple[list[fx.Node], dict[fx.Node, fx.Node]]:
    """Every call in order, subgraphs laid open, and the values that are other names of others."""
    flat: list[fx.Node] = []
    same: dict[fx.Node, fx.Node] = {}
    _walk(trace.program.graph_module, flat, same)
    return flat, same


def _walk(module: fx.GraphModule, flat: list[fx.Node], same: dict[fx.Node, fx.Node]) -> None:
    opened: dict[fx.Node, list[fx.Node]] = {}
    for node in list(module.graph.nodes):
        if node.op != "call_function":
            continue
        if isinstance(node.target, torch._ops.HigherOrderOperator):
            opened[node] = _open(node, module, flat, same)
        elif node.target is operator.getitem and node.args[0] in opened:
            same[node] = opened[node.args[0]][node.args[1]]
        else:
            flat.append(node)


def _open(
    node: fx.Node, module: fx.GraphModule, flat: list[fx.Node], same: dict[fx.Node, fx.Node]
) -> list[fx.Node]:
    """Lay the subgraph that `node` calls open; its outputs."""
    name = str(node.target)
    if name not in ("wrap_with_set_grad_enabled", "wrap_with_autocast"):
        raise failure("MP602", f"the control-flow operator {name} can't be carried", node=node)
    arguments: list[Any] = list(node.args)
    at = next(at for at, each in enumerate(arguments) if isinstance(each, fx.Node) and each.op == "get_attr")
    inner = getattr(module, str(arguments[at].target))
    if name == "wrap_with_autocast" and arguments[2]:
        raise failure(
            "MP602",
            "a region under torch.autocast can't be carried: its dtypes depend on where it runs",
            node=_first_with_a_line(inner) or node,
            hint="convert with .to(dtype) in the forward, or save the model outside of autocast",
        )
    inputs = [each for each in inner.graph.nodes if each.op == "placeholder"]
    for placeholder, given in zip(inputs, arguments[at + 1 :], strict=True):
        same[placeholder] = given
    _walk(inner, flat, same)
    output = next(each for each in inner.graph.nodes if each.op == "output")
    results = list(output.args[0])
    if name == "wrap_with_set_grad_enabled" and not arguments[0]:
        return [_detached(each, output, flat, same) for each in results]
    return results


def _first_with_a_line(module: fx.GraphModule) -> fx.Node | None:
    return next((each for each in module.graph.nodes if source_line(each.meta.get("stack_trace"))), None)


def _detached(value: Any, before: fx.Node, flat: list[fx.Node], same: Mapping[fx.Node, fx.Node]) -> Any:
    """`value` without gradients: a new node, unless it has none anyway or came in from outside."""
    tensor = value.meta.get("val") if isinstance(value, fx.Node) else None
    if not isinstance(tensor, torch.Tensor) or not (tensor.is_floating_point() or tensor.is_complex()):
        return value
    source = value
    while source is not None:
        if source.op == "placeholder":
            return value
        if source in same:
            source = same[source]
        elif isinstance(source.target, torch._ops.OpOverload) and source.target._schema.is_mutable:
            source = _item(source.args, 0)  # what it changed, and gives
        else:
            source = marker_source(source)
    with before.graph.inserting_before(before):
        made = before.graph.call_function(aten.detach.default, (value,))
    made.meta.update(value.meta)
    flat.append(made)
    return made
