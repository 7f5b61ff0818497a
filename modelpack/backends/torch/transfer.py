"""Tensors of one network -> another, by name and shape: all that was meant and nothing else, or an error that tells all."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import nn

from modelpack.backends.torch.holdings import Held, Source, held_by, of_module
from modelpack.backends.torch.pairing import paired
from modelpack.errors import BuildError, Problem, raise_if_any
from modelpack.renames import Renames
from modelpack.weights import LazyTensor

__all__ = ["Report", "transfer"]

_SHOWN = 6
"""Names that a line of the report shows."""


@dataclass(frozen=True, slots=True)
class Report:
    """What became of each tensor of both sides; a tied one counts under each of its names.

    `filled` and `left` are all of the target's, `used` and `ignored` all of the source's.
    """

    filled: Mapping[str, str]
    """the target's name -> the source's"""
    left: tuple[str, ...]
    """of the target: as they were before"""
    used: tuple[str, ...]
    ignored: tuple[str, ...]
    """of the source: left out"""

    def __str__(self) -> str:
        target, source = len(self.filled) + len(self.left), len(self.used) + len(self.ignored)
        said = [f"transferred {len(self.filled)} of {target}", f"left {_some(self.left)}"]
        said += [f"used {len(self.used)} of {source}", f"ignored {_some(self.ignored)}"]
        return "; ".join(said)

    def text(self) -> str:
        """A line for each tensor, and the counts."""
        rows = [(target, f"<- {source}") for target, source in self.filled.items()]
        rows += [(target, "left as it was") for target in self.left]
        rows += [("-", f"{source}: ignored") for source in self.ignored]
        width = max((len(first) for first, _ in rows), default=0)
        return "\n".join([*(f"{first:{width}}  {second}" for first, second in rows), str(self)])


def transfer(
    source: Source,
    target: nn.Module,
    *,
    map: Mapping[str, str | None] | None = None,
    leave: Collection[str] = (),
) -> Report:
    """Fill `target` with the tensors of `source` that have the same names; every tensor of both sides is accounted for.

    `source` is a pack (open, or its path), a ``.safetensors`` file, a module, or a mapping of names to tensors. `map` says what
    modules or tensors of the source are called in the target: ``{"backbone": "features"}`` is for all that is in `backbone`, the
    longest key decides, ``""`` is the whole; None leaves out. `leave` names modules or tensors of the target that stay as they
    are. Buffers that a ``state_dict`` doesn't have are filled where both sides have them; else they stay, and the report says so.

    Whatever is then without a partner, of another shape or of another dtype is an error, as is a name in `map` or `leave` that
    fits nothing. All errors are found first: where one is raised, the target is as it was. Only what is used is read, one tensor
    at a time, and copied in place: parameters keep their identity (optimizers go on), their device, and `requires_grad`.

    Raises:
        BuildError: MP733 to MP739, one problem for each tensor, with a guess at what was renamed.
        PackError: the source is no sound pack or safetensors file (4xx, 5xx); MP508 it was truncated.
        ArchitectureError: the source's architecture is wrong (1xx to 3xx).
    """
    renames, kept = _renames({} if map is None else map), _prefixes(leave)
    with held_by(source) as given:
        wanted = of_module(target)
        pairing = paired(given, wanted, renames, kept)
        copies = _copies(given, wanted, pairing.filled)
        raise_if_any([*_unready(copies), *pairing.problems], BuildError)
        _fill(copies)
    return Report(pairing.filled, pairing.left, pairing.used, pairing.ignored)


# ---------------------------------------------------------------------------------------------- what is asked


def _renames(map: Mapping[str, str | None]) -> Renames:
    pairs: dict[str, str | None] = {}
    for key, new in map.items():
        prefix = _prefix(key)
        if prefix in pairs:
            raise BuildError(
                Problem("MP738", "named in `map` twice, with a dot behind it and without", path=prefix)
            )
        pairs[prefix] = None if new is None else _prefix(new)
    return Renames(pairs)


def _prefixes(leave: Collection[str]) -> tuple[str, ...]:
    if isinstance(leave, str):
        raise BuildError(Problem("MP738", "`leave` is one name, not several", hint=f"leave=[{leave!r}]"))
    return tuple(_prefix(each) for each in leave)


def _prefix(name: object) -> str:
    """The name of a module or tensor; it may be written with the dot at which it ends."""
    if not isinstance(name, str):
        raise BuildError(Problem("MP738", f"{name!r} isn't the name of a module or tensor"))
    return name.removesuffix(".")


# ---------------------------------------------------------------------------------------------- what is done


@dataclass(frozen=True, slots=True)
class _Copy:
    name: str
    """the target's"""
    given: Held
    wanted: Held


def _copies(given: Mapping[str, Held], wanted: Mapping[str, Held], filled: Mapping[str, str]) -> list[_Copy]:
    """One for each tensor of the target, however many names it has; none from a tensor to itself."""
    copies: dict[Hashable, _Copy] = {}
    for name, source in filled.items():
        copies.setdefault(wanted[name].identity, _Copy(name, given[source], wanted[name]))
    return [each for each in copies.values() if each.given.identity != each.wanted.identity]


def _unready(copies: list[_Copy]) -> Iterator[Problem]:
    """What can't be copied whatever its shape; found before anything is."""
    overwritten = {each.wanted.storage for each in copies} - {None}
    for each in copies:
        if each.given.flaw is not None:
            yield Problem("MP739", f"the source's tensor {each.given.flaw}", path=each.name)
        elif each.given.storage in overwritten:
            hint = "copy the source first: copy.deepcopy(source)"
            yield Problem(
                "MP739", "the source's tensor shares memory that is filled", path=each.name, hint=hint
            )
        flaw = each.wanted.flaw or _unwritable(each.wanted.read())
        if flaw is not None:
            yield Problem("MP739", f"the target's tensor {flaw}", path=each.name)


def _unwritable(tensor: torch.Tensor) -> str | None:
    if tensor.is_inference():
        return "was made in inference mode: make the module outside of it"
    if any(size > 1 and stride == 0 for size, stride in zip(tensor.shape, tensor.stride(), strict=True)):
        return "is expanded: several of its elements are one in memory"
    return None


def _fill(copies: list[_Copy]) -> None:
    _probe(copies)
    with torch.no_grad():
        for each in copies:
            each.wanted.read().copy_(each.given.read())


def _probe(copies: list[_Copy]) -> None:
    """Read the last byte that is needed of each file, so that one that was truncated is refused before anything is filled."""
    last: dict[int, LazyTensor] = {}
    for each in copies:
        lazy = each.given.lazy
        if lazy is not None and lazy.size:
            found = last.setdefault(id(lazy.window), lazy)
            if lazy.info.stop > found.info.stop:
                last[id(lazy.window)] = lazy
    for lazy in last.values():
        lazy.window.read(lazy.info.stop - 1, lazy.info.stop)


def _some(names: tuple[str, ...]) -> str:
    """How many, and the first few."""
    if not names:
        return "0"
    more = f", and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{len(names)} ({', '.join(names[:_SHOWN])}{more})"
