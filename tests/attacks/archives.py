"""Hostile `.modelpack` files: what is wrong, a function that makes the file, the code that it is refused with."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable

from modelpack.archive_layout import lay_out

TEXT = b"modelpack: 1\n"
WEIGHTS = (56).to_bytes(8, "little") + b"{}".ljust(56)
MEMBERS = [("architecture.yaml", TEXT), ("weights.safetensors", WEIGHTS)]


def archive(members: list[tuple[str, bytes]]) -> bytearray:
    layout = lay_out([(name, len(data)) for name, data in members])
    result = bytearray(layout.size)
    for slot, (_name, data) in zip(layout.slots, members, strict=True):
        result[slot.data : slot.stop] = data
    crcs = {name: zlib.crc32(data) for name, data in members}
    for offset, record in layout.records(crcs):
        result[offset : offset + len(record)] = record
    return result


VALID = archive(MEMBERS)
LAYOUT = lay_out([(name, len(data)) for name, data in MEMBERS])
FIRST = LAYOUT.directory  # first entry of the central directory
SECOND = FIRST + 46 + len("architecture.yaml")
END = len(VALID) - 22


def changed(*changes: tuple[int, str, int]) -> Callable[[], bytes]:
    """The valid archive with numbers put at positions."""

    def make() -> bytes:
        data = bytearray(VALID)
        for position, kind, value in changes:
            struct.pack_into("<" + kind, data, position, value)
        return bytes(data)

    return make


def both(local: int, central: int, kind: str, value: int) -> Callable[[], bytes]:
    """The same change in the second member's local header and central entry."""
    return changed((LAYOUT.slots[1].header + local, kind, value), (SECOND + central, kind, value))


def renamed(new: str) -> Callable[[], bytes]:
    return lambda: bytes(archive([(new, TEXT), MEMBERS[1]]))


def inserted(position: int, data: bytes) -> Callable[[], bytes]:
    return lambda: bytes(VALID[:position] + data + VALID[position:])


def gap(before: int, size: int) -> Callable[[], bytes]:
    """Unclaimed bytes, with every offset put right."""

    def make() -> bytes:
        data = bytearray(VALID)
        shift = [(END + 16, size)] + [
            (at + 42, size) for at, slot in ((FIRST, 0), (SECOND, 1)) if slot >= before
        ]
        for position, by in shift:
            struct.pack_into("<L", data, position, struct.unpack_from("<L", data, position)[0] + by)
        place = LAYOUT.slots[before].header if before < 2 else FIRST
        return bytes(data[:place] + bytes(size) + data[place:])

    return make


def by_zipfile(method: int) -> Callable[[], bytes]:
    def make() -> bytes:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", method) as writer:
            writer.writestr("architecture.yaml", bytes(50_000_000))
        return buffer.getvalue()

    return make


def with_extra(field: int, value: bytes) -> Callable[[], bytes]:
    """The second member's padding replaced, at equal length."""

    def make() -> bytes:
        data = bytearray(VALID)
        slot = LAYOUT.slots[1]
        start = slot.header + 30 + len(slot.name)
        room = slot.data - start
        extra = struct.pack("<2H", field, len(value)) + value
        rest = room - len(extra)
        extra += struct.pack("<3H", 0xD935, rest - 4, 64) + bytes(rest - 6) if rest else b""
        data[start : slot.data] = extra
        return bytes(data)

    return make


def overlapping() -> bytes:
    """Two entries for the same local header: the quoted overlap of the "better zip bomb"."""
    data = bytearray(archive([MEMBERS[1], ("samples.safetensors", WEIGHTS)]))
    directory = struct.unpack_from("<L", data, len(data) - 6)[0]
    struct.pack_into("<L", data, directory + 46 + len("weights.safetensors") + 42, 0)
    return bytes(data)


def nested() -> bytes:
    """A whole archive as the data of a member: its records must not be found."""
    return bytes(archive([("architecture.yaml", bytes(VALID))]) + b"\0")


