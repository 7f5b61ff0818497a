"""Weight files: what we write the safetensors library reads, and the other way round."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import blake3
import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors import deserialize
from safetensors.numpy import load as library_load
from safetensors.numpy import save as library_save

from modelpack.dtypes import DType
from modelpack.errors import PackError
from modelpack.limits import Limits
from modelpack.safetensors_header import parse_header, read_table
from modelpack.safetensors_layout import TensorData, lay_out, pieces_of
from modelpack.spans import read_tensors
from modelpack.weights import Weights, open_weights
from tests.core.packs import some_tensors, tensor, tensors


def written(entries: list[TensorData]) -> bytes:
    return b"".join(piece for part in lay_out(entries) for piece in pieces_of(part))


def opened(path: Path, data: bytes) -> Weights:
    path.write_bytes(data)
    return open_weights(path)


@given(tensors())
def test_the_library_reads_what_we_write(entries: list[TensorData]) -> None:
    read = dict(deserialize(written(entries)))
    assert read.keys() == {entry.name for entry in entries}
    for entry in entries:
        assert read[entry.name]["dtype"] == entry.dtype.safetensors
        assert tuple(read[entry.name]["shape"]) == entry.shape
        assert bytes(read[entry.name]["data"]) == entry.data


@given(tensors())
def test_we_read_what_we_write(entries: list[TensorData]) -> None:
    data = written(entries)
    table = read_table(lambda start, stop: data[start:stop], len(data), "weights", Limits())
    found = {info.name: (info.dtype, info.shape, data[info.start : info.stop]) for info in table.tensors}
    assert found == {entry.name: (entry.dtype, entry.shape, entry.data) for entry in entries}


@given(
    st.lists(st.sampled_from(["f8", "f4", "f2", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "?", "c8"]))
)
def test_we_read_what_the_library_writes(kinds: list[str]) -> None:
    arrays = {f"t{k}": numpy.arange(k * 3, dtype="u1").astype(kind) for k, kind in enumerate(kinds)}
    data = library_save(arrays)
    table = read_table(lambda start, stop: data[start:stop], len(data), "weights", Limits())
    assert {info.name for info in table.tensors} == arrays.keys()
    for info in table.tensors:
        assert info.dtype.value == arrays[info.name].dtype.name
        assert data[info.start : info.stop] == arrays[info.name].tobytes()


@given(tensors())
def test_tensors_are_aligned(entries: list[TensorData]) -> None:
    data = written(entries)
    table = read_table(lambda start, stop: data[start:stop], len(data), "weights", Limits())
    assert table.data_start % 64 == 0
    for info in table.tensors:
        if info.size % 64 == 0:
            assert info.start % 64 == 0
        if info.dtype.bits >= 8:
            assert info.start % (info.dtype.bits // 8) == 0


def test_the_order_of_a_file() -> None:
    """Multiples of 64 bytes first, then by element size; equals stay in the order given. No byte is between them."""
    entries = [
        tensor("flags", DType.BOOL, (7,)), tensor("bias", DType.FLOAT32, (3,)), tensor("weight", DType.BFLOAT16, (32, 3)),
        tensor("steps", DType.INT64, ()), tensor("gain", DType.FLOAT32, (5,)), tensor("table", DType.FLOAT64, (8,)),
    ]  # fmt: skip
    data = written(entries)
    table = read_table(lambda start, stop: data[start:stop], len(data), "weights", Limits())
    found = [(info.name, info.start - table.data_start) for info in table.tensors]
    assert found == [
        ("weight", 0), ("table", 192), ("steps", 256), ("bias", 264), ("gain", 276), ("flags", 296),
    ]  # fmt: skip


def test_the_same_tensors_give_the_same_bytes() -> None:
    assert written(some_tensors()) == written(some_tensors())


def test_data_may_come_in_pieces_when_it_is_due() -> None:
    whole = tensor("a", DType.FLOAT32, (6,))
    assert isinstance(whole.data, bytes)
    data = whole.data
    lazy = TensorData(
        "a", DType.FLOAT32, (6,), lambda: (memoryview(data)[k : k + 5] for k in range(0, 24, 5))
    )
    assert written([lazy]) == written([whole])


@pytest.mark.parametrize("size", [23, 25])
def test_data_of_another_size_is_refused(size: int) -> None:
    for data in (bytes(size), lambda: [bytes(size)]):
        with pytest.raises(PackError, match="MP554"):
            written([TensorData("a", DType.FLOAT32, (6,), data)])


def test_names_that_could_not_be_read_back_are_not_written() -> None:
    for name in ("", "../a", "a\0b", "a\\b", "/a", "__metadata__", "n" * 2000, "\ud800"):
        with pytest.raises(PackError, match="MP550"):
            lay_out([TensorData(name, DType.BOOL, (), b"\0")])
    with pytest.raises(PackError, match=r"MP550.*two tensors"):
        lay_out([TensorData("a", DType.BOOL, (), b"\0")] * 2)


def test_lazy_tensors(tmp_path: Path) -> None:
    entries = some_tensors()
    with opened(tmp_path / "w", written(entries)) as weights:
        assert len(weights) == len(entries)
        mapped, loaded = weights.map(), weights.load()
        for entry in entries:
            lazy = weights[entry.name]
            assert (lazy.name, lazy.dtype, lazy.shape) == (entry.name, entry.dtype, entry.shape)
            assert isinstance(entry.data, bytes)
            assert bytes(lazy.read()) == bytes(mapped[entry.name]) == bytes(loaded[entry.name]) == entry.data
            assert lazy.digest() == f"blake3:{blake3.blake3(entry.data).hexdigest()}"
        assert weights.size == sum(len(entry.data) for entry in entries if isinstance(entry.data, bytes))
        with pytest.raises(PackError, match=r"MP553(.|\n)*did you mean 'fc.weight'"):
            weights["fc.weigth"]
    assert bytes(mapped["steps"]) == entries[0].data  # closed, yet still mapped
    with pytest.raises(ValueError, match="closed"):
        weights["steps"].read()


@given(tensors())
def test_what_is_copied_is_aligned_wherever_it_lies(entries: list[TensorData]) -> None:
    data = written(entries)
    size = int.from_bytes(data[:8], "little") + 8
    data = (size).to_bytes(8, "little") + data[8:size] + b" " * 8 + data[size:]  # a header of 8 bytes more
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        with open_weights(file.name) as weights:
            copies = weights.load()
    assert {name: bytes(view) for name, view in copies.items()} == {each.name: each.data for each in entries}
    assert all(numpy.frombuffer(view, "u1").ctypes.data % 64 == 0 for view in copies.values() if len(view))


@pytest.mark.parametrize("piece", [1, 7, 64, 100_000])
def test_what_is_read_in_pieces_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, piece: int) -> None:
    monkeypatch.setattr("modelpack.window.CHUNK", piece)
    entries, path = some_tensors(), tmp_path / "weights.safetensors"
    path.write_bytes(written(entries))
    with open_weights(path) as weights:
        views = read_tensors([weights[each.name] for each in reversed(entries)])
    assert {name: bytes(view) for name, view in views.items()} == {each.name: each.data for each in entries}


def test_a_forked_process_has_copies_of_its_own(tmp_path: Path) -> None:
    with opened(tmp_path / "w", written(some_tensors())) as weights:
        view = weights.load()["fc.weight"]
    before = bytes(view)
    child = os.fork()
    if child == 0:
        view[:4] = bytes(4) if before[:4] != bytes(4) else b"\1\1\1\1"
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert bytes(view) == before


def test_a_mapping_is_private(tmp_path: Path) -> None:
    data = written(some_tensors())
    with opened(tmp_path / "w", data) as weights:
        weights.map()["fc.weight"][:4] = b"\1\2\3\4"
    assert (tmp_path / "w").read_bytes() == data


def test_numpy_has_the_values(tmp_path: Path) -> None:
    arrays = {
        "a": numpy.arange(6, dtype="f4").reshape(2, 3), "b": numpy.array(True), "c": numpy.zeros((0, 2), "c8"),
    }  # fmt: skip
    with opened(tmp_path / "w", library_save(arrays)) as weights:
        for name, array in arrays.items():
            numpy.testing.assert_array_equal(weights[name].numpy(), array, strict=True)


def test_numpy_refuses_what_it_does_not_have(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ml_dtypes", None)
    entries = [tensor("b", DType.BFLOAT16, (3,)), tensor("f", DType.FLOAT4_E2M1FN, (4,))]
    with opened(tmp_path / "w", written(entries)) as weights:
        for name in ("b", "f"):
            with pytest.raises(PackError, match=r"MP555(.|\n)*read\(\)"):
                weights[name].numpy()


def test_bfloat16_through_ml_dtypes(tmp_path: Path) -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes")
    with opened(tmp_path / "w", written([TensorData("b", DType.BFLOAT16, (1,), b"\x80\x3f")])) as weights:
        assert weights["b"].numpy() == numpy.ones(1, ml_dtypes.bfloat16)


def test_a_file_that_is_truncated_later_is_an_error(tmp_path: Path) -> None:
    with opened(tmp_path / "w", written(some_tensors())) as weights:
        os.truncate(tmp_path / "w", 700)
        with pytest.raises(PackError, match="MP508"):
            weights["fc.weight"].read()


def test_all_problems_come_at_once() -> None:
    header = json.dumps({
        "a": {"dtype": "F99", "shape": [], "data_offsets": [0, 4]},
        "b": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]},
        "": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},
    }).encode()  # fmt: skip
    with pytest.raises(PackError) as caught:
        parse_header(header + b" " * (-len(header) % 8), 1000, "w", Limits())
    assert [problem.code for problem in caught.value.problems] == ["MP539", "MP540", "MP550"]


def test_the_library_reads_a_header_padded_to_64() -> None:
    data = written([tensor("a", DType.FLOAT32, (4,))])
    assert (8 + int.from_bytes(data[:8], "little")) % 64 == 0
    assert library_load(data)["a"].tobytes() == tensor("a", DType.FLOAT32, (4,)).data


def test_several_tensors_at_once(tmp_path: Path) -> None:
    """Each in its place in memory, whatever the order, of several files; nothing else is read."""
    entries = [*some_tensors(), tensor("large", DType.UINT8, (300_001,))]
    with opened(tmp_path / "w", written(entries)) as weights, open_weights(tmp_path / "w") as others:
        chosen = [weights[name] for name in ("large", "fc.bias", "none", "steps")] + [others["fc.weight"]]
        views = read_tensors(chosen)
    expected = {entry.name: entry.data for entry in entries}
    assert list(views) == [each.name for each in chosen]
    for name, view in views.items():
        assert bytes(view) == expected[name]
        assert len(view) == 0 or numpy.frombuffer(view, "u1").ctypes.data % 64 == 0
        view[:1] = b"\0" * len(view[:1])
    assert (tmp_path / "w").read_bytes() == written(entries)


def test_two_tensors_of_one_name_are_not_read_as_one(tmp_path: Path) -> None:
    with opened(tmp_path / "w", written(some_tensors())) as weights, pytest.raises(ValueError, match="steps"):
        read_tensors([weights["steps"], weights["steps"]])
