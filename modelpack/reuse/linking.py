"""Architecture with imports -> the same network whole: each part that it takes is a block of it, with the tensors that it brings.

link(architecture, resolve) -> Linked        .network, .brought: tensor -> where from, .donors
linked_but(architecture, linked, kept)       the architecture in which the imports `kept` stay imports
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from modelpack.architecture import Architecture, Block, Call, Node, Take, Use
from modelpack.budget import DEFAULT_BUDGET, Budget
from modelpack.canonical import canonical
from modelpack.checker import check
from modelpack.comparison import Comparison
from modelpack.errors import ArchitectureError, ModelpackError, Place, Problem, raise_if_any
from modelpack.manifest import Origin
from modelpack.network import Body, Child, Network, worked_out
from modelpack.reuse.claims import all_moved, fits, kept, moves_of, no_first_values
from modelpack.reuse.cutting import Found, block_at, take
from modelpack.reuse.frozen import frozen_names
from modelpack.reuse.naming import moved, renamed, with_blocks
from modelpack.reuse.opening import opened
from modelpack.reuse.required import required
from modelpack.reuse.rewiring import sizes_in
from modelpack.reuse.sources import Donor, Resolve

__all__ = ["Brought", "Linked", "link", "linked_but"]

_SEEN = 10
"""How many layers are looked through in the time in which one is worked out."""
_LISTED = 40
"""How many layers of blocks, laid open, are gone through for their tensors in that time."""


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
    place: Place | None
    path: str
    """where problems with it are told"""


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
        self._flat: dict[str, Network] = {}
        """imports, laid flat at their top level: what parts are cut out of"""
        self._spent = 0.0
        self._most = budget.inferences // 4 + 4 * sum(
            _written(each)
            for each in (architecture, *(donor.network.architecture for donor in self._donors.values()))
        )
        self._made: dict[object, _Part] = {}
        """what is taken -> the part"""
        self._known: dict[str, str] = {}
        """blocks that parts bring, as text -> their names"""
        self._used = {*architecture.blocks}
        self._counts: Counter[str] = Counter()
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
        shared: dict[str, Node] = {}
        nodes: list[Node] = []
        for node in block.nodes:
            if not isinstance(node.action, Take) or node.action.source in self._left:
                nodes.append(node)
                continue
            first = shared.get(repr(node.action)) if node.action.shared else None
            made = self._taken(name, node, node.action) if first is None else self._again(name, node, first)
            if made is not None:
                nodes.append(made)
                shared.setdefault(repr(node.action), node)
        return replace(block, nodes=tuple(nodes))

    def _again(self, block: str, node: Node, first: Node) -> Node:
        """The node that calls the part that `first` has; what it says of tensors must be said there."""
        told = {
            "frozen": node.frozen not in (False, first.frozen),
            "init": bool(node.init),
            "repeat": node.repeat is not None,
        }
        hint = f"it is the module of '{first.name}', so say it there"
        self._problems += [
            Problem("MP202", f"'{key}' has no meaning here", self._place(node), _path(block, node), hint)
            for key, is_told in told.items()
            if is_told
        ]
        return Node(node.name, Call(first.name), node.inputs, when=node.when, place=node.place)

    def _at(self, problem: Problem, block: str, node: Node) -> Problem:
        return replace(problem, place=self._place(node), path=_path(block, node))

    def _place(self, node: Node) -> Place | None:
        return Place(*node.place, self._whole.file) if node.place else None

    def _taken(self, block: str, node: Node, wanted: Take) -> Node | None:
        """The node that has the part; None after a problem."""
        try:
            part = self._part_at(wanted, block, node)
            no_first_values(node, part.names)
            self._parts[block, node.name] = part
            return self._placed(node, part)
        except ModelpackError as error:
            self._problems += [self._at(each, block, node) for each in error.problems]
            return None

    def _part_at(self, wanted: Take, block: str, node: Node) -> _Part:
        """What `node` takes, at its place; worked out once for all that take the same."""
        allowed = tuple(node.inputs) if isinstance(node.inputs, Mapping) else ()
        key = (repr(replace(wanted, shared=False)), allowed)
        known = self._made.get(key)
        if known is None:
            known = self._made[key] = self._part(wanted, node, allowed)
        self._spend(_written(known.architecture) // _SEEN + 1)
        part = _set_down(known.architecture, node)
        return replace(known, architecture=part, place=self._place(node), path=_path(block, node))

    def _spend(self, steps: float) -> None:
        """Count what parts cost, so that a short text doesn't ask for hours.

        Raises:
            ArchitectureError: MP332 it is too much.
        """
        self._spent += steps
        if self._spent > self._most:
            told = f"parts of other packs need more than {self._most} steps to check"
            raise ArchitectureError(Problem("MP332", told, hint="take longer ranges, and fewer"))

    def _part(self, wanted: Take, node: Node, allowed: tuple[str, ...]) -> _Part:
        donor = self._donors[wanted.source]
        fits(donor.network.architecture, self._whole, wanted.source)
        found = self._found(wanted, allowed)
        part = _set_down(found.architecture, node)
        self._spend(_written(part))
        checked = check(part, self._budget)
        self._spend(max(worked_out(checked.main) - _written(part), 0))
        names = {name: f"{found.before}{name}" for name in checked.tensors}
        if found.is_layer:
            names = {name.partition(".")[2]: old for name, old in names.items()}
        moves = moves_of(wanted, [*names, *(each.name for each in part.main.nodes)])
        if not found.is_layer:
            part = replace(part, main=renamed(part.main, lambda name: moved(name, moves)))
        if moves:
            self._spend(_written(part))
            there = check(part, self._budget).tensors
            all_moved({moved(name, moves) for name in names}, there, found.is_layer)
        names = kept({moved(name, moves): old for name, old in names.items()}, wanted)
        return _Part(wanted.source, part, names, found.is_layer, None, "")

    def _found(self, wanted: Take, allowed: tuple[str, ...]) -> Found:
        network = self._flat.get(wanted.source)
        if network is None:
            network = self._flat[wanted.source] = opened(
                self._donors[wanted.source].network, (), self._budget
            )
        paths = [each for each in (wanted.path, wanted.first, wanted.last, *wanted.outputs.values()) if each]
        inside = sum(each.count(".") for each in paths if each not in network.main.by_name)
        # Each level that is laid open is checked anew; each name is looked for among all.
        steps, size = len(network.main.steps), network.main.size
        self._spend(inside * (steps + size / _LISTED) + steps * (1 + len(paths) + len(allowed)) / _SEEN)
        if wanted.path is not None and not wanted.outputs:
            return block_at(network, wanted.path, self._budget)
        ends = (wanted.path, wanted.path) if wanted.path is not None else (wanted.first, wanted.last)
        part = take(network, *ends, outputs=wanted.outputs, inputs=allowed, budget=self._budget)
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
        block = with_blocks(main, self._brought_in(part.architecture))
        return replace(node, action=Use(self._put(part.source, block), {}))

    def _brought_in(self, part: Architecture) -> dict[str, str]:
        """What the blocks that a part uses are called here."""
        names: dict[str, str] = {}

        def bring(name: str) -> None:
            if name not in names:
                for node in part.blocks[name].nodes:
                    if isinstance(node.action, Use):
                        bring(node.action.block)  # blocks lie in one another as deep as the budget lets them
                names[name] = self._put(name, with_blocks(part.blocks[name], names))

        for name in part.blocks:
            bring(name)
        return names

    def _put(self, stem: str, block: Block) -> str:
        """What `block`, which a part brings, is called here: one that is here already is used."""
        text = repr(block)
        if text not in self._known:
            self._known[text] = self._free(stem)
        self._blocks[self._known[text]] = block
        return self._known[text]

    def _free(self, stem: str) -> str:
        """`stem`, with a number behind it where it is taken. Names are free once: there may be thousands of parts."""
        name = stem
        while name in self._used:
            self._counts[stem] += 1
            name = f"{stem}_{self._counts[stem] + 1}"
        self._used.add(name)
        return name

    # ---------------------------------------------------------------------------------------------- the whole

    def _requirements(self, network: Network) -> Iterator[Comparison]:
        """What parts require of the sizes that they get here."""
        for body, part, _ in self._placings(network.main, "", ""):
            called = f"the part of '{part.source}'"
            try:
                yield from required(part.architecture, sizes_in(body), called)
            except ArchitectureError as error:
                self._problems += [replace(each, place=part.place, path=part.path) for each in error.problems]

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


def _path(block: str, node: Node) -> str:
    """What problems call a node."""
    return f"blocks.{block}.layers.{node.name}" if block else f"layers.{node.name}"


def _written(architecture: Architecture) -> int:
    """How many layers its text has."""
    return sum(len(block.nodes) for block in (architecture.main, *architecture.blocks.values()))


def _set_down(found: Architecture, node: Node) -> Architecture:
    """A part without the places that it had in its own text: what is wrong with it is wrong here."""

    def moved_node(each: Node) -> Node:
        return replace(each, place=node.place, places={})

    def moved_block(block: Block) -> Block:
        return replace(block, nodes=tuple(map(moved_node, block.nodes)), place=node.place, places={})

    blocks = {name: moved_block(block) for name, block in found.blocks.items()}
    return replace(found, main=moved_block(found.main), blocks=blocks)
