"""Block -> Block in its one normal form: what the order of the layers already says is left out.

inputs   None where they are what comes before; a tuple where the ports in use come first, in order; else a mapping, and of
         `by_mode` always one
outputs  None where they are the last node's
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace

from modelpack.architecture import (
    ARGUMENT_KINDS,
    Apply,
    Architecture,
    Block,
    Call,
    Node,
    Structure,
    Take,
    Use,
)
from modelpack.comparison import Comparison
from modelpack.layers.base import Port
from modelpack.layers.kinds import Literal
from modelpack.layers.stateful import EitherMode

__all__ = [
    "INDEX",
    "LAST",
    "action_of",
    "canonical",
    "canonical_block",
    "canonical_requirements",
    "implied_inputs",
    "ports_of",
]

INDEX = re.compile("0|[1-9][0-9]{0,5}")
"""A position in a list or a copy's number, as references and names write it, up to `LAST`."""
LAST = 999_999


def canonical(architecture: Architecture) -> Architecture:
    """`architecture` with every block in normal form. Settings are taken as they are (`Kind.read` makes them canonical)."""
    blocks = architecture.blocks
    return replace(
        architecture,
        main=canonical_block(architecture.main, blocks),
        blocks={name: canonical_block(block, blocks) for name, block in blocks.items()},
        requires=canonical_requirements(architecture.requires),
    )


def canonical_requirements(requires: Iterable[Comparison]) -> tuple[Comparison, ...]:
    """Each once, in order of its text."""
    return tuple(sorted(set(requires), key=str))


def canonical_block(block: Block, blocks: Mapping[str, Block]) -> Block:
    """`block` in normal form; `blocks` are those that it may use."""
    earlier: dict[str, Node] = {}
    nodes: list[Node] = []
    for node in block.nodes:
        nodes.append(_canonical_node(node, block, nodes[-1] if nodes else None, earlier, blocks))
        earlier[node.name] = node
    outputs = block.outputs
    if nodes and outputs == nodes[-1].name:
        outputs = None
    return replace(block, nodes=tuple(nodes), outputs=outputs)


def _canonical_node(
    node: Node, block: Block, before: Node | None, earlier: Mapping[str, Node], blocks: Mapping[str, Block]
) -> Node:
    if isinstance(node.action, Use):
        node = replace(node, action=_canonical_use(node.action, blocks.get(node.action.block)))
    if node.inputs is None:
        return node
    ports = ports_of(node, earlier, blocks)
    inputs = _positional(node.inputs, ports) if ports is not None else node.inputs
    if inputs == implied_inputs(block, before, ports):
        inputs = None
    elif (
        ports is not None
        and ports is EitherMode.type.ports
        and isinstance(inputs, tuple)
        and len(inputs) == len(ports)
    ):
        inputs = {port.name: each for port, each in zip(ports, inputs, strict=True)}
    return node if inputs == node.inputs and inputs is not None else replace(node, inputs=inputs)


def _canonical_use(use: Use, block: Block | None) -> Use:
    """Arguments as their kinds read them; one that can't be read stays for `check` to tell."""
    read: dict[str, Literal] = {}
    for name, value in use.arguments.items():
        argument = block.arguments.get(name) if block else None
        read[name] = value
        if argument:
            with suppress(ValueError):
                read[name] = ARGUMENT_KINDS[argument.kind].read(value)
    return Use(use.block, read)


def implied_inputs(block: Block, before: Node | None, ports: tuple[Port, ...] | None) -> Structure:
    """What a node without `inputs` takes: nothing if it has no ports, else the node before it, or the only input."""
    if ports == ():
        return ()
    if before is not None:
        return (before.name,)
    if len(block.inputs) == 1:
        return tuple(block.inputs)
    return None


def _positional(inputs: Structure, ports: tuple[Port, ...]) -> Structure:
    """A mapping as a tuple where the ports in use come first; a tuple without the None at its end."""
    if isinstance(inputs, Mapping):
        used = [port.name in inputs and inputs[port.name] is not None for port in ports]
        count = sum(used)
        if not all(used[:count]) or not inputs.keys() <= {port.name for port in ports}:
            return {name: each for name, each in inputs.items() if each is not None}
        inputs = _spread([(port, inputs[port.name]) for port in ports[:count]])
    if isinstance(inputs, tuple) and not any(port.variadic for port in ports):
        while inputs and inputs[-1] is None:
            inputs = inputs[:-1]
    return inputs


def _spread(given: list[tuple[Port, Structure]]) -> Structure:
    """Positional inputs, the list of a variadic port laid open (it is always the last)."""
    items: tuple[Structure, ...] = ()
    for port, value in given:
        items += value if port.variadic and isinstance(value, tuple) else (value,)
    return items


def ports_of(node: Node, earlier: Mapping[str, Node], blocks: Mapping[str, Block]) -> tuple[Port, ...] | None:
    """The input ports of a node; None where what it does isn't known (a problem that `check` names)."""
    action = action_of(node, earlier, blocks)
    if isinstance(action, Apply):
        return action.type.ports
    block = blocks.get(action.block) if isinstance(action, Use) else None
    if block is None:
        return None
    return tuple(Port(name, required=True, variadic=False) for name in block.inputs)


def action_of(node: Node, earlier: Mapping[str, Node], blocks: Mapping[str, Block]) -> Apply | Use | None:
    """What a node does, calls followed to the node that they call; None where that isn't found."""
    if isinstance(node.action, Take):
        return None
    if not isinstance(node.action, Call):
        return node.action
    target = node.action.target
    while target not in earlier and "." in target:
        target = target.rpartition(".")[0]
    found = earlier.get(target)
    if found is None or isinstance(found.action, Call):
        return None
    rest = node.action.target[len(target) + 1 :]
    return _inside(found, rest, blocks)


def _inside(node: Node, rest: str, blocks: Mapping[str, Block]) -> Apply | Use | None:
    """The action at path `rest` below a node."""
    action = node.action
    if isinstance(action, Take):
        return None
    if node.repeat is not None and rest:
        rest = rest.partition(".")[2]
    if not rest or isinstance(action, Call):
        return None if isinstance(action, Call) else action
    block = blocks.get(action.block) if isinstance(action, Use) else None
    if block is None:
        return None
    below = {each.name: each for each in block.nodes}
    return action_of(Node("", Call(rest)), below, blocks)
