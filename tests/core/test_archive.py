"""The `.modelpack` file: other programs read what we write, ZIP64 included."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import modelpack
from modelpack.archive import read_members
from modelpack.archive_layout import lay_out
from modelpack.errors import PackError
from modelpack.limits import Limits
from modelpack.window import LocalFile, Window

NAMES = ("architecture.yaml", "manifest.json", "samples.safetensors", "weights.safetensors")


def archive(members: Sequence[tuple[str, bytes]]) -> bytes:
    layout = lay_out([(name, len(data)) for name, data in members])
    result = bytearray(layout.size)
    for slot, (_, data) in zip(layout.slots, members, strict=True):
        result[slot.data : slot.stop] = data
    for offset, record in layout.records({name: zlib.crc32(data) for name, data in members}):
        result[offset : offset + len(record)] = record
    return bytes(result)


@pytest.mark.parametrize(
    ("name", "way"), [("net.yaml", "modelpack init"), ("net.safetensors", "modelpack.transfer")]
)
def test_what_is_no_pack_by_its_name_has_a_hint(name: str, way: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"modelpack: 1\nname: net\ninputs: {}\n")
    with pytest.raises(PackError) as error, modelpack.open(tmp_path / name):
        pass
    assert [(each.code, way in (each.hint or "")) for each in error.value.problems] == [("MP510", True)]


@given(st.lists(st.binary(max_size=300), min_size=4, max_size=4))
def test_zipfile_reads_what_we_write(contents: list[bytes]) -> None:
    data = archive(list(zip(NAMES, contents, strict=True)))
    with zipfile.ZipFile(io.BytesIO(data)) as read:
        assert read.testzip() is None
        assert read.namelist() == list(NAMES)
        assert [read.read(name) for name in NAMES] == contents
        assert {info.date_time for info in read.infolist()} == {(1980, 1, 1, 0, 0, 0)}


@given(contents=st.lists(st.binary(max_size=300), min_size=4, max_size=4))
def test_we_read_what_we_write(tmp_path_factory: pytest.TempPathFactory, contents: list[bytes]) -> None:
    path = tmp_path_factory.getbasetemp() / "a.modelpack"
    data = archive(list(zip(NAMES, contents, strict=True)))
    path.write_bytes(data)
    with path.open("rb", buffering=0) as file:
        members = read_members(Window(LocalFile(file), 0, len(data), "a"), Limits())
        for (name, member), content in zip(members.items(), contents, strict=True):
            assert member.window.name == name
            assert member.window.offset % 64 == 0
            assert member.window.read(0, member.window.size) == content
            assert member.crc == zlib.crc32(content)


GIB = 1 << 30


@pytest.mark.parametrize(
    "sizes",
    [
        [("architecture.yaml", 3), ("weights.safetensors", 5 * GIB)],
        [("weights.safetensors", 5 * GIB), ("architecture.yaml", 3)],
        [("architecture.yaml", 3), ("weights.safetensors", 2**32 - 1)],
        [("architecture.yaml", 3), ("weights.safetensors", 2**32 - 2)],
        [(f"weights-{k:05}-of-00003.safetensors", 3 * GIB) for k in (1, 2, 3)],
    ],
    ids=["large last", "large first", "exactly the limit", "one below the limit", "large in sum"],
)
def test_zip64_in_a_sparse_file(tmp_path: Path, sizes: list[tuple[str, int]]) -> None:
    layout = lay_out(sizes)
    with (tmp_path / "large.modelpack").open("w+b", buffering=0) as file:
        file.truncate(layout.size)
        for offset, record in layout.records({name: zlib.crc32(bytes(min(size, 3))) for name, size in sizes}):
            file.seek(offset)
            file.write(record)
        members = read_members(Window(LocalFile(file), 0, layout.size, "large"), Limits())
        assert [(name, member.window.size) for name, member in members.items()] == sizes
        with zipfile.ZipFile(file) as read:
            assert [(info.filename, info.file_size) for info in read.infolist()] == sizes
            for slot, info in zip(layout.slots, read.infolist(), strict=True):
                assert info.header_offset == slot.header
                with read.open(
                    info
                ) as member:  # zipfile looks at the local header's name and, at the end, at the CRC-32
                    assert member.read(1) == b"\0"


def test_a_zip_by_another_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.modelpack"
    with zipfile.ZipFile(path, "w") as other:
        other.writestr("architecture.yaml", b"modelpack: 1\n")
    with path.open("rb", buffering=0) as file, pytest.raises(PackError, match="MP522"):
        read_members(Window(LocalFile(file), 0, path.stat().st_size, "a"), Limits())
