"""Reports -> workflow commands, which GitHub shows beside the lines of a change."""

from __future__ import annotations

from collections.abc import Sequence

from modelpack.errors import printable
from modelpack.findings import Finding, Report, Severity
from modelpack.outputs.places import spot, words

__all__ = ["render"]

_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}


def render(reports: Sequence[Report]) -> str:
    """A line each finding."""
    return "".join(f"{_command(report, finding)}\n" for report in reports for finding in report.findings)


def _command(report: Report, finding: Finding) -> str:
    where = spot(report, finding)
    told = {
        "file": where.file,
        "line": where.line,
        "col": where.column,
        "endColumn": where.end_column,
        "title": f"modelpack {finding.problem.code}",
    }
    properties = ",".join(
        f"{key}={_property(printable(str(value)))}" for key, value in told.items() if value is not None
    )
    return f"::{_COMMANDS[finding.severity]} {properties}::{_data(words(finding.problem))}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
