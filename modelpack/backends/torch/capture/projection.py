"""An architecture of both modes -> what it is in one, and whether that is what was captured in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from modelpack.architecture import (
    Action,
    Apply,
    Architecture,
    Block,
    ByMode,
    Call,
    Node,
    SettingValue,
    Structure,
    Use,
)
from modelpack.canonical import canonical, implied_inputs, ports_of
from modelpack.layers.stateful import EitherMode

__all__ = ["alike", "explicit", "project", "rewritten"]


_PORTS = tuple(port.name for port in EitherMode.type.ports)


def project(architecture: Architecture, mode: str) -> Architecture:
    """`architecture` as it is in `mode`: without what the other mode has, settings as they are in this one."""
    told = explicit(architecture)
    blocks = {name: _projected(block, mode) for name, block in told.blocks.items()}
    return canonical(replace(told, main=_projected(told.main, mode), blocks=blocks))


def explicit(architecture: Architecture) -> Architecture:
    """`architecture` with all inputs and outputs spelled out."""
    blocks = architecture.blocks
    return replace(
        architecture,
        main=_explicit(architecture.main, blocks),
        blocks={name: _explicit(block, blocks) for name, block in blocks.items()},
    )


def _explicit(block: Block, blocks: Mapping[str, Block]) -> Block:
    nodes: list[Node] = []
    earlier: dict[str, Node] = {}
    for node in block.nodes:
        inputs = node.inputs
        if inputs is None:
            inputs = implied_inputs(block, nodes[-1] if nodes else None, ports_of(node, earlier, blocks))
        nodes.append(replace(node, inputs=inputs))
        earlier[node.name] = node
    outputs = block.outputs
    return replace(
        block, nodes=tuple(nodes), outputs=nodes[-1].name if outputs is None and nodes else outputs
    )


def rewritten(structure: Structure, change: Callable[[str], str]) -> Structure:
    """`structure` with other references."""
    if isinstance(structure, str):
        return change(structure)
    if isinstance(structure, tuple):
        return tuple(rewritten(item, change) for item in structure)
    if structure is None:
        return None
    return {name: rewritten(item, change) for name, item in structure.items()}


def _projected(block: Block, mode: str) -> Block:
    instead: dict[str, str] = {}
    nodes: list[Node] = []

    def change(reference: str) -> str:
        return instead.get(reference, reference)

    for node in block.nodes:
        if node.when not in (None, mode):
            continue
        inputs = rewritten(node.inputs, change)
        if isinstance(node.action, Apply) and node.action.type is EitherMode.type:
            ports = inputs if isinstance(inputs, Mapping) else dict(zip(_PORTS, inputs or (), strict=False))
            taken = ports[mode]
            assert isinstance(taken, str)
            instead[node.name] = taken
            continue
        nodes.append(replace(node, action=_in_mode(node.action, mode), inputs=inputs, when=None))
    return replace(block, nodes=tuple(nodes), outputs=rewritten(block.outputs, change))


def _in_mode(action: Action, mode: str) -> Action:
    if not isinstance(action, Apply):
        return action
    kind = action.type
    values = {name: _value(value, mode) for name, value in action.settings.items()}
    kept = {
        name: value
        for name, value in values.items()
        if kind.settings[name].required or repr(value) != repr(kind.settings[name].default)
    }
    return Apply(kind, kept)


def _value(value: SettingValue, mode: str) -> SettingValue:
    if isinstance(value, ByMode):
        return value.train if mode == "train" else value.eval
    return value


def alike(first: Architecture, second: Architecture) -> bool:
    """Whether `first` is `second` up to names of blocks, operations and constants, and up to inputs of blocks that tell more
    than those of `second` do."""
    one, other = explicit(first), explicit(second)
    names = _Names(one, other)
    return one.main.inputs == other.main.inputs and names.same(one.main, other.main)


class _Names:
    """Compares blocks step by step; pairs of blocks are compared once."""

    def __init__(self, first: Architecture, second: Architecture) -> None:
        self._first, self._second = first, second
        self._known: dict[tuple[str, str], bool] = {}

    def same(self, first: Block, second: Block) -> bool:
        if len(first.nodes) != len(second.nodes) or first.inputs.keys() != second.inputs.keys():
            return False
        if first.tied != second.tied:
            return False
        called = {node.name: other.name for node, other in zip(first.nodes, second.nodes, strict=True)}

        def equal(one: str, two: str) -> bool:
            head = one
            while head not in called and "." in head:
                head = head.rpartition(".")[0]
            if head in called:
                return called[head] + one[len(head) :] == two
            if one in first.tensors and two in second.tensors:
                constant = not first.tensors[one].persistent
                return first.tensors[one] == second.tensors[two] and (one == two or constant)
            return one == two and one not in second.tensors

        def reading(one: Structure, two: Structure) -> bool:
            if isinstance(one, str) and isinstance(two, str):
                return equal(one, two)
            if isinstance(one, tuple) and isinstance(two, tuple):
                return len(one) == len(two) and all(map(reading, one, two))
            if isinstance(one, Mapping) and isinstance(two, Mapping):
                return one.keys() == two.keys() and all(reading(one[key], two[key]) for key in one)
            return one is None and two is None

        return reading(first.outputs, second.outputs) and all(
            self._same_action(one.action, two.action, equal)
            and reading(one.inputs, two.inputs)
            and (one.frozen, one.repeat, dict(one.init)) == (two.frozen, two.repeat, dict(two.init))
            and (_is_operation(one) or one.name == two.name)
            for one, two in zip(first.nodes, second.nodes, strict=True)
        )

    def _same_action(
        self,
        one: Action,
        two: Action,
        equal: Callable[[str, str], bool],
    ) -> bool:
        if isinstance(one, Apply) and isinstance(two, Apply):
            return one.type is two.type and repr(sorted(one.settings.items())) == repr(
                sorted(two.settings.items())
            )
        if isinstance(one, Call) and isinstance(two, Call):
            return equal(one.target, two.target)
        if not (isinstance(one, Use) and isinstance(two, Use)):
            return False
        key = one.block, two.block
        if key not in self._known:
            self._known[key] = self.same(self._first.blocks[one.block], self._second.blocks[two.block])
        return self._known[key] and two.arguments.items() <= one.arguments.items()


def _is_operation(node: Node) -> bool:
    return isinstance(node.action, Call) or (isinstance(node.action, Apply) and node.action.type.is_operation)
