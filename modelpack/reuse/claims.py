"""What a document says of a part that it takes, held against the part: dtype, modes, `rename`, `reset`, `init`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from modelpack.architecture import Architecture, Node, Take
from modelpack.errors import ArchitectureError, Problem
from modelpack.reading import nearest

__all__ = ["all_moved", "fits", "kept", "moves_of", "no_first_values"]


def fits(part: Architecture, whole: Architecture, source: str) -> None:
    """What a part has from the whole that it is put into: the dtype of its tensors, the modes in which it can be run."""
    if part.dtype is not whole.dtype:
        told = f"'{source}' is {part.dtype}, and this network {whole.dtype}"
        raise ArchitectureError(Problem("MP344", told, hint=f"say dtype: {part.dtype} at the top"))
    lacking = [mode for mode in whole.modes if mode not in part.modes]
    if lacking:
        told = f"'{source}' was captured for {' and '.join(part.modes)} only, and this network is for {lacking[0]} too"
        raise ArchitectureError(
            Problem("MP344", told, hint=f"say modes: [{', '.join(part.modes)}] at the top")
        )


def moves_of(wanted: Take, names: list[str]) -> Mapping[str, str]:
    """`rename`, each of which must name something."""
    known = _beginnings(names)
    for old in wanted.rename:
        if old not in known:
            raise ArchitectureError(
                Problem("MP345", f"there is no '{old}' in the part to rename", hint=_near(old, names))
            )
    return wanted.rename


def all_moved(names: set[str], tensors: Iterable[str], is_layer: bool) -> None:
    """Only layers of the part's own level move: a value must not stay behind under a name that nothing has."""
    there = {name.partition(".")[2] if is_layer else name for name in tensors}
    lost = sorted(names - there)
    if lost:
        message = f"'{lost[0]}' can't be renamed to: only layers at the part's own level have other names"
        raise ArchitectureError(Problem("MP345", message, hint="rename the layer that holds it"))


def kept(names: Mapping[str, str], wanted: Take) -> dict[str, str]:
    """`names` without those that are reset, each of which must name something."""
    known, reset = _beginnings(names), set(wanted.reset)
    for path in wanted.reset:
        if path not in known:
            raise ArchitectureError(
                Problem("MP345", f"there is no '{path}' in the part to reset", hint=_near(path, names))
            )
    return {name: old for name, old in names.items() if reset.isdisjoint(_beginnings([name]))}


def _beginnings(names: Iterable[str]) -> set[str]:
    """Each of `names`, and the paths that lead to it."""
    found: set[str] = set()
    for name in names:
        while name not in found:
            found.add(name)
            name = name.rpartition(".")[0] or name
    return found


def no_first_values(node: Node, names: Collection[str]) -> None:
    """What is taken has values: an `init` of it would be dropped."""
    for name in node.init:
        if name in names:
            raise ArchitectureError(
                Problem(
                    "MP345",
                    f"'{name}' is taken with its values, so init says nothing",
                    hint=f"add reset: [{name}]",
                )
            )


def _near(name: str, names: Iterable[str]) -> str | None:
    near = nearest(name, names)
    return f"did you mean '{near}'?" if near else None
