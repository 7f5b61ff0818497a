"""Time from a change to its problems, as an editor sees it: `python benchmarks/language_server.py [--rounds 30] [--lines 500]`.

A real client types into an architecture of so many lines, over stdio: one character that breaks a layer, then one that mends it.
Beside it, in this process, what the work itself is: `check` of the same text by its function, in the same rounds. So the ratio
says what the server adds: the two processes, the protocol, the diagnostics. Then the time of a hover and of a completion.

    change    didChange until publishDiagnostics of that version      at most 50 ms on a quiet machine
    ratio     that to one `examined_text` of the same text, median within the rounds
    CPU       processor time of the server for one change, beside that of one check: on a machine that is busy the figures to read
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import time
from pathlib import Path

import psutil
from lsprotocol import types
from pygls.lsp.client import LanguageClient

from modelpack.examining.document import examined_text

LIMIT_MS = 50.0
"""Of the server's own time for a change: the rest tells of what else the machine does."""
RATIO_LIMIT = 1.5
"""The most that the server may take of the processor, as a ratio to the check alone."""
URI = "file:///benchmark/net.yaml"
NAME = types.TextDocumentIdentifier(URI)


def architecture(lines: int) -> str:
    """A network of so many lines, a layer on each: layers of several kinds, and a block with eight sizes."""
    text = ["modelpack: 1", "name: large", "inputs:", "  x: {dtype: float32, shape: [batch, 64]}", "blocks:"]
    text += ["  Feed:", "    arguments: {width: int}", "    inputs: {h: {}}", "    layers:"]
    text += ["      up: {Linear: {in_features: 64, out_features: $width}}", "      act: {GELU: {}}"]
    text += ["      down: {Linear: {in_features: $width, out_features: 64}}", "layers:", "  n0: {relu: {}}"]
    at = 0
    while len(text) < lines:
        at += 1
        text += [
            f"  norm{at}: {{LayerNorm: {{normalized_shape: 64, eps: 1.0e-6}}, inputs: [n{at - 1}]}}",
            f"  feed{at}: {{use: Feed, with: {{width: {64 + at % 8}}}}}",
            f"  fc{at}: {{Linear: {{in_features: 64, out_features: 64, bias: false}}}}",
            f"  drop{at}: {{Dropout: {{p: 0.1}}}}",
            f"  n{at}: {{add: {{}}, inputs: [n{at - 1}, drop{at}]}}",
        ]
    return "\n".join(text) + "\n"


async def run(lines: int, rounds: int) -> bool:
    """Whether the limits were kept."""
    text = architecture(lines)
    client = LanguageClient("benchmark", "1")
    published: asyncio.Queue[types.PublishDiagnosticsParams] = asyncio.Queue()
    client.feature(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)(lambda params: published.put_nowait(params))
    await client.start_io(sys.executable, "-m", "modelpack", "lsp")
    await client.initialize_async(types.InitializeParams(capabilities=types.ClientCapabilities()))
    client.initialized(types.InitializedParams())
    client.text_document_did_open(
        types.DidOpenTextDocumentParams(types.TextDocumentItem(URI, "yaml", 0, text))
    )
    await _problems(published, 0)
    middle = next(at for at, line in enumerate(text.split("\n")) if at > lines / 2 and " fc" in line)
    column = text.split("\n")[middle].index("64")
    changes: list[float] = []
    checks: list[float] = []
    server = client._server
    assert server is not None
    process = psutil.Process(server.pid)
    spent, own = _cpu(process), 0.0
    for version in range(1, 2 * rounds + 1):
        wrong = version % 2 == 1
        span = types.Range(
            types.Position(middle, column), types.Position(middle, column + (0 if wrong else 1))
        )
        change = types.TextDocumentContentChangePartial(range=span, text="1" if wrong else "")
        named = types.VersionedTextDocumentIdentifier(uri=URI, version=version)
        start = time.perf_counter()
        client.text_document_did_change(types.DidChangeTextDocumentParams(named, [change]))
        found = await _problems(published, version)
        changes.append((time.perf_counter() - start) * 1000)
        assert found == wrong, found
        start, before = time.perf_counter(), time.process_time()
        examined_text(text.encode(), "net.yaml")
        checks.append((time.perf_counter() - start) * 1000)
        own += time.process_time() - before
    spent, own = (1000 * each / len(changes) for each in (_cpu(process) - spent, own))
    ratio = statistics.median(one / other for one, other in zip(changes, checks, strict=True))
    median = statistics.median(changes)
    print(f"change       {median:6.1f} ms (best {min(changes):.1f})")
    print(f"check alone  {statistics.median(checks):6.1f} ms (best {min(checks):.1f})")
    print(f"ratio        {ratio:6.2f}")
    verdict = f"limit {LIMIT_MS:.0f}: {_verdict(spent)}"
    print(
        f"CPU          {spent:6.1f} ms for a change ({verdict}), {own:.1f} ms for a check: {spent / own:.2f}"
    )
    at = types.Position(middle, column - 12)
    for what, ask in (
        ("hover", lambda: client.text_document_hover_async(types.HoverParams(NAME, at))),
        ("completion", lambda: client.text_document_completion_async(types.CompletionParams(NAME, at))),
        ("symbols", lambda: client.text_document_document_symbol_async(types.DocumentSymbolParams(NAME))),
    ):
        times: list[float] = []
        for _ in range(rounds):
            start = time.perf_counter()
            assert await ask() is not None
            times.append((time.perf_counter() - start) * 1000)
        print(f"{what:12} {statistics.median(times):6.1f} ms (best {min(times):.1f})")
    await client.shutdown_async(None)
    client.exit(None)
    await client.stop()
    return spent <= LIMIT_MS and spent / own <= RATIO_LIMIT


async def _problems(published: asyncio.Queue[types.PublishDiagnosticsParams], version: int) -> int:
    while True:
        found = await published.get()
        if found.version == version:
            return len(found.diagnostics)


def _cpu(process: psutil.Process) -> float:
    """Seconds of the processor that the process has had."""
    told = process.cpu_times()
    return told.user + told.system


def _verdict(value: float) -> str:
    return "kept" if value <= LIMIT_MS else "missed"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--lines", type=int, default=500)
    told = parser.parse_args()
    print(f"{told.lines} lines, {told.rounds} rounds, {Path(sys.executable).name}")
    sys.exit(0 if asyncio.run(run(told.lines, told.rounds)) else 1)
