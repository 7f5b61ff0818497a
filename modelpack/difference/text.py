"""Difference -> what a reviewer would say, as plain text."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from math import prod

from modelpack.difference.report import Difference, LayerChange, Norms, Setting, TensorChange, Verdict
from modelpack.difference.words import count, modules_of, names_text, some
from modelpack.dtypes import DType
from modelpack.errors import printable

__all__ = ["told"]

_MOST_LINES = 100
_LONGEST = 400
_WIDTH = 10
"""Of the column of kinds."""


def told(difference: Difference) -> str:
    """The text of `difference`, ending with a newline."""
    return "\n".join(_short(printable(line)) for line in _lines(difference)) + "\n"


def _lines(difference: Difference) -> Iterator[str]:
    yield f"{difference.first} -> {difference.second}"
    yield ""
    layers = difference.layers
    yield f"layers: {count(len(layers), 'difference') if layers else 'no difference'}"
    yield from _at_most(map(_change, layers), len(layers))
    yield ""
    yield from _weights(difference.tensors)
    yield ""
    yield from _verdict(difference.verdict)


def _short(line: str) -> str:
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def _at_most(lines: Iterable[str], number: int) -> Iterator[str]:
    yield from islice(lines, _MOST_LINES)
    if number > _MOST_LINES:
        yield f"  … and {number - _MOST_LINES:,} more"


# ------------------------------------------------------------------------------------------------------ layers


def _change(change: LayerChange) -> str:
    if change.template:
        uses = f"{count(len(change.uses), 'use')}: {names_text(change.uses)}"
        where = f"{change.template} ({uses})"
    else:
        where = ""
    if change.kind == "renamed":
        told = f"{change.what} in {where}" if where else change.what
        return f"  {change.kind:{_WIDTH}}{told}"
    names = f"{change.name} in {where}" if where else names_text(change.after or change.before)
    if change.kind == "changed" and change.what:
        names += f" ({change.what})"
    parts = [_setting(each) for each in change.settings] or [change.what]
    hence = f"; hence {some(change.implied)}" if change.implied else ""
    return f"  {change.kind:{_WIDTH}}{names}: {', '.join(parts)}{hence}"


def _setting(setting: Setting) -> str:
    return f"{setting.name} {setting.before} -> {setting.after}".lstrip()


# ----------------------------------------------------------------------------------------------------- weights

_KINDS = {
    "equal": "equal",
    "alike": "of the same shape",
    "changed": "changed",
    "shape": "of another shape",
    "dtype": "of another dtype",
    "added": "added",
    "removed": "removed",
}


def _weights(tensors: Sequence[TensorChange]) -> Iterator[str]:
    counts = Counter(each.kind for each in tensors)
    renamed = sum(each.before != each.after for each in tensors if each.before and each.after)
    parts = [f"{counts[kind]:,} {what}" for kind, what in _KINDS.items() if counts[kind]]
    parts += [f"{renamed:,} renamed"] if renamed else []
    told = f": {', '.join(parts)}" if parts else ""
    yield f"weights: {count(len(tensors), 'tensor')}{told}"
    lines = [
        *(_shape(each) for each in tensors if each.kind == "shape"),
        *_dtypes([each for each in tensors if each.kind == "dtype"]),
        *(_values(each) for each in tensors if each.kind == "changed"),
        *_alone("added", {each.after or "": each for each in tensors if each.after is not None}),
        *_alone("removed", {each.before or "": each for each in tensors if each.before is not None}),
    ]
    yield from _at_most(lines, len(lines))


def _shape(change: TensorChange) -> str:
    before, after = (list(shape or ()) for shape in change.shapes)
    return f"  {'shape':{_WIDTH}}{_name(change)}: {before} -> {after}"


def _dtypes(changes: Sequence[TensorChange]) -> Iterator[str]:
    """Those of one change of dtype together: it is often that of the whole network."""
    found: defaultdict[tuple[DType | None, DType | None], list[str]] = defaultdict(list)
    for each in changes:
        found[each.dtypes].append(_name(each))
    for (before, after), names in found.items():
        yield f"  {'dtype':{_WIDTH}}{some(names)}: {before} -> {after}"


def _values(change: TensorChange) -> str:
    return f"  {'changed':{_WIDTH}}{_name(change)}: {_norms(change.norms)}"


def _name(change: TensorChange) -> str:
    return f"{change.after}" if change.before == change.after else f"{change.after} (was {change.before})"


def _alone(kind: str, tensors: dict[str, TensorChange]) -> Iterator[str]:
    """What only one side has, whole modules at once; `tensors` are all of that side."""
    names = [name for name, each in tensors.items() if each.kind == kind]
    for module, inside in modules_of(names, tensors).items():
        shapes = [shape for name in inside for shape in tensors[name].shapes if shape is not None]
        if module in tensors:
            dtype = next(filter(None, tensors[module].dtypes))
            told = f"{dtype}{list(shapes[0])}"
        else:
            told = f"{count(len(inside), 'tensor')}, {count(sum(map(prod, shapes)), 'element')}"
        yield f"  {kind:{_WIDTH}}{module or 'all'}: {told}"


def _norms(norms: Norms | None) -> str:
    if norms is None:
        return "values differ"
    return f"differs by {norms.l2:.3g} in L2 norm, {norms.relative:.3g} of the first's; at most by {norms.largest:.3g}"


# ----------------------------------------------------------------------------------------------------- verdict


def _verdict(verdict: Verdict) -> Iterator[str]:
    match verdict.kind:
        case "compatible":
            yield "verdict: the first's weights fit the second"
        case "renamed":
            yield "verdict: the first's weights fit the second with this rename map"
            yield from _map(verdict)
        case _:
            yield "verdict: the first's weights don't fit the second"
            yield from _at_most((f"  {reason}" for reason in verdict.reasons), len(verdict.reasons))
            if verdict.rename and verdict.fitting:
                yield f"{verdict.fitting:,} of its {count(verdict.wanted, 'tensor')} can be filled with this rename map"
                yield from _map(verdict)


def _map(verdict: Verdict) -> Iterator[str]:
    yield from _at_most((f"  {line}" for line in verdict.yaml().splitlines()), len(verdict.rename))
