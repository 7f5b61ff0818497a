"""The texts that an editor has open, as they are now."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from lsprotocol import types
from pygls.uris import to_fs_path, urlparse

from modelpack.files import ARCHITECTURE
from modelpack.language_server.texts import Change, Text, changed, text_of

__all__ = ["Document", "after", "opened", "pack_text"]

_ARCHITECTURE = re.compile(r"^(?:modelpack|'modelpack'|\"modelpack\")[ \t]*:", re.MULTILINE)
_BEGINNING = 1 << 16
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


@dataclass(frozen=True, slots=True)
class Document:
    """An open text in one version."""

    uri: str
    file: str
    """what problems call it; where imports count from"""
    language: str
    version: int
    text: Text

    @property
    def is_architecture(self) -> bool:
        """Whether it is one of ours: the editor says so, or it is YAML with the key `modelpack` near its beginning."""
        if self.language == "modelpack":
            return True
        is_yaml = self.language == "yaml" or self.file.endswith((".yaml", ".yml"))
        return is_yaml and _ARCHITECTURE.search(self.text.text, 0, _BEGINNING) is not None


def opened(item: types.TextDocumentItem, encoding: str) -> Document:
    """The document that an editor has opened."""
    return Document(item.uri, _file(item.uri), item.language_id, item.version, text_of(item.text, encoding))


def after(document: Document, params: types.DidChangeTextDocumentParams) -> Document:
    """The document after some edits, one after the other."""
    text = document.text
    for each in params.content_changes:
        if isinstance(each, types.TextDocumentContentChangePartial):
            start, end = each.range.start, each.range.end
            text = changed(text, Change(each.text, (start.line, start.character), (end.line, end.character)))
        else:
            text = changed(text, Change(each.text))
    return replace(document, text=text, version=params.text_document.version)


def pack_text(document: Document, pack: str) -> str | None:
    """The URI of the architecture in the pack that `document` imports from `pack`; None of one that isn't a folder with one."""
    if (
        not document.uri.startswith("file:")
        or _SCHEME.match(pack)
        or Path(pack).is_absolute()
        or "\0" in pack
    ):
        return None
    path = Path(document.file).parent / pack / ARCHITECTURE
    return path.resolve().as_uri() if path.is_file() else None


def _file(uri: str) -> str:
    """The path of a file; of what isn't one (yet), a path that leads nowhere, so that imports lead nowhere either."""
    scheme, _, path, *_ = urlparse(uri)
    if scheme == "file":
        return to_fs_path(uri) or path
    return f"{scheme or 'text'}:/{path.rpartition('/')[2]}"
