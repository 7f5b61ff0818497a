"""Digest of a text -> what was found in it last time.

An entry is a small JSON file named by the digest of all that led to it: the bytes of the architecture, what it is called, the
budgets, this library as it is installed. An entry that isn't exactly one is passed over and made anew; one that can't be written
isn't missed. The cache lies in the user's own directory: one that came with a repository could say of a file what it likes.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import blake3

from modelpack import __version__
from modelpack.errors import CODES, PackError, Place, Problem
from modelpack.findings import Finding, Report, Severity
from modelpack.limits import Limits
from modelpack.strict_json import parse_object

__all__ = ["Cache", "default_folder", "open_cache"]

_FORMAT = 2
_MOST_BYTES = 1 << 20
_MOST_ENTRIES = 500
"""in one of 256 directories; when there are more, the older half is removed"""
_KEYS = {"key", "summary", "dimensions", "findings"}
_FINDING = {"code", "message", "path", "hint", "severity", "place", "line", "end_column"}


def default_folder() -> Path | None:
    """Where programs of this user keep such things; None of one without a home, as in some containers."""
    told = (os.environ.get("XDG_CACHE_HOME", ""), os.path.expanduser("~/.cache"))
    return next((Path(each) / "modelpack" for each in told if os.path.isabs(each)), None)


def open_cache(folder: Path, about: Sequence[object]) -> Cache | None:
    """The cache in `folder` for what is found under the settings `about`; None where there can be none."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name, text in ((".gitignore", "*\n"), ("CACHEDIR.TAG", _TAG)):
            with contextlib.suppress(FileExistsError), (folder / name).open("x") as file:
                file.write(text)
    except OSError:
        return None
    told = (_FORMAT, __version__, sys.version, _installed(), *about)
    return Cache(folder, blake3.blake3(repr(told).encode()).digest())


_TAG = "Signature: 8a477f597d28d172789f06886806bc55\n# Made by modelpack; it can be removed at any time.\n"


class Cache:
    """What was found in texts before. Paths are part of what was found, so they are part of the key."""

    def __init__(self, folder: Path, about: bytes) -> None:
        self._folder = folder
        self._about = about

    def key(self, path: str, text: bytes) -> str:
        """What the entry for `text`, which lies at `path`, is called."""
        name = os.fsencode(path)
        start = b"%b%d:%b" % (self._about, len(name), name)
        return blake3.blake3(start + text).hexdigest()

    def get(self, key: str, path: str) -> Report | None:
        """The report under `key`; None if there is none, or something else."""
        try:
            return _report(_read(self._file(key)), key, path)
        except (OSError, PackError, ValueError):
            return None

    def put(self, key: str, report: Report) -> None:
        """Keep `report`, if that can be done."""
        data = json.dumps(_document(key, report)).encode()
        target = self._file(key)
        temporary = f"{target}.{os.urandom(6).hex()}"
        with contextlib.suppress(OSError):
            if len(data) > _MOST_BYTES:
                return
            os.makedirs(os.path.dirname(target), exist_ok=True)
            try:
                with open(temporary, "xb") as file:
                    file.write(data)
                os.replace(temporary, target)
            except OSError:
                os.unlink(temporary)
                raise
            if key.endswith("0"):  # of a hash: one in sixteen
                _thin(os.path.dirname(target))

    def _file(self, key: str) -> str:
        return os.path.join(self._folder, key[:2], key[2:])


def _thin(folder: str) -> None:
    """Remove what is oldest where there is much."""
    names = os.listdir(folder)
    if len(names) <= _MOST_ENTRIES:
        return
    paths = [os.path.join(folder, name) for name in names]
    for path in sorted(paths, key=os.path.getmtime)[: len(paths) // 2]:
        os.unlink(path)


def _installed() -> list[tuple[str, int, int]]:
    """The files of this library: what an unreleased version finds may change under the same number."""
    top = Path(__file__).parents[1]
    found: list[tuple[str, int, int]] = []
    for folder, _, names in os.walk(top):
        for name in sorted(names):
            if name.endswith(".py"):
                path = os.path.join(folder, name)
                status = os.stat(path)
                found.append((path, status.st_size, status.st_mtime_ns))
    return sorted(found)


def _read(path: str) -> bytes:
    number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(number).st_mode):
            raise ValueError("not a file")
        return os.read(number, _MOST_BYTES + 1)
    finally:
        os.close(number)


def _document(key: str, report: Report) -> dict[str, Any]:
    return {
        "key": key,
        "summary": report.summary,
        "dimensions": report.dimensions,
        "findings": [_finding_document(finding) for finding in report.findings],
    }


def _finding_document(finding: Finding) -> dict[str, Any]:
    problem = finding.problem
    place = problem.place
    return {
        "code": problem.code,
        "message": problem.message,
        "path": problem.path,
        "hint": problem.hint,
        "severity": finding.severity.value,
        "place": [place.file, place.line, place.column] if place else None,
        "line": finding.line,
        "end_column": finding.end_column,
    }


def _report(data: bytes, key: str, path: str) -> Report:
    """An entry as it was written.

    Raises:
        PackError: it isn't JSON. ValueError: it isn't an entry, or another's.
    """
    document = parse_object(data, "cache", Limits())
    findings, summary = document.get("findings"), document.get("summary")
    if document.keys() != _KEYS or document["key"] != key or not isinstance(findings, list):
        raise ValueError("not an entry")
    if not (summary is None or isinstance(summary, str)):
        raise ValueError("not a summary")
    dimensions = document["dimensions"]
    if dimensions is not None:
        if not isinstance(dimensions, list) or not all(isinstance(each, str) for each in dimensions):
            raise ValueError("not dimensions")
        dimensions = tuple(cast("list[str]", dimensions))
    return Report(path, tuple(_finding(each) for each in findings), summary, dimensions)


def _finding(value: object) -> Finding:
    if not isinstance(value, dict):
        raise ValueError("not a finding")
    entry = cast("dict[str, Any]", value)
    texts = [entry.get(key) for key in ("code", "message", "path")]
    optional = [entry.get(key) for key in ("hint", "line")]
    end = entry.get("end_column")
    if (
        entry.keys() != _FINDING
        or not all(isinstance(each, str) for each in texts)
        or not all(each is None or isinstance(each, str) for each in optional)
        or entry["code"] not in CODES
        or not (end is None or _counts(end))
    ):
        raise ValueError("not a finding")
    code, message, path = cast("list[str]", texts)
    problem = Problem(code, message, _place(entry["place"]), path, entry["hint"])
    return Finding(problem, Severity(entry["severity"]), entry["line"], end)


def _place(value: Any) -> Place | None:
    if value is None:
        return None
    file, line, column = (
        value if isinstance(value, list) and len(cast("list[Any]", value)) == 3 else (0, 0, 0)
    )
    if not isinstance(file, str) or not _counts(line) or not _counts(column):
        raise ValueError("not a place")
    return Place(line, column, file)


def _counts(value: object) -> bool:
    return type(value) is int and 0 < value < 1 << 31
