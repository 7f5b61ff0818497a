"""The steps of one block in two modes -> pairs of those that are one step, in the order of both.

Layers and blocks bear the names of the model's modules, so they are found first; between two of them, operations are paired
one by one, as many as can be and rather those that are wholly equal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from difflib import SequenceMatcher

from modelpack.architecture import Apply, Call, Node

__all__ = ["Pair", "align", "module_name"]

Pair = tuple[Node | None, Node | None]
"""A step in eval and in train mode; None: not there."""

Likeness = Callable[[Node, Node], int]
"""How well two operations fit to be one step: 0 if not at all."""

_MOST_COMPARED = 250_000
"""Beyond that many pairs of operations between two modules, the quick way must do."""


def align(evaluation: Sequence[Node], training: Sequence[Node], likeness: Likeness) -> list[Pair]:
    """The steps of both, each once; layers and blocks of one name that follow one another alike are pairs."""
    pairs: list[Pair] = []
    first = second = 0
    for at, other in _modules_in_both(evaluation, training):
        pairs += _between(evaluation[first:at], training[second:other], likeness)
        pairs.append((evaluation[at], training[other]))
        first, second = at + 1, other + 1
    return pairs + _between(evaluation[first:], training[second:], likeness)


def module_name(node: Node) -> str | None:
    """The name of the module that a step makes; None for operations and calls."""
    if isinstance(node.action, Call) or (isinstance(node.action, Apply) and node.action.type.is_operation):
        return None
    return node.name


def _modules_in_both(evaluation: Sequence[Node], training: Sequence[Node]) -> Iterator[tuple[int, int]]:
    first, second = (
        [(at, key) for at, node in enumerate(nodes) if (key := _key(node))]
        for nodes in (evaluation, training)
    )
    keys = [key for _, key in first], [key for _, key in second]
    for at, other, count in SequenceMatcher(None, *keys, autojunk=False).get_matching_blocks():
        for step in range(count):
            yield first[at + step][0], second[other + step][0]


def _key(node: Node) -> tuple[str, str] | None:
    if isinstance(node.action, Call):
        return "call", node.action.target
    name = module_name(node)
    return ("module", name) if name is not None else None


def _between(evaluation: Sequence[Node], training: Sequence[Node], likeness: Likeness) -> list[Pair]:
    """Operations, and modules that only one mode has."""
    start, ends = 0, min(len(evaluation), len(training))
    while start < ends and likeness(evaluation[start], training[start]) == _EQUAL:
        start += 1
    stop = 0
    while stop < ends - start and likeness(evaluation[-1 - stop], training[-1 - stop]) == _EQUAL:
        stop += 1
    last, other = len(evaluation) - stop, len(training) - stop
    return [
        *zip(evaluation[:start], training[:start], strict=True),
        *_matched(evaluation[start:last], training[start:other], likeness),
        *zip(evaluation[last:], training[other:], strict=True),
    ]


_EQUAL = 4


def _matched(evaluation: Sequence[Node], training: Sequence[Node], likeness: Likeness) -> Iterator[Pair]:
    matches = _longest(evaluation, training, likeness)
    first = second = 0
    for at, other in [*matches, (len(evaluation), len(training))]:
        yield from ((node, None) for node in evaluation[first:at])
        yield from ((None, node) for node in training[second:other])
        if at < len(evaluation):
            yield evaluation[at], training[other]
        first, second = at + 1, other + 1


def _longest(
    evaluation: Sequence[Node], training: Sequence[Node], likeness: Likeness
) -> list[tuple[int, int]]:
    """The common subsequence of the greatest likeness."""
    if not evaluation or not training or len(evaluation) * len(training) > _MOST_COMPARED:
        return []
    best = [[0] * (len(training) + 1) for _ in range(len(evaluation) + 1)]
    for at in reversed(range(len(evaluation))):
        for other in reversed(range(len(training))):
            alike = likeness(evaluation[at], training[other])
            taken = alike + best[at + 1][other + 1] if alike else 0
            best[at][other] = max(taken, best[at + 1][other], best[at][other + 1])
    found: list[tuple[int, int]] = []
    at = other = 0
    while at < len(evaluation) and other < len(training):
        alike = likeness(evaluation[at], training[other])
        if alike and best[at][other] == alike + best[at + 1][other + 1]:
            found.append((at, other))
            at, other = at + 1, other + 1
        elif best[at][other] == best[at + 1][other]:
            at += 1
        else:
            other += 1
    return found
