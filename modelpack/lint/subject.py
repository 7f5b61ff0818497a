"""What a rule may look at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from modelpack.architecture import Architecture, Block, Position
from modelpack.errors import Place, Problem
from modelpack.lint.graph import Graph, reachable
from modelpack.network import Body, Child, Network

if TYPE_CHECKING:
    from modelpack.lint.comments import Comments
    from modelpack.opened import OpenPack

__all__ = ["Budgets", "Subject"]


@dataclass(frozen=True, slots=True)
class Budgets:
    """What a network may cost, as `[tool.modelpack]` says; None: whatever it costs."""

    max_parameters: int | None = None
    max_flops: int | None = None
    max_memory: int | None = None
    """bytes of activations"""
    sizes: Mapping[str, int] = field(default_factory=dict[str, int])
    """free dimension -> the size at which a network is held against the budgets; others are as small as they may be"""


@dataclass(frozen=True)
class Subject:
    """A network that `check` found sound, and the pack that it lies in, if any."""

    network: Network
    pack: OpenPack | None = None
    budgets: Budgets = field(default_factory=Budgets)
    values: bool = False
    """whether the values of tensors are to be read, which takes as long as reading them all"""
    written: Architecture | None = None
    """the architecture as the file says it, where parts of other packs were put into that of `network`"""
    comments: Comments | None = None
    """of the text, where there is one"""
    found: tuple[Problem, ...] = ()
    """what all other rules found, for those that judge it"""

    def problem(
        self, code: str, message: str, at: Position | None = None, path: str = "", hint: str | None = None
    ) -> Problem:
        """A problem of the architecture's text, at a place in it."""
        return Problem(code, message, Place(*at, self.network.architecture.file) if at else None, path, hint)

    @property
    def text(self) -> Architecture:
        """The architecture as the file says it, imports and all."""
        if self.written is not None:
            return self.written
        return self.network.architecture if self.pack is None else self.pack.architecture

    @cached_property
    def graphs(self) -> Mapping[str, Graph]:
        """How the layers of each block that is used are wired, the network itself under the empty name; blocks that came with
        parts of other packs are judged where they were written.
        """
        architecture = self.network.architecture
        blocks = {"": architecture.main, **architecture.blocks}
        return {
            name: Graph(name, blocks[name], architecture.blocks)
            for name in reachable(architecture)
            if not _is_brought(name, blocks[name])
        }

    @cached_property
    def bodies(self) -> Mapping[str, Body]:
        """One instance of each of these blocks."""
        found: dict[str, Body] = {"": self.network.main}
        seen: set[int] = {id(self.network.main)}
        waiting = [self.network.main]
        while waiting:
            for body in _children(waiting.pop()):
                if id(body) not in seen:
                    seen.add(id(body))
                    found.setdefault(body.name, body)
                    waiting.append(body)
        return {name: found[name] for name in self.graphs if name in found}

    @property
    def trains(self) -> bool:
        """Whether the network may be trained."""
        return "train" in self.network.architecture.modes


def _children(body: Body) -> Iterator[Body]:
    for step in body.steps:
        if isinstance(step.does, Child):
            yield step.does.body


def _is_brought(name: str, block: Block) -> bool:
    """A block of a text has the place of its name; one that was made by a program has no places at all."""
    return bool(name) and block.place is not None and "name" not in block.places
