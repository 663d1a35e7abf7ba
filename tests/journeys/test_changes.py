"""News that belongs to no call: changed lists and updated resources, to clients of every era that listen."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from tests.journeys.wire import LEGACY, MODERN, PREFIX, SECONDS, Event, Wire

VERSIONS = (*LEGACY, MODERN)
TOOLS_CHANGED = "notifications/tools/list_changed"
UPDATED = "notifications/resources/updated"
ROUNDS = 4

versions = pytest.mark.parametrize("version", VERSIONS)


class Listener:
    """One client that listens, in the way of its era."""

    def __init__(self, wire: Wire, events: AsyncIterator[Event], subscription: Any) -> None:
        self.wire = wire
        self._events = events
        self._subscription = subscription

    async def next(self, method: str) -> dict[str, Any]:
        """The parameters of the next notification of this method; a modern one bears the subscription's id."""
        async with asyncio.timeout(SECONDS):
            async for event in self._events:
                message = event.message
                if message is None or message["method"] != method:
                    continue
                params = message.get("params", {})
                if self._subscription is not None:
                    assert params["_meta"][f"{PREFIX}subscriptionId"] == self._subscription
                return params
        raise AssertionError("the stream ended")


@asynccontextmanager
async def listening(wire: Wire, *uris: str) -> AsyncGenerator[Listener]:
    """Listens to all lists, and to these resources."""
    if not wire.modern:
        for uri in uris:
            assert (await wire.ask("resources/subscribe", {"uri": uri})).result == {}
        async with wire.listening() as (_, events):
            yield Listener(wire, events, None)
        return
    wanted: dict[str, Any] = {"toolsListChanged": True, "promptsListChanged": True, "resourcesListChanged": True}
    if uris:
        wanted["resourceSubscriptions"] = list(uris)
    message = wire.request("subscriptions/listen", {"notifications": wanted}, id=f"listen-{uuid.uuid4()}")
    async with wire.streaming(message) as (answer, events):
        assert answer.headers["content-type"] == "text/event-stream"
        listener = Listener(wire, events, message["id"])
        acknowledged = await listener.next("notifications/subscriptions/acknowledged")
        assert acknowledged["notifications"] == wanted
        yield listener


@pytest.mark.promise("changes.lists")
@versions
@pytest.mark.parametrize("server", ["newer", "older"])
async def test_a_changed_list_is_announced_in_every_era(connect: Any, server: str, version: str):
    await _grows_and_shrinks(await connect(server, version=version), await connect(server))


@pytest.mark.promise("changes.lists")
@pytest.mark.parametrize("server", ["sdk", "sdk-json", "sdk-stateless", "sdk-sse", "local", "fast"])
async def test_a_changed_list_is_announced_by_every_kind(connect: Any, server: str):
    """Some servers say so only on the stream of the call that changed it."""
    await _grows_and_shrinks(await connect(server), await connect(server))


async def _grows_and_shrinks(wire: Wire, acting: Wire) -> None:
    name = f"grown-{uuid.uuid4().hex[:8]}"
    async with listening(wire) as listener:
        await acting.call("grow", {"name": name})
        await _until(listener, lambda listed: name in listed)
        await acting.call("shrink", {"name": name})
        await _until(listener, lambda listed: name not in listed)


@pytest.mark.promise("changes.lists")
@pytest.mark.parametrize("version", ["2025-11-25", MODERN])
@pytest.mark.parametrize("server", ["newer", "older", "sdk-sse", "local", "fast"])
async def test_the_last_of_quick_changes_counts(connect: Any, server: str, version: str):
    """What changes while the lists are being read again is not missed."""
    wire: Wire = await connect(server, version=version)
    acting: Wire = await connect(server)
    names = [f"quick-{number}-{uuid.uuid4().hex[:8]}" for number in range(6)]
    async with listening(wire) as listener:
        for name in names:
            await acting.call("grow", {"name": name})
        await _until(listener, lambda listed: set(names) <= listed)
        for name in names:
            await acting.call("shrink", {"name": name})
        await _until(listener, lambda listed: not set(names) & listed)


@versions
async def test_a_change_and_its_taking_back_are_announced(connect: Any, version: str):
    """The list is as before when it is read again; the server said that it changed, and so do we."""
    wire: Wire = await connect("sdk", version=version)
    acting: Wire = await connect("sdk")
    async with listening(wire) as listener:
        await asyncio.gather(acting.call("grow", {"name": "brief"}), acting.call("shrink", {"name": "brief"}))
        await listener.next(TOOLS_CHANGED)


