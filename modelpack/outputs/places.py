"""A finding -> the file and line that a program can open, and what it is told by across runs."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import blake3

from modelpack.errors import Problem, printable
from modelpack.findings import Finding, Report

__all__ = ["Spot", "fingerprints", "spot", "words"]


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a finding is shown. Without a line the file as a whole is meant."""

    file: str
    line: int | None = None
    column: int | None = None
    end_column: int | None = None


def spot(report: Report, finding: Finding) -> Spot:
    """Where `finding` of `report` is shown: the text inside of a pack that is one file can't be opened, so it is the pack."""
    place = finding.problem.place
    if place is None or (place.file.startswith(f"{report.path}/") and not os.path.isdir(report.path)):
        return Spot(report.path)
    end = finding.end_column
    return Spot(place.file, place.line, place.column, max(end, place.column + 1) if end else None)


def words(problem: Problem) -> str:
    """Path, message and hint, nothing in it that steers a terminal."""
    what = f"{printable(problem.path)}: " if problem.path else ""
    hint = ["hint: " + "\n".join(problem.lines(problem.hint))] if problem.hint else []
    return "\n".join([what + "\n".join(problem.lines(problem.message)), *hint])


def fingerprints(report: Report, path: str | None = None) -> Sequence[str]:
    """For each finding of `report` what it is known by in other versions of the file: its code, its path inside the document and
    the text of its line, not the line's number. Equal ones are numbered. `path`: what the file is called, if not as here.
    """
    counts: Counter[str] = Counter()
    found: list[str] = []
    for finding in report.findings:
        problem = finding.problem
        # What a message says may hold numbers of lines.
        text = problem.message if finding.line is None else finding.line.strip()
        parts = (report.path if path is None else path, problem.code, problem.path, text)
        data = "\0".join(parts).encode("utf-8", "surrogatepass")
        digest = blake3.blake3(data).hexdigest()[:32]
        counts[digest] += 1
        found.append(f"{digest}:{counts[digest]}")
    return found
