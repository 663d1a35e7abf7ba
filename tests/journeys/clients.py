"""The clients of the journeys: the official Python SDK in both modes, and FastMCP's. Those of npm are in tests/npm."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal

import fastmcp
import mcp
from fastmcp.client.transports import StreamableHttpTransport
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client

Kind = Literal["sdk-legacy", "sdk-modern", "fastmcp"]
MODES = {"sdk-legacy": "legacy", "sdk-modern": "2026-07-28"}
SECONDS = 20.0


@dataclass(frozen=True)
class Seen:
    """What a client saw: the names of the tools, the text of a tool's answer, or the error that it raised instead."""

    names: list[str] | None
    text: str | None
    error: str | None


def bearer(key: str | None) -> dict[str, str]:
    return {} if key is None else {"Authorization": f"Bearer {key}"}


@asynccontextmanager
async def sdk(url: str, key: str | None, mode: str = "2026-07-28", **options: Any) -> AsyncGenerator[mcp.Client]:
    """The official SDK's client, connected."""
    async with (
        create_mcp_http_client(headers=bearer(key)) as http,
        mcp.Client(streamable_http_client(url, http_client=http), mode=mode, **options) as client,
    ):
        yield client


async def visit(kind: Kind, url: str, key: str | None, tool: str, arguments: Mapping[str, Any]) -> Seen:
    """Connects, lists the tools, and calls one."""
    names: list[str] | None = None
    try:
        async with asyncio.timeout(SECONDS), AsyncExitStack() as stack:
            if kind == "fastmcp":
                transport = StreamableHttpTransport(url, headers=bearer(key))
                client = await stack.enter_async_context(fastmcp.Client(transport))
                names = [found.name for found in await client.list_tools()]
                called = await client.call_tool(tool, dict(arguments), raise_on_error=False)
                return Seen(names, _text(called.content), None)
            client = await stack.enter_async_context(sdk(url, key, MODES[kind]))
            names = [found.name for found in (await client.list_tools()).tools]
            called = await client.call_tool(tool, dict(arguments))
            return Seen(names, _text(called.content), None)
    except Exception as error:  # noqa: BLE001 - whatever a client raises is what its user sees
        return Seen(names, None, _said(error))


def _text(content: Any) -> str:
    return content[0].text


def _said(error: BaseException) -> str:
    """The texts of an error, those inside groups and causes included."""
    inner = list(error.exceptions) if isinstance(error, BaseExceptionGroup) else []
    if error.__cause__ is not None:
        inner.append(error.__cause__)
    return " / ".join([f"{type(error).__name__}: {error}", *map(_said, inner)])
