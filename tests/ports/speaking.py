"""What the tests of upstreams have in common: complete calls without a front door, and a caller that remembers."""

import asyncio
import json
import os
import time
from pathlib import Path
from typing import Any, cast

import msgspec

from toolgate.credentials.references import References
from toolgate.model.call import Envelope, Era, Notification, Outbound, Result
from toolgate.model.declared import ServerSpec
from toolgate.model.errors import NoWayBack
from toolgate.model.identity import Grant
from toolgate.model.snapshot import Target
from toolgate.ports import Clock, Http, Toolbox
from toolgate.protocol.versions import LATEST_LEGACY, MODERN
from toolgate.stores.clock import SystemClock

SERVERS = Path(__file__).resolve().parents[1] / "servers"
BOUND = 20.0
"""Seconds within which everything that a test waits for must have happened."""

ALL = Grant("all")


class Ear:
    """A caller that keeps what it hears. `answers` are its results by method, for servers that ask."""

    def __init__(self, **answers: Any) -> None:
        self.heard: list[Notification] = []
        self.asked: list[tuple[str, Any]] = []
        self.something = asyncio.Event()
        self._answers = answers

    def notify(self, notification: Notification, /) -> None:
        self.heard.append(notification)
        self.something.set()

    async def ask(self, method: str, params: bytes, /) -> bytes:
        self.asked.append((method, json.loads(params)))
        self.something.set()
        name = method.replace("/", "_")
        if name not in self._answers:
            raise NoWayBack(f"{method} is not answered here")
        answer = self._answers[name]
        if isinstance(answer, asyncio.Event):
            await answer.wait()
            return b"{}"
        return msgspec.json.encode(answer)

    def said(self, method: str) -> list[Any]:
        return [json.loads(heard.params) for heard in self.heard if heard.method == method]


def modern(**members: Any) -> Envelope:
    return Envelope(Era.MODERN, MODERN, **members)


def legacy(version: str = LATEST_LEGACY, *, session: str = "session", **members: Any) -> Envelope:
    return Envelope(Era.LEGACY, version, session=session, **members)


def out(method: str, params: dict[str, Any], envelope: Envelope, *, server: str = "it", grant: Grant = ALL) -> Outbound:
    """A call as dispatch hands it over."""
    fields = {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in params.items()}
    target = Target("it", 0, server, None, "", "", cast("Any", None), 0.0)
    return Outbound("1", method, fields, envelope, target, grant, time.perf_counter() + BOUND)


def tool(name: str, envelope: Envelope, /, grant: Grant = ALL, **arguments: Any) -> Outbound:
    return out("tools/call", {"name": name, "arguments": arguments}, envelope, grant=grant)


def spec(**members: Any) -> ServerSpec:
    return msgspec.structs.replace(ServerSpec("it", "any", {}, timeout=BOUND), **members)


def toolbox(data: Path, http: Http | None = None) -> Toolbox:
    clock: Clock = SystemClock()
    return Toolbox(cast("Http", http), References(dict(os.environ), data), clock, data)


def body(result: Result) -> Any:
    return json.loads(result.body)


def text(result: Result) -> str:
    """The text of a tool's first content block."""
    return body(result)["content"][0]["text"]
