"""Registry -> Markdown: what an editor shows of layer types, settings, initialisers and codes."""

from __future__ import annotations

from modelpack.errors import CODES
from modelpack.explanations import explanation
from modelpack.language_server.roles import BODY_KEYS, TOP_KEYS
from modelpack.layers.initial import INITIALISERS
from modelpack.schemas.words import NODE_WORDS, setting_text, type_summary, type_text

__all__ = ["KEYS", "NODE_KEYS", "code_text", "initialiser_text", "setting_text", "type_summary", "type_text"]

NODE_KEYS = {key: word.text for key, word in NODE_WORDS.items()}
"""The keys of a layer that are no type."""

KEYS = TOP_KEYS | BODY_KEYS
"""The keys of the document."""


def initialiser_text(name: str) -> str:
    arguments = INITIALISERS[name]
    told = "\n".join(f"- `{key}`: {kind.describe()}" for key, kind in arguments.items())
    return f"**{name}**, as `torch.nn.init.{name}_`\n\n{told or 'It has no arguments.'}"


def code_text(code: str) -> str | None:
    """What a code, or the beginning of codes, stands for; None where nothing has it."""
    if code in CODES:
        return f"**{code}**: {CODES[code]}\n\n{explanation(code)}"
    beginning = [each for each in CODES if each.startswith(code)]
    return f"**{code}**: all {len(beginning)} codes that begin so" if beginning else None
