"""The text of an architecture -> Findings: read, checked, and where it is sound linted; comments may silence some."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from modelpack.checker import check_draft
from modelpack.errors import ArchitectureError, ModelpackError, Problem, raise_if_any
from modelpack.examining.extent import end_column
from modelpack.findings import Finding, Severity
from modelpack.lint import RULES, Budgets, Subject, lint
from modelpack.lint.comments import LINE_BREAK, Comments
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
    comments = Comments(text)
    try:
        draft = read_draft(text, file)
        alone = not draft.architecture.imports
        if alone:
            network = check_draft(draft)
            problems = lint(Subject(network, budgets=budgets, comments=comments))
        else:
            raise_if_any(draft.problems, ArchitectureError)
            network, problems = _composed(text, file, budgets, comments)
    except ModelpackError as error:
        problems = error.problems
    except OSError as error:  # of a pack that is imported
        problems = (Problem("MP501", error.strerror or str(error), path=error.filename or file),)
    return Examined(network, findings_of(problems, comments, file), alone)


def findings_of(problems: Iterable[Problem], comments: Comments, file: str) -> list[Finding]:
    """`problems` with their default severities, those in the text of `comments` (which they call `file`) with its lines; without
    those that the comments silence.
    """
    return [each for each in _located(problems, comments.text, file) if not _silent(each, comments, file)]


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


def _composed(text: bytes, file: str, budgets: Budgets, comments: Comments) -> tuple[Network, list[Problem]]:
    from modelpack.composing import compose  # only what imports packs pays for it

    with compose(Path(file), text=text) as composed:
        network = composed.linked.network
        subject = Subject(network, budgets=budgets, written=composed.architecture, comments=comments)
        return network, lint(subject)


def _silent(finding: Finding, comments: Comments, file: str) -> bool:
    """Whether a comment on its line silences it."""
    place = finding.problem.place
    return place is not None and place.file == file and comments.silence(place.line, finding.problem.code)
