"""Body -> View: its steps by name, each with the names of what feeds it; single blocks may be laid open.

Where one side has a block `layer1.0` and the other its layers by their full names (`layer1.0.conv1`), they are the same
modules: the block is laid open, so that the two sides have the same names to compare.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from modelpack.network import Body, Child, Slot, Step, TensorEntry, Wiring

__all__ = ["Item", "Ref", "Sources", "View", "aligned_views", "prefixes", "refs"]


@dataclass(frozen=True, slots=True)
class Ref:
    """A value by the name of the input, tensor or step that gives it, and the way into it."""

    name: str
    path: tuple[str | int, ...] = ()

    def __str__(self) -> str:
        return ".".join((self.name, *map(str, self.path)))


Sources = Ref | None | tuple["Sources", ...] | Mapping[str, "Sources"]
"""Values, nested as what they make up."""


@dataclass(frozen=True, slots=True)
class Item:
    """A step by its name below the body that is looked at; `below` is the block that was laid open around it."""

    name: str
    step: Step
    inputs: tuple[Sources, ...]
    below: str = ""


@dataclass(slots=True)
class View:
    """A body as its items, in order."""

    body: Body
    raw: dict[str, TensorEntry] = field(default_factory=dict[str, TensorEntry])
    items: dict[str, Item] = field(default_factory=dict[str, Item])
    tied: list[tuple[str, ...]] = field(default_factory=list[tuple[str, ...]])
    outputs: Sources = None

    def consumers(self) -> dict[str, list[str]]:
        """Name -> what takes it; `the output` among them."""
        found: defaultdict[str, list[str]] = defaultdict(list)
        for item in self.items.values():
            for name in dict.fromkeys(ref.name for ref in refs(item.inputs)):
                found[name].append(item.name)
        for name in dict.fromkeys(ref.name for ref in refs(self.outputs)):
            found[name].append("the output")
        return dict(found)


def refs(sources: Sources) -> Iterator[Ref]:
    """Every value of `sources`, in order."""
    if isinstance(sources, Ref):
        yield sources
    elif sources is not None:
        for inner in sources.values() if isinstance(sources, Mapping) else sources:
            yield from refs(inner)


def aligned_views(first: Body, second: Body) -> tuple[View, View]:
    """Views of both, in which no block of one stands where the other has the layers of one."""
    opened: tuple[set[str], set[str]] = (set(), set())
    while True:
        views = _view(first, opened[0]), _view(second, opened[1])
        more = _to_open(views[0], views[1]), _to_open(views[1], views[0])
        if not more[0] and not more[1]:
            return views
        opened[0].update(more[0])
        opened[1].update(more[1])


def _to_open(view: View, other: View) -> set[str]:
    above = {prefix for name in other.items if name not in view.items for prefix in prefixes(name)}
    return {
        name
        for name, item in view.items.items()
        if name in above and name not in other.items and isinstance(item.step.does, Child)
    }


def prefixes(name: str) -> Iterator[str]:
    """`a` and `a.b` of `a.b.c`."""
    at = name.find(".")
    while at >= 0:
        yield name[:at]
        at = name.find(".", at + 1)


def _view(body: Body, opened: set[str]) -> View:
    view = View(body)
    view.outputs = _lay_out(view, body, "", {name: Ref(name) for name in body.inputs}, opened)
    return view


def _lay_out(view: View, body: Body, prefix: str, feeds: Mapping[str, Sources], opened: set[str]) -> Sources:
    """Add what is in `body` to `view` under `prefix`; what it returns."""
    values: list[Sources] = list(feeds.values())
    for entry in body.raw:
        view.raw[prefix + entry.name] = entry
        values.append(Ref(prefix + entry.name))
    view.tied += [tuple(prefix + name for name in group) for group in body.tied]
    for step in body.steps:
        name = prefix + step.name
        inputs = tuple(_filled(wiring, values) for wiring in step.inputs)
        if name in opened and isinstance(step.does, Child):
            inner = step.does.body
            given = dict(zip(inner.inputs, inputs, strict=True))
            values.append(_lay_out(view, inner, f"{name}.", given, opened))
        else:
            view.items[name] = Item(name, step, inputs, prefix)
            values.append(Ref(name))
    return _filled(body.wiring, values)


def _filled(wiring: Wiring, values: list[Sources]) -> Sources:
    if wiring is None:
        return None
    if isinstance(wiring, Slot):
        return _inside(values[wiring.index], wiring.path)
    if isinstance(wiring, Mapping):
        return {name: _filled(each, values) for name, each in wiring.items()}
    return tuple(_filled(each, values) for each in wiring)


def _inside(sources: Sources, path: tuple[str | int, ...]) -> Sources:
    if not path or sources is None:
        return sources
    if isinstance(sources, Ref):
        return Ref(sources.name, (*sources.path, *path))
    key, *rest = path
    found = sources[str(key)] if isinstance(sources, Mapping) else sources[int(key)]
    return _inside(found, tuple(rest))
