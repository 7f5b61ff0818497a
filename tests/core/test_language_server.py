"""The language server, driven over stdio by another library's client, as an editor does it."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.lsp.client import LanguageClient
from typer.testing import CliRunner

from tests.commands import app

PATIENCE = 60.0

BROKEN = """\
modelpack: 1
name: lenet
inputs:
  image: {dtype: float32, shape: [batch, 20]}
layers:
  first: {Linear: {in_features: 20, out_features: 30}}
  act: {ReLU: {}}
  last: {Linear: {in_features: 31, out_features: 10}}
"""


class Editor:
    """An editor with one file open."""

    def __init__(self, client: LanguageClient, uri: str) -> None:
        self.client, self.uri = client, uri
        self.text, self.version = "", 0
        self.published: asyncio.Queue[types.PublishDiagnosticsParams] = asyncio.Queue()
        self.messages: list[str] = []
        self.told = types.ServerCapabilities()

    def open(self, text: str, language: str = "yaml") -> None:
        self.text = text
        item = types.TextDocumentItem(self.uri, language, self.version, text)
        self.client.text_document_did_open(types.DidOpenTextDocumentParams(item))

    def type(self, old: str, new: str) -> None:
        """Write `new` over `old`, which stands in the text once."""
        assert self.text.count(old) == 1
        at = self.text.index(old)
        span = types.Range(self.position(at), self.position(at + len(old)))
        self.text = self.text.replace(old, new)
        self.version += 1
        named = types.VersionedTextDocumentIdentifier(uri=self.uri, version=self.version)
        change = types.TextDocumentContentChangePartial(range=span, text=new)
        self.client.text_document_did_change(types.DidChangeTextDocumentParams(named, [change]))

    async def problems(self) -> list[types.Diagnostic]:
        """Those of the text as it is now."""
        while True:
            found = await asyncio.wait_for(self.published.get(), PATIENCE)
            if found.version == self.version:
                return list(found.diagnostics)

    def position(self, at: int) -> types.Position:
        """As the protocol counts: UTF-16 units."""
        before = self.text[:at].split("\n")
        return types.Position(len(before) - 1, len(before[-1].encode("utf-16-le")) // 2)

    def of(self, words: str, behind: int = 0) -> types.Position:
        """Where `words`, which stand in the text once, begin."""
        assert self.text.count(words) == 1, words
        return self.position(self.text.index(words) + behind)

    def shown(self, span: types.Range) -> str:
        """What the text has there."""
        lines = self.text.split("\n")
        assert span.start.line == span.end.line
        units = lines[span.start.line].encode("utf-16-le")
        return units[2 * span.start.character : 2 * span.end.character].decode("utf-16-le")

    @property
    def name(self) -> types.TextDocumentIdentifier:
        return types.TextDocumentIdentifier(self.uri)

    def edited(self, edits: list[types.TextEdit]) -> str:
        """The text with `edits` made."""
        lines = self.text.split("\n")
        starts = [sum(len(line) + 1 for line in lines[:at]) for at in range(len(lines))]
        text = self.text
        for each in sorted(
            edits, key=lambda one: (one.range.start.line, one.range.start.character), reverse=True
        ):
            start = starts[each.range.start.line] + each.range.start.character
            end = starts[each.range.end.line] + each.range.end.character
            text = text[:start] + each.new_text + text[end:]
        return text


@asynccontextmanager
async def editor(
    folder: Path, name: str = "net.yaml", encodings: Sequence[types.PositionEncodingKind] | None = None
) -> AsyncGenerator[Editor]:
    """An editor whose server runs, with a file that it may open; the server ends by itself when it's told to."""
    client = LanguageClient("editor", "1")
    window = Editor(client, (folder / name).as_uri())
    client.feature(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)(
        lambda params: window.published.put_nowait(params)
    )
    client.feature(types.WINDOW_SHOW_MESSAGE)(lambda params: window.messages.append(params.message))
    await client.start_io(sys.executable, "-m", "modelpack", "lsp", "--stdio", cwd=folder)
    snippets = types.ClientCompletionItemOptions(snippet_support=True)
    capabilities = types.ClientCapabilities(
        general=types.GeneralClientCapabilities(position_encodings=encodings),
        text_document=types.TextDocumentClientCapabilities(
            completion=types.CompletionClientCapabilities(completion_item=snippets),
            rename=types.RenameClientCapabilities(prepare_support=True),
        ),
    )
    told = await client.initialize_async(
        types.InitializeParams(capabilities=capabilities, root_uri=folder.as_uri())
    )
    assert told.server_info is not None
    assert told.server_info.name == "modelpack"
    window.told = told.capabilities
    client.initialized(types.InitializedParams())
    try:
        yield window
    finally:
        await client.shutdown_async(None)
        client.exit(None)
        server = client._server
        assert server is not None
        await asyncio.wait_for(server.wait(), PATIENCE)
        errors = await server.stderr.read() if server.stderr else b""
        await client.stop()
        # Its pipes, which asyncio would otherwise close when the loop is gone.
        server._transport.close()
        assert server.returncode == 0
        assert b"Traceback" not in errors, errors.decode()


