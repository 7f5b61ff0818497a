"""Checks while somebody types: one at a time, of the latest text; what is outdated is dropped, and a failure ends nothing."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from modelpack.examining.document import Examined
from modelpack.language_server import checking
from modelpack.language_server.checking import Checked, Checks
from modelpack.language_server.documents import Document
from modelpack.language_server.texts import text_of

FIRST = Document("file:///net.yaml", "/net.yaml", "yaml", 1, text_of("modelpack: 1\n"))
PATIENCE = 60.0


class Examination:
    """Stands in for the check of a text: notes what it is asked, and waits until it may end."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self.begun, self.may_end = threading.Event(), threading.Event()

    def __call__(self, text: bytes, file: str, budgets: object) -> Examined:
        self.asked.append(text)
        self.begun.set()
        assert self.may_end.wait(PATIENCE)
        if b"fails" in text:
            raise RuntimeError("a mistake of this library")
        return Examined(None, [], alone=True)


@pytest.fixture
def examination(monkeypatch: pytest.MonkeyPatch) -> Examination:
    made = Examination()
    monkeypatch.setattr(checking, "examined_text", made)
    return made


def live(story: Callable[[dict[str, Document], Checks, list[Checked]], object]) -> None:
    async def run() -> None:
        documents: dict[str, Document] = {}
        told: list[Checked] = []
        checks = Checks(documents, told.append)
        try:
            await asyncio.wait_for(story(documents, checks, told), PATIENCE)
        finally:
            checks.close()

    asyncio.run(run())


def test_what_is_outdated_is_neither_checked_nor_told(examination):
    async def story(documents: dict[str, Document], checks: Checks, told: list[Checked]) -> None:
        for version in range(1, 6):
            changed = replace(FIRST, version=version, text=text_of(f"modelpack: {version}\n"))
            documents[FIRST.uri] = changed
            checks.want(FIRST.uri)
            await asyncio.to_thread(examination.begun.wait, PATIENCE)
        examination.may_end.set()
        await checks.networks(FIRST.uri)
        assert examination.asked[:2] == [b"modelpack: 1\n", b"modelpack: 5\n"]
        assert [each.document.version for each in told] == [5]

    live(story)


def test_what_was_closed_meanwhile_is_not_told(examination):
    async def story(documents: dict[str, Document], checks: Checks, told: list[Checked]) -> None:
        documents[FIRST.uri] = FIRST
        checks.want(FIRST.uri)
        await asyncio.to_thread(examination.begun.wait, PATIENCE)
        del documents[FIRST.uri]
        checks.forget(FIRST.uri)
        examination.may_end.set()
        assert await checks.networks(FIRST.uri) == []
        assert told == []

    live(story)


def test_a_check_that_fails_is_logged_and_others_go_on(examination, caplog):
    async def story(documents: dict[str, Document], checks: Checks, told: list[Checked]) -> None:
        examination.may_end.set()
        broken = replace(FIRST, uri="file:///broken.yaml", text=text_of("modelpack: 1\nfails: 1\n"))
        documents |= {broken.uri: broken, FIRST.uri: FIRST}
        checks.want(broken.uri)
        checks.want(FIRST.uri)
        await checks.networks(FIRST.uri)
        assert [each.document for each in told] == [FIRST]

    with caplog.at_level(logging.ERROR):
        live(story)
    assert "a mistake of this library" in caplog.text


def test_only_architectures_are_checked(examination):
    async def story(documents: dict[str, Document], checks: Checks, told: list[Checked]) -> None:
        examination.may_end.set()
        for uri, language, text, _ in DOCUMENTS:
            documents[uri] = Document(uri, uri.removeprefix("file://"), language, 1, text_of(text))
            checks.want(uri)
        await checks.networks("")
        assert [each.document.uri for each in told] == [uri for uri, _, _, is_ours in DOCUMENTS if is_ours]

    live(story)


DOCUMENTS = [
    ("file:///a.yaml", "yaml", "# said first\nmodelpack: 1\n", True),
    ("file:///b.yaml", "yaml", "services:\n  modelpack: 1\n", False),
    ("file:///c.md", "markdown", "modelpack: 1\n", False),
    ("file:///d.yml", "", "'modelpack': 1\n", True),
    ("file:///e.txt", "modelpack", "", True),
]
