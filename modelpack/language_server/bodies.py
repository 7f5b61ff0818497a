"""Tree -> the bodies of a document, as far as they are written: the network itself and each block, with what they declare."""

from __future__ import annotations

from collections.abc import Mapping as AbstractMapping
from dataclasses import dataclass
from functools import lru_cache

from modelpack.architecture import KEYWORDS
from modelpack.language_server.sketch import sketch
from modelpack.language_server.tree import Entry, Mapping, Value, Word

__all__ = ["Body", "Node", "Outline", "outline", "outlined"]


@dataclass(frozen=True, slots=True)
class Node:
    """A layer as it is written so far."""

    key: Word
    value: Value | None
    does: str
    """`use`, `call`, the name of a layer type, or nothing yet"""
    target: str
    """what is used or called"""
    is_repeated: bool

    def get(self, key: str) -> Value | None:
        return self.value.get(key) if isinstance(self.value, Mapping) else None


@dataclass(frozen=True, slots=True)
class Body:
    """The network itself, or a block: its entries by name, the first of each name."""

    key: Word | None
    value: Mapping | None
    inputs: AbstractMapping[str, Entry]
    tensors: AbstractMapping[str, Entry]
    arguments: AbstractMapping[str, Entry]
    nodes: AbstractMapping[str, Node]
    """in order"""

    def has(self, name: str) -> bool:
        """Whether an input, a tensor or a layer has this name."""
        return name in self.inputs or name in self.tensors or name in self.nodes


@dataclass(frozen=True, slots=True)
class Outline:
    """All bodies of a document by name, its own under the empty one, and its imports."""

    root: Value | None
    bodies: AbstractMapping[str, Body]
    imports: AbstractMapping[str, Entry]

    @property
    def blocks(self) -> list[str]:
        return [name for name in self.bodies if name]


@lru_cache(maxsize=8)
def outlined(text: str) -> Outline:
    """The outline of `text`, which may be broken."""
    return outline(sketch(text))


def outline(root: Value | None) -> Outline:
    """What the tree `root` declares."""
    bodies = {"": _body(None, root)}
    for name, entry in _entries(_get(root, "blocks")).items():
        bodies.setdefault(name, _body(entry.key, entry.value))
    return Outline(root, bodies, _entries(_get(root, "imports")))


def _body(key: Word | None, value: Value | None) -> Body:
    tensors = _entries(_get(value, "buffers")) | _entries(_get(value, "parameters"))
    nodes = {name: _node(entry) for name, entry in _entries(_get(value, "layers")).items()}
    return Body(
        key,
        value if isinstance(value, Mapping) else None,
        _entries(_get(value, "inputs")),
        tensors,
        _entries(_get(value, "arguments")),
        nodes,
    )


def _node(entry: Entry) -> Node:
    does, target = "", ""
    repeated = False
    for each in entry.value.entries if isinstance(entry.value, Mapping) else ():
        key = each.key.value
        repeated = repeated or key == "repeat"
        if does or (key in KEYWORDS and key not in ("use", "call")):
            continue
        does = key
        target = each.value.value if key in KEYWORDS and isinstance(each.value, Word) else ""
    return Node(entry.key, entry.value, does, target, repeated)


def _entries(value: Value | None) -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    for entry in value.entries if isinstance(value, Mapping) else ():
        if entry.key.value:
            found.setdefault(entry.key.value, entry)
    return found


def _get(value: Value | None, key: str) -> Value | None:
    return value.get(key) if isinstance(value, Mapping) else None
