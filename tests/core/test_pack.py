"""Packs on disk: both forms hold the same, verify finds a single changed bit, and nothing but packs is replaced."""

from __future__ import annotations

import fcntl
import os
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from modelpack import atomic, files
from modelpack.dtypes import DType
from modelpack.errors import PackError
from modelpack.limits import Limits
from modelpack.manifest import FileRecord, Manifest, read_manifest, write_manifest
from modelpack.pack import TensorData, copy_pack, open_pack, verify_digests, write_pack
from modelpack.strict_json import JsonValue
from tests.core.packs import ARCHITECTURE, some_tensors, tensor, tensors

FORMS = pytest.mark.parametrize("name", ["net", "net.modelpack"], ids=["directory", "file"])


def contents(path: Path) -> dict[str, bytes]:
    with open_pack(path) as pack:
        verify_digests(pack)
        return {name: window.read(0, window.size) for name, window in pack.files.items()}


@FORMS
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(entries=tensors(), samples=tensors())
def test_round_trip(tmp_path: Path, name: str, entries: list[TensorData], samples: list[TensorData]) -> None:
    manifest = write_pack(tmp_path / name, architecture=ARCHITECTURE, weights=entries, samples=samples)
    with open_pack(tmp_path / name) as pack:
        assert pack.architecture == ARCHITECTURE
        assert pack.manifest == manifest
        for expected, found in ((entries, pack.weights), (samples, pack.samples)):
            assert found is not None
            assert set(found) == {entry.name for entry in expected}
            assert all(bytes(found[entry.name].read()) == entry.data for entry in expected)
        verify_digests(pack)


@FORMS
def test_words_about_the_pack(tmp_path: Path, name: str) -> None:
    write_pack(
        tmp_path / name, architecture=ARCHITECTURE, licence="Apache-2.0", modes=["eval", "train"],
        metrics={"accuracy": 0.975}, metadata={"made": ["by", {"hand": True, "n": 3, "none": None}]},
    )  # fmt: skip
    with open_pack(tmp_path / name) as pack:
        assert pack.weights is None
        assert pack.samples is None
        assert pack.manifest is not None
        assert pack.manifest.licence == "Apache-2.0"
        assert pack.manifest.modes == ("eval", "train")
        assert pack.manifest.metrics == {"accuracy": 0.975}
        assert pack.manifest.metadata == {"made": ["by", {"hand": True, "n": 3, "none": None}]}


@FORMS
def test_equal_packs_are_equal_bytes(tmp_path: Path, name: str) -> None:
    for folder in ("1", "2"):
        (tmp_path / folder).mkdir()
        write_pack(tmp_path / folder / name, architecture=ARCHITECTURE, weights=some_tensors())
    assert contents(tmp_path / "1" / name) == contents(tmp_path / "2" / name)
    if name.endswith(".modelpack"):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()


def test_a_file_is_its_directory_in_a_zip(tmp_path: Path) -> None:
    write_pack(tmp_path / "a", architecture=ARCHITECTURE, weights=some_tensors(), shard_bytes=4096)
    copy_pack(tmp_path / "a", tmp_path / "b.modelpack")
    copy_pack(tmp_path / "b.modelpack", tmp_path / "c")
    write_pack(tmp_path / "d.modelpack", architecture=ARCHITECTURE, weights=some_tensors(), shard_bytes=4096)
    assert contents(tmp_path / "a") == contents(tmp_path / "b.modelpack") == contents(tmp_path / "c")
    assert (tmp_path / "b.modelpack").read_bytes() == (tmp_path / "d.modelpack").read_bytes()
    with zipfile.ZipFile(tmp_path / "b.modelpack") as read:
        assert read.testzip() is None
        assert {name: read.read(name) for name in read.namelist()} == contents(tmp_path / "a")


def test_shards_are_read_as_one_table(tmp_path: Path) -> None:
    write_pack(tmp_path / "a", architecture=ARCHITECTURE, weights=some_tensors(), shard_bytes=4096)
    assert sorted(path.name for path in (tmp_path / "a").glob("weights*")) == [
        f"weights-{k:05}-of-00003.safetensors" for k in (1, 2, 3)
    ]
    with open_pack(tmp_path / "a") as pack:
        assert pack.weights is not None
        assert len(pack.weights.files) == 3
        assert set(pack.weights) == {entry.name for entry in some_tensors()}
    (tmp_path / "a" / "weights-00002-of-00003.safetensors").unlink()
    with pytest.raises(PackError, match="MP506"):
        open_pack(tmp_path / "a")


