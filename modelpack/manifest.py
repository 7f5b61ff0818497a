"""manifest.json <-> Manifest: what is in a pack, by digest, and what its maker says about it.

read_manifest(data, limits) -> Manifest        strictly: unknown keys are errors
write_manifest(manifest) -> bytes              sorted, no date: equal manifests are equal bytes
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import NoReturn, TypeGuard

from modelpack import digests
from modelpack.errors import PackError, Problem
from modelpack.files import MANIFEST, is_pack_file
from modelpack.limits import Limits
from modelpack.strict_json import JsonObject, JsonValue, parse_object, refuse

__all__ = ["FORMAT", "FileRecord", "Manifest", "Origin", "read_manifest", "write_manifest"]

FORMAT = 1
"""The version of the pack format that this library writes, and the only one that it reads."""

MODES = ("eval", "train")
_DEEPEST = 16
_MOST_EXACT = 2**53
"""Integers up to here are the same as floats; JSON readers elsewhere may have no others."""
_KEYS = {"modelpack", "library", "files", "licence", "modes", "metrics", "metadata", "origins"}


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A file of the pack: its size in bytes, its digest and, for a safetensors file, that of each tensor."""

    size: int
    digest: str
    tensors: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a tensor comes from: the pack, by its digest (None: it has none), the tensor's name in it, whether it is frozen here,
    and whether it was trained since and has other bytes now."""

    pack: str | None
    tensor: str
    frozen: bool = False
    changed: bool = False


@dataclass(frozen=True, slots=True)
class Manifest:
    """`files` has a record for every file but the manifest itself; the rest is the maker's word.

    `modes`: those in which the network was captured and may be run. `metadata`: any JSON, kept and never
    acted upon. `origins`: tensors that came from other packs.
    """

    files: Mapping[str, FileRecord]
    library: str
    licence: str | None = None
    modes: tuple[str, ...] = ()
    metrics: Mapping[str, float] = field(default_factory=dict[str, float])
    metadata: Mapping[str, JsonValue] = field(default_factory=dict[str, "JsonValue"])
    origins: Mapping[str, Origin] = field(default_factory=dict[str, Origin])


def write_manifest(manifest: Manifest) -> bytes:
    """The text of manifest.json. Its length doesn't depend on what the digests are.

    Raises:
        PackError: MP562 metrics, metadata, licence or modes can't be carried exactly as JSON.
    """
    document: dict[str, object] = {
        "modelpack": FORMAT,
        "library": manifest.library,
        "files": {name: _file_document(record) for name, record in manifest.files.items()},
    }
    if manifest.licence is not None:
        document["licence"] = manifest.licence
    told = {
        "modes": list(manifest.modes),
        "metrics": manifest.metrics,
        "metadata": manifest.metadata,
        "origins": {name: asdict(origin) for name, origin in manifest.origins.items()},
    }
    document |= {key: value for key, value in told.items() if value}
    try:
        text = json.dumps(document, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False)
        data = (text + "\n").encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise PackError(Problem("MP562", f"can't be written as JSON: {error}", path=MANIFEST)) from error
    if read_manifest(data, Limits()) != manifest:
        hint = "use text, integers, finite floats, lists and mappings with text keys"
        refuse("MP562", "metrics or metadata would read back as something else", MANIFEST, hint)
    return data


def read_manifest(data: bytes, limits: Limits) -> Manifest:
    """The manifest that `data`, the text of manifest.json, says.

    Raises:
        PackError: MP505, MP533 to MP536 (the JSON), MP560 to MP563.
    """
    if len(data) > limits.manifest_bytes:
        refuse("MP505", f"{len(data)} bytes, the limit is {limits.manifest_bytes}", MANIFEST)
    document = parse_object(data, MANIFEST, limits)
    version = document.get("modelpack")
    if type(version) is not int or version != FORMAT:
        hint = (
            "a newer version of modelpack may read it" if type(version) is int and version > FORMAT else None
        )
        found = f"is {version!r:.60}" if "modelpack" in document else "is missing"
        refuse(
            "MP560",
            f"the format version 'modelpack' {found}, this library reads {FORMAT}",
            MANIFEST,
            hint,
        )
    missing = [key for key in ("files", "library") if key not in document]
    unknown = sorted(document.keys() - _KEYS)
    if missing or unknown:
        _refuse_keys("", missing, unknown)
    return Manifest(
        files=_files(document["files"]),
        library=_text(document["library"], "library"),
        licence=_text(document["licence"], "licence") if "licence" in document else None,
        modes=_modes(document.get("modes", [])),
        metrics=_metrics(document.get("metrics", {})),
        metadata=_metadata(document.get("metadata", {})),
        origins={
            name: _origin(name, each)
            for name, each in _object(document.get("origins", {}), "origins").items()
        },
    )


def _file_document(record: FileRecord) -> dict[str, object]:
    document: dict[str, object] = {"bytes": record.size, "digest": record.digest}
    return document | {"tensors": record.tensors} if record.digest.startswith("blake3-tensors:") else document


def _refuse_keys(path: str, missing: list[str], unknown: list[str]) -> NoReturn:
    said = [f"missing: {', '.join(missing)}"] if missing else []
    said += [f"unknown: {', '.join(repr(key)[:60] for key in unknown[:10])}"] if unknown else []
    refuse("MP561", "; ".join(said), f"{MANIFEST}: {path}" if path else MANIFEST)


def _wrong(path: str, expected: str) -> NoReturn:
    refuse("MP562", f"{expected} was expected", f"{MANIFEST}: {path}")


def _text(value: JsonValue, path: str) -> str:
    return value if isinstance(value, str) else _wrong(path, "a text")


def _object(value: JsonValue, path: str) -> JsonObject:
    return value if isinstance(value, dict) else _wrong(path, "an object")


def _files(value: JsonValue) -> Mapping[str, FileRecord]:
    records: dict[str, FileRecord] = {}
    for name, entry in _object(value, "files").items():
        if not is_pack_file(name) or name == MANIFEST:
            refuse("MP562", f"{name!r:.100} isn't the name of a file with a digest", f"{MANIFEST}: files")
        records[name] = _file(name, _object(entry, f"files.{name}"))
    return records


def _file(name: str, entry: JsonObject) -> FileRecord:
    path = f"files.{name}"
    keys = {"bytes", "digest", "tensors"} if name.endswith(".safetensors") else {"bytes", "digest"}
    if entry.keys() != keys:
        _refuse_keys(path, sorted(keys - entry.keys()), sorted(entry.keys() - keys))
    size = entry["bytes"]
    if type(size) is not int or not 0 <= size < 2**63:
        _wrong(f"{path}.bytes", "a number of bytes")
    scheme = digests.EMPTY_TREE if "tensors" in keys else digests.EMPTY
    digest = _digest(entry["digest"], f"{path}.digest", scheme)
    tensors = _object(entry.get("tensors", {}), f"{path}.tensors")
    return FileRecord(
        size,
        digest,
        {key: _digest(value, f"{path}.tensors", digests.EMPTY) for key, value in tensors.items()},
    )


def _digest(value: JsonValue, path: str, like: str) -> str:
    if not isinstance(value, str) or len(value) != len(like) or not digests.is_digest(value):
        refuse("MP563", f"{value!r:.100} isn't like {like[:-60]}…", f"{MANIFEST}: {path}")
    return value


def _modes(value: JsonValue) -> tuple[str, ...]:
    if (
        not isinstance(value, list)
        or any(mode not in MODES for mode in value)
        or len(set(map(str, value))) < len(value)
    ):
        _wrong("modes", f"a list of some of {', '.join(MODES)}")
    return tuple(str(mode) for mode in value)


def _metrics(value: JsonValue) -> Mapping[str, float]:
    metrics: dict[str, float] = {}
    for name, number in _object(value, "metrics").items():
        if not _is_metric(number):
            _wrong(f"metrics.{name:.100}", "a finite number, an integer up to 2**53,")
        metrics[name] = number
    return metrics


def _is_metric(value: JsonValue) -> TypeGuard[float]:
    if isinstance(value, float):
        return math.isfinite(value)
    # A larger integer can't even be asked whether it is finite.
    return type(value) is int and -_MOST_EXACT <= value <= _MOST_EXACT


def _metadata(value: JsonValue) -> Mapping[str, JsonValue]:
    _check_depth(value, _DEEPEST)
    return _object(value, "metadata")


def _origin(name: str, value: JsonValue) -> Origin:
    path = f"origins.{name:.100}"
    entry = _object(value, path)
    keys = {"pack", "tensor", "frozen", "changed"}
    if entry.keys() != keys:
        _refuse_keys(path, sorted(keys - entry.keys()), sorted(entry.keys() - keys))
    pack = entry["pack"]
    return Origin(
        None if pack is None else _digest(pack, f"{path}.pack", digests.EMPTY),
        _text(entry["tensor"], f"{path}.tensor"),
        _flag(entry["frozen"], f"{path}.frozen"),
        _flag(entry["changed"], f"{path}.changed"),
    )


def _flag(value: JsonValue, path: str) -> bool:
    return value if isinstance(value, bool) else _wrong(path, "true or false")


def _check_depth(value: JsonValue, left: int) -> None:
    if left == 0 and isinstance(value, dict | list):
        refuse("MP536", f"nested deeper than {_DEEPEST}", f"{MANIFEST}: metadata")
    if isinstance(value, dict):
        for each in value.values():
            _check_depth(each, left - 1)
    elif isinstance(value, list):
        for each in value:
            _check_depth(each, left - 1)
    elif isinstance(value, float) and not math.isfinite(value):
        _wrong("metadata", "a finite number")
