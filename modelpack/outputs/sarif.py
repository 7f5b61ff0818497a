"""Reports -> SARIF 2.1.0, the format of results of static analysis (OASIS), as code scanning services take it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

from modelpack import __version__
from modelpack.errors import CODES
from modelpack.findings import Finding, Report, Severity
from modelpack.outputs.places import fingerprints, spot, words

__all__ = ["SCHEMA", "render"]

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_HELP = "urn:modelpack:error:"
"""What a code's page is called: with the code behind it the name of a heading in spec/errors.md."""
_FINGERPRINT = "modelpack/v1"


def render(reports: Sequence[Report]) -> str:
    """One run, its rules those that were broken, in order of their codes."""
    used = sorted({finding.problem.code for report in reports for finding in report.findings})
    severities = {finding.problem.code: finding.severity for each in reports for finding in each.findings}
    indices = {code: index for index, code in enumerate(used)}
    run = {
        "tool": {
            "driver": {
                "name": "modelpack",
                "version": __version__,
                "rules": [_rule(code, severities[code]) for code in used],
            }
        },
        "columnKind": "unicodeCodePoints",
        "invocations": [{"executionSuccessful": True}],
        "results": [result for report in reports for result in _results(report, indices)],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rule(code: str, severity: Severity) -> dict[str, Any]:
    return {
        "id": code,
        "shortDescription": {"text": CODES[code]},
        "helpUri": f"{_HELP}{code}",
        "help": {"text": f"`modelpack explain {code}` tells what it means and what to do about it."},
        "defaultConfiguration": {"level": severity.value},
    }


def _results(report: Report, indices: dict[str, int]) -> Iterator[dict[str, Any]]:
    for finding, fingerprint in zip(report.findings, fingerprints(report), strict=True):
        yield {
            "ruleId": finding.problem.code,
            "ruleIndex": indices[finding.problem.code],
            "level": finding.severity.value,
            "message": {"text": words(finding.problem)},
            "locations": [{"physicalLocation": _location(report, finding)}],
            "partialFingerprints": {_FINGERPRINT: fingerprint},
        }


def _location(report: Report, finding: Finding) -> dict[str, Any]:
    where = spot(report, finding)
    location: dict[str, Any] = {"artifactLocation": {"uri": _uri(where.file)}}
    if where.line is not None:
        region = {"startLine": where.line, "startColumn": where.column, "endColumn": where.end_column}
        location["region"] = {key: value for key, value in region.items() if value is not None}
    return location


def _uri(path: str) -> str:
    if "://" in path:
        return quote(path, safe="/:?#[]@!$&'()*+,;=%~")
    encoded = quote(os.fsencode(os.path.normpath(path)).replace(os.sep.encode(), b"/"))
    return f"file://{encoded}" if os.path.isabs(path) else encoded
