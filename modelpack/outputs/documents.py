"""Reports -> JSON: a list with a document for each file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from modelpack.findings import Finding, Report, Severity

__all__ = ["render"]


def render(reports: Sequence[Report]) -> str:
    """`path`, whether it is `sound`, and its `problems`: code, message, place, path and hint, severity and where it ends."""
    documents = [
        {
            "path": report.path,
            "sound": report.summary is not None and not any(map(_is_error, report.findings)),
            "problems": [_problem(finding) for finding in report.findings],
        }
        for report in reports
    ]
    return json.dumps(documents, indent=2) + "\n"


def _is_error(finding: Finding) -> bool:
    return finding.severity is Severity.ERROR


def _problem(finding: Finding) -> dict[str, Any]:
    return {
        **asdict(finding.problem),
        "severity": finding.severity.value,
        "end_column": finding.end_column,
    }
