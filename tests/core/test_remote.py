"""Packs at URLs: the needed bytes in few requests, nothing taken that wasn't asked for, each tensor held against its digest."""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import modelpack
from modelpack.archive_layout import lay_out
from modelpack.dtypes import DType
from modelpack.errors import PackError
from modelpack.limits import Limits
from modelpack.pack import TensorData, copy_pack, open_pack, verify_digests, write_pack
from modelpack.remote import patience, ranges
from modelpack.spans import read_tensors
from tests.core.packs import ARCHITECTURE, some_tensors, tensor
from tests.core.ranges_server import Answer, Fault, Server, serving

FORMS = pytest.mark.parametrize("name", ["net/", "net.modelpack"], ids=["directory", "file"])
LAYER = 2 << 20


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(patience, "PAUSES", (0.001, 0.001, 0.001))
    with serving() as server:
        yield server


@pytest.fixture(scope="session")
def bucket() -> Iterator[str]:
    """A bucket of a server that speaks S3."""
    moto = pytest.importorskip("moto.server")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    settings = {
        "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
    }  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        for key, value in settings.items():
            patch.setenv(key, value)
        fsspec.filesystem("s3").mkdir("bucket")
        yield "s3://bucket"
    server.stop()


@pytest.fixture
def memory() -> Iterator[str]:
    yield "memory://packs"
    fsspec.filesystem("memory").rm("/packs", recursive=True)


@pytest.fixture(params=["http", "memory", "s3"])
def place(request: pytest.FixtureRequest) -> str:
    """Where packs can be put by `put`."""
    if request.param == "http":
        server: Server = request.getfixturevalue("server")
        request.node.server = server
        return server.url
    return request.getfixturevalue({"memory": "memory", "s3": "bucket"}[request.param])


@pytest.fixture
def put(request: pytest.FixtureRequest, tmp_path: Path):
    """put(path) -> the URL of what is at `path` of this machine."""

    def put_at(place: str, path: Path) -> str:
        files = [path] if path.is_file() else list(path.iterdir())
        for file in files:
            name = str(file.relative_to(path.parent))
            if place.startswith("http:"):
                request.getfixturevalue("server").files[f"/{name}"] = file.read_bytes()
            else:
                fs, root = fsspec.core.url_to_fs(place)
                fs.pipe_file(f"{root}/{name}", file.read_bytes())
        return f"{place}/{path.name}{'/' if path.is_dir() else ''}"

    return put_at


def saved(
    path: Path, tensors: list[TensorData] | None = None, samples: list[TensorData] | None = None
) -> Path:
    tensors = some_tensors() if tensors is None else tensors
    write_pack(path, architecture=ARCHITECTURE, weights=tensors, samples=samples)
    return path


