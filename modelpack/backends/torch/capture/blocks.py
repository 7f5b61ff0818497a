"""The tree of module calls -> an architecture.

Every module that isn't a known layer becomes a block, named by its class; equal ones share their definition. A block is only
readability: laid open into the block around it (its layers then have dotted names: `encoder.norm`), it means the same. So that is
what happens wherever a module can't be a block: to `Sequential` containers, to parametrizations of torch, to modules whose
insides are used from outside, and to those that do different things in different calls.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import fx, nn

from modelpack.architecture import Architecture, Block
from modelpack.backends.torch.capture.crossings import make_crossings_explicit
from modelpack.backends.torch.capture.failures import failure
from modelpack.backends.torch.capture.mutation import Mutations, own_nodes
from modelpack.backends.torch.capture.regions import Lifted, Program, Region
from modelpack.backends.torch.capture.reparametrized import is_laid_open
from modelpack.backends.torch.capture.scope import Emitted, LayOpen, Scope
from modelpack.backends.torch.capture.sizes import FreeNames
from modelpack.backends.torch.capture.stand_ins import has_stand_in
from modelpack.backends.torch.capture.state import State
from modelpack.backends.torch.capture.values import Mark
from modelpack.canonical import canonical

__all__ = ["Emitter"]


@dataclass(frozen=True, slots=True)
class _Definition:
    base: str
    block: Block


class Emitter:
    """Makes the architecture; `laid_open` and `opened` grow until every module that is left as a block can be one."""

    def __init__(self, program: Program, state: State, free: FreeNames) -> None:
        self.program = program
        self.state = state
        self.free = free
        self.laid_open: set[str] = set()
        self.opened: set[str] = set()
        self.constants: dict[str, torch.Tensor] = {}
        """full name -> value, of tensors that the forward itself holds"""
        self._open_passing_layers()
        self._open_bypassed_layers()
        make_crossings_explicit(program, self.is_leaf)
        self.mutations = Mutations(program, self.is_leaf)
        self.used_nodes = _used(program, self.mutations.of_buffers)
        self._definitions: dict[str, _Definition] = {}
        self._layers: set[str] = set()
        self._blocks: set[str] = set()

    def architecture(self, name: str) -> Architecture:
        """The network.

        Raises:
            CaptureError: something in it can't be carried.
        """
        while True:
            try:
                return self._attempt(name)
            except LayOpen as need:
                if need.paths <= self.laid_open:
                    raise AssertionError(f"{need.paths} laid open twice") from None
                self.laid_open |= need.paths

    def _attempt(self, name: str) -> Architecture:
        self._definitions.clear()
        self.constants.clear()
        regions = list(self._followed(self.program.root))
        self._layers = {each.path for each in regions if self.is_leaf(each)}
        self._blocks = {each.path for each in regions if self.is_block(each)}
        main = Scope(self, self.program.root).emit()
        blocks = {name: each.block for name, each in self._definitions.items()}
        return canonical(Architecture(name, main.block, blocks, self.state.dtype))

    # ------------------------------------------------------------------------------------- what a module becomes

    def is_leaf(self, region: Region) -> bool:
        """Whether it's a layer of the registry."""
        return region.call.layer is not None and region.path not in self.opened

    def is_block(self, region: Region) -> bool:
        """Whether it has a body of its own; the network itself has."""
        if region.parent is None:
            return True
        contained = type(region.call.module) is nn.Sequential or is_laid_open(region.call.module)
        return not (
            self.is_leaf(region) or contained or region.path in self.laid_open or region.path in self.opened
        )

    def _followed(self, region: Region) -> Iterator[Region]:
        yield region
        for item in region.items if not self.is_leaf(region) else ():
            if isinstance(item, Region):
                yield from self._followed(item)

    def _open_passing_layers(self) -> None:
        """An Identity may be given anything, not only a tensor: None, a tuple. Laid open, it passes on what it was given."""
        for region in self.program.root.regions():
            given = region.call.arguments.values()
            if type(region.call.layer) is nn.Identity and not all(isinstance(each, Mark) for each in given):
                self.opened.add(region.path)

    def _open_bypassed_layers(self) -> None:
        """A layer whose tensors something else uses too (a tied head by `F.linear(x, self.embed.weight)`) is followed like any
        other module: its tensors become the block's own, under the same names."""
        while True:
            layers = {
                each.path: each.call.layer for each in self.program.root.regions() if self.is_leaf(each)
            }
            path = next(
                filter(None, (self._bypassed(each, set(layers)) for each in self._lifted_outside())), None
            )
            if path is None:
                return
            layer = layers[path]
            if layer is not None and has_stand_in(layer):
                hint = "give what uses it a parameter of its own"
                raise failure(
                    "MP612", "is a layer whose tensors are used from outside of it", path, hint=hint
                )
            self.opened.add(path)

    def _bypassed(self, lifted: Lifted, layers: set[str]) -> str | None:
        """The layer that alone owns a tensor used elsewhere."""
        names = self.state.names_of(lifted.name)
        owners = [next((path for path in _prefixes(name) if path in layers), None) for name in names]
        return owners[0] if all(owners) else None

    def _lifted_outside(self) -> Iterator[Lifted]:
        """Parameters and buffers that are used outside of known layers."""
        for node in own_nodes(self.program.root, self.is_leaf):
            for used in node.all_input_nodes:
                lifted = self.program.lifted.get(self.program.resolve(used))
                if lifted is not None and not lifted.is_constant:
                    yield lifted

    # ------------------------------------------------------------------------------------- who owns which tensor

    def covered(self, name: str) -> bool:
        """Whether a layer declares the tensor."""
        return any(path in self._layers for path in _prefixes(name))

    def owner(self, name: str) -> str:
        """The path of the innermost block that the tensor or module called `name` stands in."""
        return next((path for path in _prefixes(name) if path in self._blocks), "")

    def own_tensors(self, path: str) -> Iterator[str]:
        """The tensors that the block at `path` declares itself, by their full names."""
        for name in self.state.tensors:
            if self.owner(name) == path and not self.covered(name):
                yield name

    # ------------------------------------------------------------------------------------- definitions

    def block_for(self, region: Region) -> tuple[str, Emitted]:
        """The name of the definition that `region` uses, made if there is none yet."""
        emitted = Scope(self, region).emit()
        base = type(region.call.module).__name__
        alike = [name for name, each in self._definitions.items() if each.base == base]
        for name in alike:
            if self._definitions[name].block == emitted.block:
                return name, emitted
        name = base if not alike else f"{base}{len(alike) + 1}"
        while name in self._definitions:
            name += "_"
        self._definitions[name] = _Definition(base, emitted.block)
        return name, emitted


def _used(program: Program, changes: Iterable[fx.Node]) -> set[fx.Node]:
    """Every node that something needs, in the end a module, a buffer or the network's output."""
    needed: set[fx.Node] = set()
    stack = [*changes]
    stack += [node for region in program.root.regions() for node in (region.enter, region.leave)]
    while stack:
        node = stack.pop()
        if node in needed:
            continue
        needed.add(node)
        stack += [program.resolve(each) for each in node.all_input_nodes]
        stack += node.all_input_nodes
    return needed


def _prefixes(name: str) -> Iterator[str]:
    """The modules above, the innermost first: `a.b` and `a` of `a.b.weight`."""
    while "." in name:
        name = name.rpartition(".")[0]
        yield name
