"""Where a mapping is in the document -> the order of its keys. What is named by the author keeps the author's order."""

from __future__ import annotations

from collections.abc import Collection

from modelpack.layout import KEYS, Path

__all__ = ["ordered"]

_REST = ""
"""Where in an order all other keys stand; no key is empty that means something."""

_BODY = (*KEYS, _REST)
_LAYER = (
    *(_REST, "call", "use", "with", "take", "outputs", "rename", "reset", "shared"),
    *("repeat", "from", "inputs", "frozen", "init", "when"),
)
"""First what the layer does, which is its type where no other key says so."""
_TENSOR = ("shape", "dtype", "persistent", "frozen", "init", _REST)
_INPUT = ("dtype", "shape", _REST)
_IMPORT = ("pack", "digest", _REST)
_ARGUMENT = ("type", "default", _REST)


def ordered(keys: Collection[str], path: Path) -> list[str]:
    """The keys of the mapping at `path`, in canonical order."""
    ranks = {key: rank for rank, key in enumerate(_order(path))}
    return sorted(keys, key=lambda key: ranks.get(key, ranks[_REST]))


def _order(path: Path) -> tuple[str, ...]:
    in_block = path[:1] == ("blocks",) and len(path) > 1
    match path[2:] if in_block else path:
        case ():
            return _BODY
        case ("layers", _):
            return _LAYER
        case ("parameters" | "buffers", _):
            return _TENSOR
        case ("inputs", _, *_):
            return _INPUT
        case ("imports", _):
            return _IMPORT
        case ("arguments", _):
            return _ARGUMENT
        case _:
            return (_REST,)