def layers(count: int = 8) -> list[TensorData]:
    """Layers of 2 MiB, each with a small bias that stands elsewhere in the file."""
    return [
        each
        for k in range(count)
        for each in (
            tensor(f"layer{k}.weight", DType.FLOAT32, (LAYER // 4,)),
            tensor(f"layer{k}.bias", DType.FLOAT32, (10,)),
        )
    ]


@FORMS
def test_the_same_pack_wherever_it_is(place: str, put, tmp_path: Path, name: str) -> None:
    entries = some_tensors()
    url = put(place, saved(tmp_path / name, entries, samples=[tensor("input.0", DType.FLOAT32, (3,))]))
    with modelpack.open(url) as pack, modelpack.open(tmp_path / name) as near:
        assert pack.pack.architecture == ARCHITECTURE
        assert pack.manifest == near.manifest
        assert list(pack.tensors) == list(near.tensors)
        assert pack.pack.samples is not None
        for entry in entries:
            assert bytes(pack[entry.name].read()) == entry.data
        assert {key: bytes(value) for key, value in read_tensors(pack.tensors.values()).items()} == {
            entry.name: entry.data for entry in entries
        }
        verify_digests(pack.pack)
    copy_pack(url, tmp_path / "copy.modelpack")
    copy_pack(tmp_path / name, tmp_path / "local.modelpack")
    assert (tmp_path / "copy.modelpack").read_bytes() == (tmp_path / "local.modelpack").read_bytes()


@FORMS
def test_a_url_of_this_machine_is_a_path(tmp_path: Path, name: str) -> None:
    path = saved(tmp_path / "a b" / name) if (tmp_path / "a b").mkdir() is None else None
    assert path is not None
    with modelpack.open(path.as_uri()) as pack:
        assert bytes(pack["fc.bias"].read()) == some_tensors()[2].data
        assert pack.pack.where == str(path)
    with pytest.raises(PackError, match="MP573"):
        modelpack.open("file://elsewhere/a.modelpack")


def test_two_layers_take_few_requests_and_their_bytes(server: Server, put, tmp_path: Path) -> None:
    """One for the beginning, one for the end, one for the two weights; the biases came with the end."""
    url = put(server.url, saved(tmp_path / "a.modelpack", layers()))
    with modelpack.open(url) as pack:
        chosen = [pack[f"layer{k}.{kind}"] for k in (0, 1) for kind in ("weight", "bias")]
        views = read_tensors(chosen)
    expected = {entry.name: entry.data for entry in layers()}
    assert all(bytes(view) == expected[name] for name, view in views.items())
    needed = sum(each.size for each in chosen)
    print(f"{len(server.requests)} requests, {server.sent / needed:.4f} of the tensors' bytes")
    assert len(server.requests) == 3
    assert server.sent <= 1.05 * needed


def test_long_headers_take_one_request_more(server: Server, put, tmp_path: Path) -> None:
    many = [tensor(f"small{k}.weight", DType.FLOAT32, (16,)) for k in range(3000)]
    samples = [tensor("input.0", DType.FLOAT32, (100_000,))]
    url = put(server.url, saved(tmp_path / "a.modelpack", [*layers(2), *many], samples))
    with modelpack.open(url) as pack:
        asked = len(server.requests)
        assert bytes(pack["layer0.weight"].read()) == layers(1)[0].data
    assert asked == 4  # beginning, end, text with the samples' header, the weights' header
    assert len(server.requests) == 5


@FORMS
def test_headers_of_shards_come_together(server: Server, put, tmp_path: Path, name: str) -> None:
    write_pack(tmp_path / name, architecture=ARCHITECTURE, weights=layers(6), shard_bytes=2 * LAYER + 1000)
    url = put(server.url, tmp_path / name)
    with modelpack.open(url) as pack:
        assert pack.pack.weights is not None
        assert len(pack.pack.weights.files) == 3
        assert server.sent < LAYER // 5
        views = read_tensors(pack.tensors.values())
    assert all(bytes(views[entry.name]) == entry.data for entry in layers(6))


def test_a_pack_that_claims_to_be_huge_takes_no_memory(server: Server, put, tmp_path: Path) -> None:
    """Sizes come from the server, too; what is read for the headers has a limit whatever they are."""
    size = 10**17
    layout = lay_out(
        [("architecture.yaml", 10**15), ("manifest.json", 10**16), ("weights.safetensors", size)]
    )
    records = layout.records({slot.name: 0 for slot in layout.slots})

    def huge(answer: Answer) -> None:
        first, last = map(int, server.requests[-1].rpartition("=")[2].split("-"))
        last = min(last, layout.size - 1)
        assert last - first < 64 << 20
        body = bytearray(last + 1 - first)
        for offset, record in records:
            for at in range(max(offset, first), min(offset + len(record), last + 1)):
                body[at - first] = record[at - offset]
        answer.status, answer.body = 206, bytes(body)
        answer.headers["Content-Range"] = f"bytes {first}-{last}/{layout.size}"

    server.always = huge
    with pytest.raises(PackError, match="MP505"):
        modelpack.open(f"{server.url}/a.modelpack")
    assert server.sent < 64 << 20


def test_a_header_longer_than_guessed_is_read_on(memory: str, put, tmp_path: Path) -> None:
    """Without a manifest there is nothing to guess by."""
    many = [tensor(f"small{k}.weight", DType.FLOAT32, (16,)) for k in range(3000)]
    saved(tmp_path / "a", many)
    (tmp_path / "a" / "manifest.json").unlink()
    copy_pack(tmp_path / "a", tmp_path / "a.modelpack")
    with modelpack.open(put(memory, tmp_path / "a.modelpack")) as pack:
        assert len(pack.tensors) == 3000
        assert bytes(pack["small7.weight"].read()) == many[7].data


@given(
    st.lists(st.tuples(st.integers(0, 200), st.integers(0, 80)), max_size=12),
    st.integers(1, 60),
    st.integers(0, 100),
)
def test_ranges_hold_all_parts_and_little_else(spans: list[tuple[int, int]], piece: int, gap: int) -> None:
    data = random.Random(0).randbytes(20_000)
    parts: list[ranges.Part] = []
    at = 0
    for skipped, size in spans:
        parts.append((at + skipped, memoryview(bytearray(size))))
        at += skipped + size
    random.Random(1).shuffle(parts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranges, "GAP", gap)
        plan = ranges.plan(parts, piece)
    for each in plan:
        assert each.size <= piece
        for start in range(each.start, each.stop, 7):
            each.put(start, data[start : min(start + 7, each.stop)])
    assert all(bytes(room) == data[start : start + len(room)] for start, room in parts)
    needed = sum(len(room) for _, room in parts)
    assert sum(each.size for each in plan) <= 1.05 * needed


def test_neighbours_come_in_one_request() -> None:
    parts = [
        (start, memoryview(bytearray(size))) for start, size in ((0, 10_000), (10_100, 500), (90_000, 10))
    ]
    assert [(each.start, each.stop) for each in ranges.plan(parts, 1 << 20)] == [
        (0, 10_600),
        (90_000, 90_010),
    ]


def test_several_requests_run_at_once_but_not_all(server: Server, put, tmp_path: Path) -> None:
    entries = [tensor(f"t{k}", DType.UINT8, (100_000,)) for k in range(80)]
    url = put(server.url, saved(tmp_path / "a.modelpack", entries))
    with modelpack.open(url) as pack:
        server.forget()
        server.always = slow
        views = read_tensors([pack[entry.name] for entry in entries[::2]])
    assert all(bytes(views[entry.name]) == entry.data for entry in entries[::2])
    assert len(server.requests) == 40  # what lies between two is too large to be read along
    assert 1 < server.most_at_once <= patience.AT_ONCE


def slow(answer: Answer) -> None:
    time.sleep(0.02)


def status(code: int) -> Fault:
    def fault(answer: Answer) -> None:
        answer.status, answer.body = code, b"trouble"

    return fault


def cut(answer: Answer) -> None:
    """The connection breaks in the middle of the body."""
    answer.cut = len(answer.body) // 2


@pytest.mark.parametrize(
    "fault", [status(500), status(503), status(429), cut], ids=["500", "503", "429", "cut"]
)
@pytest.mark.parametrize("when", ["opening", "reading"])
def test_what_fails_twice_is_asked_for_again(
    server: Server, put, tmp_path: Path, fault: Fault, when: str
) -> None:
    url = put(server.url, saved(tmp_path / "a.modelpack", layers()))
    if when == "opening":
        server.faults = [fault, fault]
    with modelpack.open(url) as pack:
        if when == "reading":
            server.faults = [fault, fault]
        assert bytes(pack["layer3.weight"].read()) == layers()[6].data
    assert not server.faults
    assert len(server.requests) == 5


@pytest.mark.parametrize("fault", [status(500), cut], ids=["500", "cut"])
def test_what_fails_for_ever_is_an_error(server: Server, put, tmp_path: Path, fault: Fault) -> None:
    url = put(server.url, saved(tmp_path / "a.modelpack", layers()))
    with modelpack.open(url) as pack:
        server.always = fault
        server.forget()
        with pytest.raises(PackError, match=r"MP570.*4 attempts"):
            pack["layer0.weight"].read()
        assert len(server.requests) == 4
    with pytest.raises(PackError, match="MP570"):
        modelpack.open(url)


def test_nobody_there(server: Server) -> None:
    with pytest.raises(PackError, match="MP501"):
        modelpack.open(f"{server.url}/a.modelpack")
    with pytest.raises(PackError, match=r"MP575(.|\n)*manifest"):
        modelpack.open(f"{server.url}/a/")
    server.always = status(403)
    with pytest.raises(PackError, match=r"MP574.*403"):
        modelpack.open(f"{server.url}/a.modelpack")
    with pytest.raises(PackError, match="MP570"):
        modelpack.open("http://127.0.0.1:1/a.modelpack")
    with pytest.raises(PackError, match="MP501"):
        modelpack.open("memory://nowhere/a.modelpack")


def test_without_ranges_only_small_files_are_read(server: Server, put, tmp_path: Path) -> None:
    server.knows_ranges = False
    small = put(server.url, saved(tmp_path / "small.modelpack"))
    with modelpack.open(small) as pack:
        assert bytes(pack["fc.bias"].read()) == some_tensors()[2].data
    large = put(server.url, saved(tmp_path / "large.modelpack", layers(16)))
    server.forget()
    with pytest.raises(PackError, match=r"MP572(.|\n)*download"):
        modelpack.open(large)
    assert server.sent < 16 * LAYER / 2  # what was on its way; the rest was refused


def test_a_file_that_is_replaced_meanwhile(place: str, put, tmp_path: Path) -> None:
    """Of the same length, so that only its mark or date tells."""
    first = [tensor("a", DType.UINT8, (200_000,), seed=1)]
    url = put(place, saved(tmp_path / "a.modelpack", first))
    with modelpack.open(url) as pack:
        put(place, saved(tmp_path / "a.modelpack", [tensor("a", DType.UINT8, (200_000,), seed=2)]))
        with pytest.raises(PackError, match=r"MP571(.|\n)*open it again"):
            pack["a"].read()
    with modelpack.open(url) as pack:
        put(place, saved(tmp_path / "a.modelpack", [tensor("a", DType.UINT8, (100_000,))]))
        with pytest.raises(PackError, match=r"MP57[01]"):
            pack["a"].read()


def other_range(answer: Answer) -> None:
    """As many bytes, from one further on."""
    span, size = answer.headers["Content-Range"].removeprefix("bytes ").split("/")
    first, last = map(int, span.split("-"))
    answer.headers["Content-Range"] = f"bytes {first + 1}-{last + 1}/{size}"


def no_range(answer: Answer) -> None:
    del answer.headers["Content-Range"]


def endless(answer: Answer) -> None:
    answer.body += bytes(1 << 20)


def fewer(answer: Answer) -> None:
    answer.body = answer.body[:-1]


def compressed(answer: Answer) -> None:
    answer.headers["Content-Encoding"] = "gzip"


def nonsense(answer: Answer) -> None:
    answer.headers["Content-Range"] = f"bytes 0-{'9' * 400}/{'9' * 400}"


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (other_range, "MP571"), (endless, "MP571"), (fewer, "MP570"), (no_range, "MP572"), (compressed, "MP572"),
        (nonsense, "MP572"),
    ],
)  # fmt: skip
def test_answers_are_held_against_what_was_asked_for(
    server: Server, put, tmp_path: Path, fault: Fault, code: str
) -> None:
    url = put(server.url, saved(tmp_path / "a.modelpack", layers()))
    with modelpack.open(url) as pack:
        server.always = fault
        with pytest.raises(PackError, match=code):
            pack["layer0.weight"].read()
    with pytest.raises(PackError, match=code):
        modelpack.open(url)


