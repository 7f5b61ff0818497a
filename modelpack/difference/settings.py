"""A layer in both networks -> which settings differ, as known there and as its template writes them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from modelpack.architecture import Apply, ByMode, Node, SettingValue
from modelpack.binding import is_symbolic
from modelpack.difference.bodies import Pair, PairedBodies
from modelpack.difference.contents import exact
from modelpack.difference.report import Setting
from modelpack.layers.initial import Init
from modelpack.layers.kinds import has_arguments, show
from modelpack.network import Again, Body, Child, Leaf, Step
from modelpack.summary import counted

__all__ = ["Written", "describe", "implied", "settings_of", "type_name"]

_MOST_IMPLIED = 1_000


@dataclass(frozen=True, slots=True)
class Written:
    """A setting that differs: with the values known, and as the two documents write it."""

    known: Setting
    written: Setting

    @property
    def follows(self) -> bool:
        """Whether it is written alike, so that it differs only by what an argument or dimension is."""
        return self.written.before == self.written.after


def settings_of(pair: Pair) -> Iterator[Written]:
    """What differs in the layer itself, not in what is in it."""
    first, second = pair.first.step, pair.second.step
    one, other = first.does, second.does
    if isinstance(one, Leaf) and isinstance(other, Leaf) and one.eval.type is other.eval.type:
        yield from _of_leaves(first, one, second, other)
    elif isinstance(one, Child) and isinstance(other, Child):
        yield from _of_blocks(one, other)
    for name in ("when", "frozen", "init"):
        before, after = _of_node(first.node, name), _of_node(second.node, name)
        if before != after:
            yield _plain(name, before, after)


def implied(paired: PairedBodies, prefix: str = "") -> Iterator[str]:
    """The settings inside that differ by arguments only (`conv1.out_channels`)."""
    for pair in paired.pairs:
        name = f"{prefix}{pair.second.name}."
        if pair.inside is not None:
            yield from implied(pair.inside, name)
        else:
            yield from (f"{name}{each.known.name}" for each in settings_of(pair) if each.follows)


def describe(step: Step, *, known: bool) -> str:
    """What a step does in a few words: `Conv2d {in_channels: 3, …}`, with values where `known`, else as it is written."""
    does = step.does
    match does:
        case Leaf():
            names = step.node.action.settings if isinstance(step.node.action, Apply) else {}
            told = [(name, (_known if known else _written)(step, does, name)) for name in names]
        case Child(body):
            told = [(name, show(value)) for name, value in body.arguments.items()] if known else []
        case Again(target):
            told = [("of", target)]
    inside = ", ".join(f"{name}: {value}" for name, value in told)
    size = f" ({counted(does.body.size, 'step')})" if isinstance(does, Child) else ""
    return type_name(step) + (f" {{{inside}}}" if inside else "") + size


def type_name(step: Step) -> str:
    """The layer type, the block's name, or that it calls."""
    match step.does:
        case Leaf():
            return step.does.eval.type.name
        case Child(body):
            return body.name
        case Again():
            return "call"


def _of_leaves(first: Step, one: Leaf, second: Step, other: Leaf) -> Iterator[Written]:
    for name in one.eval.type.settings:
        before = exact((vars(one.train).get(name), vars(one.eval).get(name)))
        if before != exact((vars(other.train).get(name), vars(other.eval).get(name))):
            yield Written(
                Setting(name, _known(first, one, name), _known(second, other, name)),
                Setting(name, _written(first, one, name), _written(second, other, name)),
            )


def _of_blocks(one: Child, other: Child) -> Iterator[Written]:
    before, after = _arguments(one), _arguments(other)
    for name in before:
        if name in after and before[name] != after[name]:
            yield _plain(name, before[name], after[name])


def _arguments(child: Child) -> dict[str, str]:
    body: Body = child.body
    known = {name: show(value) for name, value in body.arguments.items()}
    return known | {name: str(value) for name, value in child.passed.items()}


def _plain(name: str, before: str, after: str) -> Written:
    both = Setting(name, before, after)
    return Written(both, both)


def _of_node(node: Node, name: str) -> str:
    if name == "when":
        return node.when or "both modes"
    if name == "frozen":
        return show(node.frozen)
    told = ", ".join(f"{each}: {init_text(init)}" for each, init in node.init.items())
    return f"{{{told}}}" if told else "default"


def init_text(init: Init | None) -> str:
    """An initialiser as it is written."""
    if init is None:
        return "none"
    arguments = ", ".join(f"{name}: {show(value)}" for name, value in init.arguments.items())
    return f"{init.name} {{{arguments}}}" if arguments else init.name


def _written(step: Step, leaf: Leaf, name: str) -> str:
    """As the document writes it; a default as it is."""
    action = step.node.action
    if isinstance(action, Apply) and name in action.settings:
        return _value(action.settings[name])
    kind = leaf.eval.type.settings[name]
    return str(kind.default) if kind.default is None or isinstance(kind.default, str) else show(kind.default)


def _known(step: Step, leaf: Leaf, name: str) -> str:
    """With what its arguments and dimensions are."""
    action = step.node.action
    value = action.settings.get(name) if isinstance(action, Apply) else None
    if value is not None and not isinstance(value, ByMode) and (is_symbolic(value) or has_arguments(value)):
        return show(vars(leaf.eval)[name])
    return _written(step, leaf, name)


def _value(value: SettingValue) -> str:
    if isinstance(value, ByMode):
        return f"{{train: {show(value.train)}, eval: {show(value.eval)}}}"
    return show(value)
