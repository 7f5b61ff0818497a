"""Reports -> lines for people: place, code and message, the line of the file with a mark under what is meant, and a hint."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from modelpack.errors import printable
from modelpack.findings import Finding, Report, Severity

__all__ = ["render", "summary_line"]

_RED, _YELLOW, _BLUE, _BOLD, _FAINT, _END = (f"\x1b[{each}m" for each in (31, 33, 34, 1, 2, 0))
_COLOURS = {Severity.ERROR: _RED, Severity.WARNING: _YELLOW, Severity.NOTE: _BLUE}
_WIDEST = 120
_BEFORE = 60
"""characters of a long line that are shown before what is meant"""


def render(reports: Sequence[Report], *, colour: bool = False, quiet: bool = False) -> str:
    """What there is to say of each report in turn, and the sum. `quiet`: nothing but the problems."""
    lines = [line for report in reports for line in _report(report, colour, quiet)]
    if not quiet and any(report.findings for report in reports):
        lines.append(summary_line(reports))
    return "".join(f"{line}\n" for line in lines)


def summary_line(reports: Sequence[Report]) -> str:
    """`2 errors, 1 warning in 3 files`; notes where there are any."""
    counts = Counter(finding.severity for report in reports for finding in report.findings)
    told = [
        _number(counts[severity], severity.value)
        for severity in Severity
        if counts[severity] or severity is not Severity.NOTE
    ]
    return f"{', '.join(told)} in {_number(len(reports), 'file')}"


def _report(report: Report, colour: bool, quiet: bool) -> Iterator[str]:
    for finding in report.findings:
        yield from _finding(report.path, finding, colour)
    if quiet:
        return
    shown = printable(report.path)
    wrong = any(finding.severity is Severity.ERROR for finding in report.findings)
    if report.summary is not None and not wrong:
        yield f"{shown}: sound ({printable(report.summary)})"
    elif report.silenced and not report.findings:
        yield f"{shown}: nothing new ({_number(report.silenced, 'problem')} silenced)"


def _finding(file: str, finding: Finding, colour: bool) -> Iterator[str]:
    problem, severity = finding.problem, finding.severity
    where = f"{problem.place or file}: " if problem.place or file else ""
    # A pack that can't be opened is itself what the problem is about.
    whole = problem.place is None and problem.path in (file, Path(file).name)
    what = f"{printable(problem.path)}: " if problem.path and not whole else ""
    kind = "" if severity is Severity.ERROR else f" {severity.value}:"
    message = problem.lines(problem.message)
    code = _painted(problem.code, _COLOURS[severity] + _BOLD, colour)
    yield f"{_painted(printable(where), _BOLD, colour)}{code}{kind} {what}{message[0]}"
    yield from message[1:]
    if problem.place is not None and finding.line is not None:
        yield from _excerpt(problem.place.line, problem.place.column, finding, colour)
    if problem.hint:
        first, *more = problem.lines(problem.hint)
        yield f"    hint: {first}"
        yield from more


def _excerpt(number: int, column: int, finding: Finding, colour: bool) -> Iterator[str]:
    """The line, and below it a mark from `column` to where the finding ends; of a long line the part around it."""
    line = (finding.line or "").replace("\t", " ")
    start = max(column - 1 - _BEFORE, 0) if len(line) > _WIDEST else 0
    cut = line[start : start + _WIDEST]
    before, after = "…" * (start > 0), "…" * (start + _WIDEST < len(line))
    end = min(max(finding.end_column or 0, column + 1) - 1 - start, len(cut))
    gutter = f"{number:>5} | "
    marked = cut[column - 1 - start : end]
    blank = " " * (len(before) + _width(cut[: column - 1 - start]))
    mark = _painted("^" * max(_width(marked), 1), _COLOURS[finding.severity], colour)
    yield f"{_painted(gutter, _FAINT, colour)}{before}{printable(cut)}{after}"
    yield f"{_painted(' ' * (len(gutter) - 2) + '| ', _FAINT, colour)}{blank}{mark}"


def _width(text: str) -> int:
    """How many columns of a terminal `text` takes as it is shown."""
    return sum(
        0 if unicodedata.combining(each) else 1 + (unicodedata.east_asian_width(each) in "WF")
        for each in printable(text)
    )


def _painted(text: str, style: str, colour: bool) -> str:
    return f"{style}{text}{_END}" if colour and text else text


def _number(count: int, thing: str) -> str:
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"
