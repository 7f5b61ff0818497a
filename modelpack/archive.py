"""A `.modelpack` file -> its members: the records of the ZIP, read strictly.

    read_members(window, limits) -> {name: Member}       .window (its data) .crc (as claimed)
    read_directory, read_locals                          its two steps, for files that are read from afar

Only what a pack needs is a ZIP here: stored members of known names, back to back from the first byte of the
file to the central directory, which ends where the file ends. Whatever else ZIP can say is refused, so that
no other program can see other members in the file than this one. Data isn't read; its CRC-32 is checked by
verification.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass

from modelpack.archive_layout import (
    ALIGNMENT,
    ALIGNMENT_FIELD,
    CENTRAL,
    CENTRAL_MARK,
    END,
    END_64,
    END_64_MARK,
    END_MARK,
    LOCAL,
    LOCAL_MARK,
    LOCATOR,
    LOCATOR_MARK,
    MAX_16,
    MAX_32,
    ZIP64_FIELD,
)
from modelpack.files import is_pack_file
from modelpack.limits import Limits
from modelpack.strict_json import refuse
from modelpack.window import Window

__all__ = ["Entry", "Member", "read_directory", "read_locals", "read_members"]

_NO_PACKS = {
    **dict.fromkeys(
        (".yaml", ".yml"), "an architecture by itself has no weights: `modelpack init` makes a pack of it"
    ),
    ".safetensors": "weights by themselves are no pack: `modelpack.transfer` takes them into a module",
}
"""What to do with a file whose name says that it's something else."""
_LONGEST_ENTRY = CENTRAL.size + 64 + 28
_MOST_PADDING = 4096
_UTF8 = 0x800
_ENCRYPTED = 0x41
_NEWEST = 45


@dataclass(frozen=True, slots=True)
class Member:
    """A member: its data and the CRC-32 that the archive claims for it."""

    window: Window
    crc: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A record of the central directory; `common` is what the local header must repeat."""

    name: str
    size: int
    crc: int
    header: int
    common: tuple[int, ...]


def read_members(archive: Window, limits: Limits) -> dict[str, Member]:
    """The members of `archive`, a window over the whole file, in their order in it.

    Raises:
        PackError: MP504, MP508, MP510 to MP524.
    """
    entries, end = read_directory(archive, limits)
    return read_locals(archive, entries, end)


def read_directory(archive: Window, limits: Limits) -> tuple[dict[str, Entry], int]:
    """What the central directory says of each member, and where in the file it begins. Its places aren't checked yet."""
    count, start, stop = _find_directory(archive, limits)
    directory = archive.read(start, stop)
    entries: dict[str, Entry] = {}
    position = 0
    for _ in range(count):
        entry, position = _read_entry(directory, position, archive.name)
        if entry.name in entries:
            refuse("MP516", "stands twice in the archive", entry.name)
        entries[entry.name] = entry
    if position != len(directory):
        refuse("MP513", f"{len(directory) - position} bytes follow its last entry", archive.name)
    return entries, start


def read_locals(archive: Window, entries: Mapping[str, Entry], limit: int) -> dict[str, Member]:
    """The members that `entries` speak of, by their local headers; they must fill the file up to `limit`."""
    members: dict[str, Member] = {}
    end = 0
    for entry in sorted(entries.values(), key=_by_header):
        if entry.header != end:
            _refuse_gap(entry, end)
        window = _read_local(archive, entry, limit)
        members[entry.name] = Member(window, entry.crc)
        end = window.offset + window.size
    if end != limit:
        refuse(
            "MP521", f"{limit - end} bytes between the last member and the central directory", archive.name
        )
    return members


def _by_header(entry: Entry) -> int:
    return entry.header


def _refuse_gap(entry: Entry, end: int) -> None:
    if end == 0:
        refuse("MP511", f"the first member begins at byte {entry.header}, not at 0", entry.name)
    if entry.header < end:
        refuse("MP521", f"begins at byte {entry.header}, inside another member", entry.name)
    refuse("MP521", f"{entry.header - end} bytes before it belong to no member", entry.name)


