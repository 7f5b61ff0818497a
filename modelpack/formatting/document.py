"""Text -> document and notes -> text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from modelpack import source
from modelpack.characters import checked_utf8
from modelpack.formatting.attaching import Notes, attach
from modelpack.formatting.marks import find_marks
from modelpack.formatting.order import ordered
from modelpack.layout import Note, Path, Tree, lay_out, number, plain_word, word

__all__ = ["format_text", "rewritten"]


def format_text(text: str | bytes, file: str = "<text>") -> str:
    """`text` in the canonical layout, with all of its comments. It means the same, and formatted again it stays as it is.

    Raises:
        ArchitectureError: with every problem of the text as YAML (1xx).
    """
    return rewritten(text, file, _same)


def rewritten(text: str | bytes, file: str, change: Callable[[source.Value], source.Value]) -> str:
    """What `change` makes of the document, in the canonical layout. The comments go with the values beside which they are; to the
    end where `change` drops those.

    Raises:
        ArchitectureError: with every problem of the text as YAML (1xx), and what `change` raises.
    """
    data = checked_utf8(text, file, source.DEFAULT_LIMITS.bytes)
    unified = data.decode().replace("\r\n", "\n").replace("\r", "\n")
    document = source.parse(unified, file)
    notes = attach(document, find_marks(unified))
    changed = change(document)
    if document in notes:
        notes[changed] = notes.pop(document)  # what is around the whole stays there
    placed: dict[Path, Note] = {}
    tree = _tree(changed, (), notes, placed)
    if notes:
        root = placed.get((), Note())
        placed[()] = replace(root, end=(*root.end, *_comments(notes)))
    return lay_out(tree, placed)


def _same(document: source.Value) -> source.Value:
    return document


def _tree(value: source.Value, path: Path, notes: Notes, placed: dict[Path, Note]) -> Tree:
    """`value` as texts in their order; its notes go from `notes` to `placed`."""
    if (note := notes.pop(value, None)) is not None:
        placed[path] = note
    if isinstance(value, source.Mapping):
        keys = ordered(value.entries, path)
        return {key: _tree(value.entries[key], (*path, key), notes, placed) for key in keys}
    if isinstance(value, source.Sequence):
        return [_tree(item, (*path, at), notes, placed) for at, item in enumerate(value.items)]
    if not isinstance(value.value, str):
        return number(value.value)
    return plain_word(value.value) if value.plain else word(value.value)


def _comments(notes: Notes) -> list[str]:
    """All that notes hold."""
    texts = [text for note in notes.values() for text in (*note.before, note.trailing, *note.end)]
    return [text for text in texts if text]
