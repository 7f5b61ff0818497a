"""The text of an architecture -> Findings: read, checked, and where it is sound linted; comments may silence some."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from modelpack.checker import check_draft
from modelpack.errors import ArchitectureError, ModelpackError, Problem, raise_if_any
from modelpack.examining.comments import LINE_BREAK, ignored_codes
from modelpack.examining.extent import end_column
from modelpack.findings import Finding, Severity
from modelpack.lint import RULES, Budgets, Subject, lint
from modelpack.network import Network
from modelpack.reader import read_draft

__all__ = ["Examined", "examine_text", "examined_text", "findings_of"]

NO_BUDGETS = Budgets()

_LONGEST_LINE = 2000
"""Nobody reads more, and each finding carries its line."""


@dataclass(frozen=True, slots=True)
class Examined:
    """What a text is: its network where it is sound, and what was found."""

    network: Network | None
    findings: list[Finding]
    alone: bool
    """whether the text imports nothing, so that nothing else counts"""


def examine_text(text: bytes, file: str, budgets: Budgets = NO_BUDGETS) -> list[Finding]:
    """All that is wrong with `text`, an architecture that lies, or will lie, at the path `file`; in order of place.

    Never raises for what a text says. Packs that it imports are opened, at paths that count from `file`'s folder, and closed.
    """
    return examined_text(text, file, budgets).findings


def examined_text(text: bytes, file: str, budgets: Budgets = NO_BUDGETS) -> Examined:
    """As `examine_text`, with the network."""
    network: Network | None = None
    alone = True
    try:
        draft = read_draft(text, file)
        alone = not draft.architecture.imports
        if alone:
            network = check_draft(draft)
            problems = lint(Subject(network, budgets=budgets))
        else:
            raise_if_any(draft.problems, ArchitectureError)
            network, problems = _composed(text, file, budgets)
    except ModelpackError as error:
        problems = error.problems
    except OSError as error:  # of a pack that is imported
        problems = (Problem("MP501", error.strerror or str(error), path=error.filename or file),)
    return Examined(network, findings_of(problems, text, file), alone)


def findings_of(problems: Iterable[Problem], text: bytes, file: str) -> list[Finding]:
    """`problems` with their default severities, those in `text` (which they call `file`) with its lines; without those that
    comments in it silence.
    """
    return list(_audible(list(_located(problems, text, file)), text, file))


def _located(problems: Iterable[Problem], text: bytes, file: str) -> Iterator[Finding]:
    lines: list[str] | None = None
    for problem in problems:
        place = problem.place
        severity = RULES[problem.code].severity if problem.code in RULES else Severity.ERROR
        if place is None or place.file != file:
            yield Finding(problem, severity)
            continue
        if lines is None:
            lines = LINE_BREAK.split(text.decode(errors="replace"))
        line = lines[place.line - 1] if place.line <= len(lines) else ""
        shown = line if len(line) <= _LONGEST_LINE else None
        yield Finding(problem, severity, shown, end_column(line, place.column))


def _composed(text: bytes, file: str, budgets: Budgets) -> tuple[Network, list[Problem]]:
    from modelpack.composing import compose  # only what imports packs pays for it

    with compose(Path(file), text=text) as composed:
        network = composed.linked.network
        return network, lint(Subject(network, budgets=budgets, written=composed.architecture))


def _audible(findings: Sequence[Finding], text: bytes, file: str) -> Iterator[Finding]:
    """Those that no comment on their line silences."""
    places = [finding.problem.place for finding in findings]
    numbers = [place.line if place and place.file == file else 0 for place in places]
    ignored = ignored_codes(text, set(numbers) - {0})
    for finding, number in zip(findings, numbers, strict=True):
        if not finding.problem.code.startswith(ignored.get(number, ())):
            yield finding
