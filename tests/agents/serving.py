"""An agent opened in this process, and its tools called as dispatch calls them."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from tests.ports.speaking import Ear, modern, spec, tool
from toolgate.credentials.references import References
from toolgate.egress.client import HttpClient
from toolgate.model.call import Envelope, Outbound
from toolgate.model.declared import ServerSpec
from toolgate.model.identity import Grant, Principal
from toolgate.ports import Toolbox, Upstream
from toolgate.stores.clock import SystemClock
from toolgate.upstreams import a2a

SECRET = "agents-token-0123456789"
GRANT = Grant("all", (("Authorization", f"Bearer {SECRET}"),))
ANN, BOB = Principal("key:ann", "ann"), Principal("key:bob", "bob")


@dataclass(frozen=True)
class Reply:
    """What one call gave."""

    failed: bool
    result: dict[str, Any]

    @property
    def texts(self) -> list[str]:
        return [one["text"] for one in self.result["content"] if one["type"] == "text"]

    @property
    def told(self) -> dict[str, Any]:
        return self.result["structuredContent"]


def asked(name: str, envelope: Envelope, who: Principal = ANN, /, **arguments: Any) -> Outbound:
    return msgspec.structs.replace(tool(name, envelope, grant=GRANT, **arguments), principal=who)


@dataclass(frozen=True)
class Serving:
    upstream: Upstream

    async def call(self, name: str, /, *, who: Principal = ANN, **arguments: Any) -> Reply:
        result = await self.upstream.call(asked(name, modern(), who, **arguments), Ear())
        reply = Reply(result.is_error, json.loads(result.body))
        assert reply.result.get("isError", False) == reply.failed
        assert SECRET not in result.body.decode()
        return reply

    async def wrong(self, name: str, /, **arguments: Any) -> str:
        """What the model is told of a call that must fail."""
        reply = await self.call(name, **arguments)
        assert reply.failed, reply.result
        return reply.texts[0]


def toolbox(data: Path) -> Toolbox:
    return Toolbox(HttpClient(), References({}, data), SystemClock(), data, lambda purpose: purpose.encode().ljust(32))


@asynccontextmanager
async def serving(url: str, data: Path, declared: ServerSpec | None = None, **members: Any) -> AsyncGenerator[Serving]:
    settings = a2a.Settings(url, **members)
    async with a2a.open(declared or spec(kind="a2a"), settings, toolbox(data)) as upstream:
        yield Serving(upstream)
