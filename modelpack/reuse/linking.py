"""Architecture with imports -> the same network whole: each part that it takes is a block of it, with the tensors that it brings.

link(architecture, resolve) -> Linked        .network, .brought: tensor -> where from, .donors
linked_but(architecture, linked, kept)       the architecture in which the imports `kept` stay imports
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from modelpack.architecture import Architecture, Block, Call, Node, Take, Use
from modelpack.budget import DEFAULT_BUDGET, Budget
from modelpack.canonical import canonical
from modelpack.checker import check
from modelpack.comparison import OPERATORS, Comparison
from modelpack.dims import substitute
from modelpack.errors import ArchitectureError, ModelpackError, Place, Problem, raise_if_any
from modelpack.manifest import Origin
from modelpack.network import Body, Child, Network
from modelpack.reading import nearest
from modelpack.reuse.cutting import Found, block_at, take
from modelpack.reuse.frozen import frozen_names
from modelpack.reuse.naming import free_name, moved, renamed, with_blocks
from modelpack.reuse.rewiring import sizes_in
from modelpack.reuse.sources import Donor, Resolve

__all__ = ["Brought", "Linked", "link", "linked_but"]


@dataclass(frozen=True, slots=True)
class Brought:
    """A tensor of the whole that an import brings: the import's name, and where it comes from."""

    source: str
    origin: Origin


@dataclass(frozen=True, slots=True, eq=False)
class Linked:
    """`network` is whole; `brought` has those of its stored tensors that imports bring, all others are its own."""

    network: Network
    brought: Mapping[str, Brought]
    donors: Mapping[str, Donor]


@dataclass(frozen=True, slots=True)
class _Part:
    """What stands in the place of a `Take`: names of its tensors there -> names in the donor."""

    source: str
    architecture: Architecture
    names: Mapping[str, str]
    """of every tensor of the part, but those that are reset"""
    is_layer: bool
    """one layer, which stands in the node's own place"""


def link(architecture: Architecture, resolve: Resolve, budget: Budget = DEFAULT_BUDGET) -> Linked:
    """`architecture` with its imports resolved, and checked.

    Raises:
        ArchitectureError: with all problems of parts that can't be taken (MP340 to MP345), or of the whole (2xx, 3xx).
        PackError: from `resolve`.
    """
    return _Linker(architecture, resolve, budget).linked()


def linked_but(
    architecture: Architecture, linked: Linked, kept: Collection[str], budget: Budget = DEFAULT_BUDGET
) -> Architecture:
    """`architecture`, of which `linked` was made, with only those imports left that are `kept`, pinned by the digests that
    they have now. Resolved, it is the same network.
    """
    return _Linker(architecture, lambda name, _: linked.donors[name], budget, kept).partly(linked)


