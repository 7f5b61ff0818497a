"""Difference -> what a reviewer would say, as plain text."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
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
    yield from _verdict(difference)


def _short(line: str) -> str:
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def _at_most(lines: Iterable[str], number: int) -> Iterator[str]:
    yield from islice(lines, _MOST_LINES)
    if number > _MOST_LINES:
        yield f"  … and {number - _MOST_LINES:,} more"


# ------------------------------------------------------------------------------------------------------ layers


def _change(change: LayerChange) -> str:
    kind = f"  {change.kind:{_WIDTH}}"
    uses = (
        f" in {change.template} ({count(len(change.uses), 'use')}: {names_text(change.uses)})"
        if change.uses
        else ""
    )
    if change.kind == "renamed":
        return f"{kind}{change.what}{uses}"
    name = change.name if change.uses else names_text(change.after or change.before)
    type_name = f" ({change.what})" if change.kind == "changed" and change.what else ""
    parts = [_setting(each) for each in change.settings] or [change.what]
    hence = f"; hence {some(change.implied)}" if change.implied else ""
    return f"{kind}{name}{type_name}{uses}: {', '.join(parts)}{hence}"


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
        *_alike("shape", [(_name(each), _arrow(each.shapes)) for each in tensors if each.kind == "shape"]),
        *_alike("dtype", [(_name(each), _arrow(each.dtypes)) for each in tensors if each.kind == "dtype"]),
        *(
            f"  {'changed':{_WIDTH}}{_name(each)}: {_norms(each.norms)}"
            for each in tensors
            if each.kind == "changed"
        ),
        *_alone("added", {each.after: each for each in tensors if each.after is not None}),
        *_alone("removed", {each.before: each for each in tensors if each.before is not None}),
    ]
    yield from _at_most(lines, len(lines))


def _alike(kind: str, told: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Those of which the same is told together."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for name, what in told:
        found[what].append(name)
    for what, names in found.items():
        each = " each" if kind in ("added", "removed") and len(names) > 1 else ""
        yield f"  {kind:{_WIDTH}}{names_text(names)}: {what}{each}"


def _arrow(pair: tuple[tuple[int, ...] | DType | None, tuple[int, ...] | DType | None]) -> str:
    before, after = (list(each) if isinstance(each, tuple) else each for each in pair)
    return f"{before} -> {after}"


def _name(change: TensorChange) -> str:
    return f"{change.after}" if change.before == change.after else f"{change.after} (was {change.before})"


def _alone(kind: str, tensors: dict[str, TensorChange]) -> Iterator[str]:
    """What only one side has, whole modules at once; `tensors` are all of that side."""
    names = [name for name, each in tensors.items() if each.kind == kind]
    told: list[tuple[str, str]] = []
    for module, inside in modules_of(names, tensors).items():
        shapes = [shape for name in inside for shape in tensors[name].shapes if shape is not None]
        if module in tensors:
            dtype = next(filter(None, tensors[module].dtypes))
            told.append((module, f"{dtype}{list(shapes[0])}"))
        else:
            elements = count(sum(map(prod, shapes)), "element")
            told.append((module or "all", f"{count(len(inside), 'tensor')}, {elements}"))
    yield from _alike(kind, told)


def _norms(norms: Norms | None) -> str:
    if norms is None:
        return "values differ"
    return f"differs by {norms.l2:.3g} in L2 norm, {norms.relative:.3g} of the first's; at most by {norms.largest:.3g}"


# ----------------------------------------------------------------------------------------------------- verdict


_LACKS = {
    "added": "missing",
    "removed": "without a place",
    "shape": "of another shape",
    "dtype": "of another dtype",
}


def _verdict(difference: Difference) -> Iterator[str]:
    verdict = difference.verdict
    match verdict.kind:
        case "compatible":
            yield "verdict: compatible; the first's weights fit the second"
        case "renamed":
            yield "verdict: compatible with a rename map; the first's weights fit the second by"
            yield from _map(verdict)
        case _:
            counts = Counter(each.kind for each in difference.tensors)
            lacks = ", ".join(f"{counts[kind]:,} {what}" for kind, what in _LACKS.items() if counts[kind])
            yield f"verdict: incompatible; of the weights {lacks}"
            if verdict.fitting:
                renamed = any(verdict.rename.values())
                yield f"  the first fills {verdict.fitting:,} of {verdict.wanted:,}{', with this rename map' if renamed else ''}"
                yield from _map(verdict)


def _map(verdict: Verdict) -> Iterator[str]:
    """What is renamed, as YAML; what is left out has been told."""
    renamed = replace(verdict, rename={name: new for name, new in verdict.rename.items() if new is not None})
    lines = renamed.yaml().splitlines() if renamed.rename else []
    yield from _at_most((f"    {line}" for line in lines), len(lines))
