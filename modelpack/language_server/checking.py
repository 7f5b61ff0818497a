"""Documents -> diagnostics, off the loop: one check at a time, of the latest text; what is outdated meanwhile is dropped."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from modelpack.examining.baseline import Baseline, read_baseline, without
from modelpack.examining.document import Examined, examined_text
from modelpack.examining.settings import MisuseError, Settings, find_settings, settled
from modelpack.examining.targets import is_excluded
from modelpack.findings import Report
from modelpack.language_server.beginnings import sound_beginning
from modelpack.language_server.documents import Document
from modelpack.network import Network

__all__ = ["Checked", "Checks"]

_PATIENCE = 2.0
"""Seconds that a question waits for the check of a text that has just changed."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Checked:
    """A document with what was found in it."""

    document: Document
    examined: Examined


@dataclass(frozen=True, slots=True)
class _Wishes:
    """The user's, for the files of one folder."""

    settings: Settings = field(default_factory=Settings)
    baseline: Baseline = field(default_factory=dict[str, frozenset[str]])


class Checks:
    """Checks documents as they change, and keeps the network of each from when it was last sound.

    All checks share one thread: while one runs, changes only replace what comes next, so that a slow check is never followed
    by a queue of outdated ones.
    """

    def __init__(self, documents: dict[str, Document], tell: Callable[[Checked], None]) -> None:
        self._documents = documents
        self._tell = tell
        self._wanted: dict[str, None] = {}
        self._last: dict[str, Checked] = {}
        self._networks: dict[str, Network] = {}
        self._wishes: dict[Path, _Wishes] = {}
        self._thread = ThreadPoolExecutor(1, "check")
        self._task: asyncio.Task[None] | None = None

    def want(self, uri: str) -> None:
        """Check the document at `uri` as soon as can be."""
        self._wanted[uri] = None
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run())

    def want_all(self) -> None:
        """Check every document anew: a file has changed, perhaps one that is imported, or one with settings."""
        self._wishes.clear()
        for uri in self._documents:
            self.want(uri)

    def forget(self, uri: str) -> None:
        for each in (self._wanted, self._networks, self._last):
            each.pop(uri, None)

    async def networks(self, uri: str) -> list[Network]:
        """That of the document, if it's sound; else of its first layers, and the one of when it was last sound.

        The check of the latest text is waited for, if not for long.
        """
        if self._task is not None:
            await asyncio.wait([self._task], timeout=_PATIENCE)
        last, sound = self._last.get(uri), self._networks.get(uri)
        before = [] if sound is None else [sound]
        if last is None or last.examined.network is not None:
            return before
        beginning = await asyncio.get_running_loop().run_in_executor(self._thread, _beginning, last)
        return before if beginning is None else [beginning, *before]

    def close(self) -> None:
        self._wanted.clear()
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _run(self) -> None:
        while self._wanted:
            uri = next(iter(self._wanted))
            del self._wanted[uri]
            document = self._documents.get(uri)
            if document is None or not document.is_architecture:
                continue
            try:
                examined = await asyncio.get_running_loop().run_in_executor(
                    self._thread, self._examined, document
                )
            except Exception:
                # A mistake of this library in one text must not end the help with all others.
                logger.exception("the check of %s failed", uri)
                continue
            if self._documents.get(uri) is document:
                checked = self._last[uri] = Checked(document, examined)
                if examined.network is not None:
                    self._networks[uri] = examined.network
                self._tell(checked)

    def _examined(self, document: Document) -> Examined:
        """What `modelpack check` says of the document, under the settings that hold where it lies."""
        wishes = self._wishes_for(document)
        settings, file = wishes.settings, document.file
        examined = examined_text(_encoded(document), file, settings.budgets)
        if is_excluded(file, settings.exclude, settings.root):
            return replace(examined, findings=[])
        findings = settled(examined.findings, settings)
        if wishes.baseline and settings.baseline is not None:
            findings = without(Report(file, tuple(findings)), wishes.baseline, settings.baseline).findings
        return replace(examined, findings=list(findings))

    def _wishes_for(self, document: Document) -> _Wishes:
        folder = Path(document.file).parent
        if not document.uri.startswith("file:"):
            return _Wishes()
        if folder not in self._wishes:
            self._wishes[folder] = _read_wishes(folder)
        return self._wishes[folder]


def _read_wishes(folder: Path) -> _Wishes:
    """What can't be read counts for nothing, and is told where the server keeps its log."""
    settings, baseline = Settings(), {}
    try:
        settings = find_settings(folder)
        baseline = read_baseline(settings.baseline) if settings.baseline is not None else {}
    except MisuseError as error:
        logger.warning("%s", error)
    return _Wishes(settings, baseline)


def _beginning(checked: Checked) -> Network | None:
    problems = (finding.problem for finding in checked.examined.findings)
    return sound_beginning(_encoded(checked.document), problems)


def _encoded(document: Document) -> bytes:
    return document.text.text.encode("utf-8", "surrogatepass")
