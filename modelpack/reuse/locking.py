"""new.yaml <-> new.lock: which packs its imports are, by digest, so that a build tomorrow is the build of today.

lock_path(path) -> Path                     where the lock of an architecture file is
write_lock(pins) -> bytes, read_lock(data) -> pins
hold(name, wanted, lock, found)             refuse what isn't the pinned pack
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from modelpack.architecture import Import
from modelpack.errors import PackError, Place, Problem
from modelpack.limits import Limits
from modelpack.strict_json import JsonObject, parse_object, refuse
from modelpack.take_reader import DIGEST

__all__ = ["Pin", "hold", "lock_path", "read_lock", "write_lock"]

FORMAT = 1
_KEYS = {"modelpack-lock", "imports"}


@dataclass(frozen=True, slots=True)
class Pin:
    """An import as it was when it was locked."""

    pack: str
    digest: str


def lock_path(path: Path) -> Path:
    """`new.lock` beside `new.yaml`."""
    return path.with_suffix(".lock")


def write_lock(pins: Mapping[str, Pin]) -> bytes:
    """The text of a lock file: equal pins are equal bytes."""
    imports = {name: {"pack": pin.pack, "digest": pin.digest} for name, pin in pins.items()}
    return (
        json.dumps({"modelpack-lock": FORMAT, "imports": imports}, indent=1, sort_keys=True) + "\n"
    ).encode()


def read_lock(data: bytes, name: str, limits: Limits | None = None) -> dict[str, Pin]:
    """What `data`, the text of the lock file `name`, says.

    Raises:
        PackError: MP533 to MP536 the JSON; MP592 it is no lock file of this format.
    """
    limits = limits or Limits()
    if len(data) > limits.manifest_bytes:
        refuse("MP592", f"{len(data)} bytes, the limit is {limits.manifest_bytes}", name)
    document = parse_object(data, name, limits)
    version, imports = document.get("modelpack-lock"), document.get("imports")
    if (
        type(version) is not int
        or version != FORMAT
        or document.keys() != _KEYS
        or not isinstance(imports, dict)
    ):
        refuse("MP592", "isn't a lock file of this version", name, _AGAIN)
    return {key: _pin(entry, f"{name}: {key:.100}") for key, entry in imports.items()}


def _pin(entry: object, where: str) -> Pin:
    found: JsonObject = entry if isinstance(entry, dict) else {}
    pack, digest = found.get("pack"), found.get("digest")
    if found.keys() != {"pack", "digest"} or not isinstance(pack, str) or not isinstance(digest, str):
        refuse("MP592", "an import has a pack and a digest", where, _AGAIN)
    if not DIGEST.fullmatch(digest):
        refuse("MP592", f"{digest!r:.100} is no digest of a pack", where, _AGAIN)
    return Pin(pack, digest)


def hold(name: str, wanted: Import, lock: Mapping[str, Pin], found: str | None, file: str) -> None:
    """Let pass only the pack that the document or its lock names.

    Raises:
        PackError: MP590 it is another; MP591 neither names one, or the lock is of another document; MP593 it has no digest.
    """

    def told(code: str, message: str, hint: str) -> PackError:
        place = Place(*wanted.place, file) if wanted.place else None
        return PackError(Problem(code, message, place, f"imports.{name}", hint))

    if found is None:
        raise told(
            "MP593", "the pack has no manifest, so nothing says which one it is", "save it with this library"
        )
    pin = lock.get(name)
    if pin is not None and pin.pack != wanted.pack:
        raise told("MP591", f"it is {wanted.pack!r} here and {pin.pack!r} in the lock file", _AGAIN)
    pinned = [each for each in (wanted.digest, pin.digest if pin else None) if each is not None]
    if not pinned:
        raise told("MP591", "nothing says which pack it must be", _AGAIN)
    for each in pinned:
        if each != found:
            raise told("MP590", f"the pack has the digest {found}, and must have {each}", _CHANGED)


_AGAIN = "run `modelpack lock`"
_CHANGED = "it was changed; if that is meant, change the digest here, or run `modelpack lock` again"
