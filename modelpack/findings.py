"""A problem with how much it weighs, and the line of text that it stands in: what every output of `check` is made of."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from modelpack.errors import Problem

__all__ = ["Finding", "Report", "Severity"]


class Severity(StrEnum):
    """An error makes a file unusable, a warning is a likely mistake, a note is advice: only a note lets `check` end with 0."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem as it is told."""

    problem: Problem
    severity: Severity
    line: str | None = None
    """the line of text that `problem.place` names, without its end; None where there is no text"""
    end_column: int | None = None
    """where what is meant ends on that line: the column behind its last character, from 1 as in `Place`"""


@dataclass(frozen=True, slots=True)
class Report:
    """What was found in one file or pack."""

    path: str
    findings: tuple[Finding, ...]
    """in order of place"""
    summary: str | None = None
    """how large the network is (`21 steps, 61,706 parameters`), where it is sound"""
    dimensions: tuple[str, ...] | None = None
    """the free ones of the network, where it is sound and the settings say sizes"""
    silenced: int = 0
    """how many more there are that settings or a baseline pass over"""
