"""The steps of one block in both modes -> steps that say in which mode they are there, and through `by_mode` what each takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from modelpack.architecture import Apply, Block, ByMode, Call, Node, SettingValue, Structure, Use
from modelpack.backends.torch.capture.alignment import Pair, align, module_name
from modelpack.backends.torch.capture.projection import rewritten
from modelpack.binding import is_symbolic
from modelpack.layers.stateful import EitherMode
from modelpack.lookup import enter
from modelpack.network import Body, Specs
from modelpack.tensors import Mismatch, TensorSpec

__all__ = ["Difference", "Merger", "Side", "Uses", "below"]


class Difference(Exception):  # noqa: N818  (not an error: the answer that both can't be one)
    """Where the two do different things. The blocks at `paths` may be laid open: around them it may be said."""

    def __init__(self, message: str, paths: frozenset[str] = frozenset()) -> None:
        super().__init__(message)
        self.paths = paths


@dataclass(frozen=True, slots=True)
class Side:
    """A block in one mode, its inputs and outputs spelled out."""

    block: Block
    body: Body | None
    """what the checker made of it, where that's known"""
    tensors: Mapping[str, str]
    """the block's tensors -> what they are called in both modes"""


class Uses(Protocol):
    """What joins the blocks that steps use; a step is told by its full path."""

    def pair(self, path: str, uses: tuple[Use, Use], bodies: tuple[Body | None, Body | None]) -> Use: ...
    def alone(self, path: str, use: Use, mode: str) -> Use: ...


class _Unlike(Exception):  # noqa: N818  (not an error: the way to say that two steps aren't one)
    """Two steps can't be one."""


class Merger:
    """Joins the steps of the block at `path`."""

    def __init__(
        self, path: str, evaluation: Side, training: Side, tensors: frozenset[str], uses: Uses
    ) -> None:
        self._path = path
        self._sides = {"eval": evaluation, "train": training}
        self._uses = uses
        self._tensors = tensors
        inputs = {name: name for name in evaluation.block.inputs}
        self._names = {mode: {**inputs, **side.tensors} for mode, side in self._sides.items()}
        self._taken = {*inputs, *tensors}
        self._chosen: dict[tuple[str, str], str] = {}
        self._nodes: list[Node] = []

    def merged(self) -> tuple[tuple[Node, ...], Structure]:
        """The steps and the outputs.

        Raises:
            Difference: a module is used in a way that no step can say.
        """
        evaluation, training = self._sides["eval"].block, self._sides["train"].block
        pairs = align(evaluation.nodes, training.nodes, _likeness)
        self._refuse_crossed(pairs)
        self._reserve([*evaluation.nodes, *training.nodes])
        for one, two in pairs:
            if one is not None and two is not None:
                self._both(one, two)
            elif one is not None:
                self._alone(one, "eval")
            elif two is not None:
                self._alone(two, "train")
        try:
            outputs = self._either(evaluation.outputs, training.outputs)
        except _Unlike:
            raise self._different("gives other outputs in train mode") from None
        return tuple(self._nodes), outputs

    def _different(self, message: str) -> Difference:
        where = f"the block at '{self._path}'" if self._path else "the network"
        return Difference(f"{where} {message}", frozenset({self._path} - {""}))

    def _refuse_crossed(self, pairs: list[Pair]) -> None:
        """A module that both modes have must stand at one place in both."""
        alone = [{module_name(pair[at]) for pair in pairs if pair[at] and not pair[1 - at]} for at in (0, 1)]  # type: ignore[arg-type]
        for name in sorted((alone[0] & alone[1]) - {None}, key=str):
            full = below(self._path, str(name))
            raise Difference(f"'{full}' is called at another place in train mode", frozenset({full}))

    def _reserve(self, nodes: list[Node]) -> None:
        """Names that no operation of the other mode may take: those of modules, then those of evaluation."""
        modules = [name for node in nodes if (name := module_name(node)) is not None]
        self._taken |= {*modules, *(name.split(".")[0] for name in modules)}

    # ----------------------------------------------------------------------------------------------- steps

    def _both(self, one: Node, two: Node) -> None:
        before = len(self._nodes), dict(self._chosen), set(self._taken)
        try:
            action = self._action(one, two)
            if (one.repeat, one.frozen, one.init) != (two.repeat, two.frozen, two.init):
                raise _Unlike
            inputs = self._either(one.inputs, two.inputs)
        except _Unlike:
            if module_name(one) is not None:
                full = below(self._path, one.name)
                raise Difference(f"'{full}' is used otherwise in train mode", frozenset({full})) from None
            del self._nodes[before[0] :]
            self._chosen, self._taken = before[1], before[2]
            self._alone(one, "eval")
            self._alone(two, "train")
            return
        self._add(replace(one, action=action, inputs=inputs), {"eval": one.name, "train": two.name})

    def _alone(self, node: Node, mode: str) -> None:
        action = node.action
        if isinstance(action, Use):
            action = self._uses.alone(below(self._path, node.name), action, mode)
        elif isinstance(action, Call):
            action = Call(self._name(mode, action.target))
        inputs = rewritten(node.inputs, lambda reference: self._name(mode, reference))
        self._add(replace(node, action=action, inputs=inputs, when=mode), {mode: node.name})

    def _add(self, node: Node, names: Mapping[str, str]) -> None:
        name = node.name if module_name(node) is not None else self._free(node.name)
        self._nodes.append(replace(node, name=name))
        for mode, each in names.items():
            self._names[mode][each] = name

    def _free(self, wish: str) -> str:
        base, _, number = wish.rpartition("_")
        base = base if base and number.isdigit() else wish
        name, count = wish, 0
        while name in self._taken:
            count += 1
            name = f"{base}_{count}"
        self._taken.add(name)
        return name

    def _action(self, one: Node, two: Node) -> Apply | Use | Call:
        first, second = one.action, two.action
        if isinstance(first, Apply) and isinstance(second, Apply) and first.type is second.type:
            return Apply(first.type, _settings(first, second))
        if isinstance(first, Call) and isinstance(second, Call):
            targets = self._name("eval", first.target), self._name("train", second.target)
            if targets[0] == targets[1]:
                return Call(targets[0])
        if isinstance(first, Use) and isinstance(second, Use):
            bodies = self._body("eval", one), self._body("train", two)
            return self._uses.pair(below(self._path, one.name), (first, second), bodies)
        raise _Unlike

    def _body(self, mode: str, node: Node) -> Body | None:
        body = self._sides[mode].body
        step = body.by_name.get(node.name) if body is not None else None
        does = step.does if step is not None else None
        return getattr(does, "body", None)

    # ------------------------------------------------------------------------------------------ references

    def _either(self, one: Structure, two: Structure) -> Structure:
        """References that give in each mode what is taken in it."""
        if isinstance(one, str) and isinstance(two, str):
            return self._either_of(one, two)
        if isinstance(one, tuple) and isinstance(two, tuple) and len(one) == len(two):
            return tuple(self._either(*pair) for pair in zip(one, two, strict=True))
        if isinstance(one, Mapping) and isinstance(two, Mapping) and one.keys() == two.keys():
            return {key: self._either(each, two[key]) for key, each in one.items()}
        if one is None and two is None:
            return None
        raise _Unlike

    def _either_of(self, one: str, two: str) -> str:
        taken = {"train": self._name("train", two), "eval": self._name("eval", one)}
        key = taken["train"], taken["eval"]
        if key[0] == key[1]:
            return key[0]
        if key in self._chosen:
            return self._chosen[key]
        specs = [self._spec("train", two), self._spec("eval", one)]
        if not all(isinstance(each, TensorSpec) for each in specs) or specs[0] != specs[1]:
            raise _Unlike
        name = self._free(EitherMode.type.name)
        self._nodes.append(Node(name, Apply(EitherMode.type, {}), dict(taken)))
        if not set(key) & self._tensors:  # what a buffer holds is another thing each time
            self._chosen[key] = name
        return name

    def _name(self, mode: str, reference: str) -> str:
        names = self._names[mode]
        head = _head(reference, names)
        if head is None:
            told = f"uses '{reference}' in {mode} mode, which belongs to another layer in the other"
            raise self._different(told)
        return names[head] + reference[len(head) :]

    def _spec(self, mode: str, reference: str) -> Specs:
        """What the checker says of a reference of one side."""
        body = self._sides[mode].body
        if body is None:
            return None
        known: dict[str, Specs] = dict(body.inputs)
        known |= {entry.name: TensorSpec(entry.dtype, entry.shape) for entry in body.raw}
        known |= {step.name: step.outputs for step in body.steps}
        head = _head(reference, known)
        if head is None:
            return None
        specs = known[head]
        for key in reference[len(head) :].split(".")[1:]:
            try:
                specs, _ = enter(specs, key)
            except Mismatch:
                return None
        return specs