class _Linker:
    def __init__(
        self, architecture: Architecture, resolve: Resolve, budget: Budget, kept: Collection[str] = ()
    ) -> None:
        self._whole = architecture
        self._budget = budget
        self._left = kept
        """imports whose parts are left as they are"""
        self._donors = {name: resolve(name, each) for name, each in architecture.imports.items()}
        self._problems: list[Problem] = []
        self._parts: dict[tuple[str, str], _Part] = {}
        """block and node -> what it takes"""
        self._blocks: dict[str, Block] = {}
        """blocks that parts bring, by their new names"""

    def linked(self) -> Linked:
        whole = self._whole
        blocks = {name: self._block(name, block) for name, block in whole.blocks.items()}
        main = self._block("", whole.main)
        raise_if_any(self._problems, ArchitectureError)
        flat = canonical(replace(whole, main=main, blocks={**blocks, **self._blocks}, imports={}))
        network = check(flat, self._budget)
        requires = tuple(self._requirements(network))
        raise_if_any(self._problems, ArchitectureError)
        if set(requires) - set(flat.requires):
            network = check(canonical(replace(flat, requires=(*flat.requires, *requires))), self._budget)
        return Linked(network, dict(self._brought(network)), self._donors)

    def partly(self, linked: Linked) -> Architecture:
        whole = self._whole
        blocks = {name: self._block(name, block) for name, block in whole.blocks.items()}
        main = self._block("", whole.main)
        pinned = {name: replace(whole.imports[name], digest=self._donors[name].digest) for name in self._left}
        return canonical(
            replace(
                whole,
                main=main,
                blocks={**blocks, **self._blocks},
                imports={name: pinned[name] for name in whole.imports if name in pinned},
                requires=linked.network.architecture.requires,
            )
        )

    # ------------------------------------------------------------------------------------------------ parts

    def _block(self, name: str, block: Block) -> Block:
        made_before: list[tuple[Take, str]] = []
        nodes: list[Node] = []
        for node in block.nodes:
            if not isinstance(node.action, Take) or node.action.source in self._left:
                nodes.append(node)
                continue
            first = next((name for each, name in made_before if each == node.action), None)
            if node.action.shared and first is not None:
                nodes.append(Node(node.name, Call(first), node.inputs, when=node.when, place=node.place))
                continue
            made = self._taken(name, node, node.action)
            if made is not None:
                nodes.append(made)
                made_before.append((node.action, node.name))
        return replace(block, nodes=tuple(nodes))

    def _taken(self, block: str, node: Node, wanted: Take) -> Node | None:
        """The node that has the part; None after a problem."""
        path = f"blocks.{block}.layers.{node.name}" if block else f"layers.{node.name}"
        try:
            part = self._part(wanted, node)
            _no_first_values(node, part)
            self._parts[block, node.name] = part
            return self._placed(node, part)
        except ModelpackError as error:
            at = Place(*node.place, self._whole.file) if node.place else None
            self._problems += [replace(each, place=at, path=path) for each in error.problems]
            return None

    def _part(self, wanted: Take, node: Node) -> _Part:
        donor = self._donors[wanted.source]
        _fits(donor.network.architecture, self._whole, wanted.source)
        found = self._found(donor, wanted, node)
        part = _set_down(found.architecture, node)
        names = {name: f"{found.before}{name}" for name in check(part, self._budget).tensors}
        if found.is_layer:
            names = {name.partition(".")[2]: old for name, old in names.items()}
        moves = _moves(wanted, [*names, *(each.name for each in part.main.nodes)])
        if not found.is_layer:
            part = replace(part, main=renamed(part.main, lambda name: moved(name, moves)))
        if moves:
            _all_moved({moved(name, moves) for name in names}, part, found.is_layer)
        kept = _kept({moved(name, moves): old for name, old in names.items()}, wanted)
        return _Part(wanted.source, part, kept, found.is_layer)

    def _found(self, donor: Donor, wanted: Take, node: Node) -> Found:
        if wanted.path is not None and not wanted.outputs:
            return block_at(donor.network, wanted.path, self._budget)
        ends = (wanted.path, wanted.path) if wanted.path is not None else (wanted.first, wanted.last)
        allowed = tuple(node.inputs) if isinstance(node.inputs, Mapping) else ()
        part = take(donor.network, *ends, outputs=wanted.outputs, inputs=allowed, budget=self._budget)
        return Found(part, "", is_layer=False)

    def _placed(self, node: Node, part: _Part) -> Node:
        main = part.architecture.main
        if part.is_layer:
            layer = main.nodes[0]
            return replace(
                node,
                action=layer.action,
                init={**layer.init, **node.init},
                frozen=node.frozen or layer.frozen,
            )
        names = self._brought_in(part.architecture)
        name = free_name(part.source, {*self._whole.blocks, *self._blocks})
        self._blocks[name] = with_blocks(main, names)
        return replace(node, action=Use(name, {}))

    def _brought_in(self, part: Architecture) -> dict[str, str]:
        """The blocks that a part uses, under names that are free here; one that is here already is used."""
        names: dict[str, str] = {}
        taken = {*self._whole.blocks, *self._whole.imports, *self._blocks}
        for name in part.blocks:
            names[name] = free_name(name, {*taken, *names.values()})
        known = {repr(block): name for name, block in self._blocks.items()}
        for name, block in part.blocks.items():
            made = with_blocks(block, names)
            names[name] = known.get(repr(made), names[name])
            self._blocks[names[name]] = made
        return names

    # ---------------------------------------------------------------------------------------------- the whole

    def _requirements(self, network: Network) -> Iterator[Comparison]:
        """What parts require of the sizes that they get here."""
        for body, part, _ in self._placings(network.main, "", ""):
            sizes = sizes_in(body)
            for each in part.architecture.requires:
                told = Comparison(substitute(each.left, sizes), each.operator, substitute(each.right, sizes))
                if told.names and not told.always_holds():
                    yield told
                elif not told.names and not OPERATORS[told.operator](told.left, told.right):
                    message = f"the part of '{part.source}' requires '{each}', and here that is '{told}'"
                    self._problems.append(Problem("MP344", message, path=f"imports.{part.source}"))

    def _placings(self, body: Body, block: str, prefix: str) -> Iterator[tuple[Body, _Part, str]]:
        """Every use of a part: the body that it is there, and the path before its tensors."""
        for step in body.steps:
            part = self._parts.get((block, step.node.name))
            if part is not None:
                yield (
                    (step.does.body if isinstance(step.does, Child) else body),
                    part,
                    f"{prefix}{step.name}.",
                )
            elif isinstance(step.does, Child):
                yield from self._placings(step.does.body, step.does.body.name, f"{prefix}{step.name}.")

    def _brought(self, network: Network) -> Iterator[tuple[str, Brought]]:
        stored = set(network.tensors) - {name for group in network.tied for name in group[1:]}
        frozen = frozen_names(network)
        for _, part, prefix in self._placings(network.main, "", ""):
            donor = self._donors[part.source]
            for name, old in part.names.items():
                if prefix + name in stored:
                    origin = Origin(donor.digest, donor.stored(old), frozen=prefix + name in frozen)
                    yield prefix + name, Brought(part.source, origin)


