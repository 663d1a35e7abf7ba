"""The bytes of an outgoing request head, checked so that no value can smuggle a header or a second request. No I/O."""

import re
from collections.abc import Sequence

from toolgate.model.errors import UpstreamFailed

# What frames a message or belongs to the connection is ours alone. No accept-encoding: answers come uncompressed.
_RESERVED = frozenset(
    (
        "accept-encoding", "connection", "content-length", "expect", "host", "keep-alive", "proxy-connection", "te",
        "trailer", "transfer-encoding", "upgrade",
    )
)  # fmt: skip
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_METHODS = frozenset(("DELETE", "GET", "OPTIONS", "PATCH", "POST", "PUT"))  # HEAD: the parser cannot know the length
_PATH = re.compile(r"/[!\"$-~]*")  # visible ASCII without "#"; RFC 9112 section 3.2.1
_KEPT = 512  # entries of the two caches below


class RequestWriter:
    """Writes requests to one origin. `host` is the value of the Host header."""

    def __init__(self, server: str, host: str) -> None:
        self._server = server
        self._host = host
        self._starts: dict[tuple[str, str], bytes] = {}
        self._names: set[str] = set()

    def block(self, headers: Sequence[tuple[str, str]], /) -> bytes:
        """Header lines, ready for the wire. Raises UpstreamFailed naming the header, never its value."""
        names = self._names
        for name, _ in headers:
            if name not in names:
                self._learn(name)
        lines = "".join([f"{name}: {value}\r\n" for name, value in headers])
        if lines.count("\n") != len(headers) or lines.count("\r") != len(headers) or "\0" in lines:
            raise self._bad_value(headers)
        try:
            return lines.encode("latin-1")
        except UnicodeEncodeError:
            raise self._bad_value(headers) from None

    def request(
        self, method: str, path: str, prepared: bytes, headers: Sequence[tuple[str, str]], body: bytes
    ) -> bytes:
        """The whole request; a body is announced whenever there is one, and for POST, PUT and PATCH always."""
        start = self._starts.get((method, path)) or self._start(method, path)
        lines = self.block(headers) if headers else b""
        if body or method[0] == "P":
            return b"".join((start, prepared, lines, b"content-length: %d\r\n\r\n" % len(body), body))
        return b"".join((start, prepared, lines, b"\r\n"))

    def _start(self, method: str, path: str) -> bytes:
        if method not in _METHODS:
            raise UpstreamFailed(f"server {self._server!r}: method {method!r} is none of {sorted(_METHODS)}")
        if _PATH.fullmatch(path) is None:
            raise UpstreamFailed(
                f"server {self._server!r}: the path of its URL must begin with '/' and be percent-encoded"
            )
        if len(self._starts) >= _KEPT:
            self._starts.clear()
        start = self._starts[method, path] = f"{method} {path} HTTP/1.1\r\nhost: {self._host}\r\n".encode("ascii")
        return start

    def _learn(self, name: str) -> None:
        if _NAME.fullmatch(name) is None:
            raise UpstreamFailed(f"server {self._server!r}: {name!r} is no HTTP header name")
        if name.lower() in _RESERVED:
            raise UpstreamFailed(f"server {self._server!r}: the header {name!r} is set by the connection; remove it")
        if len(self._names) >= _KEPT:
            self._names.clear()
        self._names.add(name)

    def _bad_value(self, headers: Sequence[tuple[str, str]]) -> UpstreamFailed:
        bad = next((name for name, value in headers if not _clean(value)), "?")
        return UpstreamFailed(
            f"server {self._server!r}: the value of the header {bad!r} holds a line break, NUL or a character outside"
            " Latin-1, which HTTP cannot carry"
        )


def _clean(value: str) -> bool:
    return not any(character in "\r\n\0" or ord(character) > 0xFF for character in value)
