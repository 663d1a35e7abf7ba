"""A registry on a real socket that answers whatever a test wants, good or bad."""

from __future__ import annotations

import json
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answers = Mapping[str, tuple[int, bytes]]
"""By path, without the query; `*` for all others."""


@contextmanager
def registry(answers: Answers) -> Generator[tuple[str, list[str]]]:
    """Its URL, and the requests that it got."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            status, body = answers.get(self.path.partition("?")[0], answers.get("*", (404, b"")))
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Location", "http://elsewhere.example/")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: standard error is the test's."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def page(*servers: dict[str, Any], cursor: str | None = None) -> tuple[int, bytes]:
    metadata = {"count": len(servers), **({} if cursor is None else {"nextCursor": cursor})}
    return 200, json.dumps({"servers": [{"server": server} for server in servers], "metadata": metadata}).encode()
