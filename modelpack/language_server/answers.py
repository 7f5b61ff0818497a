"""What the functions of a text say -> the protocol's types, in the editor's units."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lsprotocol import types

from modelpack.findings import Finding, Severity
from modelpack.language_server.actions import Action, actions
from modelpack.language_server.bodies import Body, Outline
from modelpack.language_server.completion import Completion
from modelpack.language_server.hover import Hover
from modelpack.language_server.knowledge import type_text
from modelpack.language_server.navigation import Edit
from modelpack.language_server.texts import Text
from modelpack.language_server.tree import Entry, end_of
from modelpack.layers import BUILTIN

__all__ = [
    "code_actions",
    "completion_list",
    "diagnostics",
    "documented",
    "edits",
    "hover_answer",
    "outline_of",
    "range_of",
]

SOURCE = "modelpack"

_SEVERITIES = {
    Severity.ERROR: types.DiagnosticSeverity.Error,
    Severity.WARNING: types.DiagnosticSeverity.Warning,
    Severity.NOTE: types.DiagnosticSeverity.Information,
}
_KINDS = {
    "type": types.CompletionItemKind.Class,
    "setting": types.CompletionItemKind.Property,
    "keyword": types.CompletionItemKind.Keyword,
    "reference": types.CompletionItemKind.Variable,
    "value": types.CompletionItemKind.Value,
    "block": types.CompletionItemKind.Module,
    "argument": types.CompletionItemKind.Constant,
    "dimension": types.CompletionItemKind.Constant,
    "port": types.CompletionItemKind.Field,
}


def range_of(text: Text, start: int, end: int) -> types.Range:
    """From offset to offset."""
    return types.Range(types.Position(*text.position(start)), types.Position(*text.position(end)))


# -------------------------------------------------------------------------------------------------- diagnostics


def diagnostics(text: Text, findings: Iterable[Finding], file: str) -> list[types.Diagnostic]:
    """Findings where they are; what another file has is told at the beginning of this one."""
    return [_diagnostic(text, each, file) for each in findings]


def _diagnostic(text: Text, finding: Finding, file: str) -> types.Diagnostic:
    problem = finding.problem
    place = problem.place
    elsewhere = place is not None and place.file != file
    start = text.at(place.line, place.column) if place and not elsewhere else 0
    end = text.at(place.line, finding.end_column) if place and finding.end_column and not elsewhere else start
    told = f"{place}: {problem.message}" if elsewhere else problem.message
    return types.Diagnostic(
        range=range_of(text, start, max(start, end)),
        message=f"{told}\nhint: {problem.hint}" if problem.hint else told,
        severity=_SEVERITIES[finding.severity],
        code=problem.code,
        source=SOURCE,
    )


def code_actions(text: Text, uri: str, found: Iterable[types.Diagnostic]) -> Iterator[types.CodeAction]:
    """What may be done about diagnostics of this server."""
    for each in found:
        if each.source == SOURCE and isinstance(each.code, str):
            offset = text.offset((each.range.start.line, each.range.start.character))
            for action in actions(text, each.code, each.message, offset):
                yield _code_action(text, uri, each, action)


def _code_action(text: Text, uri: str, about: types.Diagnostic, action: Action) -> types.CodeAction:
    return types.CodeAction(
        title=action.title,
        kind=types.CodeActionKind.QuickFix,
        diagnostics=[about],
        is_preferred=action.is_preferred,
        edit=types.WorkspaceEdit(changes={uri: edits(text, [action.edit])}),
    )


# ------------------------------------------------------------------------------------------------ small answers


def edits(text: Text, found: Iterable[Edit]) -> list[types.TextEdit]:
    return [types.TextEdit(range_of(text, each.start, each.end), each.text) for each in found]


def hover_answer(text: Text, found: Hover) -> types.Hover:
    markdown = types.MarkupContent(types.MarkupKind.Markdown, found.markdown)
    return types.Hover(markdown, range_of(text, found.start, found.end))


def completion_list(text: Text, found: list[Completion], *, with_snippets: bool) -> types.CompletionList:
    """Completions that all stand in place of the same word."""
    if not found:
        return types.CompletionList(is_incomplete=False, items=[])
    span = range_of(text, found[0].start, found[0].end)
    items = [_item(each, span, with_snippets=with_snippets) for each in found]
    return types.CompletionList(is_incomplete=False, items=items)


def _item(each: Completion, span: types.Range, *, with_snippets: bool) -> types.CompletionItem:
    proposal = each.proposal
    return types.CompletionItem(
        label=proposal.word,
        kind=_KINDS[proposal.sort],
        detail=proposal.note or None,
        sort_text=f"{proposal.rank:04d}{proposal.word}",
        filter_text=proposal.word,
        insert_text_format=types.InsertTextFormat.Snippet if with_snippets else None,
        text_edit=types.TextEdit(span, each.snippet if with_snippets else each.text),
        data=proposal.word if proposal.sort == "type" else None,
    )


def documented(item: types.CompletionItem) -> types.CompletionItem:
    """The item of a layer type with its documentation, which isn't sent for all types at once."""
    kind = BUILTIN.get(item.data) if isinstance(item.data, str) else None
    if kind is not None:
        item.documentation = types.MarkupContent(types.MarkupKind.Markdown, type_text(kind))
    return item


# ------------------------------------------------------------------------------------------------------ symbols


def outline_of(text: Text, told: Outline) -> list[types.DocumentSymbol]:
    """Imports, blocks and the network's own inputs, tensors and layers, in the order in which they stand."""
    found = [_symbol(text, entry, types.SymbolKind.Package) for entry in told.imports.values()]
    for name, body in told.bodies.items():
        below = _in_body(text, body)
        if body.key is None:
            found += below
        else:
            symbol = _symbol(text, Entry(body.key, body.value), types.SymbolKind.Class)
            found.append(
                types.DocumentSymbol(name, symbol.kind, symbol.range, symbol.selection_range, children=below)
            )
    return sorted(found, key=lambda each: (each.range.start.line, each.range.start.character))


def _in_body(text: Text, body: Body) -> list[types.DocumentSymbol]:
    found = [_symbol(text, each, types.SymbolKind.Constant) for each in body.arguments.values()]
    found += [_symbol(text, each, types.SymbolKind.Variable) for each in body.inputs.values()]
    found += [_symbol(text, each, types.SymbolKind.Field) for each in body.tensors.values()]
    for node in body.nodes.values():
        does = f"{node.does} {node.target}".strip()
        found.append(_symbol(text, Entry(node.key, node.value), types.SymbolKind.Function, does))
    return found


def _symbol(text: Text, entry: Entry, kind: types.SymbolKind, detail: str = "") -> types.DocumentSymbol:
    whole = range_of(text, entry.key.start, max(entry.key.end, end_of(entry.value)))
    return types.DocumentSymbol(
        name=entry.key.value,
        kind=kind,
        range=whole,
        selection_range=range_of(text, entry.key.start, entry.key.end),
        detail=detail or None,
    )
