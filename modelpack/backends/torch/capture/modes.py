"""The architectures of one model in eval and in train mode -> one, whose settings say where the modes differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from modelpack.architecture import Apply, Architecture, Block, ByMode, Node, SettingValue

__all__ = ["Difference", "join"]


class Difference(Exception):  # noqa: N818  (not an error: the answer that both can't be one)
    """Where the two do different things; the message names it."""


def join(evaluation: Architecture, training: Architecture) -> Architecture:
    """The architecture of both modes.

    Raises:
        Difference: they differ in more than settings.
    """
    if evaluation.blocks.keys() != training.blocks.keys():
        names = sorted(evaluation.blocks.keys() ^ training.blocks.keys())
        raise Difference(f"only one mode has the block {names[0]}")
    blocks = {name: _block(block, training.blocks[name], name) for name, block in evaluation.blocks.items()}
    return replace(evaluation, main=_block(evaluation.main, training.main, ""), blocks=blocks)


def _block(evaluation: Block, training: Block, name: str) -> Block:
    where = f" of {name}" if name else ""
    if len(evaluation.nodes) != len(training.nodes):
        raise Difference(
            f"the steps{where} are {len(evaluation.nodes)} in eval and {len(training.nodes)} in train mode"
        )
    pairs = zip(evaluation.nodes, training.nodes, strict=True)
    joined = replace(evaluation, nodes=tuple(_node(first, second, where) for first, second in pairs))
    if joined != replace(training, nodes=joined.nodes):
        raise Difference(f"the inputs, tensors or outputs{where} are others in train mode")
    return joined


def _node(evaluation: Node, training: Node, where: str) -> Node:
    first, second = evaluation.action, training.action
    if not (isinstance(first, Apply) and isinstance(second, Apply) and first.type is second.type):
        joined = evaluation
    else:
        joined = replace(evaluation, action=Apply(first.type, _settings(first, second)))
    if joined != replace(training, action=joined.action) or (joined is evaluation and first != second):
        raise Difference(f"the step {evaluation.name}{where} is another in train mode")
    return joined


def _settings(evaluation: Apply, training: Apply) -> Mapping[str, SettingValue]:
    found: dict[str, SettingValue] = {}
    for name, each in evaluation.type.settings.items():
        values = [apply.settings.get(name, each.default) for apply in (training, evaluation)]
        if repr(values[0]) != repr(values[1]):
            train, eval_ = values
            if isinstance(train, ByMode) or isinstance(eval_, ByMode):
                raise Difference(f"{evaluation.type.name}: {name}")
            found[name] = ByMode(train, eval_)
        elif name in evaluation.settings:
            found[name] = evaluation.settings[name]
    return found
