"""Findings <-> a baseline file: what was wrong when `check` was taken up, so that only what is new is told.

A finding is known by its code, its path inside the document and the text of its line, so lines may move.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from modelpack.errors import PackError
from modelpack.examining.settings import MisuseError
from modelpack.files import open_regular
from modelpack.findings import Report
from modelpack.limits import Limits
from modelpack.outputs.places import fingerprints
from modelpack.strict_json import parse_object

__all__ = ["read_baseline", "without", "write_baseline"]

FORMAT = 1
_KEYS = {"modelpack-baseline", "files"}
_MOST_BYTES = 64 << 20

Baseline = Mapping[str, frozenset[str]]
"""Path, from the baseline's folder -> fingerprints."""


def read_baseline(path: Path) -> Baseline:
    """What is passed over.

    Raises:
        MisuseError: there is no such file, or it isn't one.
    """
    try:
        with open_regular(path) as file:
            data = file.read(_MOST_BYTES + 1)
        document = parse_object(data, str(path), Limits())
    except OSError as error:
        raise MisuseError(f"{path}: {error.strerror}") from error
    except PackError as error:
        if error.problems[0].code == "MP501":
            told = "there is no such baseline; --write-baseline makes it"
            raise MisuseError(f"{path}: {told}") from error
        raise MisuseError(f"{path}: {error.problems[0].message}") from error
    files = document.get("files")
    if document.keys() != _KEYS or document["modelpack-baseline"] != FORMAT or not isinstance(files, dict):
        raise MisuseError(f"{path}: isn't a baseline of this version")
    found: dict[str, frozenset[str]] = {}
    for name, prints in files.items():
        texts = [each for each in prints if isinstance(each, str)] if isinstance(prints, list) else None
        if texts is None or not isinstance(prints, list) or len(texts) != len(prints):
            raise MisuseError(f"{path}: '{name:.100}' must have a list of fingerprints")
        found[name] = frozenset(texts)
    return found


def write_baseline(path: Path, reports: Sequence[Report]) -> None:
    """Make of `reports` what is passed over from now on. Equal reports are equal bytes. Raises OSError."""
    from modelpack.atomic import replacing_file

    told = {name: sorted(fingerprints(each, name)) for each in reports if (name := _name(each.path, path))}
    document = {"modelpack-baseline": FORMAT, "files": {name: each for name, each in told.items() if each}}
    text = json.dumps(document, indent=1, sort_keys=True) + "\n"
    with replacing_file(path) as number, open(number, "wb", closefd=False) as file:
        file.write(text.encode())


def without(report: Report, baseline: Baseline, path: Path) -> Report:
    """`report` less what the baseline at `path` holds."""
    name = _name(report.path, path)
    known = baseline.get(name, frozenset())
    if not known:
        return report
    prints = fingerprints(report, name)
    kept = tuple(finding for finding, each in zip(report.findings, prints, strict=True) if each not in known)
    return replace(report, findings=kept, silenced=report.silenced + len(report.findings) - len(kept))


def _name(file: str, baseline: Path) -> str:
    return file if "://" in file else Path(os.path.relpath(file, baseline.parent)).as_posix()
