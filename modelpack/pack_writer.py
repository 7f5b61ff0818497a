"""Architecture text and tensors -> a pack on disk, whole or not at all."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from modelpack import __version__, archive_layout, digests
from modelpack.atomic import replacing_directory, replacing_file
from modelpack.files import ARCHITECTURE, MANIFEST, SAMPLES, WEIGHTS, is_pack_file, shard_name
from modelpack.manifest import FileRecord, Manifest, Origin, write_manifest
from modelpack.safetensors_layout import Part, TensorData, lay_out, shards
from modelpack.stream import Beside, Sums, no_crc, running_crc, write_all, write_parts
from modelpack.strict_json import JsonValue, refuse

__all__ = ["SUFFIX", "Member", "write_members", "write_pack"]

SUFFIX = ".modelpack"
"""Of a path: it names a single file. Any other path names a directory."""

LIBRARY = f"modelpack {__version__}"


@dataclass(frozen=True, slots=True)
class Member:
    """A file of a pack, in parts each of which gets a digest."""

    name: str
    parts: Sequence[Part]

    @property
    def size(self) -> int:
        return sum(part.size for part in self.parts)


def write_pack(
    path: str | os.PathLike[str],
    *,
    architecture: bytes,
    weights: Iterable[TensorData] | None = None,
    samples: Iterable[TensorData] | None = None,
    licence: str | None = None,
    modes: Sequence[str] = (),
    metrics: Mapping[str, float] | None = None,
    metadata: Mapping[str, JsonValue] | None = None,
    origins: Mapping[str, Origin] | None = None,
    library: str = LIBRARY,
    confirm: Callable[[Manifest], None] | None = None,
    shard_bytes: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Manifest:
    """Save a pack at `path`: a single file if its name ends in ``.modelpack``, else a directory.

    A pack that is there already is replaced in one step, once the new one is on the disk; until then, and
    after a crash at any moment, it's whole. `weights=None` makes a pack without weights (a template).
    `shard_bytes` splits the weights in files of at most so many bytes. `progress(done, total)` is told of
    bytes written. `confirm` is shown the manifest, digests and all, once everything is written and before it takes
    the place of what is there; what it raises leaves that as it is.

    Raises:
        PackError: MP507 something else stands at `path`; MP550, MP554 a tensor can't be written; MP562 the
        manifest can't. OSError: the disk is full, the directory missing, …
    """
    members = [Member(ARCHITECTURE, [Part("", len(architecture), architecture)])]
    if samples is not None:
        members.append(Member(SAMPLES, lay_out(list(samples))))
    if weights is not None:
        members.extend(_weight_members(list(weights), shard_bytes))
    draft = Manifest(
        {}, library, licence, tuple(modes), dict(metrics or {}), dict(metadata or {}), dict(origins or {})
    )
    final: list[Manifest] = []

    def manifest_of(sums: Mapping[str, Sums]) -> bytes:
        final.append(replace(draft, files=_records(members, sums)))
        if confirm is not None and len(final) > 1:  # the first is for its length
            confirm(final[-1])
        return write_manifest(final[-1])

    write_members(path, members, manifest_of, progress)
    return final[-1]


def write_members(
    path: str | os.PathLike[str],
    members: Sequence[Member],
    manifest_of: Callable[[Mapping[str, Sums]], bytes] | None,
    progress: Callable[[int, int], None] | None,
) -> None:
    """Write `members` and a manifest, which `manifest_of` makes of their digests; before that, of none, for
    its length.
    """
    target = check_target(path)
    kind = _archive if target.suffix == SUFFIX else _directory
    sizes = [(member.name, member.size) for member in members]
    if manifest_of is not None:
        blank = {member.name: Sums([bytes(32)] * len(member.parts)) for member in members}
        sizes.insert(1, (MANIFEST, len(manifest_of(blank))))
    total = sum(member.size for member in members)
    done = 0

    def advance(count: int) -> None:
        nonlocal done
        done += count
        if progress is not None:
            progress(done, total)

    with kind(target, sizes) as writer:
        sums: dict[str, Sums] = {}
        with Beside() as beside:
            for member in members:
                number, offset = writer.places[member.name]
                sums[member.name] = write_parts(
                    number, offset, member.parts, beside, writer.update_crc, advance
                )
        if manifest_of is not None:
            data = manifest_of(sums)
            number, offset = writer.places[MANIFEST]
            write_all(number, data, offset)
            sums[MANIFEST] = Sums()
            writer.update_crc(sums[MANIFEST], memoryview(data))
        writer.finish({name: each.crc for name, each in sums.items()})


def check_target(path: str | os.PathLike[str]) -> Path:
    """Where a pack that is saved at `path` will stand; whether it may is known before anything is made for it.

    Raises:
        PackError: MP507 something that is no pack stands there. FileNotFoundError: there is no such folder.
    """
    target = Path(os.path.realpath(path))
    target.parent.stat()
    if target.suffix != SUFFIX:
        _check_directory(target)
    elif target.exists() and not stat.S_ISREG(target.stat().st_mode):
        refuse("MP507", "it isn't a regular file", str(target), "choose another path")
    return target


def _weight_members(tensors: list[TensorData], shard_bytes: int | None) -> list[Member]:
    lay_out(tensors)  # names must be unique over all shards
    parts = shards(tensors, shard_bytes)
    if len(parts) == 1:
        return [Member(WEIGHTS, lay_out(parts[0]))]
    return [Member(shard_name(k, len(parts)), lay_out(part)) for k, part in enumerate(parts, start=1)]


def _records(members: Sequence[Member], sums: Mapping[str, Sums]) -> dict[str, FileRecord]:
    return {member.name: _record(member, sums[member.name].digests) for member in members}


def _record(member: Member, each: Sequence[bytes]) -> FileRecord:
    if member.name == ARCHITECTURE:
        return FileRecord(member.size, digests.text(each[0]))
    tensors = {
        part.name: digests.text(digest) for part, digest in zip(member.parts[1:], each[1:], strict=True)
    }
    return FileRecord(member.size, digests.combine(each), tensors)


@dataclass(frozen=True, slots=True)
class _Writer:
    """Where each file's bytes go (descriptor and offset), and what is left to do when all are written."""

    places: Mapping[str, tuple[int, int]]
    update_crc: Callable[[Sums, memoryview], None]
    finish: Callable[[Mapping[str, int]], None]