def test_a_name_in_two_shards_is_refused(tmp_path: Path) -> None:
    write_pack(tmp_path / "a", architecture=ARCHITECTURE, weights=some_tensors(), shard_bytes=4096)
    first, second = sorted((tmp_path / "a").glob("weights*"))[:2]
    shutil.copy(first, second)
    with pytest.raises(PackError, match=r"MP552.*steps"):
        open_pack(tmp_path / "a")


@FORMS
def test_verify_finds_every_flipped_bit(tmp_path: Path, name: str) -> None:
    """Of data; a flip in a header may be refused by opening already."""
    write_pack(tmp_path / name, architecture=ARCHITECTURE, weights=some_tensors())
    with open_pack(tmp_path / name) as pack:
        assert pack.weights is not None
        spans = [(each.info, each.window) for each in pack.weights.tensors.values() if each.size]
    path = tmp_path / name / "weights.safetensors" if (tmp_path / name).is_dir() else tmp_path / name
    for info, window in spans:
        with path.open("r+b") as file:
            flip(file.fileno(), window.offset + info.stop - 1)
            with open_pack(tmp_path / name) as pack, pytest.raises(PackError) as caught:
                verify_digests(pack)
            codes = [problem.code for problem in caught.value.problems]
            assert codes == ["MP564", "MP564"] + ["MP523"] * name.endswith(".modelpack")
            assert repr(info.name) in caught.value.problems[0].path
            flip(file.fileno(), window.offset + info.stop - 1)
    assert contents(tmp_path / name)


def flip(number: int, position: int) -> None:
    byte = os.pread(number, 1, position)[0]
    os.pwrite(number, bytes([byte ^ 1]), position)


def test_verify_finds_a_changed_architecture_and_a_missing_manifest(tmp_path: Path) -> None:
    write_pack(tmp_path / "a", architecture=ARCHITECTURE)
    (tmp_path / "a" / "architecture.yaml").write_bytes(ARCHITECTURE.replace(b"test", b"best"))
    with open_pack(tmp_path / "a") as pack, pytest.raises(PackError, match=r"architecture.yaml(.|\n)*digest"):
        verify_digests(pack)
    (tmp_path / "a" / "architecture.yaml").write_bytes(ARCHITECTURE + b"#")
    with (
        open_pack(tmp_path / "a") as pack,
        pytest.raises(PackError, match=r"MP564.*25 bytes, the manifest says 24"),
    ):
        verify_digests(pack)
    (tmp_path / "a" / "manifest.json").unlink()
    with open_pack(tmp_path / "a") as pack:
        assert pack.manifest is None  # written by hand: legal, but there is nothing to verify
        with pytest.raises(PackError, match="MP565"):
            verify_digests(pack)


def test_progress_is_told(tmp_path: Path) -> None:
    written: list[tuple[int, int]] = []
    write_pack(
        tmp_path / "a", architecture=ARCHITECTURE, weights=some_tensors(),
        progress=lambda done, total: written.append((done, total)),
    )  # fmt: skip
    assert written[-1][0] == written[-1][1]
    read: list[tuple[str, int, int]] = []
    with open_pack(tmp_path / "a") as pack:
        verify_digests(pack, lambda name, done, total: read.append((name, done, total)))
    assert read[-1][1] == read[-1][2] == sum(path.stat().st_size for path in (tmp_path / "a").iterdir())
    tensors = {entry.name for entry in some_tensors() if entry.data}
    assert {name for name, _, _ in read} == {path.name for path in (tmp_path / "a").iterdir()} | tensors


def test_what_is_not_a_pack_is_not_replaced(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "photos").mkdir(parents=True)
    (tmp_path / "plain").write_text("x")
    (tmp_path / "dir.modelpack").mkdir()
    (tmp_path / "git").mkdir()
    write_pack(tmp_path / "git", architecture=ARCHITECTURE)
    (tmp_path / "git" / ".git").mkdir()
    for path in (home, tmp_path / "plain", tmp_path / "dir.modelpack", tmp_path / "git"):
        with pytest.raises(PackError, match="MP507"):
            write_pack(path, architecture=ARCHITECTURE)
    assert (home / "photos").is_dir()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["dir.modelpack", "git", "home", "plain"]


def test_saving_through_a_link_replaces_what_it_points_to(tmp_path: Path) -> None:
    write_pack(tmp_path / "a.modelpack", architecture=ARCHITECTURE)
    (tmp_path / "link.modelpack").symlink_to("a.modelpack")
    write_pack(tmp_path / "link.modelpack", architecture=b"new")
    assert (tmp_path / "link.modelpack").is_symlink()
    assert contents(tmp_path / "a.modelpack")["architecture.yaml"] == b"new"


