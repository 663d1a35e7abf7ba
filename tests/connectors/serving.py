"""A connector opened in this process against a replay, and its tools called as dispatch calls them."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.connectors.replay import TOKEN, Replay, playing
from tests.ports.speaking import Ear, modern, spec, tool
from toolgate.credentials.references import References
from toolgate.egress.client import HttpClient
from toolgate.ports import Toolbox, Upstream
from toolgate.stores.clock import SystemClock
from toolgate.upstreams import connector
from toolgate.upstreams.connector import reading
from toolgate.upstreams.connector.format import Connector

USER = "me@acme.example"


@dataclass(frozen=True)
class Reply:
    """What one call gave."""

    failed: bool
    result: dict[str, Any]

    @property
    def text(self) -> str:
        return self.result["content"][0]["text"]

    @property
    def told(self) -> dict[str, Any]:
        assert not self.failed, self.text
        return self.result["structuredContent"]


@dataclass(frozen=True)
class Serving:
    upstream: Upstream
    replay: Replay

    async def call(self, name: str, /, **arguments: Any) -> Reply:
        result = await self.upstream.call(tool(name, modern(), **arguments), Ear())
        return Reply(result.is_error, json.loads(result.body))

    async def wrong(self, name: str, /, **arguments: Any) -> str:
        """What the model is told of a call that must fail."""
        reply = await self.call(name, **arguments)
        assert reply.failed, reply.result
        return reply.text


def github() -> Connector:
    return reading.read(reading.INCLUDED / "github")


def fixture(connector_id: str, name: str) -> dict[str, Any]:
    return json.loads((reading.INCLUDED / connector_id / "fixtures" / name).read_text(encoding="utf-8"))


def credentials(connector_id: str) -> dict[str, str]:
    """What the first way to sign in asks for: the token for what is secret, an address for what is not."""
    fields = reading.read(reading.INCLUDED / connector_id).auth[0].fields
    return {name: "env:THE_TOKEN" if field.secret else USER for name, field in fields.items()}


def toolbox(data: Path) -> Toolbox:
    return Toolbox(HttpClient(), References({"THE_TOKEN": TOKEN}, data), SystemClock(), data)


@asynccontextmanager
async def serving(data: Path, replay: Replay, *, timeout: float = 20.0, **members: Any) -> AsyncGenerator[Serving]:
    """GitHub's connector, unless `connector` or `path` names another, against the replay."""
    async with playing(replay):
        variables = {"base_url": replay.url, **members.pop("variables", {})}
        given: dict[str, Any] = {"private": True, "variables": variables}
        if "path" in members or "definition" in members:
            given["token"] = "env:THE_TOKEN"
        else:
            given["connector"] = members.get("connector", "github")
            given["credentials"] = {} if "token" in members else credentials(given["connector"])
        size = {"max_bytes": members.pop("max_bytes")} if "max_bytes" in members else {}
        settings = connector.Settings(**{**given, **members})
        async with connector.open(spec(kind="connector", timeout=timeout, **size), settings, toolbox(data)) as upstream:
            yield Serving(upstream, replay)