def drive(folder: Path, story: Callable[[Editor], Awaitable[None]], name: str = "net.yaml") -> None:
    async def run() -> None:
        async with editor(folder, name) as window:
            await asyncio.wait_for(story(window), PATIENCE)

    asyncio.run(run())


def test_an_error_appears_at_its_place_and_goes_when_it_is_mended(tmp_path):
    async def story(window: Editor) -> None:
        window.open(BROKEN)
        [problem] = await window.problems()
        assert problem.code == "MP303"
        assert problem.severity == types.DiagnosticSeverity.Error
        assert problem.source == "modelpack"
        assert window.shown(problem.range) == "in_features"
        assert problem.range.start.line == 7
        window.type("in_features: 31", "in_features: 30")
        assert await window.problems() == []
        window.type("{ReLU: {}}", "{ReLU: {}")
        [problem] = await window.problems()
        assert problem.code == "MP101"

    drive(tmp_path, story)


SHAPES = """\
modelpack: 1
name: shapes
inputs:
  x: {dtype: float32, shape: [batch, 20]}
blocks:
  Pair:
    arguments: {width: int}
    inputs: {h: {}}
    layers:
      up: {Linear: {in_features: $width, out_features: 7}}
      down: {Linear: {in_features: 7, out_features: $width}}
layers:
  body: {use: Pair, with: {width: 20}, repeat: 2}
  sum: {add: {}, inputs: [body.0, body.1]}
  last: {Linear: {in_features: 20, out_features: 5}}
"""


def test_hover_tells_what_a_word_means_and_the_shapes_there(tmp_path):
    async def told(window: Editor, at: types.Position) -> str:
        found = await window.client.text_document_hover_async(types.HoverParams(window.name, at))
        assert found is not None
        assert isinstance(found.contents, types.MarkupContent)
        return found.contents.value

    async def story(window: Editor) -> None:
        window.open(SHAPES)
        of_type = await told(window, window.of("Linear: {in_features: 20", behind=3))
        assert "Affine map over the last axis" in of_type
        assert "float32[batch, 20] → float32[batch, 5]" in of_type
        assert "weight float32[5, 20]" in of_type
        assert "`out_features`" in of_type
        in_block = await told(window, window.of("up:", behind=1))
        assert "float32[batch, 20] → float32[batch, 7]" in in_block
        assert "a positive integer" in await told(window, window.of("in_features: 20"))
        assert "float32[batch, 20]" in await told(window, window.of("body.1"))
        # What isn't sound any more has the shapes that it had.
        window.type("in_features: 20", "in_features: 21")
        assert "float32[batch, 20]" in await told(window, window.of("body.1"))
        nothing = types.HoverParams(window.name, types.Position(2, 7))
        assert await window.client.text_document_hover_async(nothing) is None

    drive(tmp_path, story)


def test_hover_tells_the_shapes_before_what_is_wrong(tmp_path):
    async def story(window: Editor) -> None:
        window.open(BROKEN)
        asked = types.HoverParams(window.name, window.of("first", behind=1))
        found = await window.client.text_document_hover_async(asked)
        assert found is not None
        assert "float32[batch, 20] → float32[batch, 30]" in str(found.contents)

    drive(tmp_path, story)