def _find_directory(archive: Window, limits: Limits) -> tuple[int, int, int]:
    """Number of entries, first and last byte of the central directory."""
    what, size = archive.name, archive.size
    if size < END.size:
        refuse("MP510", f"{size} bytes are too few for a ZIP archive", what)
    at = size - END.size
    mark, disk, first_disk, here, count, length, start, comment = END.unpack(archive.read(at, size))
    if mark != END_MARK:
        tail = archive.read(max(0, at - MAX_16), size)
        if END_MARK in tail:
            refuse("MP511", "something follows the end of the archive, or it has a comment", what)
        told = "there is no end of central directory: not a ZIP archive, or a truncated one"
        refuse("MP510", told, what, _NO_PACKS.get(os.path.splitext(what)[1].lower()))
    if comment:
        refuse("MP511", "the archive claims a comment", what)
    if disk or first_disk:
        refuse("MP519", "the archive is one of several disks", what)
    if MAX_16 in (here, count) or MAX_32 in (length, start):
        at, here, count, length, start = _read_end_64(archive, at, (here, count, length, start))
    if here != count:
        refuse("MP513", f"{here} entries here, {count} in all", what)
    if count > limits.shards + 3:
        refuse("MP514", f"{count} members, the limit is {limits.shards + 3}", what)
    if length > count * _LONGEST_ENTRY:
        refuse("MP513", f"{length} bytes for {count} entries", what)
    if start + length != at:
        refuse("MP513", f"ends at byte {start + length}, the end record begins at {at}", what)
    return count, start, at


def _read_end_64(archive: Window, at: int, short: tuple[int, ...]) -> tuple[int, int, int, int, int]:
    what = archive.name
    begin = at - LOCATOR.size - END_64.size
    if begin < 0:
        refuse("MP512", "no room for a ZIP64 end record", what)
    record = archive.read(begin, at)
    mark, size, _, needed, disk, first_disk, here, count, length, start = END_64.unpack_from(record)
    mark_2, disk_2, offset, disks = LOCATOR.unpack_from(record, END_64.size)
    if mark != END_64_MARK or mark_2 != LOCATOR_MARK or size != END_64.size - 12 or offset != begin:
        refuse("MP512", "the ZIP64 end record or its locator isn't where it must be", what)
    if disk or first_disk or disk_2 or disks != 1 or needed > _NEWEST:
        refuse("MP519", "the archive is one of several disks, or needs a newer version of ZIP", what)
    for claimed, true, most in zip(
        short, (here, count, length, start), (MAX_16, MAX_16, MAX_32, MAX_32), strict=True
    ):
        if claimed != min(true, most):
            refuse("MP512", f"the end record says {claimed}, the ZIP64 end record {true}", what)
    return begin, here, count, length, start


def _read_entry(directory: bytes, position: int, what: str) -> tuple[Entry, int]:
    if position + CENTRAL.size > len(directory):
        refuse("MP513", "it ends within an entry", what)
    (
        mark, made, needed, flags, method, time, date, crc, packed, size, name_length, extra_length, comment, disk,
        _, attributes, header,
    ) = CENTRAL.unpack_from(directory, position)  # fmt: skip
    position += CENTRAL.size
    stop = position + name_length + extra_length + comment
    if mark != CENTRAL_MARK or stop > len(directory):
        refuse("MP513", "an entry has no signature, or runs beyond the directory", what)
    name = _name(directory[position : position + name_length])
    _check_features(name, needed, flags, method, comment, disk)
    _check_kind(name, made, attributes)
    if packed != size:
        refuse("MP513", f"stored, but {packed} bytes packed and {size} unpacked", name)
    extra = directory[position + name_length : position + name_length + extra_length]
    common = (needed, flags, method, time, date, crc, packed, size)
    size, header = _wide(name, extra, size, header)
    return Entry(name, size, crc, header, common), stop


def _name(raw: bytes) -> str:
    name = raw.decode("ascii", "replace")
    if not is_pack_file(name):
        refuse("MP515", f"{name!r:.100} isn't the name of a file of a pack")
    return name


