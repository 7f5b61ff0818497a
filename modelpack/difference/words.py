"""Small turns of phrase of the report: several names, counts, whole modules."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise

from modelpack.difference.renames import counts_on
from modelpack.difference.views import prefixes
from modelpack.renames import roots

__all__ = ["count", "modules_of", "names_text", "some"]

_MOST_NAMES = 4


def count(number: int, what: str) -> str:
    """`1 tensor`, `1,024 tensors`."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def some(names: Sequence[str]) -> str:
    """The first few, and how many more there are."""
    shown = ", ".join(names[:_MOST_NAMES])
    return f"{shown}, … and {len(names) - _MOST_NAMES:,} more" if len(names) > _MOST_NAMES else shown


def names_text(names: Sequence[str]) -> str:
    """The same, where neighbours with numbers are a span."""
    if len(names) == 2:
        return f"{names[0]} and {names[1]}"
    span = len(names) > 2 and all(counts_on(before, after) for before, after in pairwise(names))
    return f"{names[0]} to {names[-1]}" if span else some(names)


def modules_of(names: Collection[str], every: Collection[str]) -> dict[str, list[str]]:
    """The fewest modules that hold `names` and nothing else of `every`, each with what it holds; "" is the network."""
    chosen = set(names)
    found: dict[str, list[str]] = {
        module: [] for module in roots(names, [name for name in every if name not in chosen])
    }
    for name in names:
        module = next(above for above in ("", *prefixes(name), name) if above in found)
        found[module].append(name)
    return found
