"""What is wrong with texts that are too long, with parts, weights, archives and manifests; each beside the same mended."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from modelpack import api
from modelpack.checker import check_text
from modelpack.dtypes import DType
from modelpack.limits import Limits
from modelpack.manifest import FileRecord, Manifest, read_manifest, write_manifest
from modelpack.pack import TensorData, open_pack, verify_digests, write_pack
from modelpack.reader import read
from modelpack.reuse.joining import join
from modelpack.reuse.part import Part
from modelpack.source import Limits as TextLimits
from modelpack.source import parse
from modelpack.template import first_values
from modelpack.weights import open_weights
from tests.attacks import archives, weight_files
from tests.cases.cases import Act, Pair
from tests.core.packs import tensor

NET = """\
modelpack: 1
name: net
inputs:
  x: {dtype: float32, shape: [batch, 2]}
layers:
  fc: {Linear: {in_features: 2, out_features: 3}}
"""
WEIGHT, BIAS = tensor("fc.weight", DType.FLOAT32, (3, 2)), tensor("fc.bias", DType.FLOAT32, (3,))


# ---------------------------------------------------------------------------------------------- texts that are too long


def text(make: Callable[[], bytes], **limits: int) -> Act:
    return lambda folder: parse(make(), "net.yaml", TextLimits(**limits))


TEXTS: dict[str, Pair] = {
    "text-too-long": (text(lambda: NET.encode() + b"#" * (8 << 20)), text(NET.encode)),
    "text-of-many-values": (text(NET.encode, nodes=10), text(NET.encode, nodes=30)),
    "text-value-too-long": (text(lambda: b"a: " + b"x" * (1 << 21)), text(lambda: b"a: x")),
}


# ---------------------------------------------------------------------------------------------- parts that are joined


def part(name: str, inputs: str) -> Part:
    shapes = "".join(f"  {each}: {{dtype: float32, shape: [batch, 2]}}\n" for each in inputs.split())
    layer = f"  out_{name}: {{cat: {{}}, inputs: [{inputs.replace(' ', ', ')}]}}\n"
    return Part(read(f"modelpack: 1\nname: {name}\ninputs:\n{shapes}layers:\n{layer}"), {}, {}, {})


PARTS: dict[str, Pair] = {
    "join-without-an-input": (
        lambda folder: join(part("one", "a b"), part("two", "c d")),
        lambda folder: join(part("one", "a b"), part("two", "c")),
    ),
}  # fmt: skip


# ---------------------------------------------------------------------------------------------- weights


def holding(*tensors: TensorData, document: str = NET) -> Act:
    """A pack with these tensors is opened and held against its architecture."""

    def act(folder: Path) -> None:
        write_pack(folder / "net", architecture=document.encode(), weights=tensors)
        api.check(folder / "net")

    return act


def making(document: str) -> Act:
    return lambda folder: first_values(check_text(document), seed=0)


def owning(tensor: str) -> str:
    return NET.replace("layers:", f"parameters:\n  w: {tensor}\nlayers:")


TIED = NET.replace("layers:", "layers:\n  a: {Linear: {in_features: 2, out_features: 2, bias: false}}").replace(
    "out_features: 3", "out_features: 2, bias: false") + "tied: [[a.weight, fc.weight]]\n"  # fmt: skip
SQUARE = [tensor(name, DType.FLOAT32, (2, 2)) for name in ("a.weight", "fc.weight")]
WHOLE = holding(WEIGHT, BIAS)

WEIGHTS: dict[str, Pair] = {
    "tensor-missing": (holding(WEIGHT), WHOLE),
    "tensor-of-no-layer": (holding(WEIGHT, BIAS, tensor("head.weight", DType.FLOAT32, (4,))), WHOLE),
    "tensor-of-another-shape": (holding(tensor("fc.weight", DType.FLOAT32, (2, 3)), BIAS), WHOLE),
    "tensor-of-another-dtype": (holding(WEIGHT, tensor("fc.bias", DType.FLOAT16, (3,))), WHOLE),
    "tied-tensor-stored-twice": (holding(*SQUARE, document=TIED), holding(SQUARE[0], document=TIED)),
    "no-initialiser": (making(owning("{shape: [3]}")), making(owning("{shape: [3], init: zeros}"))),
    "initialiser-of-reals": (
        making(NET.replace("layers:", "dtype: complex64\nlayers:").replace("float32", "complex64")),
        making(NET),
    ),
    "first-values-too-large": (
        making(owning("{shape: [68719476736], init: zeros}")),
        making(owning("{shape: [6871], init: zeros}")),
    ),
}


# ---------------------------------------------------------------------------------------------- packs and weight files


def written(folder: Path, name: str = "net", shard_bytes: int = 1 << 32) -> Path:
    write_pack(folder / name, architecture=NET.encode(), weights=[WEIGHT, BIAS], shard_bytes=shard_bytes)
    return folder / name


def checked_after(change: Callable[[Path], object], shard_bytes: int = 1 << 32) -> Act:
    """A pack in a directory is checked once something was done to it."""

    def act(folder: Path) -> None:
        path = written(folder, shard_bytes=shard_bytes)
        change(path)
        api.check(path)

    return act


def verified_after(change: Callable[[Path], object], name: str = "net") -> Act:
    def act(folder: Path) -> None:
        change(written(folder, name))
        with open_pack(folder / name) as pack:
            verify_digests(pack)

    return act


def left_alone(path: Path) -> None:
    pass


def flipped(path: Path) -> None:
    """One bit of the bias of an archive."""
    data = bytearray(path.read_bytes())
    data[data.index(bytes(BIAS.data))] ^= 1  # pyright: ignore[reportArgumentType]
    path.write_bytes(data)


def shard_twice(path: Path) -> None:
    first, second = sorted(path.glob("weights*"))
    shutil.copy(first, second)


def saving_at(make: Callable[[Path], object]) -> Act:
    def act(folder: Path) -> None:
        make(folder / "net")
        written(folder)

    return act


def reading(name: str, *, truncated: bool = False) -> Act:
    def act(folder: Path) -> None:
        path = written(folder) / "weights.safetensors"
        with open_weights(path) as weights:
            if truncated:
                os.truncate(path, path.stat().st_size - 20)
            weights[name].read()

    return act


def saving(*tensors: TensorData) -> Act:
    return lambda folder: write_pack(folder / "net", architecture=NET.encode(), weights=tensors)


def as_numpy(dtype: DType) -> Act:
    """Where ml_dtypes isn't installed."""

    def act(folder: Path) -> None:
        write_pack(folder / "net", architecture=b"", weights=[tensor("a", dtype, (4,))])
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(sys.modules, "ml_dtypes", None)
            with open_weights(folder / "net" / "weights.safetensors") as weights:
                weights["a"].numpy()

    return act