@contextmanager
def _archive(target: Path, sizes: Sequence[tuple[str, int]]) -> Generator[_Writer]:
    layout = archive_layout.lay_out(sizes)
    with replacing_file(target) as number:
        _reserve(number, layout.size)

        def finish(crcs: Mapping[str, int]) -> None:
            for offset, record in layout.records(crcs):
                write_all(number, record, offset)

        yield _Writer({slot.name: (number, slot.data) for slot in layout.slots}, running_crc, finish)


@contextmanager
def _directory(target: Path, sizes: Sequence[tuple[str, int]]) -> Generator[_Writer]:
    with replacing_directory(target) as path, ExitStack() as stack:
        places: dict[str, tuple[int, int]] = {}
        for name, size in sizes:
            number = os.open(path / name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
            stack.callback(os.close, number)
            _reserve(number, size)
            places[name] = number, 0

        def finish(crcs: Mapping[str, int]) -> None:
            for number, _ in places.values():
                os.fsync(number)

        yield _Writer(places, no_crc, finish)


def _check_directory(target: Path) -> None:
    """A directory is replaced as a whole, so it must hold a pack and nothing else, or nothing."""
    if not target.exists():
        return
    hint = f"choose another path, or one that ends in {SUFFIX} for a single file"
    if not target.is_dir():
        refuse("MP507", "it isn't a directory", str(target), hint)
    names = {entry.name for entry in target.iterdir()}
    foreign = sorted(name for name in names if not is_pack_file(name))
    if foreign:
        refuse("MP507", f"it holds {foreign[0]!r}, which would be lost", str(target), hint)
    if names and ARCHITECTURE not in names:
        refuse("MP507", f"it has files but no {ARCHITECTURE}", str(target), hint)


def _reserve(number: int, size: int) -> None:
    """Claim the room on the disk before writing: a full disk shows at once, and the write is faster."""
    if size:
        os.posix_fallocate(number, 0, size)
