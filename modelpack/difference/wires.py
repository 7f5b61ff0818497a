"""What feeds a layer, in two bodies: the same, though something was put in between, or something else."""

from __future__ import annotations

from collections.abc import Mapping

from modelpack.difference.bodies import PairedBodies
from modelpack.difference.views import Item, Ref, Sources, refs

__all__ = ["Wires", "sources_text"]


class Wires:
    """Compares wires. Layers that were added, removed or moved are looked through: what they take counts."""

    def __init__(self, paired: PairedBodies) -> None:
        self._values = paired.values
        moved = [pair for pair in paired.pairs if pair.moved]
        gone = paired.removed | {pair.first.name for pair in moved}
        new = paired.added | {pair.second.name for pair in moved}
        self._before = _ahead(paired.first.items, gone)
        self._after = _ahead(paired.second.items, new)

    def same(self, first: Sources, second: Sources) -> bool:
        """Whether the two are fed alike."""
        if self._tree(first, {}, renamed=True) == self._tree(second, {}, renamed=False):
            return True
        before = self._tree(first, self._before, renamed=True)
        return before == self._tree(second, self._after, renamed=False)

    def _tree(self, sources: Sources, ahead: Mapping[str, Ref], *, renamed: bool) -> object:
        """`sources` to compare, in the names of the second."""
        if sources is None:
            return None
        if isinstance(sources, Ref):
            ref = ahead.get(sources.name, sources)
            return (self._values.get(ref.name) if renamed else ref.name), ref.path
        if isinstance(sources, Mapping):
            return tuple((name, self._tree(each, ahead, renamed=renamed)) for name, each in sources.items())
        return tuple(self._tree(each, ahead, renamed=renamed) for each in sources)


def _ahead(items: Mapping[str, Item], skipped: frozenset[str]) -> dict[str, Ref]:
    """Each skipped layer -> what comes before it that isn't skipped, along the first inputs."""
    found: dict[str, Ref] = {}
    for name, item in items.items():  # in order, so what comes before is known
        first = next(refs(item.inputs), None) if name in skipped else None
        if first is not None:
            found[name] = found.get(first.name, first)
    return found


def sources_text(sources: Sources) -> str:
    """As a document would say it, one input without brackets."""
    while isinstance(sources, tuple) and sources and sources[-1] is None:
        sources = sources[:-1]  # a port that is left out
    return _text(sources[0] if isinstance(sources, tuple) and len(sources) == 1 else sources)


def _text(sources: Sources) -> str:
    if isinstance(sources, Ref):
        return str(sources)
    if sources is None:
        return "nothing"
    if isinstance(sources, Mapping):
        return "{" + ", ".join(f"{name}: {_text(each)}" for name, each in sources.items()) + "}"
    return f"[{', '.join(map(_text, sources))}]" if sources else "nothing"