def disagreeing_names() -> bytes:
    data = bytearray(VALID)
    name = LAYOUT.slots[0].header + 30
    data[name : name + 17] = b"architecture.yamL"
    return bytes(data)


def claims_two_exabytes() -> bytes:
    """A member of 2^61 bytes by its ZIP64 fields, in a file of some hundred."""
    layout = lay_out([("architecture.yaml", 0), ("weights.safetensors", 2**61)])
    first, second, (_, directory) = layout.records({"architecture.yaml": 0, "weights.safetensors": 0})
    directory = directory[: directory.index(b"PK\6\6")]
    data = first[1] + second[1]
    return data + directory + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 2, 2, len(directory), len(data), 0)


ATTACKS: list[tuple[str, Callable[[], bytes], str]] = [
    ("empty file", lambda: b"", "MP510"),
    ("not a ZIP", lambda: b"%PDF-1.7" * 100, "MP510"),
    ("a pickle", lambda: b"\x80\x04cos\nsystem\n(S'touch owned'\ntR.".ljust(100), "MP510"),
    ("truncated by one byte", lambda: bytes(VALID[:-1]), "MP511"),
    ("truncated before the directory", lambda: bytes(VALID[:FIRST]), "MP510"),
    ("trailing byte", lambda: bytes(VALID) + b"\0", "MP511"),
    ("a second archive behind", lambda: bytes(VALID + VALID), "MP513"),
    ("a program in front", inserted(0, b"#!/bin/sh\n"), "MP513"),
    ("a program in front, offsets put right", gap(0, 64), "MP511"),
    ("a comment", lambda: bytes(VALID[:-2]) + b"\2\0hi", "MP511"),
    ("a claimed comment", changed((END + 20, "H", 5)), "MP511"),
    ("several disks", changed((END + 4, "H", 1)), "MP519"),
    ("ZIP64 record missing", changed((END + 10, "H", 0xFFFF)), "MP512"),
    ("entries claimed: 3", changed((END + 8, "H", 3), (END + 10, "H", 3)), "MP513"),
    ("entries claimed: 1", changed((END + 8, "H", 1), (END + 10, "H", 1)), "MP513"),
    ("entries differ", changed((END + 8, "H", 1)), "MP513"),
    ("60,000 entries claimed", changed((END + 8, "H", 60_000), (END + 10, "H", 60_000)), "MP514"),
    ("directory size of 4 GB", changed((END + 12, "L", 0xFFFFFFF0)), "MP513"),
    ("directory offset beyond the file", changed((END + 16, "L", 0x7FFFFFFF)), "MP513"),
    ("no signature of an entry", changed((FIRST, "L", 0)), "MP513"),
    ("name beyond the directory", changed((SECOND + 28, "H", 60_000)), "MP513"),
    ("a slip out of the folder", renamed("../../architecture.yaml"), "MP515"),
    ("absolute name", renamed("/architecture.yaml"), "MP515"),
    ("a drive", renamed("C:\\architecture.yaml"), "MP515"),
    ("backslash", renamed("..\\architecture.yaml"), "MP515"),
    ("NUL in a name", renamed("architecture.yaml\0.txt"), "MP515"),
    ("a newline at the end of a name", renamed("architecture.yaml\n"), "MP515"),
    ("other case", renamed("Architecture.yaml"), "MP515"),
    ("a Python module", renamed("model.py"), "MP515"),
    ("a member twice", lambda: bytes(archive([MEMBERS[0], MEMBERS[0]])), "MP516"),
    ("a deflate bomb", by_zipfile(zipfile.ZIP_DEFLATED), "MP517"),
    ("an LZMA bomb", by_zipfile(zipfile.ZIP_LZMA), "MP517"),
    ("compressed by its local header only", changed((LAYOUT.slots[1].header + 8, "H", 8)), "MP520"),
    ("encrypted", both(6, 8, "H", 1), "MP518"),
    ("strongly encrypted", both(6, 8, "H", 0x41), "MP518"),
    ("data descriptor", both(6, 8, "H", 8), "MP519"),
    ("a comment of a member", changed((SECOND + 32, "H", 0xFF)), "MP513"),
    ("a newer version of ZIP", both(4, 6, "H", 63), "MP519"),
    ("a symbolic link", changed((SECOND + 38, "L", 0o120777 << 16)), "MP504"),
    ("a directory by its attributes", changed((SECOND + 38, "L", 0x10)), "MP504"),
    ("names disagree", disagreeing_names, "MP520"),
    ("CRCs disagree", changed((SECOND + 16, "L", 1)), "MP520"),
    ("sizes disagree", changed((SECOND + 20, "L", 1), (SECOND + 24, "L", 1)), "MP520"),
    ("packed and unpacked size differ", changed((SECOND + 24, "L", 65)), "MP513"),
    ("sizes of both lie: too large", lambda: lied_size(4096), "MP521"),
    ("sizes of both lie: too small", lambda: lied_size(32), "MP521"),
    ("a header that isn't one", changed((LAYOUT.slots[1].header, "L", 0)), "MP520"),
    ("overlapping members", overlapping, "MP521"),
    ("a gap between members", gap(1, 64), "MP521"),
    ("a gap before the directory", gap(2, 64), "MP521"),
    ("an archive in a member, and a byte behind", nested, "MP511"),
    ("misaligned data", lambda: misaligned(), "MP522"),
    ("an extra field with a name for others", with_extra(0x7075, b"\1....model.py"[:9]), "MP524"),
    ("an extra field longer than its room", changed((LAYOUT.slots[1].header + 30 + 19 + 2, "H", 60_000)), "MP524"),
    ("padding that isn't zero", lambda: padding_with_content(), "MP524"),
    ("ZIP64 field without need", with_extra(1, struct.pack("<2Q", 64, 64)), "MP512"),
    ("two exabytes claimed", claims_two_exabytes, "MP521"),
    ("no architecture", lambda: bytes(archive([MEMBERS[1]])), "MP502"),
    ("an archive of nothing", lambda: b"PK\5\6" + bytes(18), "MP502"),
    ("shards of two sets", lambda: bytes(archive([
        MEMBERS[0], ("weights-00001-of-00002.safetensors", WEIGHTS), ("weights-00002-of-00003.safetensors", WEIGHTS),
    ])), "MP506"),
    ("weights beside shards", lambda: bytes(archive([
        *MEMBERS, ("weights-00001-of-00001.safetensors", WEIGHTS)])), "MP506"),
    ("shard 0 of 0", lambda: bytes(archive([MEMBERS[0], ("weights-00000-of-00000.safetensors", WEIGHTS)])), "MP506"),
    ("architecture over its limit", lambda: bytes(archive([("architecture.yaml", bytes(17_000_000))])), "MP505"),
]  # fmt: skip


def lied_size(size: int) -> bytes:
    slot = LAYOUT.slots[1]
    places = [slot.header + 18, slot.header + 22, SECOND + 20, SECOND + 24]
    return changed(*((place, "L", size) for place in places))()


def misaligned() -> bytes:
    """One byte less of padding before the second member, with every number put right."""
    data = bytearray(VALID)
    slot = LAYOUT.slots[1]
    for position, kind in (
        (slot.header + 28, "H"), (slot.header + 30 + len(slot.name) + 2, "H"), (END + 16, "L"),
    ):  # fmt: skip
        struct.pack_into("<" + kind, data, position, struct.unpack_from("<" + kind, data, position)[0] - 1)
    del data[slot.data - 1]
    return bytes(data)


def padding_with_content() -> bytes:
    data = bytearray(VALID)
    data[LAYOUT.slots[0].data - 1] = 1
    return bytes(data)
