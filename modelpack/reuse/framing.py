"""A block out of a network -> an Architecture of its own: inputs with shapes, sizes in its own terms, the blocks that it uses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from modelpack.architecture import Architecture, Block, Inputs, InputSpec, Use
from modelpack.budget import DEFAULT_BUDGET, Budget
from modelpack.canonical import canonical
from modelpack.checker import check
from modelpack.comparison import Comparison
from modelpack.dims import Dim, Expr, name_of, symbols
from modelpack.errors import ArchitectureError, Problem
from modelpack.layers.kinds import Literal
from modelpack.network import Specs
from modelpack.reuse.dimensions import Sizes, sizes_of
from modelpack.templates.literals import Place, with_literals
from modelpack.templates.runs import with_runs
from modelpack.tensors import TensorSpec

__all__ = ["axes_of", "framed", "names_sizes", "used_blocks"]


def framed(
    whole: Architecture,
    block: Block,
    inputs: Mapping[str, Specs],
    others: Mapping[str, Specs] | None = None,
    fixed: Mapping[Expr, int] | None = None,
    budget: Budget = DEFAULT_BUDGET,
) -> Architecture:
    """`block`, a part of `whole` whose sizes are told in the dimensions of `whole`, as a network that takes `inputs`; and those
    of `others` that it needs for a dimension which `inputs` don't tell, each the first that tells one. Axes that are in `fixed`
    have that size.

    Sizes that are right only together (`height * width` of two axes are the 400 of a layer behind them) aren't free: then what
    they are made of is told, by all of `others` that tell it.

    Raises:
        ArchitectureError: MP342 it needs a dimension that nothing that comes in tells.
    """
    others, fixed = others or {}, fixed or {}
    telling = _telling(whole, block, inputs, others, fixed)
    made = _made(whole, block, telling, fixed)
    made_of = frozenset[str]().union(*map(symbols, _axes(telling)))
    more = {
        name: specs
        for name, specs in others.items()
        if name not in telling and not made_of.isdisjoint(map(name_of, axes_of(specs)))
    }
    if not more or _is_sound(made, budget):
        return made
    return _made(whole, block, {**telling, **more}, {})


def _made(
    whole: Architecture, block: Block, inputs: Mapping[str, Specs], fixed: Mapping[Expr, int]
) -> Architecture:
    sizes = sizes_of(_axes(inputs), fixed)
    entering = {name: _declared(specs, sizes) for name, specs in inputs.items()}
    main = with_runs(_retold(replace(block, inputs={}), sizes, whole.name), whole.blocks)
    seen = frozenset[str]().union(*map(symbols, _axes(inputs)))
    return canonical(
        replace(
            whole,
            main=replace(main, inputs=entering),
            blocks=used_blocks(main, whole.blocks),
            requires=tuple(_requirements(whole, sizes, seen)),
        )
    )


def _is_sound(architecture: Architecture, budget: Budget) -> bool:
    try:
        check(architecture, budget)
    except ArchitectureError:
        return False
    return True


def _telling(
    whole: Architecture,
    block: Block,
    inputs: Mapping[str, Specs],
    others: Mapping[str, Specs],
    fixed: Mapping[Expr, int],
) -> Mapping[str, Specs]:
    """`inputs`, and of `others` what tells the dimensions that are lost without."""
    while True:
        lost = _lost(whole, block, _axes(inputs), fixed)
        telling = next(
            (
                name
                for name, specs in others.items()
                if name not in inputs and not lost.isdisjoint(map(name_of, axes_of(specs)))
            ),
            None,
        )
        if telling is None:
            return inputs
        inputs = {**inputs, telling: others[telling]}


def _axes(inputs: Mapping[str, Specs]) -> list[Dim]:
    return [axis for specs in inputs.values() for axis in axes_of(specs)]


def names_sizes(block: Block) -> bool:
    """Whether a setting of its layers depends on dimensions."""
    return any(True for _ in _sizes_in(block))


def _sizes_in(block: Block) -> Iterator[Expr]:
    """What in the settings of its layers depends on dimensions."""
    found: list[Literal] = []

    def note(_: Place, literal: Literal) -> Literal:
        found.append(literal)
        return literal

    with_literals(replace(block, inputs={}), note)
    while found:
        literal = found.pop()
        if isinstance(literal, tuple):
            found += literal
        elif isinstance(literal, Expr):
            yield literal


def _lost(whole: Architecture, block: Block, axes: list[Dim], fixed: Mapping[Expr, int]) -> frozenset[str]:
    """The dimensions of `whole` that `block` needs and that tensors with these axes don't tell."""
    sizes, found = sizes_of(axes, fixed), set[str]()
    for size in _sizes_in(block):
        found |= sizes.lost(sizes.put(size))
    seen = frozenset[str]().union(*map(symbols, axes))
    for each in whole.requires:
        if each.names & seen:
            found.update(sizes.lost(sizes.put(each.left)), sizes.lost(sizes.put(each.right)))
    return frozenset(found)


