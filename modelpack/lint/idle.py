"""Comments that silence nothing: judged when all other rules have looked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from modelpack.errors import Problem
from modelpack.findings import Severity
from modelpack.lint import budgets
from modelpack.lint.comments import IDLE
from modelpack.lint.rule import MOST_OF_A_KIND, Rule
from modelpack.lint.subject import Subject

__all__ = ["RULES"]

_HINT = "remove it, or put it at the end of the line that is meant"


def unused_comment(subject: Subject) -> Iterator[Problem]:
    """A comment passes over a code of which nothing is told on its line: what it was for was mended, or it stands on another
    line than what it is for. It would hide the next of its kind. Told where the text is sound: before, not all is known.
    *Way out:* remove the comment, or the code from it, or put it at the end of the line that is meant;
    `# modelpack: ignore[MP806, …]` keeps it.

    ```yaml bad
    modelpack: 1
    name: net
    inputs:
      x: {dtype: float32, shape: [batch, 8]}
    layers:
      hidden: {Linear: {in_features: 8, out_features: 8}}
      dropout: {Dropout: {p: 0.1}}  # modelpack: ignore[MP822]
    ```

    ```yaml good
    modelpack: 1
    name: net
    inputs:
      x: {dtype: float32, shape: [batch, 8]}
    layers:
      hidden: {Linear: {in_features: 8, out_features: 8}}
      dropout: {Dropout: {p: 0.1}}
    ```
    """
    if subject.comments is None or not subject.comments.by_line:
        return
    counts = Counter(problem.code for problem in subject.found)
    more = [code for code, count in counts.items() if count >= MOST_OF_A_KIND]  # perhaps there, and not told
    told: dict[int, list[str]] = {}
    for problem in subject.found:
        if problem.place is not None:
            told.setdefault(problem.place.line, []).append(problem.code)
    for line, silencings in subject.comments.by_line.items():
        known = (*told.get(line, ()), *more, *_unasked(subject, line))
        for each in silencings:
            if each.code != IDLE and not any(code.startswith(each.code) for code in known):
                message = f"nothing is told on this line that {each.code} would pass over"
                yield subject.problem(IDLE, message, (line, each.column), hint=_HINT)


def _unasked(subject: Subject, line: int) -> tuple[str, ...]:
    """What may be told on this line under other settings: where a network goes beyond budgets, if there are any."""
    place, all_told = subject.network.architecture.main.place, subject.budgets
    if place is None or place[0] != line:
        return ()
    given = (all_told.max_parameters, all_told.max_flops, all_told.max_memory)
    return tuple(rule.code for rule in budgets.RULES) if None in given else ()


RULES = (Rule(IDLE, Severity.NOTE, unused_comment),)
