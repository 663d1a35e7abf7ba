"""What a server is found to offer: asked by its own named credential, never by a caller's, and then narrowed."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.test_health import administering, gateway, in_state, remote
from toolgate.model.entities import Grant, Key, Secret, User
from toolgate.model.health import HealthState

TOKEN = "Bearer of-the-server"
TOOLS = ("read", "write")


class Asked(http.server.BaseHTTPRequestHandler):
    """A modern server that shows its tools to whoever has TOKEN, and nobody else; it remembers who asked what."""

    seen: list[tuple[str, str | None]]
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        shown = self.headers.get("Authorization")
        self.seen.append((message["method"], shown))
        results: dict[str, dict[str, Any]] = {
            "server/discover": {"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}},
            "tools/list": {
                "tools": [{"name": name, "inputSchema": {"type": "object"}} for name in TOOLS if shown == TOKEN],
                "ttlMs": 0,
                "cacheScope": "private",
            },
        }
        found = results.get(message["method"])
        answer: dict[str, Any] = {"jsonrpc": "2.0", "id": message.get("id")}
        answer |= (
            {"error": {"code": -32601, "message": "no"}}
            if found is None
            else {"result": {"resultType": "complete", **found}}
        )
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Standard error is the test's."""


@contextmanager
def asked() -> Generator[tuple[str, list[tuple[str, str | None]]]]:
    """The server's URL, and what it was asked."""
    seen: list[tuple[str, str | None]] = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Asked,), {"seen": seen}))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/mcp", seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


@pytest.mark.promise("health.discovery")
async def test_discovery_and_probes_show_the_servers_credential_and_callers_see_less_of_it(tmp_path: Path):
    with asked() as (at, seen), gateway(tmp_path) as (terminal, url):
        async with administering(tmp_path, url) as api:
            await api.put_secret("token", TOKEN.removeprefix("Bearer "))
            _, attempt = await api.register(remote("shop", at, headers={"Authorization": "Bearer store:token"}))
            assert attempt.found is not None
            assert attempt.found.tools == TOOLS
            await in_state(api, "shop", HealthState.HEALTHY)
            await api.create(User(name="ann"))
            key = (await api.mint(Key(name="ann", digest="", owner="user:ann"))).clear
            await api.create(Grant(name="ann-reads", subject="user:ann", servers=("shop",), tools=("read",)))
            secret = await api.get(Secret, "token")
            assert secret.sealed == ""
        before = [method for method, _ in seen].count("tools/list")
        listed = terminal.run("tools", "shop", "-o", "json", TOOLGATE_URL=url, TOOLGATE_KEY=key)
        assert (listed.code, "read" in listed.out, "write" in listed.out) == (0, True, False), listed
        assert {shown for _, shown in seen} == {TOKEN}
        # A list is answered from what was discovered: at most the gateway's own second look came in between.
        assert [method for method, _ in seen].count("tools/list") - before <= 1