def _declared(specs: Specs, sizes: Sizes) -> Inputs:
    if isinstance(specs, TensorSpec):
        return InputSpec(specs.dtype, tuple(sizes.put(axis) for axis in specs.shape))
    if isinstance(specs, tuple):
        return tuple(_declared(item, sizes) for item in specs)
    return {name: _declared(item, sizes) for name, item in (specs or {}).items()}


def axes_of(specs: Specs) -> Iterator[Dim]:
    """The axes of all tensors in `specs`."""
    if isinstance(specs, TensorSpec):
        yield from specs.shape
    elif specs is not None:
        for each in specs.values() if isinstance(specs, Mapping) else specs:
            yield from axes_of(each)


def _retold(block: Block, sizes: Sizes, name: str) -> Block:
    """`block` with its sizes in terms of what comes in."""

    def put(place: Place, literal: Literal) -> Literal:
        if isinstance(literal, tuple):
            return tuple(put(place, item) for item in literal)
        if not isinstance(literal, Expr):
            return literal
        told = sizes.put(literal)
        if sizes.lost(told):
            raise _unknowable(literal, f"{place.name} of '{place.owner}'", sizes, name)
        return told

    return with_literals(block, put)


def _requirements(whole: Architecture, sizes: Sizes, seen: frozenset[str]) -> Iterator[Comparison]:
    """What the whole requires of the dimensions that come in; of others nothing here depends."""
    for each in whole.requires:
        if not each.names & seen:
            continue
        told = Comparison(sizes.put(each.left), each.operator, sizes.put(each.right))
        for side, old in ((told.left, each.left), (told.right, each.right)):
            if sizes.lost(side):
                raise _unknowable(old, f"the requirement '{each}'", sizes, whole.name)
        if told.names:
            yield told


def _unknowable(dim: Dim, where: str, sizes: Sizes, name: str) -> ArchitectureError:
    lost = ", ".join(sorted(symbols(dim) - sizes.known)) or str(dim)
    known = ", ".join(sorted(sizes.known)) or "no dimension"
    return ArchitectureError(
        Problem(
            "MP342",
            f"{where} is {dim}, and {lost} is told by no tensor that crosses the cut into this part of {name}"
            f" (they tell {known})",
            hint="cut before that dimension is folded into another, or take the part that knows it too",
        )
    )


def used_blocks(main: Block, blocks: Mapping[str, Block]) -> dict[str, Block]:
    """Those of `blocks` that `main` uses, directly or through others, in their order."""
    found: set[str] = set()
    waiting = [main]
    while waiting:
        for node in waiting.pop().nodes:
            if isinstance(node.action, Use) and node.action.block not in found:
                found.add(node.action.block)
                waiting.append(blocks[node.action.block])
    return {name: block for name, block in blocks.items() if name in found}
