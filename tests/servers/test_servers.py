"""The test servers keep what journeys through Toolgate rely on: the official SDK's client, nothing in between."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Generator
from typing import Any, Literal

import httpx2
import pytest
from mcp import Client
from mcp.client.sse import sse_client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.shared.subscriptions import ToolsListChanged
from mcp.types import (
    EmptyResult,
    LoggingMessageNotification,
    ResourceUpdatedNotification,
    SetLevelRequest,
    SetLevelRequestParams,
    SubscribeRequest,
    SubscribeRequestParams,
    ToolListChangedNotification,
)

from tests.servers.launching import ServerDidNotStartError, launched_script, script

Mode = Literal["legacy", "2026-07-28"]
MODES: list[Mode] = ["legacy", "2026-07-28"]
WAIT_SECONDS = 10.0
ROUND_SECONDS = 0.5


class Inbox:
    """Keeps the notifications a client receives, and waits for the next one of a kind."""

    def __init__(self) -> None:
        self._arrived: asyncio.Queue[Any] = asyncio.Queue()

    async def __call__(self, message: Any) -> None:
        await self._arrived.put(message)

    async def next(self, kind: type[Any], seconds: float = WAIT_SECONDS) -> Any:
        async with asyncio.timeout(seconds):
            while not isinstance(message := await self._arrived.get(), kind):
                pass
        return message

    async def next_after(self, kind: type[Any], act: Callable[[], Awaitable[object]]) -> Any:
        """The next one after `act`, done again each round: a client opens its push stream without saying when."""
        for _ in range(int(WAIT_SECONDS / ROUND_SECONDS)):
            await act()
            with contextlib.suppress(TimeoutError):
                return await self.next(kind, ROUND_SECONDS)
        raise TimeoutError(f"no {kind.__name__} within {WAIT_SECONDS} s")


@pytest.fixture(scope="module")
def sdk_url() -> Generator[str]:
    with launched_script("sdk_server") as server:
        yield server.url


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ["everything", "sdk_server", "fastmcp_server"])
async def test_every_server_speaks_both_eras_over_stdio(name: str, mode: Mode):
    command, *arguments = script(name, "--stdio")
    transport = stdio_client(StdioServerParameters(command=command, args=arguments))
    async with Client(transport, mode=mode) as client:
        assert client.protocol_version == ("2025-11-25" if mode == "legacy" else mode)
        assert (await client.list_tools()).tools


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("flags", [(), ("--json",), ("--stateless",)], ids=str)
@pytest.mark.parametrize("name", ["sdk_server", "fastmcp_server"])
async def test_every_server_adds_over_http(name: str, flags: tuple[str, ...], mode: Mode):
    with launched_script(name, *flags) as server:
        async with Client(server.url, mode=mode) as client:
            result = await client.call_tool("add", {"a": 2, "b": 40})
            assert result.structured_content == {"result": 42}


@pytest.mark.parametrize("name", ["sdk_server", "fastmcp_server"])
async def test_every_server_adds_over_http_with_sse(name: str):
    with launched_script(name, "--sse") as server:
        async with Client(sse_client(server.url), mode="legacy") as client:
            result = await client.call_tool("add", {"a": 2, "b": 40})
            assert result.structured_content == {"result": 42}


async def test_a_change_reaches_another_session_of_the_handshake_eras(sdk_url: str):
    inbox = Inbox()
    async with (
        Client(sdk_url, mode="legacy", message_handler=inbox) as watching,
        Client(sdk_url, mode="legacy") as acting,
    ):
        assert watching.server_capabilities.tools is not None
        assert watching.server_capabilities.tools.list_changed
        subscribe = SubscribeRequest(params=SubscribeRequestParams(uri="notes://today"))
        await watching.session.send_request(subscribe, EmptyResult)
        updated = await inbox.next_after(
            ResourceUpdatedNotification, lambda: acting.call_tool("touch", {"name": "today"})
        )
        assert updated.params.uri == "notes://today"
        await acting.call_tool("grow", {"name": "pushed"})
        await inbox.next(ToolListChangedNotification)
        await acting.call_tool("shrink", {"name": "pushed"})


async def test_a_change_reaches_a_listener_of_2026(sdk_url: str):
    async with Client(sdk_url, mode="2026-07-28") as client, client.listen(tools_list_changed=True) as changes:
        await client.call_tool("grow", {"name": "listened"})
        async with asyncio.timeout(WAIT_SECONDS):
            assert await anext(aiter(changes)) == ToolsListChanged()
        await client.call_tool("shrink", {"name": "listened"})


async def test_a_log_level_of_the_handshake_eras_is_kept(sdk_url: str):
    inbox = Inbox()
    async with Client(sdk_url, mode="legacy", message_handler=inbox) as client:
        level = SetLevelRequest(params=SetLevelRequestParams(level="alert"))
        await client.session.send_request(level, EmptyResult)
        await client.call_tool("log", {})
        levels = [(await inbox.next(LoggingMessageNotification)).params.level for _ in range(2)]
        assert levels == ["alert", "emergency"]


async def test_a_stream_that_the_server_left_can_be_resumed():
    with launched_script("everything") as server:
        async with Client(server.url, mode="legacy") as client:
            result = await client.call_tool("test_reconnection", {})
            assert result.content[0].type == "text"
            assert result.content[0].text == "Reconnection test completed"


async def test_a_foreign_host_is_refused(sdk_url: str):
    async with httpx2.AsyncClient() as client:
        answer = await client.post(sdk_url, json={}, headers={"Host": "evil.example.com"})
    assert answer.status_code == 421


def test_a_server_that_ends_early_says_why():
    with (
        pytest.raises(ServerDidNotStartError, match="unrecognized arguments"),
        launched_script("sdk_server", "--no-such-flag"),
    ):
        pass
