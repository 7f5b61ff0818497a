"""Network -> the same network with containers laid open, so that a path into them names layers of the top level.

What lies in a container stands in its place, under the full name that it had: names of tensors stay.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TypeVar

from modelpack.architecture import Apply, Block, Call, Node, RawTensor, Structure
from modelpack.binding import resolve
from modelpack.budget import DEFAULT_BUDGET, Budget
from modelpack.checker import check
from modelpack.dims import Dim
from modelpack.errors import ArchitectureError, Problem
from modelpack.layers.kinds import Literal
from modelpack.network import Again, Body, Child, Network, Slot, Step
from modelpack.reading import nearest
from modelpack.reuse.rewiring import explicit, inside, sizes_in, structure_of, value_names, with_names
from modelpack.templates.literals import Place, with_literals

__all__ = ["contents", "group", "opened", "unknown"]

_Told = TypeVar("_Told")


def opened(network: Network, paths: tuple[str, ...], budget: Budget = DEFAULT_BUDGET) -> Network:
    """`network` without repetitions at its top level, and with every container open that one of `paths` leads into; behind the
    name of a layer may be that of one of its outputs.

    Raises:
        ArchitectureError: MP340 there is no such layer.
    """
    architecture = network.architecture
    main = explicit(network.main)
    # Who takes many parts lays it flat once.
    flat = network if main == network.main.block else check(replace(architecture, main=main), budget)
    for path in paths:
        while not group(flat.main, path):
            step = _above(flat.main, path)
            if step is None:
                raise unknown(path, flat.main)
            if not (
                isinstance(step.does, Child) and _leads_inside(path[len(step.name) + 1 :], step.does.body)
            ):
                break  # one of several outputs
            main = _laid_open(flat.main, step, step.does)
            flat = check(replace(architecture, main=main), budget)
    return flat


def _leads_inside(path: str, body: Body) -> bool:
    return bool(group(body, path)) or _above(body, path) is not None


def group(body: Body, path: str) -> tuple[int, ...]:
    """The steps that `path` names: one, or all whose names begin with it (`layer2` of `layer2.0` and `layer2.1`)."""
    return tuple(
        at for at, step in enumerate(body.steps) if step.name == path or step.name.startswith(f"{path}.")
    )


def unknown(path: str, body: Body) -> ArchitectureError:
    """The error that there is no layer `path`, with the nearest that there is."""
    near = nearest(path, [step.name for step in body.steps])
    hint = f"did you mean '{near}'?" if near else None
    return ArchitectureError(
        Problem("MP340", f"there is no layer '{path}' in {body.name}", path=path, hint=hint)
    )


def _above(body: Body, path: str) -> Step | None:
    """The step below which `path` lies."""
    return next((step for step in body.steps if path.startswith(f"{step.name}.")), None)


def _laid_open(main: Body, step: Step, child: Child) -> Block:
    """The block of `main` with the layers of `child` in the place of `step`, and calls of them in that of calls of it."""
    opening = _Opening(main, step.name)
    nodes = [node for each in main.steps for node in opening.nodes(each)]
    tensors, tied = _state(step, child.body)
    return replace(
        main.block,
        nodes=tuple(nodes),
        outputs=structure_of(main.wiring, opening.refer, main),
        tensors={**main.block.tensors, **tensors},
        tied=(*main.block.tied, *tied),
    )


class _Opening:
    """One container of `main`, `target`, while it is laid open."""

    def __init__(self, main: Body, target: str) -> None:
        self._main = main
        self._target = target
        self._names = value_names(main)
        self._given: dict[str, Structure] = {}
        """what a step gave that is no more -> what gives it now"""

    def refer(self, slot: Slot) -> Structure:
        name = self._names[slot.index]
        return inside(self._given.get(name, name), slot.path)

    def nodes(self, step: Step) -> Iterator[Node]:
        """What stands in the place of `step`."""
        if step.name == self._target and isinstance(step.does, Child):
            yield from self._contents(step, step.does.body)
        elif (
            isinstance(step.does, Again)
            and step.does.target == self._target
            and isinstance(step.does.of, Child)
        ):
            yield from self._contents(step, step.does.of.body)
        else:
            yield with_names(step, self.refer, self._main)

    def _contents(self, step: Step, body: Body) -> Iterator[Node]:
        feeds = dict(
            zip(
                body.inputs, (structure_of(each, self.refer, self._main) for each in step.inputs), strict=True
            )
        )
        names = value_names(body)

        def refer(slot: Slot) -> Structure:
            name = names[slot.index]
            if slot.index < len(feeds):
                return inside(feeds[name], slot.path)
            owner = self._target if slot.index < len(feeds) + len(body.raw) else step.name
            return inside(f"{owner}.{name}", slot.path)

        nodes = tuple(self._inner(step, each, with_names(each, refer, body)) for each in body.steps)
        yield from _with_values(Block({}, nodes), body, _passed(step)).nodes
        self._given[step.name] = structure_of(body.wiring, refer, body)

    def _inner(self, outer: Step, step: Step, node: Node) -> Node:
        name, when = f"{outer.name}.{step.name}", outer.node.when or node.when
        action = node.action
        if isinstance(action, Call):
            return replace(node, name=name, when=when, action=Call(f"{self._target}.{action.target}"))
        is_call = outer.name != self._target
        if is_call and not (isinstance(action, Apply) and action.type.is_operation):
            action = Call(f"{self._target}.{step.name}")
            return Node(name, action, node.inputs, when=when, place=node.place)
        return replace(_told_from_outside(outer, node), name=name, when=when)


def _told_from_outside(outer: Step, node: Node) -> Node:
    """`node` with what the container says of its tensors."""
    init = {**node.init, **_below(outer.node.init, node.name)}
    if outer.node.frozen is True or node.frozen is True:
        return replace(node, frozen=True, init=init)
    listed = _below(dict.fromkeys(outer.node.frozen or ()), node.name)
    frozen = tuple(dict.fromkeys((*(node.frozen or ()), *listed)))
    return replace(node, frozen=frozen or False, init=init)


def _below(told: Mapping[str, _Told], name: str) -> dict[str, _Told]:
    """What is told of tensors below `name`, by their names there."""
    start = f"{name}."
    return {each[len(start) :]: value for each, value in told.items() if each.startswith(start)}


def _state(step: Step, body: Body) -> tuple[dict[str, RawTensor], list[tuple[str, ...]]]:
    """A container's own tensors and ties, by their names outside of it."""
    frozen = step.node.frozen
    tensors = {
        f"{step.name}.{name}": replace(
            each,
            frozen=each.frozen or (each.is_parameter and (frozen is True or name in (frozen or ()))),
            init=step.node.init.get(name, each.init),
        )
        for name, each in body.block.tensors.items()
    }
    tied = [tuple(f"{step.name}.{name}" for name in group) for group in body.tied]
    return dict(_with_values(Block({}, (), tensors=tensors), body, _passed(step)).tensors), tied


def contents(child: Child) -> Block:
    """The layers and tensors of a container with the values that its arguments and dimensions have there, named as in it."""
    return _with_values(explicit(child.body), child.body, child.passed)


def _passed(step: Step) -> Mapping[str, Dim]:
    does = step.does.of if isinstance(step.does, Again) else step.does
    return does.passed if isinstance(does, Child) else {}


def _with_values(block: Block, body: Body, passed: Mapping[str, Dim]) -> Block:
    """`block` with the values of arguments and dimensions of `body`; `passed` are those that its user knows when it runs."""
    values: dict[str, Literal] = {f"${name}": value for name, value in {**body.arguments, **passed}.items()}
    values |= sizes_in(body)

    def put(_: Place, literal: Literal) -> Literal:
        return resolve(literal, values)

    return with_literals(block, put)
