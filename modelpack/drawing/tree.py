"""Network -> its modules as a tree, with the parameters of each; copies that are alike are shown once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from math import prod

from modelpack.match import stored_names
from modelpack.network import Body, Child, Leaf, Network

__all__ = ["tree_lines"]


_MOST_SEGMENTS = 4
"""of a name are levels of the tree: names in nested blocks could make it deeper than anybody can read"""


@dataclass(slots=True, eq=False)
class _Module:
    """A module or raw tensor, or what several have in common in their names."""

    name: str
    kind: str = ""
    parameters: int = 0
    """its own and those of all that is inside; ties count each time"""
    body: Body | None = None
    inside: dict[str, _Module] = field(default_factory=dict[str, "_Module"])


def tree_lines(network: Network) -> Iterator[str]:
    """A line for each module: name, type, parameters with those of all that is inside; the first has the network's, in which tied
    tensors count once. Operations and calls are no modules, and aren't there.
    """
    sizes = (prod(entry.shape) for entry in stored_names(network).values() if entry.is_parameter)
    root = _Module(network.architecture.name)
    _fill([root], network.main)
    rows = [(root.name, "", f"{sum(sizes):,}"), *_rows(root, "")]
    widths = [max(len(row[at]) for row in rows) for at in range(3)]
    for name, kind, count in rows:
        yield f"{name:{widths[0]}}  {kind:{widths[1]}}  {count:>{widths[2]}}".rstrip()


def _fill(above: list[_Module], body: Body) -> None:
    """Put what a body has into the last of `above`, and its parameters into all of them."""
    for entry in body.raw:
        made = _place(above, entry.name)
        made[-1].kind = "parameter" if entry.is_parameter else "buffer"
        _count(made, prod(entry.shape) if entry.is_parameter else 0)
    for step in body.steps:
        does = step.does
        if isinstance(does, Child):
            made = _place(above, step.name)
            made[-1].kind, made[-1].body = does.body.name, does.body
            _fill(made, does.body)
        elif isinstance(does, Leaf) and not does.eval.type.is_operation:
            made = _place(above, step.name)
            made[-1].kind = does.eval.type.name
            _count(made, sum(prod(each.shape) for each in does.tensors if each.is_parameter))


def _place(above: list[_Module], path: str) -> list[_Module]:
    """The module at `path` below the last of `above`, made if it isn't there, behind all that it is in."""
    found = list(above)
    for name in path.split(".", _MOST_SEGMENTS - 1):
        found.append(found[-1].inside.setdefault(name, _Module(name)))
    return found


def _count(modules: list[_Module], parameters: int) -> None:
    for module in modules:
        module.parameters += parameters


def _rows(module: _Module, indent: str) -> Iterator[tuple[str, str, str]]:
    groups = [list(group) for _, group in groupby(module.inside.values(), key=_alike)]
    for at, group in enumerate(groups):
        branch, below = ("└── ", "    ") if at == len(groups) - 1 else ("├── ", "│   ")
        first, last = group[0], group[-1]
        name, kind, count = first.name, first.kind, f"{first.parameters:,}" if first.parameters else ""
        if first is not last:
            name, kind = f"{first.name}-{last.name}", f"{len(group)} x {kind}"
            count = f"{len(group)} x {count}" if count else ""
        yield f"{indent}{branch}{name}", kind, count
        yield from _rows(first, indent + below)


def _alike(module: _Module) -> int:
    """Equal for copies: instances of a block with equal inputs and arguments are one body."""
    return id(module if module.body is None or not module.name.isdecimal() else module.body)