def test_tensors_are_held_against_their_digests(place: str, put, tmp_path: Path) -> None:
    path = saved(tmp_path / "a.modelpack", layers(2))
    with open_pack(path) as pack:
        assert pack.weights is not None
        one = pack.weights["layer1.weight"]
    data = bytearray(path.read_bytes())
    data[one.window.offset + one.info.start + 5] ^= 1
    path.write_bytes(data)
    with modelpack.open(put(place, path), cache=tmp_path / "cache") as opened:
        assert bytes(opened["layer0.weight"].read()) == layers()[0].data
        with pytest.raises(PackError, match=r"MP564.*layer1.weight"):
            opened["layer1.weight"].read()
    assert len(cached(tmp_path)) == 1


def cached(tmp_path: Path) -> list[Path]:
    return sorted(path for path in (tmp_path / "cache").rglob("*") if path.is_file())


@FORMS
def test_what_is_in_the_cache_is_not_asked_for(server: Server, put, tmp_path: Path, name: str) -> None:
    url = put(server.url, saved(tmp_path / name, layers(3)))
    for _ in range(2):
        with modelpack.open(url, cache=tmp_path / "cache") as pack:
            server.forget()
            views = read_tensors(pack.tensors.values())
        assert all(bytes(views[entry.name]) == entry.data for entry in layers(3))
    assert server.requests == []
    files = cached(tmp_path)
    assert len(files) == 6
    for file in files:
        assert file.parent.name + file.name[2:] == file.name
        assert set(file.name) <= set("0123456789abcdef")


