"""The captures of one model in eval and in train mode -> one, which says where the modes differ.

Shared steps stand once, with settings by mode; steps of one mode stand under `when`; where what is taken differs, it's taken
through `by_mode`. That the result is in each mode what was captured in it is checked before it is given.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch

from modelpack.architecture import Architecture, Argument, Block, Inputs, InputSpec, RawTensor, Use
from modelpack.backends.torch.capture.alignment import module_name
from modelpack.backends.torch.capture.merging import Difference, Merger, Side, below
from modelpack.backends.torch.capture.projection import alike, explicit, project
from modelpack.canonical import canonical
from modelpack.checker import check
from modelpack.errors import ArchitectureError
from modelpack.layers.kinds import Literal
from modelpack.network import Body

__all__ = ["Difference", "OneMode", "join"]


@dataclass(frozen=True, slots=True)
class OneMode:
    """What was captured in one mode, or in both: the network, and the values of the constants that its forward holds."""

    architecture: Architecture
    constants: Mapping[str, torch.Tensor]


def join(evaluation: OneMode, training: OneMode) -> OneMode:
    """The network of both modes.

    Raises:
        Difference: nothing says both; or not while the blocks that it names are blocks.
    """
    joiner = _Joiner(evaluation, training)
    joined = joiner.joined()
    try:
        check(joined)
    except ArchitectureError as error:
        raise Difference(f"the modes don't fit together: {error.problems[0]}") from None
    for mode, each in (("eval", evaluation), ("train", training)):
        if not alike(project(joined, mode), each.architecture):
            raise Difference(f"the modes can't be told apart in {mode} mode")
    return OneMode(joined, joiner.constants)


class _Joiner:
    def __init__(self, evaluation: OneMode, training: OneMode) -> None:
        self._given = {"eval": evaluation, "train": training}
        self._told = {mode: explicit(each.architecture) for mode, each in self._given.items()}
        self._definitions: dict[str, tuple[str, Block]] = {}
        self._known: dict[tuple[str | None, str | None], str] = {}
        self.constants: dict[str, torch.Tensor] = {}

    def joined(self) -> Architecture:
        evaluation, training = self._told["eval"], self._told["train"]
        if evaluation.main.inputs != training.main.inputs:
            raise Difference("the network's inputs have other shapes in train mode")
        bodies = check(self._given["eval"].architecture).main, check(self._given["train"].architecture).main
        main = self._block("", (evaluation.main, training.main), bodies)
        blocks = {name: block for name, (_, block) in self._definitions.items()}
        requires = (*evaluation.requires, *training.requires)
        return canonical(replace(evaluation, main=main, blocks=blocks, requires=requires))

    # ---------------------------------------------------------------------------------------------- blocks

    def pair(self, path: str, uses: tuple[Use, Use], bodies: tuple[Body | None, Body | None]) -> Use:
        """The use of a block that both modes have at `path`."""
        key = uses[0].block, uses[1].block
        name = self._known.get(key)
        if name is None:
            blocks = self._told["eval"].blocks[key[0]], self._told["train"].blocks[key[1]]
            name = self._define(key[0], self._block(path, blocks, bodies))
            if not self._has_constants(path):
                self._known[key] = name
        return Use(name, _union(uses[0].arguments, uses[1].arguments, path))

    def alone(self, path: str, use: Use, mode: str) -> Use:
        """The use of a block that only one mode has."""
        block = self._told[mode].blocks[use.block]
        self._keep_constants(path, block, mode)
        nodes = [
            replace(node, action=self.alone(below(path, node.name), node.action, mode))
            if isinstance(node.action, Use)
            else node
            for node in block.nodes
        ]
        return Use(self._define(use.block, replace(block, nodes=tuple(nodes))), use.arguments)

    def _define(self, used: str, block: Block) -> str:
        """The name of a definition, made if there is none yet: that of the class, with a number if it needs one."""
        stem = used.rstrip("0123456789")
        base = stem if any(stem in told.blocks for told in self._told.values()) else used
        alike = [name for name, each in self._definitions.items() if each[0] == base]
        for name in alike:
            if self._definitions[name][1] == block:
                return name
        name, count = base, 1
        while name in self._definitions:
            count += 1
            name = f"{base}{count}"
        self._definitions[name] = base, block
        return name

    def _block(
        self, path: str, blocks: tuple[Block, Block], bodies: tuple[Body | None, Body | None]
    ) -> Block:
        evaluation, training = blocks
        if evaluation.inputs.keys() != training.inputs.keys():
            raise Difference(f"'{path}' takes other inputs in train mode", frozenset({path}))
        inputs = {name: _input(each, training.inputs[name], path) for name, each in evaluation.inputs.items()}
        tensors, renamed = self._tensors(path, evaluation, training)
        sides = (
            Side(evaluation, bodies[0], {name: name for name in evaluation.tensors}),
            Side(training, bodies[1], renamed),
        )
        nodes, outputs = Merger(path, *sides, frozenset(tensors), self).merged()
        modules = tuple(f"{name}." for node in nodes if (name := module_name(node)) is not None)
        return Block(
            inputs=inputs,
            nodes=nodes,
            outputs=outputs,
            arguments=_union_of_declared(evaluation.arguments, training.arguments, path),
            # In a mode that doesn't call a module its tensors are the block's own.
            tensors={name: each for name, each in tensors.items() if not name.startswith(modules)},
            tied=evaluation.tied,
        )

    # --------------------------------------------------------------------------------------------- tensors

    def _tensors(
        self, path: str, evaluation: Block, training: Block
    ) -> tuple[dict[str, RawTensor], dict[str, str]]:
        """The tensors of both, and what those of training are called: a constant of another value is another tensor."""
        found = dict(evaluation.tensors)
        renamed: dict[str, str] = {}
        self._keep_constants(path, evaluation, "eval")
        for name, tensor in training.tensors.items():
            value = self._given["train"].constants.get(below(path, name))
            if value is None:
                if found.setdefault(name, tensor) != tensor:
                    raise Difference(f"the tensor '{below(path, name)}' is another in train mode")
                renamed[name] = name
                continue
            same = self._same_constant(path, found, value)
            if same is None:
                same, count = name, 0
                while same in found or same in training.tensors.keys() - {name}:
                    count += 1
                    same = f"{name}_train" + f"_{count}" * (count > 1)
                found[same] = tensor
                self.constants[below(path, same)] = value
            renamed[name] = same
        return found, renamed

    def _same_constant(self, path: str, found: Mapping[str, RawTensor], value: torch.Tensor) -> str | None:
        for name in found:
            known = self.constants.get(below(path, name))
            if known is not None and known.dtype == value.dtype and torch.equal(known, value):
                return name
        return None

    def _keep_constants(self, path: str, block: Block, mode: str) -> None:
        for name in block.tensors:
            value = self._given[mode].constants.get(below(path, name))
            if value is not None:
                self.constants[below(path, name)] = value

    def _has_constants(self, path: str) -> bool:
        return any(name.startswith(f"{path}.") for each in self._given.values() for name in each.constants)


def _input(one: Inputs, two: Inputs, path: str) -> Inputs:
    """What both modes say of an input."""
    if isinstance(one, InputSpec) and isinstance(two, InputSpec):
        pairs = ((one.dtype, two.dtype), (one.shape, two.shape))
        if all(a is None or b is None or a == b for a, b in pairs):
            return InputSpec(one.dtype or two.dtype, one.shape if one.shape is not None else two.shape)
    elif isinstance(one, tuple) and isinstance(two, tuple) and len(one) == len(two):
        return tuple(_input(*pair, path) for pair in zip(one, two, strict=True))
    elif isinstance(one, Mapping) and isinstance(two, Mapping) and one.keys() == two.keys():
        return {key: _input(each, two[key], path) for key, each in one.items()}
    raise Difference(f"'{path}' takes other inputs in train mode", frozenset({path}))


def _union(one: Mapping[str, Literal], two: Mapping[str, Literal], path: str) -> Mapping[str, Literal]:
    if any(repr(one[name]) != repr(two[name]) for name in one.keys() & two.keys()):
        raise Difference(f"'{path}' is given other sizes in train mode", frozenset({path}))
    return {**one, **two}


def _union_of_declared(
    one: Mapping[str, Argument], two: Mapping[str, Argument], path: str
) -> Mapping[str, Argument]:
    if any(one[name] != two[name] for name in one.keys() & two.keys()):
        raise Difference(f"'{path}' has other arguments in train mode", frozenset({path}))
    return {**one, **two}
