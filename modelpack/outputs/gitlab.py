"""Reports -> the Code Quality report of GitLab: a JSON list of violations."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any

from modelpack.findings import Finding, Report, Severity
from modelpack.outputs.places import fingerprints, spot, words

__all__ = ["render"]

_SEVERITIES = {Severity.ERROR: "major", Severity.WARNING: "minor", Severity.NOTE: "info"}


def render(reports: Sequence[Report]) -> str:
    """Paths count from the current directory, which in a job is the repository's."""
    violations = [
        _violation(report, finding, fingerprint)
        for report in reports
        for finding, fingerprint in zip(report.findings, fingerprints(report), strict=True)
    ]
    return json.dumps(violations, indent=2) + "\n"


def _violation(report: Report, finding: Finding, fingerprint: str) -> dict[str, Any]:
    where = spot(report, finding)
    return {
        "description": words(finding.problem),
        "check_name": finding.problem.code,
        "fingerprint": fingerprint,
        "severity": _SEVERITIES[finding.severity],
        # What is about the file as a whole is shown at its first line: there must be one.
        "location": {"path": _path(where.file), "lines": {"begin": where.line or 1}},
    }


def _path(file: str) -> str:
    if "://" in file:
        return file
    relative = os.path.relpath(file)
    return file if relative.startswith(os.pardir) else relative