@pytest.mark.parametrize("swap", ["by exchange", "by two renames"])
@FORMS
def test_a_reader_keeps_the_old_pack_while_it_is_replaced(
    tmp_path: Path, name: str, swap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if swap == "by two renames":
        monkeypatch.setattr(atomic, "exchange", lambda first, second: False)
    old, new = some_tensors(1), some_tensors(2)
    write_pack(tmp_path / name, architecture=b"old", weights=old)
    with open_pack(tmp_path / name) as reader:
        assert reader.weights is not None
        mapped = reader.weights.map()
        write_pack(tmp_path / name, architecture=b"new", weights=new)
        verify_digests(reader)
        assert all(bytes(mapped[entry.name]) == entry.data for entry in old)
    with open_pack(tmp_path / name) as reader:
        assert reader.architecture == b"new"
        assert reader.weights is not None
        assert all(bytes(reader.weights[entry.name].read()) == entry.data for entry in new)
    assert [each.name for each in tmp_path.iterdir()] == [name]


@FORMS
def test_a_failing_save_leaves_the_old_pack_and_nothing_else(tmp_path: Path, name: str) -> None:
    def fail() -> list[bytes]:
        raise RuntimeError("no more data")

    write_pack(tmp_path / name, architecture=b"old")
    with pytest.raises(RuntimeError, match="no more data"):
        write_pack(tmp_path / name, architecture=b"new", weights=[TensorData("a", DType.BOOL, (9,), fail)])
    with pytest.raises(PackError, match="MP554"):
        write_pack(
            tmp_path / name,
            architecture=b"new",
            weights=[TensorData("a", DType.BOOL, (9,), lambda: [bytes(8)])],
        )
    assert contents(tmp_path / name)["architecture.yaml"] == b"old"
    assert [each.name for each in tmp_path.iterdir()] == [name]


def test_left_overs_of_the_dead_are_removed_and_those_of_the_living_kept(tmp_path: Path) -> None:
    dead, living = (tmp_path / f".net.modelpack-tmp-{each}" for each in ("dead", "living"))
    dead.mkdir()
    (dead / "weights.safetensors").write_bytes(b"half")
    living.mkdir()
    lock = os.open(living, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    write_pack(tmp_path / "net", architecture=ARCHITECTURE)
    assert not dead.exists()
    assert living.exists()
    os.close(lock)
    write_pack(tmp_path / "net", architecture=ARCHITECTURE)
    assert not living.exists()


def test_between_two_renames_the_old_pack_is_found(tmp_path: Path) -> None:
    write_pack(tmp_path / "net", architecture=b"old")
    os.rename(tmp_path / "net", files.retired(tmp_path / "net"))
    assert contents(tmp_path / "net")["architecture.yaml"] == b"old"
    with pytest.raises(PackError, match="MP550"):
        write_pack(tmp_path / "net", architecture=b"new", weights=[tensor("../a", DType.BOOL, (1,))])
    assert contents(tmp_path / "net")["architecture.yaml"] == b"old"
    write_pack(tmp_path / "net", architecture=b"new")
    assert contents(tmp_path / "net")["architecture.yaml"] == b"new"
    assert [each.name for each in tmp_path.iterdir()] == ["net"]


def test_files_that_do_not_belong(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_pack(path, architecture=ARCHITECTURE, weights=some_tensors())
    (path / ".DS_Store").write_bytes(b"")  # hidden files aren't part of a pack
    assert contents(path)
    (path / "model.py").write_text("import os")
    with pytest.raises(PackError, match=r"MP503.*model.py"):
        open_pack(path)
    (path / "model.py").unlink()
    (path / "samples.safetensors").write_bytes(b"")
    with pytest.raises(PackError, match=r"MP509 samples.safetensors.*not in its manifest"):
        open_pack(path)
    (path / "samples.safetensors").unlink()
    (path / "weights.safetensors").unlink()
    with pytest.raises(PackError, match=r"MP509 weights.safetensors.*not in the pack"):
        open_pack(path)
    (path / "architecture.yaml").unlink()
    with pytest.raises(PackError, match="MP502"):
        open_pack(path)


def test_what_is_not_a_regular_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_pack(path, architecture=ARCHITECTURE)
    os.mkfifo(path / "weights.safetensors")
    with pytest.raises(PackError, match=r"MP504 weights"):
        open_pack(path)
    (path / "weights.safetensors").unlink()
    (path / "weights.safetensors").mkdir()
    with pytest.raises(PackError, match=r"MP504 weights"):
        open_pack(path)
    (path / "weights.safetensors").rmdir()
    (path / "weights.safetensors").symlink_to("/etc/passwd")
    with pytest.raises(PackError, match=r"MP504 weights.*symbolic link"):
        open_pack(path)
    os.mkfifo(tmp_path / "fifo.modelpack")
    with pytest.raises(PackError, match="MP504 fifo"):
        open_pack(tmp_path / "fifo.modelpack")
    with pytest.raises(PackError, match="MP501 nothing"):
        open_pack(tmp_path / "nothing")


@FORMS
def test_limits_hold(tmp_path: Path, name: str) -> None:
    write_pack(tmp_path / name, architecture=ARCHITECTURE, weights=some_tensors())
    for limits, code in (
        (Limits(architecture_bytes=10), "MP505 architecture"),
        (Limits(manifest_bytes=10), "MP505 manifest"),
        (Limits(header_bytes=10), "MP531 weights"),
        (Limits(tensors=5), "MP551 weights"),
        (Limits(tensor_axes=1), "MP540 weights"),
        (Limits(name_bytes=8), "MP550 weights"),
    ):
        with pytest.raises(PackError, match=code):
            open_pack(tmp_path / name, limits=limits)


def test_opening_leaves_no_file_open(tmp_path: Path) -> None:
    for name in ("a", "a.modelpack"):
        write_pack(tmp_path / name, architecture=ARCHITECTURE, weights=some_tensors())
        before = os.listdir("/proc/self/fd")
        open_pack(tmp_path / name).close()
        with pytest.raises(PackError):
            open_pack(tmp_path / name, limits=Limits(tensors=1))
        assert len(os.listdir("/proc/self/fd")) == len(before)


MANIFEST = Manifest(
    {"architecture.yaml": FileRecord(3, "blake3:" + "0" * 64)}, "modelpack 1", metrics={"loss": 0.1}
)


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ('"modelpack": 1', '"modelpack": 2', r"MP560(.|\n)*newer"),
        ('"modelpack": 1', '"modelpack": true', "MP560"),
        ('"modelpack": 1', '"module": 1, "modelpack": 1', "MP561.*'module'"),
        ('"library": "modelpack 1",', "", "MP561.*missing: library"),
        ('"library": "modelpack 1"', '"library": 1', "MP562.*library"),
        ('"loss": 0.1', '"loss": "0.1"', "MP562.*loss"),
        ('"loss": 0.1', '"loss": NaN', "MP534.*NaN"),
        ('"loss": 0.1', '"loss": 1e999', "MP562.*loss"),
        ('"loss": 0.1', '"loss": 1, "loss": 2', "MP535.*loss"),
        ('"bytes": 3', '"bytes": -3', "MP562.*bytes"),
        ('"bytes": 3', '"bytes": 3.0', "MP562.*bytes"),
        ('"bytes": 3', '"bytes": 3, "tensors": {}', "MP561.*tensors"),
        ("architecture.yaml", "../architecture.yaml", "MP562.*files"),
        ("architecture.yaml", "manifest.json", "MP562.*files"),
        ("blake3:0", "blake3:g", "MP563"),
        ("blake3:", "sha256:", "MP563"),
        ("blake3:", "blake3-tensors:", "MP563"),
        ('"metrics": {', '"metadata": ' + '{"a":' * 20 + "1" + "}" * 20 + ', "metrics": {', "MP536"),
        ('"metrics": {', '"modes": ["train", "train"], "metrics": {', "MP562.*modes"),
        ('"metrics": {', '"modes": [["train"]], "metrics": {', "MP562.*modes"),
        ('"metrics": {', '"licence": null, "metrics": {', "MP562.*licence"),
    ],
)
def test_the_manifest_is_read_strictly(old: str, new: str, code: str) -> None:
    text = write_manifest(MANIFEST).decode()
    assert old in text
    with pytest.raises(PackError, match=code):
        read_manifest(text.replace(old, new).encode(), Limits())


def test_a_manifest_carries_nothing_it_would_change() -> None:
    assert read_manifest(write_manifest(MANIFEST), Limits()) == MANIFEST
    for metadata in ({"a": (1, 2)}, {"a": float("nan")}, {"a": object()}, {1: 2}, {"a": {1: 2}}, {"a": b""}):
        with pytest.raises(PackError, match="MP562"):
            write_manifest(replace(MANIFEST, metadata=metadata))


def test_metadata_may_be_nested_16_deep() -> None:
    value: JsonValue = 1
    for _ in range(16):
        value = {"a": value}
    assert isinstance(value, dict)
    assert read_manifest(write_manifest(replace(MANIFEST, metadata=value)), Limits()).metadata == value
    with pytest.raises(PackError, match="MP536"):
        write_manifest(replace(MANIFEST, metadata={"a": value}))
