"""Documents -> diagnostics, off the loop: one check at a time, of the latest text; what is outdated meanwhile is dropped."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from modelpack.examining.document import Examined, examined_text
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


class Checks:
    """Checks documents as they change, and keeps the network of each from when it was last sound.

    All checks share one thread: while one runs, changes only replace what comes next, so that a slow check is never followed
    by a queue of outdated ones.
    """

    def __init__(self, documents: dict[str, Document], tell: Callable[[Checked], None]) -> None:
        self._documents = documents
        self._tell = tell
        self._wanted: dict[str, None] = {}
        self._networks: dict[str, Network] = {}
        self._thread = ThreadPoolExecutor(1, "check")
        self._task: asyncio.Task[None] | None = None

    def want(self, uri: str) -> None:
        """Check the document at `uri` as soon as can be."""
        self._wanted[uri] = None
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run())

    def forget(self, uri: str) -> None:
        self._wanted.pop(uri, None)
        self._networks.pop(uri, None)

    async def network(self, uri: str) -> Network | None:
        """That of the document when it was last sound; its latest text is waited for, if not for long."""
        if self._task is not None:
            await asyncio.wait([self._task], timeout=_PATIENCE)
        return self._networks.get(uri)

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
                examined = await asyncio.get_running_loop().run_in_executor(self._thread, _examined, document)
            except Exception:
                # A mistake of this library in one text must not end the help with all others.
                logger.exception("the check of %s failed", uri)
                continue
            if self._documents.get(uri) is document:
                if examined.network is not None:
                    self._networks[uri] = examined.network
                self._tell(Checked(document, examined))


def _examined(document: Document) -> Examined:
    return examined_text(document.text.text.encode("utf-8", "surrogatepass"), document.file)
