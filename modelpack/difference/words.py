"""Small turns of phrase of the report: several names, counts, whole modules."""

from __future__ import annotations

from collections.abc import Collection, Sequence

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
    """The same, where neighbours with numbers are spans: `layer1.0 to layer1.3, fc`."""
    spans: list[list[str]] = []
    for name in names:
        if spans and counts_on(spans[-1][-1], name):
            spans[-1].append(name)
        else:
            spans.append([name])
    parts = [part for span in spans for part in ([f"{span[0]} to {span[-1]}"] if len(span) > 2 else span)]
    hidden = sum(map(len, spans[_MOST_NAMES:]))
    if len(parts) == 2 and not hidden:
        return " and ".join(parts)
    if len(spans) > _MOST_NAMES:
        parts = [f"{span[0]} to {span[-1]}" if len(span) > 1 else span[0] for span in spans[:_MOST_NAMES]]
    return ", ".join(parts) + (f", … and {hidden:,} more" if hidden else "")


def modules_of(names: Collection[str], every: Collection[str]) -> dict[str, list[str]]:
    """The fewest modules that hold `names` and nothing else of `every`, each with what it holds; "" is the network.
    A tensor that is alone stands for its module.
    """
    chosen = set(names)
    found: dict[str, list[str]] = {
        module: [] for module in roots(names, [name for name in every if name not in chosen])
    }
    for name in names:
        module = next(above for above in ("", *prefixes(name), name) if above in found)
        found[module].append(name)
    return {inside[0] if len(inside) == 1 else module: inside for module, inside in found.items()}
