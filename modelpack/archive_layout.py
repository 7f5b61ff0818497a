"""Names and sizes -> the places of members in a `.modelpack` file, and the ZIP records around them.

    lay_out([(name, size), …]) -> Layout       every offset, before a byte is written
    layout.records(crcs) -> [(offset, bytes)]  local headers, central directory and end, when the CRC-32s are known

Every size is known before writing begins (the manifest's too: digests have a fixed length), so members can
stand in the order in which a reader wants them, architecture and manifest first, and the records are filled
in last. Members are stored; an extra field (0xD935, as Android's zipalign writes it) pads each local header
so that data begins at a multiple of 64. Times are 1980-01-01: equal packs are equal files. Source: PKWARE
APPNOTE.TXT 6.3.10.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

__all__ = ["ALIGNMENT", "Layout", "Slot", "lay_out"]

ALIGNMENT = 64
ALIGNMENT_FIELD = 0xD935
ZIP64_FIELD = 0x0001
MAX_32 = 0xFFFFFFFF
MAX_16 = 0xFFFF

LOCAL = struct.Struct("<4s5H3L2H")
CENTRAL = struct.Struct("<4s6H3L5H2L")
END = struct.Struct("<4s4H2LH")
END_64 = struct.Struct("<4sQ2H2L4Q")
LOCATOR = struct.Struct("<4sLQL")
LOCAL_MARK, CENTRAL_MARK, END_MARK = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
END_64_MARK, LOCATOR_MARK = b"PK\x06\x06", b"PK\x06\x07"

_DATE = 1 << 5 | 1  # 1980-01-01
_VERSION, _VERSION_64 = 20, 45
_UNIX = 3 << 8
_REGULAR_FILE = 0o100644 << 16


@dataclass(frozen=True, slots=True)
class Slot:
    """Where a member stands: its local header at `header`, its `size` bytes of data at `data`."""

    name: str
    size: int
    header: int
    data: int

    @property
    def stop(self) -> int:
        return self.data + self.size


@dataclass(frozen=True, slots=True)
class Layout:
    """The places of all members, and the size of the whole file."""

    slots: tuple[Slot, ...]
    directory: int
    size: int

    def records(self, crcs: Mapping[str, int]) -> list[tuple[int, bytes]]:
        """Everything in the file that isn't a member's data, with its offset."""
        result = [(slot.header, _local(slot, crcs[slot.name])) for slot in self.slots]
        directory = b"".join(_central(slot, crcs[slot.name]) for slot in self.slots)
        result.append((self.directory, directory + _end(len(self.slots), self.directory, len(directory))))
        return result


def lay_out(members: Sequence[tuple[str, int]]) -> Layout:
    """Members one after the other, each one's data at a multiple of 64."""
    slots: list[Slot] = []
    position = 0
    for name, size in members:
        unpadded = position + LOCAL.size + len(name) + (20 if size >= MAX_32 else 0) + 6
        data = unpadded + -unpadded % ALIGNMENT
        slots.append(Slot(name, size, position, data))
        position = data + size
    central = sum(len(_central(slot, 0)) for slot in slots)
    return Layout(tuple(slots), position, position + central + len(_end(len(slots), position, central)))


def _local(slot: Slot, crc: int) -> bytes:
    name = slot.name.encode("ascii")
    large = slot.size >= MAX_32
    extra = struct.pack("<2H2Q", ZIP64_FIELD, 16, slot.size, slot.size) if large else b""
    padding = slot.data - slot.header - LOCAL.size - len(name) - len(extra) - 4
    extra += struct.pack("<3H", ALIGNMENT_FIELD, padding, ALIGNMENT) + bytes(padding - 2)
    size = MAX_32 if large else slot.size
    return (
        LOCAL.pack(LOCAL_MARK, _version(slot), 0, 0, 0, _DATE, crc, size, size, len(name), len(extra))
        + name
        + extra
    )


def _central(slot: Slot, crc: int) -> bytes:
    name = slot.name.encode("ascii")
    large, far = slot.size >= MAX_32, slot.header >= MAX_32
    values = [slot.size, slot.size] * large + [slot.header] * far
    extra = struct.pack(f"<2H{len(values)}Q", ZIP64_FIELD, 8 * len(values), *values) if values else b""
    size = MAX_32 if large else slot.size
    version = _version(slot)
    fixed = CENTRAL.pack(
        CENTRAL_MARK, _UNIX | version, version, 0, 0, 0, _DATE, crc, size, size, len(name), len(extra),
        0, 0, 0, _REGULAR_FILE, MAX_32 if far else slot.header,
    )  # fmt: skip
    return fixed + name + extra


def _version(slot: Slot) -> int:
    return _VERSION_64 if slot.size >= MAX_32 or slot.header >= MAX_32 else _VERSION


def _end(count: int, directory: int, length: int) -> bytes:
    short = END.pack(
        END_MARK, 0, 0, min(count, MAX_16), min(count, MAX_16), length, min(directory, MAX_32), 0
    )
    if count < MAX_16 and directory < MAX_32:
        return short
    long = END_64.pack(
        END_64_MARK, END_64.size - 12, _UNIX | _VERSION_64, _VERSION_64, 0, 0, count, count, length, directory
    )
    return long + LOCATOR.pack(LOCATOR_MARK, 0, directory + length, 1) + short
