"""An architecture file with imports -> a network with the tensors that they bring; its lock file; a pack of it.

compose(path, resolvers={}) -> Composition      .part, .close()
lock(path) -> Path                              writes new.lock beside new.yaml
build(path, target, seed=0) -> Built            the pack, and what became of each tensor
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from modelpack import opened, reader
from modelpack.architecture import Architecture, Import
from modelpack.atomic import replacing_file
from modelpack.budget import DEFAULT_BUDGET, Budget
from modelpack.errors import ArchitectureError, ModelpackError, PackError, Place, Problem
from modelpack.files import read_architecture
from modelpack.layers import BUILTIN, LayerType
from modelpack.limits import MOST_FIRST_BYTES
from modelpack.manifest import Manifest
from modelpack.reuse.building import Adapter, Row, rows_of, write_part
from modelpack.reuse.licences import together
from modelpack.reuse.linking import Brought, Linked, link, linked_but
from modelpack.reuse.locking import Pin, hold, lock_path, read_lock, write_lock
from modelpack.reuse.part import Part, whole_of
from modelpack.reuse.sources import Donor

__all__ = ["Built", "Composition", "Resolver", "build", "compose", "lock"]

Resolver = Callable[[str], "str | os.PathLike[str]"]
"""What stands behind the scheme of an import (`hub:resnet18`) -> the path or URL of a pack: the caller's, never a file's."""

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")


@dataclass(frozen=True, slots=True, eq=False)
class Composition:
    """A network put together of packs, which stay open until it is closed."""

    architecture: Architecture
    """as the file says it"""
    linked: Linked
    part: Part
    _opened: ExitStack

    def close(self) -> None:
        """Close the packs; tensors that were loaded stay."""
        self._opened.close()

    def __enter__(self) -> Composition:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class Built:
    """What `build` wrote: the manifest, and for each tensor what became of it."""

    manifest: Manifest
    rows: tuple[Row, ...]
    sources: Mapping[str, str]
    """the tensors that imports brought -> the import's name"""


def compose(
    path: str | os.PathLike[str],
    *,
    resolvers: Mapping[str, Resolver] | None = None,
    types: Mapping[str, LayerType] = BUILTIN,
    budget: Budget = DEFAULT_BUDGET,
    locked: Mapping[str, Pin] | None = None,
    text: bytes | None = None,
) -> Composition:
    """The network of the architecture file at `path`, its imports resolved: paths count from the file's folder, and
    `resolvers` are asked for what has a scheme. `locked`: what each import must be, besides what the file itself says.
    `text`: what the file holds, where that is known, or not saved yet.

    Raises:
        ArchitectureError: 1xx to 3xx, and of parts MP340 to MP345. PackError: a pack isn't there or isn't sound; MP346, MP590.
    """
    path = Path(path)
    architecture = reader.read(read_architecture(path) if text is None else text, str(path), types)
    with ExitStack() as stack:
        family = opened.Family(budget)
        stack.callback(family.close)

        def resolve(name: str, wanted: Import) -> Donor:
            with _telling(name, wanted, path):
                where = _located(wanted.pack, path.parent, resolvers or {})
                pack = family.member(where, 1, types)
            if locked is not None or wanted.digest is not None:
                # Before anything in it is followed.
                hold(name, wanted, locked or {}, pack.digest, str(path))
            with _telling(name, wanted, path):
                return pack.donor

        linked = link(architecture, resolve, budget)
        return Composition(architecture, linked, whole_of(linked), stack.pop_all())


def lock(path: str | os.PathLike[str], *, resolvers: Mapping[str, Resolver] | None = None) -> Path:
    """Write the lock file of the architecture file at `path`: the digests that its imports have now. Returns where it is.

    Raises:
        As `compose`; PackError: MP593 a pack has no manifest.
    """
    path = Path(path)
    with compose(path, resolvers=resolvers) as composed:
        pins: dict[str, Pin] = {}
        for name, wanted in composed.architecture.imports.items():
            digest = composed.linked.donors[name].digest
            if digest is None:
                message = "the pack has no manifest, so nothing says which one it is"
                raise PackError(
                    Problem("MP593", message, path=f"imports.{name}", hint="save it with this library")
                )
            pins[name] = Pin(wanted.pack, digest)
    target = lock_path(path)
    with replacing_file(target) as number:
        os.write(number, write_lock(pins))
    return target