PACKS: dict[str, Pair] = {
    "nothing-there": (lambda folder: api.check(folder / "net"), WHOLE),
    "a-file-of-others": (
        checked_after(lambda path: (path / "model.py").write_text("import os")),
        checked_after(lambda path: (path / ".model.py").write_text("import os")),
    ),
    "saved-where-no-pack-is": (
        saving_at(lambda path: (path / "photos").mkdir(parents=True)),
        saving_at(lambda path: path.mkdir()),
    ),
    "file-shorter-than-it-was": (reading("fc.bias", truncated=True), reading("fc.bias")),
    "file-that-the-manifest-has-not": (
        checked_after(lambda path: (path / "samples.safetensors").write_bytes(archives.WEIGHTS)),
        checked_after(left_alone),
    ),
    "bit-of-an-archive": (verified_after(flipped, "net.modelpack"), verified_after(left_alone, "net.modelpack")),
    "tensor-in-two-shards": (checked_after(shard_twice, shard_bytes=24), checked_after(left_alone, shard_bytes=24)),
    "no-such-tensor": (reading("fc.weigth"), reading("fc.weight")),
    "fewer-bytes-than-the-tensor-has": (
        saving(TensorData("fc.bias", DType.FLOAT32, (3,), bytes(11)), WEIGHT),
        saving(BIAS, WEIGHT),
    ),
    "dtype-that-numpy-lacks": (as_numpy(DType.BFLOAT16), as_numpy(DType.FLOAT16)),
    "text-changed-since": (
        verified_after(lambda path: (path / "architecture.yaml").write_text(NET.replace("net", "ten"))),
        verified_after(left_alone),
    ),
    "nothing-to-verify": (verified_after(lambda path: (path / "manifest.json").unlink()), verified_after(left_alone)),
}  # fmt: skip


def of_attacks() -> dict[str, Pair]:
    """Of each code the first of the hostile files that the attacks are made with."""
    found: dict[str, Pair] = {}
    for kind, name, attacks, valid in (
        ("archive", "net.modelpack", archives.ATTACKS, lambda: bytes(archives.VALID)),
        ("weights", "weights.safetensors", weight_files.ATTACKS, weight_files.one()),
    ):
        codes = dict.fromkeys(code for _, _, code in attacks)
        for title, make in (next(each[:2] for each in attacks if each[2] == code) for code in codes):
            words = re.sub("[^a-z0-9]+", "-", title.lower())
            found[f"{kind}-{words}"] = (opening(name, make), opening(name, valid))
    return found


def opening(name: str, make: Callable[[], bytes]) -> Act:
    def act(folder: Path) -> None:
        (folder / name).write_bytes(make())
        (open_weights if name.startswith("weights") else open_pack)(folder / name).close()

    return act


# ---------------------------------------------------------------------------------------------- manifests


def manifest(old: str = "", new: str = "") -> Act:
    """A manifest is read in which one thing was replaced."""
    told = Manifest(
        {"architecture.yaml": FileRecord(3, "blake3:" + "0" * 64)}, "modelpack 1", metrics={"loss": 0.1}
    )
    document = write_manifest(told).decode()
    assert old in document
    return lambda folder: read_manifest(document.replace(old, new).encode(), Limits())


MANIFESTS: dict[str, Pair] = {
    f"manifest-{name}": (manifest(old, new), manifest())
    for name, old, new in (
        ("of-another-version", '"modelpack": 1', '"modelpack": 2'),
        ("with-another-key", '"library"', '"url": "", "library"'),
        ("without-library", '"library": "modelpack 1",', ""),
        ("metric-a-text", '"loss": 0.1', '"loss": "0.1"'),
        ("digest-of-another-kind", "blake3:", "sha256:"),
        ("key-twice", '"loss": 0.1', '"loss": 1, "loss": 2'),
    )
}


PACK_CASES = TEXTS | PARTS | WEIGHTS | PACKS | MANIFESTS | of_attacks()
