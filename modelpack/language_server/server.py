"""The language server: requests of an editor -> answers; each asks the functions of a text."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer
from pygls.protocol.language_server import LanguageServerProtocol, lsp_method

from modelpack.language_server import answers
from modelpack.language_server.bodies import outlined
from modelpack.language_server.checking import Checked, Checks
from modelpack.language_server.completion import completions
from modelpack.language_server.documents import Document, after, opened, pack_text
from modelpack.language_server.hover import hover
from modelpack.language_server.navigation import CantRename, definition, imported, mention_at, rename, uses
from modelpack.language_server.symbols import Mention, Sort
from modelpack.language_server.texts import Text
from modelpack.language_server.tidying import tidied

__all__ = ["make_server"]

_TRIGGERS = ["{", "[", ",", ":", " ", "$", "."]
_T = TypeVar("_T")


class _Protocol(LanguageServerProtocol):
    """pygls keeps texts of its own. Its lines end where Python's do (at U+2028, say), not where the protocol's do, and it moves
    positions that lie beyond them: changes are left to `documents`.
    """

    @lsp_method(types.TEXT_DOCUMENT_DID_CHANGE)
    def lsp_text_document__did_change(
        self, params: types.DidChangeTextDocumentParams
    ) -> Generator[Any, Any, None]:
        yield self.fm.features[types.TEXT_DOCUMENT_DID_CHANGE], (params,), None


class _Refused(JsonRpcException):
    """A request that can't be granted, with the reason for whoever asked."""

    CODE = types.LSPErrorCodes.RequestFailed


class _Faults(logging.Filter):
    """Refusals are answers: they don't belong into the log, where pygls puts all exceptions with where they came from."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not (record.exc_info and isinstance(record.exc_info[1], _Refused))


def make_server(version: str) -> LanguageServer:
    """A server that isn't running yet; `start_io()` runs it until its client ends it."""
    server = LanguageServer("modelpack", version, protocol_cls=_Protocol)
    session = _Session(server)
    logging.getLogger("pygls.protocol.json_rpc").addFilter(_Faults())
    completing = types.CompletionOptions(trigger_characters=_TRIGGERS, resolve_provider=True)
    fixing = types.CodeActionOptions(code_action_kinds=[types.CodeActionKind.QuickFix])
    for name, answer, options in (
        (types.TEXT_DOCUMENT_DID_OPEN, session.did_open, None),
        (types.TEXT_DOCUMENT_DID_CHANGE, session.did_change, None),
        (types.TEXT_DOCUMENT_DID_SAVE, session.did_save, None),
        (types.TEXT_DOCUMENT_DID_CLOSE, session.did_close, None),
        (types.SHUTDOWN, session.shutdown, None),
        (types.TEXT_DOCUMENT_HOVER, session.hover, None),
        (types.TEXT_DOCUMENT_COMPLETION, session.completion, completing),
        (types.COMPLETION_ITEM_RESOLVE, session.resolve, None),
        (types.TEXT_DOCUMENT_DEFINITION, session.definition, None),
        (types.TEXT_DOCUMENT_REFERENCES, session.references, None),
        (types.TEXT_DOCUMENT_DOCUMENT_HIGHLIGHT, session.highlights, None),
        (types.TEXT_DOCUMENT_DOCUMENT_SYMBOL, session.symbols, None),
        (types.TEXT_DOCUMENT_PREPARE_RENAME, session.prepare_rename, None),
        (types.TEXT_DOCUMENT_RENAME, session.rename, types.RenameOptions(prepare_provider=True)),
        (types.TEXT_DOCUMENT_FORMATTING, session.formatting, None),
        (types.TEXT_DOCUMENT_CODE_ACTION, session.code_actions, fixing),
    ):
        server.feature(name, options)(_function(answer))
    return server


def _function(answer: Callable[[Any], Awaitable[_T]]) -> Callable[[Any], Awaitable[_T]]:
    """A function that pygls can put its marks on, as it can't on a method."""

    async def function(params: Any) -> _T:
        return await answer(params)

    return function