def below(path: str, name: str) -> str:
    """The full name of what is called `name` in the block at `path`."""
    return f"{path}.{name}" if path else name


def _head(reference: str, names: Mapping[str, object]) -> str | None:
    """The longest beginning of `reference` that is one of `names`."""
    head = reference
    while head not in names:
        if "." not in head:
            return None
        head = head.rpartition(".")[0]
    return head


def _likeness(one: Node, two: Node) -> int:
    """0: can't be one step; 5: say the same."""
    first, second = one.action, two.action
    if not (isinstance(first, Apply) and isinstance(second, Apply) and first.type is second.type):
        return 0
    if module_name(one) is not None or _form(one.inputs) != _form(two.inputs):
        return 0
    try:
        _settings(first, second)
    except _Unlike:
        return 0
    return 3 + (repr(first.settings) == repr(second.settings)) + (one.inputs == two.inputs)


def _form(structure: Structure) -> object:
    """A structure without what it refers to."""
    if isinstance(structure, tuple):
        return tuple(map(_form, structure))
    if isinstance(structure, Mapping):
        return {key: _form(item) for key, item in structure.items()}
    return structure is None


def _settings(evaluation: Apply, training: Apply) -> Mapping[str, SettingValue]:
    """Settings of both, by mode where they differ."""
    found: dict[str, SettingValue] = {}
    operands = {port.name for port in evaluation.type.ports}
    for name, each in evaluation.type.settings.items():
        train, evaluate = (apply.settings.get(name, each.default) for apply in (training, evaluation))
        if repr(train) == repr(evaluate):
            if name in evaluation.settings:
                found[name] = evaluate
        elif isinstance(train, ByMode) or isinstance(evaluate, ByMode):
            raise _Unlike
        elif name in operands or is_symbolic(train) or is_symbolic(evaluate):
            raise _Unlike  # a number instead of a tensor, and a size, are the same in both modes
        else:
            found[name] = ByMode(train, evaluate)
    return found
