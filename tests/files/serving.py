"""The kind opened in this process, and its tools called as dispatch calls them."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.ports.speaking import ALL, Ear, modern, out, spec, tool, toolbox
from toolgate.model.call import Envelope
from toolgate.model.errors import Fault
from toolgate.ports import Upstream
from toolgate.upstreams import filesystem
from toolgate.upstreams.filesystem.settings import RootSettings, Settings

CONFINEMENTS = ("openat2", "walk")


@dataclass(frozen=True)
class Reply:
    """What one call gave. `body` is everything that was answered, with what is base64 in it decoded beside it."""

    failed: bool
    result: dict[str, Any]
    body: bytes

    @property
    def text(self) -> str:
        """The first text."""
        return self.result["content"][0]["text"]

    @property
    def texts(self) -> list[str]:
        return [block["text"] for block in self.result["content"] if block["type"] == "text"]

    @property
    def structured(self) -> dict[str, Any]:
        return self.result["structuredContent"]


class Serving:
    def __init__(self, upstream: Upstream) -> None:
        self.upstream = upstream

    async def call(self, name: str, /, **arguments: Any) -> Reply:
        """Raises Fault, as for a tool that is not offered."""
        result = await self.upstream.call(tool(name, modern(), **arguments), Ear())
        return _reply(result.body, failed=result.is_error)

    async def right(self, name: str, /, **arguments: Any) -> Reply:
        reply = await self.call(name, **arguments)
        assert not reply.failed, reply.text
        return reply

    async def wrong(self, name: str, /, **arguments: Any) -> str:
        """What the model is told of a call that must fail."""
        reply = await self.call(name, **arguments)
        assert reply.failed, reply.result
        return reply.text

    async def read(self, uri: str, envelope: Envelope | None = None) -> Reply:
        """resources/read; a refusal is a reply that failed."""
        try:
            result = await self.upstream.call(out("resources/read", {"uri": uri}, envelope or modern()), Ear())
        except Fault as fault:
            return Reply(True, {"content": [{"type": "text", "text": fault.message}]}, fault.message.encode())
        return _reply(result.body, failed=False)

    async def names(self) -> set[str]:
        return {offer.name for offer in (await self.upstream.discover(ALL)).offers}


def _reply(body: bytes, *, failed: bool) -> Reply:
    result = json.loads(body)
    blocks = [*result.get("content", ()), *result.get("contents", ())]
    hidden = [b64decode(block[member]) for block in blocks for member in ("data", "blob") if member in block]
    return Reply(failed, result, b"".join([body, *hidden]))


@asynccontextmanager
async def serving(
    *roots: Path | RootSettings, data: Path, writable: bool = True, **more: Any
) -> AsyncGenerator[Serving]:
    """A server of these directories. `data` is the gateway's own directory."""
    settings = Settings(roots=tuple(_root(root, writable) for root in roots), **more)
    async with filesystem.open(spec(kind="filesystem"), settings, toolbox(data)) as upstream:
        yield Serving(upstream)


def _root(root: Path | RootSettings, writable: bool) -> RootSettings:
    return root if isinstance(root, RootSettings) else RootSettings(root, writable=writable)


def tree(directory: Path, *, times: bool = True) -> dict[str, tuple[object, ...]]:
    """Everything beneath a directory, so that any change shows: kinds, modes, contents and times."""
    found: dict[str, tuple[object, ...]] = {}
    for path in sorted(directory.rglob("*")):
        known = path.lstat()
        content: object = None
        if path.is_symlink():
            content = path.readlink()
        elif path.is_file():
            content = path.read_bytes()
        when = known.st_mtime_ns if times else 0
        found[str(path.relative_to(directory))] = (known.st_mode, known.st_nlink, when, content)
    return found


def lines(reply: Reply) -> Sequence[str]:
    return reply.text.splitlines()
