"""A client that writes whatever bytes a test wants, and reads what comes back as HTTP says: nothing here is polite."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

MODERN = "2026-07-28"
PREFIX = "io.modelcontextprotocol/"
BOTH = "application/json, text/event-stream"
SECONDS = 20.0
"""The most seconds that anything may take."""

NAMED_BY = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}


@dataclass
class Answer:
    """One HTTP response. `headers` have lower-case names; `cut` says that it ended before it was whole."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    cut: bool = False

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.body)

    @property
    def code(self) -> int | None:
        """The JSON-RPC error code; None for a result, or for no JSON at all."""
        if not self.headers.get("content-type", "").startswith("application/json"):
            return None
        return self.json.get("error", {}).get("code")

    @property
    def events(self) -> list[dict[str, Any]]:
        """The messages of an event stream."""
        data = [line[6:] for line in self.body.split(b"\n") if line.startswith(b"data: ") and len(line) > 6]
        return [json.loads(text) for text in data]


class Raw:
    """One connection."""

    def __init__(self, url: str, *, receive_buffer: int | None = None) -> None:
        parts = urlsplit(url)
        self.host = parts.netloc
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if receive_buffer is not None:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._socket.settimeout(SECONDS)
        self._socket.connect((parts.hostname or "", parts.port or 80))
        self._rest = b""

    def __enter__(self) -> Raw:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def send(self, data: bytes) -> Raw:
        """Sends; that the other side does not want to hear all of it is no error."""
        with suppress(BrokenPipeError, ConnectionResetError):
            self._socket.sendall(data)
        return self

    def done(self) -> Raw:
        """Says that nothing more comes."""
        self._socket.shutdown(socket.SHUT_WR)
        return self

    def answer(self, *, head_only: bool = False) -> Answer:
        """The next response. Raises EOFError when the connection ends instead."""
        head = self._until(b"\r\n\r\n")
        status, *lines = head[:-4].decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        found = Answer(int(status.split(" ")[1]), headers)
        if head_only or found.status < 200 or found.status in (204, 304):
            return found
        try:
            self._read_body(found)
        except EOFError:
            found.cut = True
        return found

    def until(self, mark: bytes) -> bytes:
        """Everything up to and with `mark`."""
        return self._until(mark)

    def ended(self) -> bool:
        """Whether the other side ends the connection, with nothing before it."""
        try:
            return not self._rest and not self._socket.recv(1)
        except ConnectionResetError:
            return True

    def everything(self) -> bytes:
        """All that comes until the connection ends."""
        parts = [self._rest]
        try:
            while part := self._socket.recv(65536):
                parts.append(part)
        except ConnectionResetError:
            pass
        self._rest = b""
        return b"".join(parts)

    def _read_body(self, found: Answer) -> None:
        if "chunked" in found.headers.get("transfer-encoding", ""):
            while size := int(self._until(b"\r\n"), 16):
                found.body += self._exactly(size + 2)[:-2]
            self._until(b"\r\n")
        elif "content-length" in found.headers:
            found.body = self._exactly(int(found.headers["content-length"]))
        else:
            found.body = self.everything()

    def _until(self, mark: bytes) -> bytes:
        while mark not in self._rest:
            self._more()
        head, _, self._rest = self._rest.partition(mark)
        return head + mark

    def _exactly(self, size: int) -> bytes:
        while len(self._rest) < size:
            self._more()
        data, self._rest = self._rest[:size], self._rest[size:]
        return data

    def _more(self) -> None:
        try:
            part = self._socket.recv(65536)
        except ConnectionResetError as error:
            raise EOFError from error
        if not part:
            raise EOFError(f"the connection ended after {self._rest[:200]!r}")
        self._rest += part


def message(method: str, params: Mapping[str, Any] | None = None, id: Any = 1) -> dict[str, Any]:
    """A modern request with its envelope."""
    envelope = {f"{PREFIX}protocolVersion": MODERN, f"{PREFIX}clientCapabilities": {}}
    return {"jsonrpc": "2.0", "id": id, "method": method, "params": {**(params or {}), "_meta": envelope}}


def mirrored(sent: Mapping[str, Any]) -> dict[str, str]:
    """The headers that repeat what a modern request says."""
    headers = {"MCP-Protocol-Version": MODERN, "Mcp-Method": sent["method"]}
    named = NAMED_BY.get(sent["method"])
    if named is not None:
        headers["Mcp-Name"] = str(sent["params"].get(named))
    return headers


Headers = Mapping[str, str] | Sequence[tuple[str, str]]


def _pairs(headers: Headers) -> list[tuple[str, str]]:
    return list(headers.items()) if isinstance(headers, Mapping) else list(headers)


def head(method: str, target: str, host: str, headers: Headers = ()) -> bytes:
    """A request's head. A `Host` among the headers takes the place of `host`; an empty one leaves it out."""
    lines = _pairs(headers)
    if not any(name.lower() == "host" for name, _ in lines):
        lines.insert(0, ("Host", host))
    text = "".join(f"{name}: {value}\r\n" for name, value in lines if (name, value) != ("Host", ""))
    return f"{method} {target} HTTP/1.1\r\n{text}\r\n".encode("latin-1")


def post(host: str, body: bytes, headers: Headers = (), *, target: str = "/mcp", key: str | None = None) -> bytes:
    """A POST of a JSON body, well-formed as HTTP."""
    own = _pairs(headers)
    given = {name.lower() for name, _ in own}
    lines = [("Content-Type", "application/json"), ("Accept", BOTH), ("Content-Length", str(len(body)))]
    if key is not None:
        lines.append(("Authorization", f"Bearer {key}"))
    return head("POST", target, host, [*(line for line in lines if line[0].lower() not in given), *own]) + body


def modern(
    host: str,
    sent: Mapping[str, Any],
    *,
    key: str | None,
    target: str = "/mcp",
    headers: Mapping[str, str] | None = None,
) -> bytes:
    """A well-formed modern request, with `headers` added or put in place of its own."""
    return post(host, json.dumps(sent).encode(), {**mirrored(sent), **(headers or {})}, target=target, key=key)


def ask(url: str, data: bytes) -> Answer:
    """The answer to these bytes on a connection of their own."""
    with Raw(url) as raw:
        return raw.send(data).answer()