@pytest.mark.promise("changes.lists")
async def test_what_may_not_be_seen_is_not_announced(connect: Any):
    """A server that says twice that it changed, or is told of late by the test before, has its list read once more, as
    it was: then all who see something of it are told. So one round of a few must be quiet; a leak makes all loud."""
    wire: Wire = await connect("sdk", key="dave")
    seeing: Wire = await connect("sdk")
    for _ in range(ROUNDS):
        async with listening(wire) as listener, listening(seeing) as other:
            await seeing.call("grow", {"name": "unseen"})
            await _until(other, lambda listed: "unseen" in listed)
            await seeing.call("shrink", {"name": "unseen"})
            await _until(other, lambda listed: "unseen" not in listed)
            with suppress(TimeoutError):
                async with asyncio.timeout(0.3):
                    await listener.next(TOOLS_CHANGED)
                    continue
            return
    pytest.fail(f"in each of {ROUNDS} rounds a change that may not be seen was announced")


@pytest.mark.promise("changes.resources")
@pytest.mark.parametrize(
    ("server", "version"),
    [
        *((server, version) for server in ("newer", "older") for version in VERSIONS),
        *((server, version) for server in ("sdk-sse", "local") for version in ("2025-11-25", MODERN)),
    ],
)
async def test_updates_reach_who_subscribed(connect: Any, server: str, version: str):
    wire: Wire = await connect(server, version=version)
    acting: Wire = await connect(server)
    async with listening(wire, "notes://today") as listener:
        await _touched(listener, acting, "today")
        if not wire.modern:
            assert (await wire.ask("resources/unsubscribe", {"uri": "notes://today"})).result == {}


@pytest.mark.promise("changes.resources")
@versions
async def test_what_may_not_be_read_cannot_be_subscribed_to(connect: Any, version: str):
    wire: Wire = await connect("sdk", key="dave", version=version)
    if not wire.modern:
        answer = await wire.ask("resources/subscribe", {"uri": "notes://today"})
        assert (answer.error["code"], answer.error["data"]) == (-32002, {"uri": "notes://today"})
        return
    message = wire.request("subscriptions/listen", {"notifications": {"resourceSubscriptions": ["notes://today"]}})
    async with wire.streaming(message) as (_, events):
        event = await anext(events)
        assert event.message is not None
        assert event.message["params"]["notifications"] == {"resourceSubscriptions": []}


async def test_nothing_is_sent_that_was_not_asked_for(connect: Any):
    wire: Wire = await connect("sdk")
    message = wire.request("subscriptions/listen", {"notifications": {"promptsListChanged": True}})
    async with wire.streaming(message) as (_, events), listening(wire) as other:
        event = await anext(events)
        assert event.message is not None
        assert event.message["params"]["notifications"] == {"promptsListChanged": True}
        for tool in ("grow", "shrink"):
            await wire.call(tool, {"name": "not-asked-for"})
            await other.next(TOOLS_CHANGED)
        # A change that is taken back at once may be announced without saying of which list: never of one not asked for.
        with suppress(TimeoutError):
            async with asyncio.timeout(0.3):
                async for event in events:
                    assert event.message is not None
                    assert event.message["method"] == "notifications/prompts/list_changed"


@pytest.mark.parametrize("params", [{}, {"notifications": {"toolsListChanged": "yes"}}, {"notifications": []}])
async def test_a_malformed_filter_is_refused(connect: Any, params: dict[str, Any]):
    wire: Wire = await connect("sdk")
    answer = await wire.ask("subscriptions/listen", params)
    assert (answer.status, answer.error["code"]) == (400, -32602)


@pytest.mark.parametrize("version", LEGACY)
async def test_news_waits_for_a_client_that_comes_back(connect: Any, version: str):
    """While the stand-alone stream is broken, what it would have carried is kept."""
    wire: Wire = await connect("sdk", version=version)
    acting: Wire = await connect("sdk")
    async with listening(wire, "notes://today") as listener:
        await _touched(listener, acting, "today")
    await acting.call("touch", {"name": "today"})
    async with wire.listening() as (_, events):
        assert await Listener(wire, events, None).next(UPDATED) == {"uri": "notes://today"}


async def _touched(listener: Listener, acting: Wire, name: str) -> None:
    """Touches the note until an update is heard: that the server behind is listened to cannot be seen from here."""
    heard = asyncio.ensure_future(listener.next(UPDATED))
    try:
        async with asyncio.timeout(SECONDS):
            while not heard.done():
                await acting.call("touch", {"name": name})
                await asyncio.wait({heard}, timeout=0.2)
        assert (await heard)["uri"] == f"notes://{name}"
    finally:
        heard.cancel()


async def _until(listener: Listener, enough: Callable[[set[str]], bool]) -> None:
    """Reads the list after each announcement, until it is as it should be."""
    async with asyncio.timeout(SECONDS):
        while True:
            await listener.next(TOOLS_CHANGED)
            if enough({tool["name"] for tool in (await listener.wire.ask("tools/list")).result["tools"]}):
                return
