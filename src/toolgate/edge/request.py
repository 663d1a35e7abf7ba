"""One HTTP exchange as the MCP endpoints see it, whichever server carries it: a request, and the way to answer it."""

from collections.abc import Callable, Sequence
from typing import Protocol

Header = tuple[bytes, bytes]


class Request:
    """A request whose body is complete. `headers` maps lower-case names to the last value of each; `repeated` are the
    names that stood more than once."""

    __slots__ = ("body", "client", "headers", "method", "path", "repeated", "secure")

    def __init__(
        self, method: str, path: str, headers: Sequence[Header], body: bytes, client: str, *, secure: bool
    ) -> None:
        self.method = method
        self.path = path
        self.headers = dict(headers)
        self.repeated: frozenset[bytes] = _repeated(headers) if len(self.headers) != len(headers) else _NONE
        self.body = body
        self.client = client
        self.secure = secure

    def header(self, name: bytes) -> str | None:
        """A header as text (Latin-1, as HTTP has it); None when it is absent."""
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")


class Responder(Protocol):
    """Answers one request: either `reply`, or `start`, `write` and `end`. Nothing of it waits or raises; after the
    client went away everything is dropped."""

    @property
    def paused(self) -> bool:
        """The client does not read: what is written now would pile up."""
        ...

    def watch(self, gone: Callable[[], None] | None, drained: Callable[[], None] | None) -> None:
        """`gone` is called once when the client goes away before the end, `drained` whenever it reads again."""
        ...

    def reply(self, status: int, headers: Sequence[Header], body: bytes) -> None: ...

    def start(self, status: int, headers: Sequence[Header]) -> None: ...

    def write(self, data: bytes) -> None: ...

    def end(self) -> None: ...


_NONE: frozenset[bytes] = frozenset()
JSON: Header = (b"content-type", b"application/json")


def _repeated(headers: Sequence[Header]) -> frozenset[bytes]:
    seen: set[bytes] = set()
    twice: set[bytes] = set()
    for name, _ in headers:
        (twice if name in seen else seen).add(name)
    return frozenset(twice)
