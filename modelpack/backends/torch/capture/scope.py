"""One call of a module -> a block: what it did, in order, in the words of its own inputs, tensors and layers."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import fx

from modelpack.architecture import (
    Apply,
    Argument,
    Block,
    Call,
    Node,
    RawTensor,
    Structure,
    Use,
)
from modelpack.backends.torch.capture.failures import failure
from modelpack.backends.torch.capture.fractions import as_tensor
from modelpack.backends.torch.capture.layers import layer
from modelpack.backends.torch.capture.names import again, between
from modelpack.backends.torch.capture.operations import is_size, operation, output_port
from modelpack.backends.torch.capture.regions import Lifted, Region, marker_source
from modelpack.backends.torch.capture.signature import Signature
from modelpack.backends.torch.capture.values import (
    Constant,
    Described,
    Mark,
    Opaque,
    alone,
    marks,
    referring,
    tensors_only,
    ways,
    ways_to_leaves,
)
from modelpack.backends.torch.dtypes import from_torch
from modelpack.dims import Dim
from modelpack.layers.kinds import Literal
from modelpack.layers.stateful import Assign

if TYPE_CHECKING:
    from modelpack.backends.torch.capture.blocks import Emitter

__all__ = ["Emitted", "LayOpen", "Scope"]

aten = torch.ops.aten
_LAST = 9223372036854775807
"""Where a slice that goes to the end ends, in torch."""
_TORCHS_OWN_NAME = "lifted_tensor_"


class LayOpen(Exception):  # noqa: N818  (not an error: the way to say what has to be tried instead)
    """The modules at `paths` can't be blocks."""

    def __init__(self, paths: set[str]) -> None:
        super().__init__(", ".join(sorted(paths)))
        self.paths = paths


@dataclass(frozen=True, slots=True)
class Emitted:
    """A block, and how a caller uses it."""

    block: Block
    inputs: Mapping[str, Described]
    """the tensors to give, as marks of the call's `enter`"""
    passed: Mapping[str, Dim]
    """the sizes to give, in the network's free dimensions"""
    outputs: Mapping[int, str]
    """mark of the call's `leave` -> the way to it behind the node's name (`.h.0`)"""


@dataclass(slots=True)
class _Body:
    """What a block is made of so far."""

    nodes: list[Node] = field(default_factory=list[Node])
    tensors: dict[str, RawTensor] = field(default_factory=dict[str, RawTensor])
    names: set[str] = field(default_factory=set[str])
    values: dict[fx.Node, str] = field(default_factory=dict[fx.Node, str])
    """value -> reference"""
    first: dict[str, tuple[object, ...]] = field(default_factory=dict[str, tuple[object, ...]])
    """name of a submodule -> what its first call was"""
    constants: list[tuple[str, torch.Tensor]] = field(default_factory=list[tuple[str, torch.Tensor]])


