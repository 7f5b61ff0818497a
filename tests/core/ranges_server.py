"""A web server for tests: files with ranges, every request counted, and failures that a test asks for."""

from __future__ import annotations

import hashlib
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

__all__ = ["Answer", "Fault", "Server", "serving"]


@dataclass
class Answer:
    """What is about to be sent; a fault changes it. `cut`: the connection ends after so many bytes of the body."""

    status: int
    headers: dict[str, str]
    body: bytes
    cut: int | None = None


Fault = Callable[[Answer], None]


@dataclass
class Server:
    """`files` by path; `faults` are used up one a request, then `always`; `sent` counts bytes of bodies,
    `now` requests that aren't answered yet."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    always: Fault | None = None
    requests: list[str] = field(default_factory=list)
    sent: int = 0
    now: int = 0
    most_at_once: int = 0
    knows_ranges: bool = True

    def forget(self) -> None:
        """Count from here on."""
        self.requests.clear()
        self.sent = 0

    def answer(self, path: str, wanted: str | None) -> Answer:
        data = self.files.get(path.partition("?")[0])
        if data is None:
            return Answer(404, {}, b"")
        headers = {"ETag": f'"{hashlib.md5(data).hexdigest()}"'}
        match = re.fullmatch(r"bytes=(\d+)-(\d+)", wanted or "")
        if match is None or not self.knows_ranges:
            return Answer(200, headers, data)
        first, last = int(match[1]), min(int(match[2]), len(data) - 1)
        if first >= len(data):
            return Answer(416, {"Content-Range": f"bytes */{len(data)}"}, b"")
        headers["Content-Range"] = f"bytes {first}-{last}/{len(data)}"
        return Answer(206, headers, data[first : last + 1])


class _Http(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that has seen enough closes its end, which is no error here."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def serving() -> Iterator[Server]:
    server = Server()
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            answer = server.answer(self.path, wanted)
            with lock:
                server.requests.append(f"{self.path} {wanted}")
                server.now += 1
                server.most_at_once = max(server.now, server.most_at_once)
                fault = server.faults.pop(0) if server.faults else server.always
            if fault is not None:
                fault(answer)
            with lock:
                server.now -= 1
            self.send_response(answer.status)
            for key, value in {"Content-Length": str(len(answer.body)), **answer.headers}.items():
                self.send_header(key, value)
            self.end_headers()
            body = answer.body[: answer.cut]
            for start in range(0, len(body), 1 << 16):
                piece = body[start : start + (1 << 16)]
                try:
                    self.wfile.write(piece)
                except OSError:  # the client has seen enough
                    self.close_connection = True
                    return
                with lock:
                    server.sent += len(piece)
            self.close_connection = answer.cut is not None

        def log_message(self, *_: object) -> None:
            pass

    with _Http(("127.0.0.1", 0), Handler) as http:
        server.url = f"http://127.0.0.1:{http.server_port}"
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            http.shutdown()
            thread.join()
