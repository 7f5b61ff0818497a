"""Parts -> one network: each takes what those before it give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from modelpack.architecture import Architecture, Block, Structure
from modelpack.binding import bind_dims, resolve
from modelpack.canonical import canonical
from modelpack.errors import ArchitectureError, Problem
from modelpack.layers.kinds import Literal
from modelpack.network import Network, Specs
from modelpack.reuse.framing import used_blocks
from modelpack.reuse.licences import together
from modelpack.reuse.naming import free_name, map_references, with_blocks
from modelpack.reuse.part import Part
from modelpack.reuse.required import required
from modelpack.reuse.rewiring import explicit, inside
from modelpack.templates.literals import Place, with_literals
from modelpack.templates.runs import with_runs
from modelpack.tensors import Mismatch

__all__ = ["alike", "block_names", "join"]


def join(first: Part, *others: Part, name: str | None = None) -> Part:
    """One network of several: the layers of `first`, then those of each of the `others`, all under the names that they have.

    What a part takes in is fed by name, from what the part before it gives, or from the inputs so far (a mask); the one input
    that then remains takes the one value that the part before gives. Layers of one name in two parts are an error: put one of
    them under a name of its own (`part.named("head")`).

    Raises:
        ArchitectureError: MP347 an input that nothing feeds; MP215 a name twice; MP344 other dtypes or modes, or
            sizes that a part rules out; MP309 and its like: what is given isn't what is taken, both told.
    """
    joined = first
    for each in others:
        joined = _joined(joined, each)
    return joined if name is None else replace(joined, architecture=replace(joined.architecture, name=name))


def _joined(one: Part, other: Part) -> Part:
    alike(one.architecture, other.architecture)
    before, after = one.network, other.network
    first, second = explicit(before.main), explicit(after.main)
    feeds = _feeds(first, before, after)
    try:
        sizes, _ = bind_dims(after.main.block.inputs, {name: specs for name, (_, specs) in feeds.items()}, {})
    except Mismatch as error:
        raise ArchitectureError(
            Problem(
                error.code,
                f"'{after.main.name}' after '{before.main.name}': {error.message}",
                hint=error.hint,
            )
        ) from None

    def put(_: Place, literal: Literal) -> Literal:
        return resolve(literal, sizes)

    second = with_literals(replace(second, inputs={}), put)
    second = _fed(second, {name: given for name, (given, _) in feeds.items()})
    taken = {*first.tensors, *(node.name for node in first.nodes), *first.inputs}
    twice = sorted(taken & {*second.tensors, *(node.name for node in second.nodes)})
    if twice:
        raise ArchitectureError(
            Problem(
                "MP215",
                f"both parts have a '{twice[0]}'",
                path=twice[0],
                hint="put one of them below a name of its own: part.named('head')",
            )
        )
    names = block_names(one.architecture, other.architecture)
    main = Block(
        first.inputs,
        (*first.nodes, *with_blocks(second, names).nodes),
        second.outputs,
        tensors={**first.tensors, **second.tensors},
        tied=(*first.tied, *second.tied),
    )
    blocks = {**one.architecture.blocks}
    blocks |= {names[each]: with_blocks(block, names) for each, block in other.architecture.blocks.items()}
    requires = required(other.architecture, sizes, f"'{other.architecture.name}'")
    whole = replace(
        one.architecture,
        main=with_runs(main, blocks),
        blocks=blocks,
        requires=(*one.architecture.requires, *requires),
    )
    return Part(
        canonical(whole),
        {**one.tensors, **other.tensors},
        {**one.origins, **other.origins},
        {**one.digests, **other.digests},
        together([one.licence, other.licence]),
    )


def alike(one: Architecture, other: Architecture) -> None:
    """Both have the dtype and the modes that the whole then has."""
    if one.dtype is not other.dtype:
        told = f"'{one.name}' is {one.dtype}, and '{other.name}' {other.dtype}"
        raise ArchitectureError(Problem("MP344", told))
    if one.modes != other.modes:
        told = f"'{one.name}' is for {' and '.join(one.modes)}, and '{other.name}' for {' and '.join(other.modes)}"
        raise ArchitectureError(Problem("MP344", told, hint="a network has the same modes throughout"))


def _feeds(first: Block, before: Network, after: Network) -> dict[str, tuple[Structure, Specs]]:
    """What each input of `after` gets: references among `first`, and their specs."""
    given, specs = first.outputs, before.outputs
    by_name: dict[str, tuple[Structure, Specs]] = {name: (name, each) for name, each in before.inputs.items()}
    if isinstance(given, Mapping) and isinstance(specs, Mapping):
        by_name |= {name: (given[name], specs[name]) for name in given}
    found = {name: by_name[name] for name in after.inputs if name in by_name}
    missing = [name for name in after.inputs if name not in found]
    if not missing and not isinstance(given, Mapping) and len(after.inputs) == 1:
        # Networks often call their input alike: what comes before isn't dropped for that.
        missing = list(after.inputs)
    if len(missing) == 1 and not isinstance(given, Mapping):
        found[missing[0]] = given, specs
    elif missing:
        gives = ", ".join(given) if isinstance(given, Mapping) else "one value"
        raise ArchitectureError(
            Problem(
                "MP347",
                f"nothing says what feeds '{missing[0]}' of '{after.main.name}': '{before.main.name}' gives {gives}",
                path=missing[0],
                hint="give values by the names of what takes them in: outputs={'…': '…'}",
            )
        )
    return {name: found[name] for name in after.inputs}


def _fed(block: Block, feeds: Mapping[str, Structure]) -> Block:
    """`block` with what feeds its inputs in their place."""

    def refer(reference: str) -> Structure:
        head, *ports = reference.split(".")
        return inside(feeds[head], tuple(ports)) if head in feeds else reference

    nodes = tuple(replace(node, inputs=map_references(node.inputs, refer)) for node in block.nodes)
    return replace(block, nodes=nodes, outputs=map_references(block.outputs, refer))


def block_names(one: Architecture, other: Architecture) -> dict[str, str]:
    """What the blocks of `other` are called beside those of `one`; one that is there already is used."""
    same = {name for name, block in other.blocks.items() if one.blocks.get(name) == block}
    while True:
        lost = {name for name in same if set(used_blocks(other.blocks[name], other.blocks)) - same}
        if not lost:
            break
        same -= lost
    names = {name: name for name in same}
    for name in other.blocks.keys() - same:
        names[name] = free_name(name, {*one.blocks, *names.values(), *(other.blocks.keys() - {name})})
    return names