class Scope:
    """The block that `region` becomes; modules in it that are no blocks are laid open into it."""

    def __init__(self, emitter: Emitter, region: Region) -> None:
        self._emitter = emitter
        self._program = emitter.program
        self._region = region
        self.path = region.path
        self._body = _Body()
        self._signature = Signature(
            region, emitter.free, {each.split(".")[0] for each in self._names_below()}
        )
        self._sizes = self._signature.sizes

    def emit(self) -> Emitted:
        """The block.

        Raises:
            LayOpen: a module can't be a block.
            CaptureError: something can't be carried.
        """
        self._reserve()
        for full in self._emitter.own_tensors(self.path):
            self._body.tensors[self._below(full)] = self._raw(full)
        self._follow(self._region)
        outputs, found = self._outputs()
        block = Block(
            inputs=self._signature.declared(),
            nodes=tuple(self._body.nodes),
            outputs=outputs,
            arguments={name: Argument("dim") for name in self._sizes.passed},
            tensors=self._body.tensors,
            tied=self._emitter.state.tied if self._is_network else (),
        )
        return Emitted(block, self._signature.inputs, self._sizes.passed, found)

    @property
    def _is_network(self) -> bool:
        return self._region.parent is None

    def _below(self, full: str) -> str:
        """A full name, from here."""
        return full[len(self.path) + 1 :] if self.path else full

    def size(self, value: Any) -> Dim:
        """A size of torch in this block's terms."""
        return self._sizes.local(self._emitter.free.dim(value))

    def fraction(self, value: fx.Node) -> str:
        """How a number computed from sizes is called, as a tensor."""
        return as_tensor(value, self.size, self._add, self._body.values)

    def _names_below(self) -> set[str]:
        modules = {self._below(each.path) for each in self._region.regions() if each is not self._region}
        return modules | {self._below(each) for each in self._emitter.own_tensors(self.path)}

    def _reserve(self) -> None:
        """Names that no operation may take: those of submodules, tensors and inputs."""
        for name in [*self._names_below(), *self._signature.inputs]:
            self._body.names |= {name, name.split(".")[0]}
        for node, index in self._region.entered_nodes():
            name = self._signature.reference(index)
            if name is not None:
                self._body.values[node] = name

    # ------------------------------------------------------------------------------------- what happens

    def _follow(self, region: Region) -> None:
        for item in region.items:
            if not isinstance(item, Region):
                self._operation(item)
            elif self._emitter.is_leaf(item):
                self._layer(item)
            elif self._emitter.is_block(item):
                self._use(item)
            else:
                self._follow(item)

    def _operation(self, node: fx.Node) -> None:
        if node not in self._emitter.used_nodes or is_size(node) or node.target is operator.getitem:
            return
        through = self._only_renames(node)
        if through is not None:
            self._body.values[node] = self.reference(through, node)
            return
        mutations = self._emitter.mutations
        value = mutations.plain_value(node)
        name = self.reference(value, node) if value is not None else self._add(*operation(node, self))
        buffer = mutations.buffer_of(node)
        if buffer is None:
            self._body.values[node] = name
        else:  # afterwards its name means the new value
            inputs = (self.reference(buffer, node), name)
            self._body.nodes.append(Node(self._free_name(Assign.type.name), Apply(Assign.type, {}), inputs))

    def _add(self, apply: Apply, inputs: Mapping[str, Structure]) -> str:
        name = self._free_name(apply.type.name)
        self._body.nodes.append(Node(name, apply, inputs))
        return name

    def _only_renames(self, node: fx.Node) -> fx.Node | None:
        """What `node` gives unchanged."""
        source = node.args[0] if node.args and isinstance(node.args[0], fx.Node) else None
        if node.target is aten.alias.default:
            return source
        if node.target in (aten.lift_fresh_copy.default, aten.detach_.default) and self._is_constant(source):
            return source
        if node.target is aten.slice.Tensor:
            _, *rest = [*node.args, *(0, 0, _LAST, 1)[len(node.args) - 1 :]]
            if rest[1] in (0, None) and rest[2] in (_LAST, None) and rest[3] == 1:
                return source
        return None

    def _is_constant(self, node: fx.Node | None) -> bool:
        while node is not None and node.target is aten.lift_fresh_copy.default:
            (node,) = node.all_input_nodes
            node = self._program.resolve(node)
        lifted = self._program.lifted.get(self._program.resolve(node)) if node is not None else None
        return lifted is not None and lifted.is_constant

    def _layer(self, region: Region) -> None:
        name = self._own(region)
        kind, settings, given = layer(region.call, self._emitter.state.dtype)
        inputs: Structure = {
            port: self.reference(region.entered(mark.index), region.enter)
            for port, mark in given.items()
            if isinstance(mark, Mark)
        }
        what = (kind, tuple(settings.items()))
        if name not in self._body.first:
            self._body.first[name] = what
            node = Node(name, Apply(kind, settings), inputs, frozen=self._frozen(region))
        elif self._body.first[name] == what:
            node = Node(self._free_name(again(name)), Call(name), inputs)
        else:
            raise failure("MP611", f"{kind.name} is called with other settings each time", region.path)
        self._body.nodes.append(node)
        results = region.call.results
        ports = results if isinstance(results, tuple) else ()
        ways = {
            mark.index: f".{kind.outputs[at]}" if kind.outputs else ""
            for at, mark in reversed(list(enumerate(ports)))
            if isinstance(mark, Mark)
        }
        self._bind_outputs(region, node.name, ways)

    def _frozen(self, region: Region) -> tuple[str, ...] | bool:
        named = region.call.module.named_parameters(remove_duplicate=False)
        return tuple(name for name, each in named if not each.requires_grad) or False

    def _use(self, region: Region) -> None:
        name = self._own(region)
        block, emitted = self._emitter.block_for(region)
        inputs: Structure = {
            each: referring(given, lambda mark: self.reference(region.entered(mark.index), region.enter))
            for each, given in emitted.inputs.items()
        }
        arguments: dict[str, Literal] = {each: self._sizes.local(dim) for each, dim in emitted.passed.items()}
        what = (block, tuple(arguments.items()), tuple(emitted.outputs.items()))
        if name not in self._body.first:
            self._body.first[name] = what
            node = Node(name, Use(block, arguments), inputs)
        elif self._body.first[name] == what:
            node = Node(self._free_name(again(name)), Call(name), inputs)
        else:
            raise LayOpen({region.path})
        self._body.nodes.append(node)
        self._bind_outputs(region, node.name, emitted.outputs)

    def _own(self, region: Region) -> str:
        """The name of a submodule from here; one that stands in another block makes that lie open."""
        owner = self._emitter.owner(region.path)
        if owner != self.path:
            raise LayOpen(between(owner, self.path))
        return self._below(region.path)

    def _bind_outputs(self, region: Region, name: str, found: Mapping[int, str]) -> None:
        for node, index in region.left_nodes():
            if index in found:
                self._body.values[node] = name + found[index]

    def _free_name(self, base: str) -> str:
        name, count = base, 0
        while name in self._body.names:
            count += 1
            name = f"{base}_{count}"
        self._body.names.add(name)
        return name

    # ------------------------------------------------------------------------------------- references

    def reference(self, node: fx.Node, user: fx.Node) -> str:
        """How the value of `node` is called here when `user` takes it.

        Raises:
            LayOpen: it belongs to the inside of another module.
        """
        node = self._emitter.mutations.latest(self._program.resolve(node), user)
        node = self._program.resolve(node)
        if node in self._body.values:
            return self._body.values[node]
        lifted = self._program.lifted.get(node)
        if lifted is not None:
            return self._tensor(lifted)
        source = marker_source(node)
        if source is not None and not self._is_boundary(node):
            return self.reference(source, user)
        if node.target is operator.getitem and source is None:
            (of,) = node.all_input_nodes
            return f"{self.reference(of, user)}.{output_port(of, node.args[1])}"
        theirs, ours = self._chain(node), self._chain_of(self._region)
        if not theirs | ours:
            raise failure(
                "MP602", f"uses {node.target}, which gives nothing that can be carried", self.path, node
            )
        raise LayOpen((theirs ^ ours) or ours)

    def _is_boundary(self, node: fx.Node) -> bool:
        """Whether the marker that gives `node` is that of a block or a layer, and not of a module laid open."""
        region = self._program.bracketed[node.all_input_nodes[0]]
        return self._emitter.is_block(region) or self._emitter.is_leaf(region)

    def _chain(self, node: fx.Node) -> set[str]:
        home = self._program.home.get(node)
        return self._chain_of(home) if home is not None else set()

    def _chain_of(self, region: Region | None) -> set[str]:
        """The blocks that `region` stands in, without the network itself."""
        found: set[str] = set()
        while region is not None and region.parent is not None:
            if self._emitter.is_block(region):
                found.add(region.path)
            region = region.parent
        return found

    def _tensor(self, lifted: Lifted) -> str:
        if lifted.is_constant:
            return self._constant(lifted)
        names = [
            each for each in self._emitter.state.names_of(lifted.name) if not self._emitter.covered(each)
        ]
        here = [each for each in names if self._emitter.owner(each) == self.path]
        if not here:
            raise LayOpen(between(self._emitter.owner(names[0]), self.path))
        return self._below(here[0])

    # ------------------------------------------------------------------------------------- tensors of its own

    def _raw(self, full: str) -> RawTensor:
        state = self._emitter.state
        tensor = state.tensors[full]
        dtype = from_torch(tensor.dtype)
        is_parameter = full in state.parameters
        return RawTensor(
            shape=tuple(tensor.shape),
            dtype=None if dtype is state.dtype else dtype,
            is_parameter=is_parameter,
            persistent=full in state.persistent,
            frozen=is_parameter and not tensor.requires_grad,
        )

    def _constant(self, lifted: Lifted) -> str:
        """A tensor that the forward itself holds: a buffer that `state_dict` doesn't have."""
        if lifted.value is None:
            raise failure("MP614", "a constant of the forward isn't a tensor", self.path)
        for name, value in self._body.constants:
            if value.dtype == lifted.value.dtype and torch.equal(value, lifted.value):
                return name
        last = lifted.name.rpartition(".")[2]
        name = self._free_name("constant" if last.startswith(_TORCHS_OWN_NAME) else last)
        value = lifted.value.detach()
        full = f"{self.path}.{name}" if self.path else name
        kept = self._emitter.constants.get(full)
        if kept is not None and not (kept.dtype == value.dtype and torch.equal(kept, value)):
            raise LayOpen({self.path})
        self._emitter.constants[full] = value
        self._body.constants.append((name, value))
        dtype = from_torch(value.dtype)
        own = None if dtype is self._emitter.state.dtype else dtype
        self._body.tensors[name] = RawTensor(tuple(value.shape), own, is_parameter=False, persistent=False)
        return name

    def _outputs(self) -> tuple[Structure, dict[int, str]]:
        given = self._region.call.outputs
        leave = self._region.leave

        def reference(mark: Mark) -> str:
            return self.reference(self._region.left(mark.index), leave)

        if self._is_network:
            return referring(self._only_tensors_and_none(given), reference), {}
        kept = alone(tensors_only(given))
        if kept is None:
            # Nothing to give: what it computes, nobody can see.
            raise LayOpen({self.path})
        return referring(kept, reference), ways(kept)

    def _only_tensors_and_none(self, given: Described) -> Described:
        hint = "return tensors, in tuples, lists, dictionaries or dataclasses"
        for way, each in ways_to_leaves(given):
            if not isinstance(each, Mark) and each != Constant(None):
                told = each.type if isinstance(each, Opaque) else type(each.value).__name__
                where = f" as output {way}" if way else ""
                raise failure("MP609", f"the network returns {told}{where}, not a tensor", hint=hint)
        if not list(marks(given)):
            raise failure("MP609", "the network returns nothing", hint=hint)
        return given