def test_nothing_is_kept_unasked(
    server: Server, put, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = put(server.url, saved(tmp_path / "a.modelpack"))
    (tmp_path / "home").mkdir()
    for key in ("HOME", "TMPDIR", "XDG_CACHE_HOME"):
        monkeypatch.setenv(key, str(tmp_path / "home"))
    with modelpack.open(url) as pack:
        read_tensors(pack.tensors.values())
    assert list((tmp_path / "home").iterdir()) == []


@pytest.mark.parametrize("how", ["changed", "shorter", "longer", "link", "directory"])
def test_a_cache_that_was_tampered_with(server: Server, put, tmp_path: Path, how: str) -> None:
    entry = tensor("a", DType.UINT8, (200_000,))
    url = put(server.url, saved(tmp_path / "a.modelpack", [entry]))
    with modelpack.open(url, cache=tmp_path / "cache") as pack:
        pack["a"].read()
    (file,) = cached(tmp_path)
    assert isinstance(entry.data, bytes)
    if how in ("link", "directory"):
        file.rename(tmp_path / "elsewhere")
        file.symlink_to(tmp_path / "elsewhere") if how == "link" else file.mkdir()
    else:
        file.write_bytes(
            {"changed": b"\0" + entry.data[1:], "shorter": entry.data[1:], "longer": entry.data + b"\0"}[how]
        )
    with modelpack.open(url, cache=tmp_path / "cache") as pack:
        server.forget()
        if how == "directory":
            with pytest.raises(IsADirectoryError):
                pack["a"].read()
            return
        assert bytes(pack["a"].read()) == entry.data
    assert len(server.requests) == 1
    assert file.read_bytes() == entry.data
    assert not file.is_symlink()


def test_budgets_hold_from_afar(place: str, put, tmp_path: Path) -> None:
    url = put(place, saved(tmp_path / "net"))
    file = put(place, saved(tmp_path / "net.modelpack"))
    for limits, code in (
        (Limits(architecture_bytes=10), "MP505 architecture"),
        (Limits(manifest_bytes=10), "MP505 manifest"),
        (Limits(header_bytes=10), "MP531 weights"),
        (Limits(tensors=5), "MP551 weights"),
    ):
        for each in (url, file):
            with pytest.raises(PackError, match=code):
                open_pack(each, limits=limits)


def test_what_is_refused_here_is_refused_from_afar(memory: str, tmp_path: Path) -> None:
    """Damaged archives: the same codes, whichever way they are read."""
    data = saved(tmp_path / "a.modelpack").read_bytes()
    fs = fsspec.filesystem("memory")
    chance = random.Random(0)
    refused = 0
    for _ in range(150):
        damaged = bytearray(data)
        for _ in range(chance.randint(1, 3)):
            damaged[chance.choice([chance.randrange(len(data)), len(data) - 1 - chance.randrange(300)])] ^= (
                1 << chance.randrange(8)
            )
        del damaged[len(data) - chance.choice([0, 0, 0, chance.randrange(len(data))]) :]
        (tmp_path / "a.modelpack").write_bytes(damaged)
        fs.pipe_file("/packs/a.modelpack", bytes(damaged))
        here, there = codes(str(tmp_path / "a.modelpack")), codes(f"{memory}/a.modelpack")
        assert here == there
        refused += bool(here)
    assert refused > 50


def codes(path: str) -> list[str]:
    try:
        open_pack(path).close()
    except PackError as error:
        return [problem.code for problem in error.problems]
    return []


def test_errors_tell_no_secrets(server: Server) -> None:
    host = server.url.removeprefix("http://")
    with pytest.raises(PackError) as caught:
        modelpack.open(f"http://user:hush@{host}/a.modelpack?signature=hush")
    assert "a.modelpack" in str(caught.value)
    assert "hush" not in str(caught.value)


def test_schemes_that_nobody_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PackError, match="MP573"):
        modelpack.open("gopher9://host/a.modelpack")
    with pytest.raises(PackError, match="MP501"):
        modelpack.open("os.system:a.modelpack")
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(PackError, match=r"MP573(.|\n)*modelpack-nn\[remote\]"):
        modelpack.open("https://example.org/a.modelpack")


def test_a_path_object_is_no_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`Path` would have made `http:/…` of it, which is a path that a file can have."""
    monkeypatch.chdir(tmp_path)
    os.makedirs("http:/here")
    saved(Path("http:/here/a.modelpack"))
    with modelpack.open(Path("http://here/a.modelpack")) as pack:
        assert len(pack.tensors) == len(some_tensors())