class _Session:
    """The open documents of one editor. What takes long is done in threads, on texts that never change: typing never waits."""

    def __init__(self, server: LanguageServer) -> None:
        self._server = server
        self._documents: dict[str, Document] = {}
        self._checks = Checks(self._documents, self._tell)
        self._thread = ThreadPoolExecutor(1, "answer")

    # --------------------------------------------------------------------------------------------- documents

    async def did_open(self, params: types.DidOpenTextDocumentParams) -> None:
        encoding = self._server.workspace.position_encoding or types.PositionEncodingKind.Utf16
        document = opened(params.text_document, str(getattr(encoding, "value", encoding)))
        self._documents[document.uri] = document
        self._checks.want(document.uri)

    async def did_change(self, params: types.DidChangeTextDocumentParams) -> None:
        before = self._documents.get(params.text_document.uri)
        if before is None:
            return
        document = after(before, params)
        self._documents[document.uri] = document
        if document.is_architecture:
            self._checks.want(document.uri)
        elif before.is_architecture:
            self._publish(document, [])

    async def did_save(self, params: types.DidSaveTextDocumentParams) -> None:
        """What others import may be this very file."""
        self._checks.want_all()

    async def did_close(self, params: types.DidCloseTextDocumentParams) -> None:
        document = self._documents.pop(params.text_document.uri, None)
        self._checks.forget(params.text_document.uri)
        if document is not None:
            self._publish(document, [])

    async def shutdown(self, params: None) -> None:
        self._checks.close()
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _tell(self, checked: Checked) -> None:
        document = checked.document
        self._publish(document, answers.diagnostics(document.text, checked.examined.findings, document.file))

    def _publish(self, document: Document, found: list[types.Diagnostic]) -> None:
        params = types.PublishDiagnosticsParams(document.uri, found, document.version)
        self._server.text_document_publish_diagnostics(params)

    # ----------------------------------------------------------------------------------------------- questions

    async def hover(self, params: types.HoverParams) -> types.Hover | None:
        document = self._document(params)
        if document is None:
            return None
        networks = await self._checks.networks(document.uri)
        text, offset = _place(document, params)
        found = await self._answer(lambda: hover(text, offset, networks))
        return answers.hover_answer(text, found) if found else None

    async def completion(self, params: types.CompletionParams) -> types.CompletionList | None:
        document = self._document(params)
        if document is None:
            return None
        text, offset = _place(document, params)
        found = await self._answer(lambda: completions(text, offset))
        return answers.completion_list(text, found, with_snippets=self._takes_snippets())

    async def resolve(self, params: types.CompletionItem) -> types.CompletionItem:
        return answers.documented(params)

    async def definition(self, params: types.DefinitionParams) -> types.Location | None:
        document = self._document(params)
        if document is None:
            return None
        text, offset = _place(document, params)
        pack = await self._answer(lambda: imported(text, offset))
        uri = pack_text(document, pack) if pack else None
        if uri is not None:
            return types.Location(uri, types.Range(types.Position(0, 0), types.Position(0, 0)))
        found = await self._answer(lambda: definition(text, offset))
        return types.Location(document.uri, answers.range_of(text, *found.span)) if found else None

    async def references(self, params: types.ReferenceParams) -> list[types.Location]:
        document = self._document(params)
        if document is None:
            return []
        found = await self._uses(document, params)
        wanted = [each for each in found if params.context.include_declaration or not each.is_definition]
        return [types.Location(document.uri, answers.range_of(document.text, *each.span)) for each in wanted]

    async def highlights(self, params: types.DocumentHighlightParams) -> list[types.DocumentHighlight]:
        document = self._document(params)
        found = await self._uses(document, params) if document else []
        kinds = {True: types.DocumentHighlightKind.Write, False: types.DocumentHighlightKind.Read}
        return [
            types.DocumentHighlight(answers.range_of(document.text, *each.span), kinds[each.is_definition])
            for each in found
            if document
        ]

    async def symbols(self, params: types.DocumentSymbolParams) -> list[types.DocumentSymbol]:
        document = self._document(params)
        if document is None:
            return []
        text = document.text
        return await self._answer(lambda: answers.outline_of(text, outlined(text.text)))

    async def code_actions(self, params: types.CodeActionParams) -> list[types.CodeAction]:
        document = self._document(params)
        if document is None:
            return []
        text = document.text
        found = params.context.diagnostics
        return await self._answer(lambda: list(answers.code_actions(text, document.uri, found)))

    async def formatting(self, params: types.DocumentFormattingParams) -> list[types.TextEdit]:
        document = self._document(params)
        if document is None:
            return []
        text = document.text
        return answers.edits(text, await self._answer(lambda: tidied(text)))

    # ------------------------------------------------------------------------------------------------- renames

    async def prepare_rename(
        self, params: types.PrepareRenameParams
    ) -> types.PrepareRenamePlaceholder | None:
        document = self._document(params)
        if document is None:
            return None
        text, offset = _place(document, params)
        if await self._answer(lambda: definition(text, offset)) is None:
            return None
        mention = await self._answer(lambda: mention_at(text, offset))
        if mention is None:
            return None
        return types.PrepareRenamePlaceholder(answers.range_of(text, *mention.span), mention.symbol.name)

    async def rename(self, params: types.RenameParams) -> types.WorkspaceEdit | None:
        document = self._document(params)
        if document is None:
            return None
        text, offset = _place(document, params)
        try:
            found = await self._answer(lambda: rename(text, offset, params.new_name))
        except CantRename as reason:
            raise _Refused(str(reason), _Refused.CODE) from None
        mention = await self._answer(lambda: mention_at(text, offset))
        if mention is not None and mention.symbol.sort in (Sort.NODE, Sort.TENSOR):
            told = f"Tensors of '{mention.symbol.name}' are now called '{params.new_name}': saved weights need a rename map"
            self._server.window_show_message(types.ShowMessageParams(types.MessageType.Info, told))
        return types.WorkspaceEdit(changes={document.uri: answers.edits(text, found)})

    # --------------------------------------------------------------------------------------------------- steps

    def _document(self, params: Any) -> Document | None:
        """The architecture that a question is about."""
        document = self._documents.get(params.text_document.uri)
        return document if document is not None and document.is_architecture else None

    async def _answer(self, question: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, question)

    async def _uses(self, document: Document, params: Any) -> list[Mention]:
        text, offset = _place(document, params)
        return await self._answer(lambda: uses(text, offset))

    def _takes_snippets(self) -> bool:
        told = self._server.client_capabilities.text_document
        item = told.completion.completion_item if told and told.completion else None
        return bool(item and item.snippet_support)


def _place(document: Document, params: Any) -> tuple[Text, int]:
    position: types.Position = params.position
    return document.text, document.text.offset((position.line, position.character))
