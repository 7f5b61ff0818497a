"""Part, path, Part -> the first with the second in the place of what was at the path."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from modelpack.architecture import Architecture, Block, Call, Node, Structure, Use, leaves
from modelpack.canonical import canonical
from modelpack.checker import check
from modelpack.dims import Dim
from modelpack.errors import ArchitectureError, Problem
from modelpack.network import Body, Child, Network
from modelpack.reuse.joining import alike, block_names
from modelpack.reuse.licences import together
from modelpack.reuse.naming import free_name, map_references, with_blocks
from modelpack.reuse.opening import group, opened, unknown
from modelpack.reuse.part import Part, moved_tensor
from modelpack.reuse.required import required
from modelpack.reuse.rewiring import explicit, sizes_in
from modelpack.templates.runs import with_runs

__all__ = ["graft"]


def graft(whole: Part, path: str, donor: Part) -> Part:
    """`whole` with `donor` in the place of the layer or container at `path`, as a submodule of that name: it takes what was taken
    there, in order, and what it gives goes where that went. All other names stay.

    Containers that `path` leads into are laid open. Of ties between what goes and what stays, the latter keeps the values.

    Raises:
        ArchitectureError: MP340 there is nothing at `path`; MP341 more than what its last layer gives is used elsewhere; MP344
            other dtypes or modes, or sizes that the donor rules out; MP309, MP312 and their like: `donor` takes or gives
            something else, both sides told.
    """
    alike(whole.architecture, donor.architecture)
    flat = opened(whole.network, (path,))
    removed = group(flat.main, path)
    if not removed:
        raise unknown(path, flat.main)
    names = block_names(whole.architecture, donor.architecture)
    blocks = dict(whole.architecture.blocks)
    blocks |= {names[each]: with_blocks(block, names) for each, block in donor.architecture.blocks.items()}
    name = free_name(_identifier(donor.architecture.name), blocks)
    blocks[name] = with_blocks(donor.architecture.main, names)
    main, tied_to = _replaced(flat.main, path, removed, Use(name, {}))
    architecture = replace(flat.architecture, main=main, blocks=blocks)
    network = check(architecture)
    told = required(donor.architecture, _sizes_at(network, path), f"'{donor.architecture.name}'", path)
    requires = (*architecture.requires, *told)
    folded = canonical(replace(architecture, main=with_runs(main, blocks), requires=requires))
    return _with_tensors(folded, whole, tied_to, donor.named(path), path)


def _identifier(name: str) -> str:
    return name.replace("-", "_").replace(".", "_")


def _replaced(main: Body, path: str, removed: tuple[int, ...], use: Use) -> tuple[Block, dict[str, str]]:
    """The block of `main` with one node in the place of those that are `removed`; and of tensors that are held under a name
    that goes, and stay: the new name, and the old one."""
    block = explicit(main)
    gone = [block.nodes[at] for at in removed]
    names = {node.name for node in gone}
    inputs = gone[0].inputs if len(gone) == 1 else tuple(_entering(gone, names))
    node = Node(path, use, inputs, when=gone[0].when)
    last = gone[-1].name

    def refer(reference: str) -> str:
        owner = _below(reference, names)
        if owner is None or len(gone) == 1:
            return reference
        if owner != last:
            told = f"'{owner}' is used outside of '{path}', beside '{last}', which is what '{path}' gives"
            raise ArchitectureError(Problem("MP341", told, path=path, hint="graft at a smaller part"))
        return path + reference[len(last) :]

    nodes = [
        node if at == removed[-1] else _referring(each, refer, path)
        for at, each in enumerate(block.nodes)
        if at == removed[-1] or at not in removed
    ]
    tied, tied_to = _ties(block, path)
    tensors = {name: each for name, each in block.tensors.items() if not _is_at(name, path)}
    outputs = map_references(block.outputs, refer)
    return replace(block, nodes=tuple(nodes), outputs=outputs, tensors=tensors, tied=tied), tied_to


def _referring(node: Node, refer: Callable[[str], Structure], path: str) -> Node:
    """A layer that stays."""
    if isinstance(node.action, Call) and node.action.target.startswith(f"{path}."):
        told = f"'{node.name}' calls '{node.action.target}', which lies inside of '{path}'"
        raise ArchitectureError(Problem("MP343", told, path=path, hint=f"graft at '{node.action.target}'"))
    return replace(node, inputs=map_references(node.inputs, refer))


def _entering(nodes: Iterable[Node], names: set[str]) -> Iterator[str]:
    """What several layers together take in, each once, in order."""
    seen: set[str] = set()
    for reference in (each for node in nodes for each in leaves(node.inputs)):
        if reference is not None and reference not in seen and _below(reference, names) is None:
            seen.add(reference)
            yield reference


def _below(reference: str, names: set[str]) -> str | None:
    """That of `names` of which `reference` is the value, or one output."""
    return next((name for name in names if _is_at(reference, name)), None)


def _is_at(name: str, path: str) -> bool:
    return name == path or name.startswith(f"{path}.")


def _ties(block: Block, path: str) -> tuple[tuple[tuple[str, ...], ...], dict[str, str]]:
    kept: list[tuple[str, ...]] = []
    tied_to: dict[str, str] = {}
    for names in block.tied:
        left = tuple(name for name in names if not _is_at(name, path))
        if left and left[0] != names[0]:
            tied_to[left[0]] = names[0]
        if len(left) > 1:
            kept.append(left)
    return tuple(kept), tied_to


def _sizes_at(network: Network, path: str) -> Mapping[str, Dim]:
    """What the dimensions of the block at `path` are here."""
    body = next(
        step.does.body for step in network.main.steps if step.name == path and isinstance(step.does, Child)
    )
    return sizes_in(body)


def _with_tensors(
    architecture: Architecture, whole: Part, tied_to: Mapping[str, str], donor: Part, path: str
) -> Part:
    """The tensors of `whole` but those at `path`, and those of `donor`, which are below it by their names."""
    old = {name: name for name in whole.tensors if not _is_at(name, path)} | {
        new: name for new, name in tied_to.items() if name in whole.tensors
    }
    return Part(
        architecture,
        {new: moved_tensor(whole.tensors[name], new) for new, name in old.items()} | {**donor.tensors},
        {new: whole.origins[name] for new, name in old.items() if name in whole.origins} | {**donor.origins},
        {new: whole.digests[name] for new, name in old.items() if name in whole.digests} | {**donor.digests},
        together([whole.licence, donor.licence]),
    )
