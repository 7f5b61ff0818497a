"""A pack against its own manifest and network: what else only `verify` tells. These problems have codes of their own (5xx,
MP730)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from modelpack import digests
from modelpack.dims import Dim, TooComplex, evaluate, name_of, symbols
from modelpack.errors import PackError, Problem
from modelpack.files import ARCHITECTURE
from modelpack.manifest import FileRecord
from modelpack.network import Network, Specs
from modelpack.pack_reader import Pack
from modelpack.tensors import TensorSpec
from modelpack.verifying import verify_digests
from modelpack.weights import LazyTensor

if TYPE_CHECKING:
    from modelpack.lint.subject import Subject

__all__ = ["broken"]


def broken(subject: Subject) -> Iterator[Problem]:
    """What of a pack's digests and samples doesn't hold: of the digests what is told without reading the weights, or where
    values are read all of them.
    """
    if subject.pack is None:
        return
    pack = subject.pack.pack
    if pack.manifest is not None:
        yield from _all_digests(pack) if subject.values else _cheap_digests(pack, pack.manifest.files)
    if pack.samples is not None:
        yield from _samples(subject.network, pack.samples.tensors)


def _all_digests(pack: Pack) -> Iterator[Problem]:
    try:
        verify_digests(pack)
    except PackError as error:
        yield from error.problems


def _cheap_digests(pack: Pack, records: Mapping[str, FileRecord]) -> Iterator[Problem]:
    """Sizes, names of tensors, and the digest of the architecture."""
    for name, record in records.items():
        window = pack.files[name]
        if record.size != window.size:
            yield Problem("MP564", f"{window.size} bytes, the manifest says {record.size}", path=name)
        elif name == ARCHITECTURE:
            found = digests.text(digests.of_bytes(window.chunks(0, window.size)))
            if found != record.digest:
                told = f"its digest is {found}, the manifest says {record.digest}"
                yield Problem("MP564", told, path=name)
    for file in (file for tensors in (pack.weights, pack.samples) if tensors for file in tensors.files):
        there = {info.name for info in file.table.tensors}
        known = records[file.window.name].tensors.keys()
        for name in sorted(there ^ known):
            told = "a tensor that isn't there" if name in known else "no digest of this tensor"
            yield Problem("MP509", f"the manifest has {told}", path=f"{file.window.name}: {name!r}")


# ---------------------------------------------------------------------------------------------- samples


def _samples(network: Network, samples: Mapping[str, LazyTensor]) -> Iterator[Problem]:
    """Names, dtypes and shapes of the samples' tensors, without their values."""
    inputs = {f"input.{at}": spec for at, spec in enumerate(_tensors(tuple(network.inputs.values())))}
    outputs = {f"output.{at}": spec for at, spec in enumerate(_tensors(network.outputs))}
    sizes = _sizes(inputs, samples)
    for name, spec in {**inputs, **outputs}.items():
        stored = samples.get(name)
        if stored is None:
            yield Problem("MP730", "the samples lack it", path=f"samples: {name}")
        elif stored.dtype is not spec.dtype or not _fits(stored.shape, spec, sizes):
            told = f"is {stored.dtype}[{', '.join(map(str, stored.shape))}], the network has {spec}"
            yield Problem("MP730", told, path=f"samples: {name}")
    for name in samples.keys() - inputs.keys() - outputs.keys():
        yield Problem("MP730", "the network has no such input or output", path=f"samples: {name}")


def _sizes(inputs: Mapping[str, TensorSpec], samples: Mapping[str, LazyTensor]) -> dict[str, int]:
    """What the free dimensions are for the samples' inputs."""
    sizes: dict[str, int] = {}
    for name, spec in inputs.items():
        for dim, size in zip(spec.shape, samples[name].shape if name in samples else (), strict=False):
            word = name_of(dim)
            if word is not None:
                sizes.setdefault(word, size)
    return sizes


def _fits(shape: tuple[int, ...], spec: TensorSpec, sizes: Mapping[str, int]) -> bool:
    pairs = zip(spec.shape, shape, strict=True) if len(shape) == spec.rank else ()
    return len(shape) == spec.rank and all(_equal(dim, size, sizes) for dim, size in pairs)


def _equal(dim: Dim, size: int, sizes: Mapping[str, int]) -> bool:
    if not symbols(dim) <= sizes.keys():
        return True  # the input that tells it is missing, or has too few axes: that has been told
    try:
        return evaluate(dim, sizes) == size
    except (ZeroDivisionError, TooComplex):
        return False


def _tensors(specs: Specs) -> Iterator[TensorSpec]:
    if isinstance(specs, TensorSpec):
        yield specs
    elif specs is not None:
        for each in specs.values() if isinstance(specs, Mapping) else specs:
            yield from _tensors(each)
