"""Text -> the edit that formats it: only what changes, so that the cursor stays where it is."""

from __future__ import annotations

from modelpack.errors import ArchitectureError
from modelpack.language_server.navigation import Edit
from modelpack.language_server.texts import Text

__all__ = ["tidied"]


def tidied(text: Text) -> list[Edit]:
    """The edits that make `text` its own formatted form: none if it is that, or can't be read."""
    from modelpack.formatting import format_text  # whoever never formats has no use for it

    before = text.text
    try:
        after = format_text(before)
    except ArchitectureError:
        return []
    if after == before:
        return []
    start = _common(before, after)
    same = _common(before[start:][::-1], after[start:][::-1])
    return [Edit(start, len(before) - same, after[start : len(after) - same])]


def _common(first: str, second: str) -> int:
    """With how many characters both begin."""
    pairs = zip(first, second, strict=False)
    return next((at for at, (one, other) in enumerate(pairs) if one != other), min(len(first), len(second)))
