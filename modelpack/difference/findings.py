"""Two paired bodies -> what is different at their own level, in the order of the second; blocks inside are asked apart."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from modelpack.difference.bodies import Pair, PairedBodies
from modelpack.difference.renames import Run, runs
from modelpack.difference.report import Setting
from modelpack.difference.settings import describe, implied, init_text, settings_of, type_name
from modelpack.difference.views import Item, View, prefixes
from modelpack.difference.wires import Wires, sources_text
from modelpack.difference.words import some
from modelpack.network import Again, Leaf, TensorEntry

__all__ = ["Finding", "findings"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference, by names below the two bodies.

    `node` is what groups the copies of a repetition; `written` what is the same in all uses of a template, where `what` and
    `settings` may hold different values.
    """

    kind: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    node: str
    what: str = ""
    settings: tuple[Setting, ...] = ()
    implied: tuple[str, ...] = ()
    written: tuple[object, ...] = ()
    written_what: str = ""
    written_settings: tuple[Setting, ...] = ()


def findings(paired: PairedBodies, *, outermost: bool) -> tuple[Finding, ...]:
    """The differences; inputs of the outermost body are told elsewhere, with their shapes."""
    return tuple(_Search(paired).found(outermost=outermost))


class _Search:
    def __init__(self, paired: PairedBodies) -> None:
        self._paired = paired
        self._wires = Wires(paired)
        self._fed = paired.first.consumers(), paired.second.consumers()
        self._copies = _copies(paired.first), _copies(paired.second)
        self._renamed: dict[str, Run] = {run.before[0]: run for run in _renames(paired)}

    def found(self, *, outermost: bool) -> Iterator[Finding]:
        if not outermost:
            yield from self._inputs()
        yield from self._tensors()
        removed = self._removed_before()
        pairs = {pair.second.name: pair for pair in self._paired.pairs}
        for chain in _chains(self._paired.second, self._paired.added):
            pair = pairs.get(chain[0].name)
            if pair is None:
                yield self._added(chain)
            else:
                yield from removed.pop(pair.first.name, [])
                yield from self._of_pair(pair)
        for left in removed.values():
            yield from left
        if not self._wires.same(self._paired.first.outputs, self._paired.second.outputs):
            yield self._outputs()

    # ------------------------------------------------------------------------------------- there or not

    def _added(self, chain: list[Item]) -> Finding:
        shifted = any(item.name in self._paired.first.items for item in chain)
        known, written = (self._there(chain, 1, known=known) for known in (True, False))
        return Finding(
            "inserted" if shifted else "added",
            (),
            tuple(item.name for item in chain),
            chain[0].name,
            known,
            written=(written,),
            written_what=written,
        )

    def _removed_before(self) -> dict[str, list[Finding]]:
        """The first's next layer that is still there -> what was removed before it."""
        found: defaultdict[str, list[Finding]] = defaultdict(list)
        waiting: list[Finding] = []
        for chain in _chains(self._paired.first, self._paired.removed):
            if chain[0].name in self._paired.removed:
                known, written = (self._there(chain, 0, known=known) for known in (True, False))
                names = tuple(item.name for item in chain)
                waiting.append(
                    Finding("removed", names, (), names[0], known, written=(written,), written_what=written)
                )
            elif waiting:
                found[chain[0].name] += waiting
                waiting = []
        found[""] += waiting
        return found

    def _there(self, chain: list[Item], side: int, *, known: bool) -> str:
        first, last = chain[0], chain[-1]
        takers = self._fed[side].get(last.name, [])
        takes, feeds = (("took", "fed"), ("takes", "feeds"))[side]
        fed = f", {feeds} {some(takers)}" if takers else ""
        told = f"{describe(first.step, known=known)}; {takes} {sources_text(first.inputs)}{fed}"
        before, after = (counts[last.below + last.step.node.name] for counts in self._copies)
        if last.step.node.repeat is None or not (before and after):
            return told
        return f"{told}; {last.below}{last.step.node.name} repeats {after} times, {before} before"

    # ------------------------------------------------------------------------------------------ in both

    def _of_pair(self, pair: Pair) -> Iterator[Finding]:
        first, second = pair.first, pair.second
        names = (first.name,), (second.name,)
        node = f"{first.step.node.name} {second.step.node.name}"
        around = (self._renamed.pop(name, None) for name in (*prefixes(first.name), first.name))
        for run in filter(None, around):
            yield Finding("renamed", run.before, run.after, node, run.text, written=(run.text,))
        took, takes = sources_text(first.inputs), sources_text(second.inputs)
        same_wires = self._wires.same(first.inputs, second.inputs)
        if pair.moved:
            told = f"takes {takes}, took {took}" if took != takes else f"takes {takes}, as before"
            yield Finding("moved", *names, node, told, written=(told,))
        elif not same_wires:
            told = f"takes {takes}, took {took}"
            yield Finding("rewired", *names, node, told, written=(told,))
        if _replaced(pair):
            one, other = (Setting("", *self._described(pair, known=known)) for known in (True, False))
            yield Finding("replaced", *names, node, "", (one,), written=(other,), written_settings=(other,))
        yield from self._settings(pair, names, node)

    @staticmethod
    def _described(pair: Pair, *, known: bool) -> tuple[str, str]:
        return describe(pair.first.step, known=known), describe(pair.second.step, known=known)

    def _settings(
        self, pair: Pair, names: tuple[tuple[str, ...], tuple[str, ...]], node: str
    ) -> Iterator[Finding]:
        told = [each for each in settings_of(pair) if not each.follows or each.known == each.written]
        told = [each for each in told if each.known.before != each.known.after]
        known = tuple(each.known for each in told)
        written = tuple(each.written for each in told)
        called = self._called(pair)
        if called is not None:
            known, written = (*known, called), (*written, called)
        if known:
            follows: tuple[str, ...] = ()
            if pair.inside is not None:
                follows = tuple(dict.fromkeys(implied(pair.inside)))
            what = type_name(pair.second.step)
            yield Finding(
                "changed", *names, node, what, known, follows, (what, *written, *follows), what, written
            )

    def _called(self, pair: Pair) -> Setting | None:
        one, other = pair.first.step.does, pair.second.step.does
        if not (isinstance(one, Again) and isinstance(other, Again)):
            return None
        before, after = pair.first.below + one.target, pair.second.below + other.target
        return None if self._paired.path(before) == after else Setting("of", before, after)

    # ------------------------------------------------------------------------------------ of the body itself

    def _inputs(self) -> Iterator[Finding]:
        first, second = self._paired.first.body.inputs, self._paired.second.body.inputs
        kept = set(self._paired.values.values())
        for name in second:
            if name not in kept:
                yield Finding("added", (), (f"inputs.{name}",), f"inputs.{name}", "an input")
        for name in first:
            if name not in self._paired.values:
                yield Finding("removed", (f"inputs.{name}",), (), f"inputs.{name}", "an input")

    def _tensors(self) -> Iterator[Finding]:
        first, second = self._paired.first.raw, self._paired.second.raw
        for name, entry in first.items():
            other = self._paired.raw.get(name)
            if other is None:
                yield Finding("removed", (name,), (), name, _tensor(entry), written=(_tensor(entry),))
                continue
            if other != name:
                run = Run((name,), (other,))
                yield Finding("renamed", run.before, run.after, name, run.text, written=(run.text,))
            changes = tuple(_tensor_changes(entry, second[other]))
            if changes:
                yield Finding("changed", (name,), (other,), name, "", changes, (), changes, "", changes)
        kept = set(self._paired.raw.values())
        for name in (name for name in second if name not in kept):
            yield Finding("added", (), (name,), name, _tensor(second[name]), written=(_tensor(second[name]),))

    def _outputs(self) -> Finding:
        before, after = sources_text(self._paired.first.outputs), sources_text(self._paired.second.outputs)
        told = f"now {after}, before {before}"
        return Finding("rewired", ("outputs",), ("outputs",), "outputs", told, written=(told,))