def _check_features(name: str, needed: int, flags: int, method: int, comment: int, disk: int) -> None:
    if flags & _ENCRYPTED:
        refuse("MP518", "is encrypted", name)
    if method:
        refuse("MP517", f"is compressed (method {method}); members of a pack are stored", name)
    if flags & ~_UTF8:
        refuse(
            "MP519", f"has the flags {flags:#06x} (a data descriptor, or something else not allowed)", name
        )
    if comment or disk or needed > _NEWEST:
        refuse("MP519", "has a comment, is on another disk, or needs a newer version of ZIP", name)


def _check_kind(name: str, made: int, attributes: int) -> None:
    """A link or a directory by its attributes; only Unix's (3) and Apple's (19) have a mode."""
    kind = attributes >> 28 if made >> 8 in (3, 19) else 0
    if kind not in (0, 0o10) or attributes & 0x10:
        refuse("MP504", "not a regular file by its attributes", name)


def _wide(name: str, extra: bytes, size: int, header: int) -> tuple[int, int]:
    """Size and place, from the ZIP64 field where the record itself has no room for them."""
    expected = (2 if size == MAX_32 else 0) + (1 if header == MAX_32 else 0)
    if not expected:
        if extra:
            refuse("MP524", "has an extra field in the central directory that isn't needed", name)
        return size, header
    if len(extra) != 4 + 8 * expected or struct.unpack_from("<2H", extra) != (ZIP64_FIELD, 8 * expected):
        refuse("MP512", "its ZIP64 field is missing or malformed", name)
    values = struct.unpack_from(f"<{expected}Q", extra, 4)
    if size == MAX_32:
        if values[0] != values[1]:
            refuse("MP513", f"stored, but {values[1]} bytes packed and {values[0]} unpacked", name)
        size = values[0]
    return size, values[-1] if header == MAX_32 else header


def _read_local(archive: Window, entry: Entry, limit: int) -> Window:
    """The data of a member, which must end before `limit`, the central directory."""
    name = entry.name
    if entry.header + LOCAL.size > limit:
        refuse("MP521", "its local header lies in the central directory", name)
    mark, *common, name_length, extra_length = LOCAL.unpack(
        archive.read(entry.header, entry.header + LOCAL.size)
    )
    if mark != LOCAL_MARK:
        refuse("MP520", "there is no local header where the central directory says", name)
    start = entry.header + LOCAL.size + name_length + extra_length
    if name_length != len(name) or extra_length > _MOST_PADDING or start > limit:
        refuse("MP520", "its local header has another name, or too large an extra field", name)
    rest = archive.read(entry.header + LOCAL.size, start)
    if rest[:name_length] != name.encode("ascii"):
        refuse("MP520", f"its local header is called {rest[:name_length]!r:.100}", name)
    if tuple(common) != entry.common:
        refuse("MP520", f"central directory: {entry.common}, local header: {tuple(common)}", name)
    _check_local_extra(name, rest[name_length:], entry)
    if start % ALIGNMENT:
        refuse("MP522", f"its data begins at byte {start}, no multiple of {ALIGNMENT}", name)
    if start + entry.size > limit:
        refuse("MP521", f"its {entry.size} bytes run into the central directory", name)
    return Window(archive.source, archive.offset + start, entry.size, name)


def _check_local_extra(name: str, extra: bytes, entry: Entry) -> None:
    expected = {ZIP64_FIELD} if entry.common[-1] == MAX_32 else set[int]()
    seen: set[int] = set()
    while extra:
        field, length = struct.unpack_from("<2H", extra) if len(extra) >= 4 else (0, MAX_16)
        value, extra = extra[4 : 4 + length], extra[4 + length :]
        if len(value) != length or field in seen:
            refuse("MP524", "its extra fields are malformed", name)
        seen.add(field)
        if field == ZIP64_FIELD:
            if value != struct.pack("<2Q", entry.size, entry.size):
                refuse("MP520", "its ZIP64 field differs from the central directory's", name)
        elif field != ALIGNMENT_FIELD or value[:2] != struct.pack("<H", ALIGNMENT) or any(value[2:]):
            refuse("MP524", f"has an extra field {field:#06x} other than ZIP64 and padding by zeros", name)
    if seen - {ALIGNMENT_FIELD} != expected:
        refuse("MP512", "its ZIP64 field is missing, or there without need", name)