def test_settings_hold_in_the_editor_as_in_check(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[tool.modelpack]\nignore = ['MP303']\n")
    (tmp_path / "sub").mkdir()

    async def story(window: Editor) -> None:
        window.open(BROKEN)
        assert await window.problems() == []
        (tmp_path / "pyproject.toml").write_text("[tool.modelpack.severity]\nMP303 = 'warning'\n")
        window.client.text_document_did_save(types.DidSaveTextDocumentParams(window.name))
        [problem] = await window.problems()
        assert problem.severity == types.DiagnosticSeverity.Warning
        (tmp_path / "pyproject.toml").write_text("[tool.modelpack]\nno-such = 1\n")
        window.client.text_document_did_save(types.DidSaveTextDocumentParams(window.name))
        [problem] = await window.problems()
        assert problem.severity == types.DiagnosticSeverity.Error

    drive(tmp_path, story, name="sub/net.yaml")


def test_the_baseline_and_what_is_excluded_hold_in_the_editor_as_in_check(tmp_path, monkeypatch):
    settings = tmp_path / "pyproject.toml"
    settings.write_text("[tool.modelpack]\nbaseline = 'known.json'\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "net.yaml").write_text(BROKEN)
    monkeypatch.chdir(tmp_path)
    CliRunner().invoke(app, ["check", "sub", "--write-baseline", "--no-cache"], catch_exceptions=False)

    async def story(window: Editor) -> None:
        window.open(BROKEN)
        assert await window.problems() == []
        window.type("layers:", "outputs: nothing\nlayers:")
        [problem] = await window.problems()
        assert problem.code == "MP310"
        (tmp_path / "known.json").unlink()
        window.client.text_document_did_save(types.DidSaveTextDocumentParams(window.name))
        assert len(await window.problems()) == 2
        settings.write_text("[tool.modelpack]\nexclude = ['sub']\n")
        window.client.text_document_did_save(types.DidSaveTextDocumentParams(window.name))
        assert await window.problems() == []

    drive(tmp_path, story, name="sub/net.yaml")


def test_imports_count_from_the_file_and_lead_nowhere_from_what_is_no_file(tmp_path):
    packs = Path(__file__).parents[1] / "cases"
    text = (packs / "valid" / "take.yaml").read_text("utf-8")

    async def story(window: Editor) -> None:
        window.open(text)
        assert await window.problems() == []
        for words in ("parts: {pack", "../packs/parts"):
            at = types.DefinitionParams(window.name, window.of(words, behind=2))
            found = await window.client.text_document_definition_async(at)
            assert isinstance(found, types.Location)
            assert found.uri == (packs / "packs" / "parts" / "architecture.yaml").as_uri()
        window.uri = "untitled:net.yaml"
        window.open(text)
        [problem] = await window.problems()
        assert str(problem.code).startswith("MP5")
        at = types.DefinitionParams(window.name, window.of("../packs/parts"))
        assert await window.client.text_document_definition_async(at) is None

    drive(packs / "valid", story, name="unsaved.yaml")


def test_without_pygls_the_command_says_what_is_missing():
    script = "import sys; sys.modules['pygls'] = None; sys.argv = ['modelpack', 'lsp']; from modelpack.cli import main; main()"
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "pip install 'modelpack-nn[lsp]'" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    "sent", [b"", b"Content-Length: 5\r\n\r\nhello", b"Content-Length: 99\r\n\r\n{}", b"\xff\n\n"]
)
def test_it_ends_with_its_client(sent):
    command = [sys.executable, "-m", "modelpack", "lsp"]
    ended = subprocess.run(command, input=sent, capture_output=True, timeout=PATIENCE, check=False)
    assert ended.returncode == 0


def test_completion_of_a_text_that_is_broken_at_the_cursor(tmp_path):
    async def items(window: Editor, at: types.Position) -> dict[str, types.CompletionItem]:
        asked = types.CompletionParams(window.name, at)
        found = await window.client.text_document_completion_async(asked)
        assert isinstance(found, types.CompletionList)
        return {each.label: each for each in found.items}

    async def story(window: Editor) -> None:
        window.open(SHAPES.replace("last: {Linear: {in_features: 20, out_features: 5}}", "last: {Conv"))
        found = await items(window, window.of("{Conv", behind=5))
        convolution = found["Conv2d"]
        assert isinstance(convolution.text_edit, types.TextEdit)
        assert (
            convolution.text_edit.new_text
            == "Conv2d: {in_channels: ${1}, out_channels: ${2}, kernel_size: ${3}}"
        )
        assert window.shown(convolution.text_edit.range) == "Conv"
        resolved = await window.client.completion_item_resolve_async(convolution)
        assert isinstance(resolved.documentation, types.MarkupContent)
        assert "in_channels" in resolved.documentation.value
        window.type("{Conv", "{Linear: {in_features: 20, ")
        assert {"out_features", "bias", "dtype"} == (await items(window, window.of("20, ", behind=4))).keys()
        window.type("20, ", "20, out_features: 5}, inputs: [")
        found = await items(window, window.of("inputs: [\n", behind=9))
        assert list(found) == ["sum", "body", "x"]
        assert list(await items(window, window.of("use: Pair", behind=5))) == ["Pair"]

    drive(tmp_path, story)


def test_definition_references_and_symbols(tmp_path):
    async def story(window: Editor) -> None:
        window.open(SHAPES)
        client, name = window.client, window.name
        for words, behind, line in (
            ("use: Pair", 6, 5),
            ("body.0", 2, 12),
            ("$width, out", 2, 6),
            ("with: {width", 8, 6),
        ):
            at = window.of(words, behind)
            found = await client.text_document_definition_async(types.DefinitionParams(name, at))
            assert isinstance(found, types.Location)
            assert found.range.start.line == line
        context = types.ReferenceContext(include_declaration=False)
        asked = types.ReferenceParams(context, name, window.of("arguments: {width", behind=13))
        found = await client.text_document_references_async(asked)
        assert found is not None
        assert [each.range.start.line for each in found] == [9, 10, 12]
        symbols = await client.text_document_document_symbol_async(types.DocumentSymbolParams(name))
        assert symbols is not None
        assert [each.name for each in symbols] == ["x", "Pair", "body", "sum", "last"]
        pair = symbols[1]
        assert isinstance(pair, types.DocumentSymbol)
        assert [each.name for each in pair.children or ()] == ["width", "h", "up", "down"]

    drive(tmp_path, story)


def test_rename_goes_everywhere_and_refuses_what_is_taken(tmp_path):
    async def story(window: Editor) -> None:
        window.open(SHAPES)
        client, name = window.client, window.name
        at = window.of("body.0")
        prepared = await client.text_document_prepare_rename_async(types.PrepareRenameParams(name, at))
        assert isinstance(prepared, types.PrepareRenamePlaceholder)
        assert prepared.placeholder == window.shown(prepared.range) == "body"
        found = await client.text_document_rename_async(types.RenameParams(name, at, "pairs"))
        assert found is not None
        assert found.changes is not None
        after = window.edited(list(found.changes[window.uri]))
        assert after == SHAPES.replace("body", "pairs")
        assert "rename map" in window.messages[0]
        for taken in ("sum", "x", "no spaces"):
            with pytest.raises(JsonRpcException, match=taken):
                await client.text_document_rename_async(types.RenameParams(name, at, taken))
        nothing = types.PrepareRenameParams(name, types.Position(0, 0))
        assert await client.text_document_prepare_rename_async(nothing) is None

    drive(tmp_path, story)


def test_formatting_is_that_of_the_command(tmp_path):
    async def story(window: Editor) -> None:
        window.open(SHAPES.replace("{add: {}, inputs", "{ inputs").replace("body.1]", "body.1],   add: {}"))
        options = types.FormattingOptions(tab_size=2, insert_spaces=True)
        asked = types.DocumentFormattingParams(window.name, options)
        found = await window.client.text_document_formatting_async(asked)
        assert found
        from modelpack.formatting import format_text

        assert window.edited(list(found)) == format_text(window.text) != window.text

    drive(tmp_path, story)


def test_places_are_counted_in_the_units_of_the_editor(tmp_path):
    """An emoji is one character, two units of UTF-16 and four bytes."""

    async def story(window: Editor) -> None:
        window.open(BROKEN.replace("  last: {Linear: {in", "  '🙂🙂': {ReLU: {}}\n  last: {'Linear': {in"))
        [problem] = await window.problems()
        assert problem.code == "MP206"
        assert window.shown(problem.range) == "'🙂🙂'"
        window.type("'🙂🙂'", "fine")
        [problem] = await window.problems()
        assert window.shown(problem.range) == "in_features"
        window.type("fine: {ReLU: {}}", "fine: {relu: {}, inputs: {'🙂': act, x: nobody}}")
        [problem] = await window.problems()
        assert problem.code == "MP310"
        at = types.DefinitionParams(window.name, window.of("act, x"))
        found = await window.client.text_document_definition_async(at)
        assert isinstance(found, types.Location)
        assert window.shown(found.range) == "act"

    drive(tmp_path, story)


def test_an_editor_may_count_bytes(tmp_path):
    async def run() -> None:
        async with editor(tmp_path, encodings=[types.PositionEncodingKind.Utf8]) as window:
            assert window.told.position_encoding == types.PositionEncodingKind.Utf8
            window.open(BROKEN.replace("last:", "'é🙂':"))
            places = [each.range for each in await window.problems()]
            assert [(each.start.character, each.end.character) for each in places] == [(2, 10)]

    asyncio.run(run())


def test_lines_end_where_the_protocol_says(tmp_path):
    """Python ends lines at more characters: a text with one of them must not be another text for the server from then on."""

    async def story(window: Editor) -> None:
        window.open(BROKEN.replace("act: {ReLU: {}}", "act: {ReLU: {}}  # here\u2028and there\x0c, 31"))
        [problem] = await window.problems()
        assert problem.code == "MP103"
        window.type("# here\u2028and there\x0c, 31", "# mended")
        [problem] = await window.problems()
        assert window.shown(problem.range) == "in_features"
        window.type(
            "last: {Linear: {in_features: 31, out_features: 10}}\n", "last: {Linear: {in_features: 30}}"
        )
        [problem] = await window.problems()
        assert problem.code == "MP208"
        line = window.position(len(window.text)).line
        beyond = types.Range(types.Position(line, 0), types.Position(line, 500))
        window.version += 1
        named = types.VersionedTextDocumentIdentifier(uri=window.uri, version=window.version)
        change = types.TextDocumentContentChangePartial(range=beyond, text="")
        window.client.text_document_did_change(types.DidChangeTextDocumentParams(named, [change]))
        assert await window.problems() == []

    drive(tmp_path, story)


def test_of_a_burst_of_changes_the_last_is_told(tmp_path):
    async def story(window: Editor) -> None:
        window.open(BROKEN)
        for width in range(100, 140):
            window.type(f"out_features: {30 if width == 100 else width - 1}", f"out_features: {width}")
        [problem] = await window.problems()
        assert "139" in problem.message

    drive(tmp_path, story)


def test_quick_fixes(tmp_path):
    async def story(window: Editor) -> None:
        window.open(BROKEN.replace("in_features: 31", "in_featuers: 30"))
        [problem] = await window.problems()
        context = types.CodeActionContext([problem])
        asked = types.CodeActionParams(window.name, problem.range, context)
        found = await window.client.text_document_code_action_async(asked)
        assert found is not None
        texts = []
        for each in found:
            assert isinstance(each, types.CodeAction)
            assert each.edit is not None
            assert each.edit.changes is not None
            texts.append(window.edited(list(each.edit.changes[window.uri])))
        assert "in_features: 30" in texts[0]
        assert "out_features: 10}}  # modelpack: ignore[MP207]" in texts[1]

    drive(tmp_path, story)


def test_other_yaml_is_left_alone(tmp_path):
    async def story(window: Editor) -> None:
        window.open("name: something else\nlayers: 3\n")
        asked = types.CompletionParams(window.name, types.Position(0, 0))
        assert await window.client.text_document_completion_async(asked) is None
        window.type("name: something else", "modelpack: 1")
        assert {each.code for each in await window.problems()} >= {"MP203"}
        window.type("modelpack: 1", "name: other")
        assert await window.problems() == []

    drive(tmp_path, story)


def test_what_is_hostile_ends_nothing(tmp_path):
    async def story(window: Editor) -> None:
        window.open("modelpack: 1\n" + "[" * 100_000, language="modelpack")
        assert await window.problems()
        for text in ("\ud800", "{" * 5000, "a: " * 5000, "\x00\x85\u2028"):
            window.version += 1
            named = types.VersionedTextDocumentIdentifier(uri=window.uri, version=window.version)
            change = types.TextDocumentContentChangeWholeDocument(f"modelpack: 1\n{text}")
            window.client.text_document_did_change(types.DidChangeTextDocumentParams(named, [change]))
            assert await window.problems()
            asked = types.CompletionParams(window.name, types.Position(1, 1))
            await window.client.text_document_completion_async(asked)
            await window.client.text_document_hover_async(
                types.HoverParams(window.name, types.Position(9, 999))
            )
        window.version += 1
        named = types.VersionedTextDocumentIdentifier(uri=window.uri, version=window.version)
        whole = types.TextDocumentContentChangeWholeDocument(BROKEN)
        window.client.text_document_did_change(types.DidChangeTextDocumentParams(named, [whole]))
        assert [each.code for each in await window.problems()] == ["MP303"]

    drive(tmp_path, story)


PAGE = (Path(__file__).parents[2] / "spec" / "editors.md").read_text("utf-8")
READERS = {"json": json.loads, "toml": tomllib.loads}


@pytest.mark.parametrize(("language", "text"), re.findall(r"```(json|toml)\n(.*?)```", PAGE, re.DOTALL))
def test_what_the_page_says_to_write_can_be_read(language, text):
    assert READERS[language](text)


def test_the_page_names_the_command():
    commands = re.findall(r"[\[({]\s*['\"]modelpack['\"],?\s+['\"](\w+)['\"]", PAGE)
    assert commands == ["lsp"] * 3
