"""Names and paths -> open files: which files a pack has, and how they are opened without being led astray.

ARCHITECTURE MANIFEST SAMPLES WEIGHTS        names of files in a pack
is_pack_file(name), shard_name(k, n), weight_files(names) -> names in order
open_regular(path) -> FileIO                 a regular file, or PackError
read_architecture(path) -> bytes             the text of an architecture, bounded
open_any(path) -> int                        a file descriptor, whatever it is
retired(path) -> Path                        where an old directory stands while another takes its place
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterable
from io import FileIO
from pathlib import Path

from modelpack.errors import PackError, Problem
from modelpack.limits import Limits
from modelpack.strict_json import refuse

__all__ = [
    "ARCHITECTURE",
    "MANIFEST",
    "SAMPLES",
    "WEIGHTS",
    "is_pack_file",
    "open_any",
    "open_regular",
    "read_architecture",
    "retired",
    "shard_name",
    "weight_files",
]

ARCHITECTURE = "architecture.yaml"
MANIFEST = "manifest.json"
SAMPLES = "samples.safetensors"
WEIGHTS = "weights.safetensors"
_SINGLE = frozenset({ARCHITECTURE, MANIFEST, SAMPLES, WEIGHTS})
_SHARD = re.compile(r"weights-([0-9]{5})-of-([0-9]{5})\.safetensors")

# A FIFO would block its opener, a link lead out of the pack.
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK


def is_pack_file(name: str) -> bool:
    """Whether a pack may have a file of this name."""
    return name in _SINGLE or _SHARD.fullmatch(name) is not None


def shard_name(number: int, count: int) -> str:
    """The name of shard `number` of `count`, from 1 on."""
    return f"weights-{number:05}-of-{count:05}.safetensors"


def weight_files(names: Iterable[str]) -> list[str]:
    """Those of a pack's file names that hold weights, in order.

    Raises:
        PackError: MP506 shards are missing, or of different sets, or stand beside an unsharded file.
    """
    names = set(names)
    shards = sorted(name for name in names if _SHARD.fullmatch(name))
    if not shards:
        return [WEIGHTS] if WEIGHTS in names else []
    if WEIGHTS in names:
        refuse("MP506", f"both {WEIGHTS} and shards like {shards[0]}")
    match = _SHARD.fullmatch(shards[0])
    count = int(match[2]) if match else 0
    expected = len(shards) == count and all(
        name == shard_name(number, count) for number, name in enumerate(shards, start=1)
    )
    if not expected:
        refuse(
            "MP506",
            f"{len(shards)} shards from {shards[0]} to {shards[-1]}: not exactly 1 to {count} of {count}",
        )
    return shards


def retired(target: Path) -> Path:
    """Where the old directory stands between the two renames, if the system can't swap."""
    return target.with_name(f".{target.name}.modelpack-old")


def open_regular(path: Path | str, directory: int | None = None) -> FileIO:
    """Open a regular file: one that the caller named, or, below the open `directory`, one of a pack.

    Raises:
        PackError: MP501 there is nothing; MP504 it's something else, inside a pack also a link.
    """
    name = os.path.basename(path)
    number = open_any(path, directory)
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        refuse("MP504", "not a regular file", name)
    return FileIO(number, "rb")


def read_architecture(path: Path | str) -> bytes:
    """What the architecture file at `path` holds, up to a byte more than is allowed: the reader refuses it then.

    Raises:
        PackError: as `open_regular`. OSError.
    """
    with open_regular(path) as file:
        return file.read(Limits().architecture_bytes + 1)


def open_any(path: Path | str, directory: int | None = None) -> int:
    """Open whatever `path` is, to be looked at by its file descriptor; errors as in `open_regular`.

    Links are followed in a path that the caller named, never below a `directory`.
    """
    name = os.path.basename(path)
    follow = 0 if directory is None else os.O_NOFOLLOW
    try:
        return os.open(path, _FLAGS | follow, dir_fd=directory)
    except FileNotFoundError as error:
        raise PackError(Problem("MP501", "there is no such file or directory", path=name)) from error
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EMLINK):
            refuse("MP504", "it is a symbolic link", name, "put the file itself into the pack")
        if error.errno in (errno.ENXIO, errno.ENODEV):
            refuse("MP504", "not a regular file", name)
        raise
