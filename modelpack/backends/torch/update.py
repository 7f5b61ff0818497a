"""A module that was loaded from a pack, and trained since -> a pack of the same architecture with its tensors as they are now."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from modelpack import digests, opened
from modelpack.backends.torch.build import build
from modelpack.backends.torch.capture.probing import run_with_buffers
from modelpack.backends.torch.capture.values import tensors_of
from modelpack.backends.torch.dtypes import from_torch
from modelpack.backends.torch.holdings import Held, of_module
from modelpack.backends.torch.same import differences
from modelpack.backends.torch.save import pieces, tensor_data
from modelpack.dtypes import DType
from modelpack.errors import BuildError, Problem, raise_if_any
from modelpack.manifest import Manifest, Origin
from modelpack.match import match, stored_names
from modelpack.network import Network
from modelpack.opened import OpenPack
from modelpack.pack import TensorData, write_pack
from modelpack.reuse.frozen import frozen_names
from modelpack.reuse.part import Part
from modelpack.strict_json import JsonValue

__all__ = ["update"]


def update(
    pack: OpenPack | str | os.PathLike[str],
    module: nn.Module,
    path: str | os.PathLike[str],
    args: tuple[Any, ...] = (),
    kwargs: Mapping[str, Any] | None = None,
    *,
    samples: bool = False,
    licence: str | None = None,
    metadata: Mapping[str, JsonValue] | None = None,
    metrics: Mapping[str, float] | None = None,
    imports: Mapping[str, str | os.PathLike[str]] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Manifest:
    """Write a pack at `path` with the architecture of `pack`, to the byte, and the tensors that `module` has now: it was loaded
    from `pack`, and trained since. Nothing is captured, and `module` isn't run. `path` may be that of `pack`.

    What the architecture says is frozen must be as it was. Of a pack that imports others only its own tensors are written, and
    what the others bring must be as they have it. The manifest tells for each tensor where it came from (its origin in
    `pack`, or `pack` itself), and whether it is `changed` since. Licence and metadata are those of `pack` unless given; its
    metrics are of other tensors, so they aren't carried on. With `samples` the outputs for `args` and `kwargs` are stored, for
    `modelpack verify`. `imports` says where packs are that `pack` imports, as for `modelpack.open`.

    Raises:
        PackError: MP401 to MP405, one problem for each tensor that isn't as the architecture implies; `pack` isn't sound (5xx).
        BuildError: MP741 a frozen tensor changed; MP742 one changed that an import brings; MP743 the module isn't the one that
            `pack` describes; MP739 a tensor has no values; MP720 `pack` has no weights.
    """
    known = nullcontext(pack) if isinstance(pack, OpenPack) else opened.open(pack, imports=imports)
    with known as source:
        found = _found(source, module)
        raise_if_any(_changes(found), BuildError)
        told = source.manifest
        return write_pack(
            path,
            architecture=source.pack.architecture,
            weights=[tensor_data(name, found.tensors[name]) for name in found.own],
            samples=_samples(found, args, kwargs or {}) if samples else None,
            licence=licence if licence is not None or told is None else told.licence,
            modes=found.network.architecture.modes,
            metrics=metrics,
            metadata=metadata if metadata is not None or told is None else told.metadata,
            origins={name: _origin(found, source, name) for name in found.own},
            progress=progress,
        )


# ---------------------------------------------------------------------------------------------- what is there


@dataclass(frozen=True, slots=True)
class _Found:
    """A network, its tensors as a module has them, and which of them have other bytes than in the pack."""

    network: Network
    tensors: Mapping[str, torch.Tensor]
    """under all of their names"""
    own: tuple[str, ...]
    """those that the pack itself holds"""
    brought: tuple[str, ...]
    """those that its imports bring"""
    changed: frozenset[str]
    frozen: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Live:
    """What `match` asks of a tensor."""

    dtype: DType
    shape: tuple[int, ...]


def _found(source: OpenPack, module: nn.Module) -> _Found:
    whole = source.whole
    network, stored = whole.network, stored_names(whole.network)
    if source.pack.weights is None and stored:
        hint = "it is a template: give it weights with `modelpack init`"
        raise BuildError(Problem("MP720", "the pack has no weights", path=source.pack.where, hint=hint))
    held = of_module(module)
    _check_tensors(network, held)
    raise_if_any((_another(*each) for each in differences(build(network), module)), BuildError)
    own = tuple(name for name in stored if name in source.tensors)
    return _Found(
        network,
        {name: held[name].read() for name in network.tensors},
        own,
        tuple(name for name in stored if name not in source.tensors),
        frozenset(name for name in stored if _digest_in(whole, name) != _digest_of(held[name].read())),
        frozen_names(network),
    )


def _check_tensors(network: Network, held: Mapping[str, Held]) -> None:
    """Every tensor of the network is in `held`, as the network has it, tied where it is, and nothing else is.

    Raises:
        PackError, BuildError: as `update`.
    """
    raise_if_any(_flaws(held), BuildError)
    copies = {
        name
        for first, *others in network.tied
        for name in others
        if first in held and name in held and held[name].identity == held[first].identity
    }
    single = {name: each for name, each in held.items() if name not in copies}
    match(network, {name: _Live(from_torch(each.read().dtype), each.shape) for name, each in single.items()})
    firsts: dict[Any, str] = {}
    joined = ((name, firsts.setdefault(each.identity, name)) for name, each in single.items())
    raise_if_any(
        (
            Problem("MP743", f"is one tensor with '{first}' now, and the architecture has two", path=name)
            for name, first in joined
            if name != first
        ),
        BuildError,
    )


def _flaws(held: Mapping[str, Held]) -> Iterator[Problem]:
    for name, each in held.items():
        flaw = each.flaw
        if flaw is None:
            try:
                from_torch(each.read().dtype)
            except ValueError as error:
                flaw = f"has a dtype of its own: {error}"
        if flaw is not None:
            yield Problem("MP739", f"the module's tensor {flaw}", path=name)


def _digest_in(whole: Part, name: str) -> str:
    return whole.digests.get(name) or whole.tensors[name].digest()


def _digest_of(tensor: torch.Tensor) -> str:
    return digests.text(digests.of_bytes(pieces(tensor)))


# ---------------------------------------------------------------------------------------------- what is wrong


def _another(path: str, told: str) -> Problem:
    hint = "update is for a module that was loaded from this pack; `modelpack.save` captures any other"
    return Problem("MP743", told, path=path, hint=hint)


def _changes(found: _Found) -> Iterator[Problem]:
    for name in (*found.own, *found.brought):
        if name not in found.changed:
            continue
        if name in found.frozen:
            hint = "train only parameters that require gradients; or say in the architecture that it isn't frozen"
            yield Problem("MP741", "is frozen, and has other values than the pack has", path=name, hint=hint)
        elif name in found.brought:
            hint = (
                "say `frozen: true` where it is taken, or `reset: […]` to have it as a tensor of this pack; or build the "
                "pack without keeping the import"
            )
            yield Problem("MP742", "is another pack's, and has other values than there", path=name, hint=hint)


# ---------------------------------------------------------------------------------------------- what is written


def _origin(found: _Found, source: OpenPack, name: str) -> Origin:
    """Where a tensor is from; once it was trained, it's no copy of that any more."""
    told = source.manifest.origins.get(name) if source.manifest else None
    origin = told or Origin(source.digest, name)
    changed = origin.changed or name in found.changed
    return replace(origin, frozen=name in found.frozen, changed=changed)


def _samples(found: _Found, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> list[TensorData]:
    """Inputs, and what the network gives for them with tensors of its own."""
    copies: dict[int, torch.Tensor] = {}

    def copy(name: str) -> torch.Tensor:
        entry, value = found.network.tensors[name], found.tensors[name]
        if id(value) not in copies:
            alone = value.detach().cpu().clone(memory_format=torch.contiguous_format)
            copies[id(value)] = nn.Parameter(alone, entry.requires_grad) if entry.is_parameter else alone
        return copies[id(value)]

    first = {name: group[0] for group in found.network.tied for name in group}
    network = build(
        found.network, tensors={name: copy(first.get(name, name)) for name in found.network.tensors}
    )
    given = inspect.signature(network.forward).bind(*args, **kwargs).arguments
    outputs, _ = run_with_buffers(network, args, dict(kwargs), training=False)
    numbered = (("input", tensors_of(list(given.values()))), ("output", outputs))
    return [tensor_data(f"{kind}.{at}", each) for kind, found in numbered for at, each in enumerate(found)]
