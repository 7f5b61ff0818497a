"""Network -> a part of it as an Architecture: what it takes in and what it gives is inferred, and proved.

take(network, "conv1", "layer2")                        from one layer through another
take(network, last="layer2"), take(network, "layer3")   up to, or from
take(network, "encoder.layer.0", "encoder.layer.0")     layers inside of containers
block_at(network, "encoder.layer.0")                    what is there by itself: names count from there
take(network, outputs=["layer2", "layer4"])             values by their names
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from modelpack.architecture import Apply, Architecture, Block, Call, Node, Structure, leaves
from modelpack.budget import DEFAULT_BUDGET, Budget
from modelpack.errors import ArchitectureError, Problem
from modelpack.layers.stateful import Assign
from modelpack.lookup import enter
from modelpack.network import Again, Child, Network, Slot, Specs, Step, slots
from modelpack.reading import NAME
from modelpack.reuse.fixing import fixed_sizes
from modelpack.reuse.framing import framed, names_sizes
from modelpack.reuse.naming import free_name, map_references, moved, renamed
from modelpack.reuse.opening import contents, group, opened, unknown
from modelpack.reuse.rewiring import inside, structure_of, value_names, with_names
from modelpack.tensors import Mismatch

__all__ = ["Found", "block_at", "take"]


def take(
    network: Network,
    first: str | None = None,
    last: str | None = None,
    *,
    outputs: Sequence[str] | Mapping[str, str] = (),
    inputs: Sequence[str] = (),
    budget: Budget = DEFAULT_BUDGET,
) -> Architecture:
    """The layers from `first` (None: the beginning) through `last` (None: the end) that are needed for what `last` gives, or for
    `outputs`: names of layers, by which their values are found in what the part returns.

    Layers are named by their paths; `layer2` is all of `layer2.0`, `layer2.1`, … Where a path leads into a container, that is
    laid open. Names of tensors stay. A part may take in one value that the layers before it made, and inputs of the network; more
    only if `inputs` names them. A size that the layers need and that nothing of that tells (how long the text was) is told by the
    first input of the network that has it as an axis: that comes in for its shape alone.
    So are sizes that only together fit a layer of the part (`height * width` that are its 400 features); one that alone has to
    be those 400 is 400.

    Raises:
        ArchitectureError: MP340 there is no such layer; MP341 other tensors cross the cut; MP342 a dimension can't be known
            there; MP343 a layer inside a container on the other side is called; MP345 an output isn't in the part.
    """
    named = dict(outputs) if isinstance(outputs, Mapping) else {name: name for name in outputs}
    paths = [path for path in (first, last) if path is not None]
    paths += [path for path in (*named.values(), *inputs) if path not in network.main.inputs]
    flat = opened(network, tuple(paths), budget)
    return _Cut(flat, first, last).taken(named, inputs, budget)


@dataclass(frozen=True, slots=True)
class Found:
    """What is at a path: a network of its own, and what stands before the names of its tensors where it was taken from."""

    architecture: Architecture
    before: str
    is_layer: bool
    """one layer or operation that means the same in any network; else what a container holds, or a layer whose settings are sizes
    by the names that they have in `architecture`"""


def block_at(network: Network, path: str, budget: Budget = DEFAULT_BUDGET) -> Found:
    """What is at `path` by itself: of a container its layers, named from there; of a layer that layer, by its last name.

    Raises:
        ArchitectureError: as `take`.
    """
    flat = opened(network, (path,), budget)
    step = next((step for step in flat.main.steps if step.name == path), None)
    if step is not None and isinstance(step.does, Child):
        inner = framed(flat.architecture, contents(step.does), step.does.body.inputs)
        return Found(inner, f"{path}.", is_layer=False)
    whole = take(flat, path, path, budget=budget)
    before = f"{path}." if step is None else path[: len(path) - len(path.rpartition(".")[2])]
    main = renamed(whole.main, lambda name: name.removeprefix(before))
    return Found(replace(whole, main=main), before, is_layer=step is not None and not names_sizes(main))


@dataclass(frozen=True, slots=True)
class _Needed:
    """What a part is made of: steps by number, in order; what enters, by what it is called outside."""

    steps: tuple[int, ...]
    entering: Mapping[str, Slot]
    given: tuple[str, ...]
    """inputs of the network"""
    raw: frozenset[str]


class _Cut:
    """One range of layers of a flat network."""

    def __init__(self, network: Network, first: str | None, last: str | None) -> None:
        self._network = network
        self._main = network.main
        self._names = value_names(network.main)
        self._before = len(network.main.inputs) + len(network.main.raw)
        self._start = 0 if first is None else self._group(first)[0]
        self._last = None if last is None else self._group(last)[-1]
        if self._last is not None and self._last < self._start:
            raise ArchitectureError(
                Problem(
                    "MP340",
                    f"'{last}' comes before '{first}', so there is nothing from one to the other",
                    path=last or "",
                )
            )

    def taken(self, outputs: Mapping[str, str], inputs: Sequence[str], budget: Budget) -> Architecture:
        allowed = {self._reference(path): path for path in inputs}
        wanted = self._outputs(outputs)
        needed = self._needed(wanted)
        called = self._called_before(needed)
        names = self._entering_names(needed, allowed, called)
        block = self._block(needed, wanted, called, names)
        specs: dict[str, Specs] = {
            names[reference]: self._specs(slot) for reference, slot in needed.entering.items()
        }
        specs |= {name: self._main.inputs[name] for name in needed.given}
        fixed = fixed_sizes(self._main, [self._main.steps[at] for at in needed.steps])
        return framed(self._network.architecture, block, specs, self._main.inputs, fixed, budget)

    # ------------------------------------------------------------------------------------- what is asked for

    def _group(self, path: str) -> tuple[int, ...]:
        found = group(self._main, path)
        if not found:
            raise unknown(path, self._main)
        return found

    def _reference(self, path: str) -> str:
        """The value at `path`: what its last layer gives, one output of a layer, or an input."""
        if path in self._main.inputs:
            return path
        found = group(self._main, path)
        return self._main.steps[found[-1]].name if found else path

    def _outputs(self, outputs: Mapping[str, str]) -> Structure:
        """References for what the part returns. What the network gives and the layers before have made goes through the part."""
        if outputs:
            return {name: self._inside(self._reference(path)) for name, path in outputs.items()}
        if self._last is not None:
            return self._main.steps[self._last].name
        return structure_of(self._main.wiring, self._refer, self._main)

    def _inside(self, reference: str) -> str:
        """`reference`, whose value the part has.

        Raises:
            ArchitectureError: MP345 another makes it.
        """
        at = self._slot(reference).index - self._before
        if at >= 0 and not self._start <= at <= self._stop:
            name = self._main.steps[at].name
            raise ArchitectureError(Problem("MP345", f"the output '{name}' isn't in the part", path=name))
        return reference

    @property
    def _stop(self) -> int:
        return len(self._main.steps) - 1 if self._last is None else self._last

    def _refer(self, slot: Slot) -> Structure:
        return inside(self._names[slot.index], slot.path)

    def _slot(self, reference: str) -> Slot:
        """The slot that `reference` names.

        Raises:
            ArchitectureError: MP345 there is no such output.
        """
        head, ports = reference, list[str]()
        while head not in self._names:
            head, dot, port = head.rpartition(".")
            if not dot:
                raise unknown(reference, self._main)
            ports.insert(0, port)
        slot = Slot(self._names.index(head))
        specs, path = self._specs(slot), list[str | int]()
        try:
            for port in ports:
                specs, key = enter(specs, port)
                path.append(key)
        except Mismatch as error:
            raise ArchitectureError(Problem("MP345", f"'{head}' {error.message}", path=reference)) from None
        return Slot(slot.index, tuple(path))

    def _specs(self, slot: Slot) -> Specs:
        at = slot.index - self._before
        specs = self._main.steps[at].outputs if at >= 0 else self._outside(slot.index)
        for key in slot.path:
            specs, _ = enter(specs, str(key))
        return specs

    def _outside(self, index: int) -> Specs:
        inputs = list(self._main.inputs.values())
        return inputs[index] if index < len(inputs) else None

    # ------------------------------------------------------------------------------------------- what is needed

    def _needed(self, outputs: Structure) -> _Needed:
        """What the outputs are made of, back to where the part begins. Assignments to buffers are made as in the whole."""
        roots = [self._slot(name) for name in leaves(outputs) if name is not None]
        steps: set[int] = set()
        slots_in: dict[Slot, None] = dict.fromkeys(roots)
        waiting = [slot.index - self._before for slot in roots] + self._assignments()
        while waiting:
            at = waiting.pop()
            if at < self._start or at in steps:
                continue
            steps.add(at)
            step = self._main.steps[at]
            for slot in (each for wiring in step.inputs for each in slots(wiring)):
                slots_in[slot] = None
                waiting.append(slot.index - self._before)
            if isinstance(step.does, Again):
                waiting.append(self._owner(step.does.target))
        ordered = sorted(slots_in, key=lambda slot: (slot.index, str(slot.path)))
        before = [slot for slot in ordered if self._before <= slot.index < self._before + self._start]
        inputs = [
            name for at, name in enumerate(self._main.inputs) if any(slot.index == at for slot in ordered)
        ]
        raw = range(len(self._main.inputs), self._before)
        return _Needed(
            tuple(sorted(steps)),
            {str(self._refer(slot)): slot for slot in before},
            tuple(inputs),
            frozenset(self._names[slot.index] for slot in ordered if slot.index in raw),
        )

    def _assignments(self) -> list[int]:
        return [
            at
            for at in range(self._start, self._stop + 1)
            if isinstance(action := self._main.steps[at].node.action, Apply) and action.type is Assign.type
        ]

    def _owner(self, target: str) -> int:
        """The step that a call of `target` leads to."""
        return next(
            at
            for at, step in enumerate(self._main.steps)
            if target == step.name or target.startswith(f"{step.name}.")
        )

    def _called_before(self, needed: _Needed) -> dict[str, Step]:
        """Layers from before the part that it calls: the first call makes the layer. Target -> step."""
        found: dict[str, Step] = {}
        for at in needed.steps:
            does = self._main.steps[at].does
            if isinstance(does, Again) and self._owner(does.target) < self._start:
                owner = self._main.steps[self._owner(does.target)]
                if owner.name != does.target:
                    raise ArchitectureError(
                        Problem(
                            "MP343",
                            f"'{self._main.steps[at].name}' calls '{does.target}', which lies inside of '{owner.name}' on the"
                            " other side of the cut",
                            path=self._main.steps[at].name,
                            hint=f"begin the part at '{owner.name}' or before",
                        )
                    )
                found[does.target] = owner
        return found

    def _entering_names(
        self, needed: _Needed, allowed: Mapping[str, str], called: Iterable[str]
    ) -> dict[str, str]:
        """What the values that enter are called in the part; those that `allowed` names, by the name there. Those in `called`
        are names of layers in it.

        Raises:
            ArchitectureError: MP341 more than one enters that isn't allowed.
        """
        extra = [name for name in needed.entering if name not in allowed]
        for name, path in allowed.items():
            if name not in needed.entering and name not in self._main.inputs:
                raise ArchitectureError(
                    Problem(
                        "MP345",
                        f"the part takes no '{path}' in",
                        path=path,
                        hint=f"it takes in {', '.join(needed.entering) or 'none'}",
                    )
                )
        if len(extra) > 1:
            start = self._main.steps[self._start].name
            raise ArchitectureError(
                Problem(
                    "MP341",
                    f"the part from '{start}' on takes in {len(extra)} tensors of layers before it: {self._told(extra, needed)}",
                    path=start,
                    hint="cut where one tensor crosses, or name those that it may take in: inputs",
                )
            )
        taken = {
            *self._main.inputs,
            *needed.raw,
            *called,
            *(self._main.steps[at].name for at in needed.steps),
        }
        names: dict[str, str] = {}
        for reference in needed.entering:
            stem = allowed.get(reference, reference).replace(".", "_").replace("-", "_")
            # Layers may be called by a number, inputs may not.
            names[reference] = free_name(stem if NAME.fullmatch(stem) else f"x_{stem}", taken)
            taken.add(names[reference])
        return names

    def _told(self, references: Iterable[str], needed: _Needed) -> str:
        return ", ".join(f"'{name}' {self._specs(needed.entering[name])}" for name in references)

    # ------------------------------------------------------------------------------------------ what is made of it

    def _block(
        self, needed: _Needed, outputs: Structure, called: Mapping[str, Step], names: Mapping[str, str]
    ) -> Block:
        block = self._main.block
        moves: dict[str, str] = dict(names)
        nodes: list[Node] = []
        made: set[str] = set()
        for at in needed.steps:
            step = self._main.steps[at]
            node = with_names(step, self._refer, self._main)
            target = step.does.target if isinstance(step.does, Again) else ""
            if target in called and target not in made:
                made.add(target)
                layer = called[target].node
                node = replace(layer, name=target, inputs=node.inputs, when=node.when, repeat=None, first=0)
                moves[step.name] = target
            nodes.append(node)

        def refer(reference: str) -> str:
            return moved(reference, moves)

        kept = {*needed.raw, *(f"{node.name}." for node in nodes if not isinstance(node.action, Call))}
        return replace(
            block,
            inputs={},
            nodes=tuple(replace(node, inputs=map_references(node.inputs, refer)) for node in nodes),
            outputs=map_references(outputs, refer),
            tensors={name: each for name, each in block.tensors.items() if name in needed.raw},
            tied=_ties(self._network, kept),
        )


def _ties(network: Network, kept: set[str]) -> tuple[tuple[str, ...], ...]:
    """The ties between tensors of the part. Those inside one container are told there."""
    groups = [
        tuple(
            name
            for name in names
            if name in kept or any(name.startswith(each) for each in kept if each.endswith("."))
        )
        for names in network.main.block.tied
    ]
    return tuple(names for names in groups if len(names) > 1)
