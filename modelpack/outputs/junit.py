"""Reports -> JUnit XML: a test suite for each file, a test that fails for each problem."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from modelpack.findings import Finding, Report, Severity
from modelpack.outputs.places import spot, words

__all__ = ["render"]

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(reports: Sequence[Report]) -> str:
    """A file without problems is a test that passes; a note is one too, with what it says as its output."""
    top = Element("testsuites", {"name": "modelpack", **_counts(reports)})
    for report in reports:
        suite = SubElement(top, "testsuite", {"name": _clean(report.path), **_counts([report])})
        for finding in report.findings:
            _case(suite, report, finding)
        if not report.findings:
            SubElement(suite, "testcase", name="modelpack", classname=_clean(report.path), time="0")
    ElementTree.indent(top)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ElementTree.tostring(top, encoding="unicode")}\n'


def _case(suite: Element, report: Report, finding: Finding) -> None:
    where, problem = spot(report, finding), finding.problem
    name = problem.code if where.line is None else f"{problem.code} {where.line}:{where.column}"
    case = SubElement(suite, "testcase", name=name, classname=_clean(report.path), time="0")
    if finding.severity is Severity.NOTE:
        SubElement(case, "system-out").text = _clean(words(problem))
        return
    first = _clean(words(problem).partition("\n")[0])
    told = SubElement(case, "failure", type=finding.severity.value, message=first)
    told.text = _clean(str(problem))


def _counts(reports: Sequence[Report]) -> dict[str, str]:
    failures = sum(each.severity is not Severity.NOTE for report in reports for each in report.findings)
    tests = sum(max(len(report.findings), 1) for report in reports)
    return {"tests": str(tests), "failures": str(failures), "errors": "0", "time": "0"}


def _clean(text: str) -> str:
    """`text` without what XML can't hold in any way."""
    return _NOT_XML.sub("", text)