def build(
    path: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    seed: int = 0,
    max_bytes: int = MOST_FIRST_BYTES,
    resolvers: Mapping[str, Resolver] | None = None,
    licence: str | None = None,
    keep: Collection[str] = (),
    progress: Callable[[int, int], None] | None = None,
) -> Built:
    """Make a pack at `target` of the architecture file at `path`: of its imports the tensors that it takes, the rest by `init`
    from `seed`. Equal files, packs and seeds give equal bytes. Each import must be pinned: by a digest in the file, or in its
    lock file.

    Imports that `keep` names stay imports, pinned: their tensors aren't copied, so the pack (an adapter) holds only the others
    and is read beside those that it imports. Where `path` is itself a pack, what it imports is put in: the same network, in one.

    Raises:
        ArchitectureError, PackError: as `compose` and `write_part`; MP591 an import that nothing pins; MP346 none to keep.
    """
    path = Path(path)
    if path.suffix not in (".yaml", ".yml"):
        return _merged(path, target, licence, seed=seed, max_bytes=max_bytes, progress=progress)
    beside = lock_path(path)
    locked = read_lock(read_architecture(beside), beside.name) if beside.exists() else {}
    with compose(path, resolvers=resolvers, locked=locked) as composed:
        part = composed.part
        adapter = _adapter(composed, keep) if keep else None
        if adapter is not None and licence is None:
            copied = {name for name in part.tensors if name not in adapter.elsewhere}
            licence = _licence(composed.linked, copied)
        manifest = write_part(
            part,
            target,
            seed=seed,
            max_bytes=max_bytes,
            licence=licence,
            adapter=adapter,
            progress=progress,
        )
        sources = {name: each.source for name, each in composed.linked.brought.items()}
        return Built(manifest, tuple(rows_of(part, adapter)), sources)


def _merged(path: Path, target: str | os.PathLike[str], licence: str | None, **told: Any) -> Built:
    """A pack that imports others -> one that doesn't."""
    with opened.open(path) as pack:
        part = pack.whole
        manifest = write_part(part, target, licence=licence, **told)
        brought: Mapping[str, Brought] = pack.linked.brought if pack.linked else {}
        sources = {name: brought[name].source if name in brought else path.name for name in part.tensors}
        return Built(manifest, tuple(rows_of(part)), sources)


def _adapter(composed: Composition, keep: Collection[str]) -> Adapter:
    architecture, linked = composed.architecture, composed.linked
    lacking = [name for name in keep if name not in architecture.imports]
    if lacking:
        problems = (
            Problem("MP346", "nothing of this name is imported, so it can't be kept", path=name)
            for name in lacking
        )
        raise ArchitectureError(problems)
    elsewhere = frozenset(name for name, each in linked.brought.items() if each.source in keep)
    return Adapter(linked_but(architecture, linked, frozenset(keep)), elsewhere)


def _licence(linked: Linked, names: Collection[str]) -> str | None:
    """That of the packs which bring the tensors `names`."""
    sources = [each.source for name, each in linked.brought.items() if name in names]
    return together(linked.donors[name].licence for name in sources)


@contextmanager
def _telling(name: str, wanted: Import, path: Path) -> Generator[None]:
    """Problems with a pack that an import of the file at `path` names are told at that import."""
    try:
        yield
    except ModelpackError as error:
        place = Place(*wanted.place, str(path)) if wanted.place else None
        raise PackError(
            replace(each, place=each.place or place, hint=each.hint or _hint(each, wanted)).within(
                f"imports.{name}"
            )
            for each in error.problems
        ) from None


def _located(pack: str, folder: Path, resolvers: Mapping[str, Resolver]) -> str | os.PathLike[str]:
    """Where a pack is: below or beside the file's folder, or where a resolver says.

    Raises:
        PackError: MP346 an absolute path, or a scheme that nobody resolves.
    """
    scheme = _SCHEME.match(pack)
    if scheme is not None:
        resolver = resolvers.get(scheme[1])
        if resolver is None:
            hint = f"give resolvers={{'{scheme[1]}': …}} where the file is read; nothing in a file leads to a network"
            raise PackError(Problem("MP346", f"nobody resolves '{scheme[1]}:'", hint=hint))
        return resolver(pack[scheme.end() :])
    if Path(pack).is_absolute():
        raise PackError(Problem("MP346", "the path is absolute", hint="it counts from the file that says it"))
    return folder / pack


def _hint(problem: Problem, wanted: Import) -> str | None:
    here = problem.code == "MP501" and ":" not in wanted.pack  # with a scheme it's somewhere else
    return "the path counts from the folder of this document" if here else None