def _fits(part: Architecture, whole: Architecture, source: str) -> None:
    """What a part has from the whole that it is put into: the dtype of its tensors, the modes in which it can be run."""
    if part.dtype is not whole.dtype:
        told = f"'{source}' is {part.dtype}, and this network {whole.dtype}"
        raise ArchitectureError(Problem("MP344", told, hint=f"say dtype: {part.dtype} at the top"))
    lacking = [mode for mode in whole.modes if mode not in part.modes]
    if lacking:
        told = f"'{source}' was captured for {' and '.join(part.modes)} only, and this network is for {lacking[0]} too"
        raise ArchitectureError(
            Problem("MP344", told, hint=f"say modes: [{', '.join(part.modes)}] at the top")
        )


def _moves(wanted: Take, names: list[str]) -> Mapping[str, str]:
    """`rename`, each of which must name something."""
    for old in wanted.rename:
        if not any(name == old or name.startswith(f"{old}.") for name in names):
            raise ArchitectureError(
                Problem("MP345", f"there is no '{old}' in the part to rename", hint=_near(old, names))
            )
    return wanted.rename


def _all_moved(names: set[str], part: Architecture, is_layer: bool) -> None:
    """Only layers of the part's own level move: a value must not stay behind under a name that nothing has."""
    there = {name.partition(".")[2] if is_layer else name for name in check(part).tensors}
    lost = sorted(names - there)
    if lost:
        message = f"'{lost[0]}' can't be renamed to: only layers at the part's own level have other names"
        raise ArchitectureError(Problem("MP345", message, hint="rename the layer that holds it"))


def _kept(names: Mapping[str, str], wanted: Take) -> dict[str, str]:
    """`names` without those that are reset, each of which must name something."""
    kept = dict(names)
    for path in wanted.reset:
        below = [name for name in names if name == path or name.startswith(f"{path}.")]
        if not below:
            raise ArchitectureError(
                Problem("MP345", f"there is no '{path}' in the part to reset", hint=_near(path, names))
            )
        for name in below:
            kept.pop(name, None)
    return kept


def _no_first_values(node: Node, part: _Part) -> None:
    """What is taken has values: an `init` of it would be dropped."""
    for name in node.init:
        if name in part.names:
            raise ArchitectureError(
                Problem(
                    "MP345",
                    f"'{name}' is taken with its values, so init says nothing",
                    hint=f"add reset: [{name}]",
                )
            )


def _near(name: str, names: Iterable[str]) -> str | None:
    near = nearest(name, names)
    return f"did you mean '{near}'?" if near else None


def _set_down(found: Architecture, node: Node) -> Architecture:
    """A part without the places that it had in its own text: what is wrong with it is wrong here."""

    def moved_node(each: Node) -> Node:
        return replace(each, place=node.place, places={})

    def moved_block(block: Block) -> Block:
        return replace(block, nodes=tuple(map(moved_node, block.nodes)), place=node.place, places={})

    blocks = {name: moved_block(block) for name, block in found.blocks.items()}
    return replace(found, main=moved_block(found.main), blocks=blocks)