def _chains(view: View, alone: frozenset[str]) -> Iterator[list[Item]]:
    """Items in order; neighbours in `alone` that are copies of one repetition come together."""
    chain: list[Item] = []
    for item in view.items.values():
        last = chain[-1] if chain else None
        together = (
            last is not None
            and item.step.node.repeat is not None
            and item.step.node is last.step.node
            and {item.name, last.name} <= alone
        )
        if chain and not together:
            yield chain
            chain = []
        chain.append(item)
    if chain:
        yield chain


def _copies(view: View) -> Counter[str]:
    return Counter(item.below + item.step.node.name for item in view.items.values())


def _replaced(pair: Pair) -> bool:
    one, other = pair.first.step.does, pair.second.step.does
    if isinstance(one, Leaf) and isinstance(other, Leaf):
        return one.eval.type is not other.eval.type
    return type(one) is not type(other)


def _renames(paired: PairedBodies) -> list[Run]:
    return runs([(pair.first.name, pair.second.name) for pair in paired.pairs], *_names(paired))


def _names(paired: PairedBodies) -> tuple[list[str], list[str]]:
    views: tuple[View, View] = (paired.first, paired.second)
    first, second = ([*view.raw, *view.items] for view in views)
    return first, second


def _tensor(entry: TensorEntry) -> str:
    kind = "parameter" if entry.is_parameter else "buffer"
    return f"{kind} {entry.dtype}[{', '.join(map(str, entry.shape))}]"


def _tensor_changes(first: TensorEntry, second: TensorEntry) -> Iterator[Setting]:
    sides = (first, second)
    rows = {
        "shape": [f"[{', '.join(map(str, each.shape))}]" for each in sides],
        "dtype": [str(each.dtype) for each in sides],
        "kind": ["parameter" if each.is_parameter else "buffer" for each in sides],
        "persistent": [str(each.persistent).lower() for each in sides],
        "requires_grad": [str(each.requires_grad).lower() for each in sides],
        "init": [init_text(each.init) for each in sides],
    }
    for name, (before, after) in rows.items():
        if before != after:
            yield Setting(name, before, after)
