"""Streams of news: only what really changed is told, to those who may know it, for as long as they may."""

import asyncio
import json
import time
from typing import Any

import msgspec
import pytest

from tests.pipeline.line import EVERYTHING, Line, Listener, World, arrival, found, offers
from tests.schemas import schemas
from tests.virtual_time import run, settle
from toolgate.model.call import Notification, Result
from toolgate.model.catalog import OfferKind
from toolgate.model.declared import GrantSpec, KeySpec
from toolgate.model.errors import InvalidParams, Limited
from toolgate.model.identity import Principal
from toolgate.pipeline.listening import MOST_STREAMS, MOST_URIS, Hub, Listen, Stream
from toolgate.protocol.versions import MODERN

ALL_LISTS: dict[str, Any] = {"toolsListChanged": True, "promptsListChanged": True, "resourcesListChanged": True}


class Watched:
    """The servers, as they are told what is listened to."""

    def __init__(self) -> None:
        self.told: list[tuple[str, frozenset[str]]] = []

    async def __call__(self, server: str, uris: frozenset[str]) -> None:
        self.told.append((server, uris))


class Listening:
    """A hub over a World, with streams opened by `subscriptions/listen`."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.watched = Watched()
        self.hub = Hub(lambda: world.snapshot, self.watched)
        self.line = Line(world, {"subscriptions/listen": Listen(self.hub)})

    async def listen(self, *, key: str = "alice", endpoint: str = "", **wanted: Any) -> "Ear":
        caller = Listener()
        asked = arrival("subscriptions/listen", {"notifications": wanted}, key=key, endpoint=endpoint)
        task = asyncio.create_task(self.line.ask(asked, caller))
        await settle()
        if task.done():
            task.result()
        return Ear(caller, task)

    async def swap(self) -> None:
        self.hub.swapped(*self.world.compile())
        await self.hub.judged()


class Ear:
    """One stream: what was heard on it, and whether it has ended."""

    def __init__(self, caller: Listener, task: "asyncio.Task[Result]") -> None:
        self.caller = caller
        self.task = task

    @property
    def heard(self) -> list[str]:
        """Short: the list that changed, or the URI that was updated. The acknowledgement is left out."""
        return [short(notification) for notification in self.caller.heard[1:]]


def short(notification: Notification) -> str:
    params = json.loads(notification.params)
    return params.get("uri") or notification.method.removeprefix("notifications/").removesuffix("/list_changed")


def world() -> World:
    return World(
        {
            "a": found(
                offers(OfferKind.TOOL, "x"),
                offers(OfferKind.PROMPT, "p"),
                offers(OfferKind.RESOURCE, "r:1", "r:2"),
                offers(OfferKind.TEMPLATE, "q:{+path}"),
            ),
            "b": found(offers(OfferKind.TOOL, "y"), offers(OfferKind.RESOURCE, "s:1")),
        },
        keys=("alice", "bob"),
    )


@pytest.mark.promise("changes.lists")
def test_only_what_changed_is_told():
    async def main() -> None:
        listening = Listening(world())
        ear = await listening.listen(**ALL_LISTS)
        tools_only = await listening.listen(toolsListChanged=True)
        nothing = await listening.listen()
        await listening.swap()
        assert ear.heard == [], "nothing changed at all"
        listening.world.discoveries["b"] = msgspec.structs.replace(listening.world.discoveries["b"])
        await listening.swap()
        assert ear.heard == [], "discovered anew, and the same"
        listening.world.discoveries["b"] = found(
            offers(OfferKind.TOOL, "y", flavour=1), offers(OfferKind.RESOURCE, "s:1")
        )
        await listening.swap()
        assert ear.heard == ["tools"]
        listening.world.discoveries["b"] = found(
            offers(OfferKind.TOOL, "y", flavour=1),
            offers(OfferKind.RESOURCE, "s:1"),
            offers(OfferKind.TEMPLATE, "u:{x}"),
        )
        await listening.swap()
        assert ear.heard == ["tools", "resources"]
        assert tools_only.heard == ["tools"]
        assert nothing.heard == []
        for one in (ear, tools_only, nothing):
            one.task.cancel()

    run(main())


@pytest.mark.promise("changes.rights")
def test_what_one_may_not_see_is_not_told():
    async def main() -> None:
        listening = Listening(world())
        listening.world.grants = [
            GrantSpec("key:alice", "allow", ("a",), ("*",), ("*",), ("*",)),
            GrantSpec("key:bob", "allow", ("*",), ("*",), ("*",), ("*",)),
        ]
        await listening.swap()
        alice = await listening.listen(**ALL_LISTS)
        bob = await listening.listen(key="bob", **ALL_LISTS)
        listening.world.discoveries["b"] = found(offers(OfferKind.TOOL, "y", "z"))
        await listening.swap()
        assert (alice.heard, bob.heard) == ([], ["resources", "tools"])
        listening.world.grants[0] = GrantSpec("key:alice", "allow", ("a", "b"), ("*",), ("*",), ("*",))
        await listening.swap()
        assert (alice.heard, bob.heard) == (["tools"], ["resources", "tools"]), "rights are changes, too"
        for one in (alice, bob):
            one.task.cancel()

    run(main())


def test_swaps_that_come_together_are_told_together():
    async def main() -> None:
        listening = Listening(world())
        ear = await listening.listen(**ALL_LISTS)
        for names in (("y", "z"), ("z",), ("y",)):
            listening.world.discoveries["b"] = found(offers(OfferKind.TOOL, *names), offers(OfferKind.RESOURCE, "s:1"))
            listening.hub.swapped(*listening.world.compile())
        await listening.hub.judged()
        assert ear.heard == [], "what it saw before is what it sees now"
        ear.task.cancel()

    run(main())


@pytest.mark.promise("changes.resources")
def test_updates_reach_who_subscribed():
    async def main() -> None:
        listening = Listening(world())
        ear = await listening.listen(resourceSubscriptions=["r:1", "q:dir", "s:9", "nowhere:1"])
        acknowledged = json.loads(ear.caller.heard[0].params)
        schemas(MODERN).check(acknowledged, "SubscriptionsAcknowledgedNotificationParams")
        assert acknowledged["notifications"] == {"resourceSubscriptions": ["r:1", "q:dir"]}
        assert acknowledged["_meta"] == {"io.modelcontextprotocol/subscriptionId": 7}
        await settle()
        assert listening.watched.told[-1] == ("a", frozenset({"r:1", "q:dir"}))
        for server, uri in (("a", "r:1"), ("a", "r:2"), ("b", "r:1"), ("a", "r:10"), ("a", "q:dir"), ("a", "q:dir/f")):
            listening.hub.updated(server, uri)
        assert ear.heard == ["r:1", "q:dir", "q:dir/f"]
        for notification in ear.caller.heard:
            assert json.loads(notification.params)["_meta"] == {"io.modelcontextprotocol/subscriptionId": 7}
        ear.task.cancel()
        await settle()
        assert listening.watched.told[-1] == ("a", frozenset())
        listening.hub.updated("a", "r:1")
        assert ear.heard == ["r:1", "q:dir", "q:dir/f"]

    run(main())


@pytest.mark.promise("changes.rights")
def test_parts_that_one_may_not_read_are_not_named():
    async def main() -> None:
        listening = Listening(world())
        listening.world.grants = [EVERYTHING, GrantSpec("everyone", "deny", ("a",), (), (), ("q:dir/secret*",))]
        await listening.swap()
        ear = await listening.listen(resourceSubscriptions=["q:dir"])
        listening.hub.updated("a", "q:dir/open")
        listening.hub.updated("a", "q:dir/secret/plan")
        assert ear.heard == ["q:dir/open", "q:dir"]
        ear.task.cancel()

    run(main())


@pytest.mark.promise("changes.rights")
def test_a_stream_is_narrowed_when_rights_are_taken_back():
    async def main() -> None:
        listening = Listening(world())
        ear = await listening.listen(resourceSubscriptions=["r:1", "r:2", "s:1"])
        listening.world.grants = [GrantSpec("everyone", "allow", ("*",), (), (), ("r:1", "s:*"))]
        await listening.swap()
        await settle()
        assert ("a", frozenset({"r:1"})) in listening.watched.told
        for server, uri in (("a", "r:1"), ("a", "r:2"), ("b", "s:1")):
            listening.hub.updated(server, uri)
        assert ear.heard == ["r:1", "s:1"]
        ear.task.cancel()

    run(main())


def test_a_uri_that_another_serves_now_is_heard_from_that_one():
    async def main() -> None:
        listening = Listening(World({"b": found(offers(OfferKind.RESOURCE, "r:1"))}))
        ear = await listening.listen(resourceSubscriptions=["r:1"])
        listening.hub.updated("b", "r:1")
        listening.world.discoveries["a"] = found(offers(OfferKind.RESOURCE, "r:1"))
        await listening.swap()
        await settle()
        listening.hub.updated("b", "r:1")
        assert ear.heard == ["r:1"], "it is called b+r:1 now"
        listening.hub.updated("a", "r:1")
        assert ear.heard == ["r:1", "r:1"]
        assert set(listening.watched.told[-2:]) == {("b", frozenset()), ("a", frozenset({"r:1"}))}
        ear.task.cancel()

    run(main())


def test_a_renamed_resource_is_heard_of_by_its_public_uri():
    async def main() -> None:
        listening = Listening(
            World({"a": found(offers(OfferKind.RESOURCE, "r:1")), "b": found(offers(OfferKind.RESOURCE, "r:1"))})
        )
        ear = await listening.listen(resourceSubscriptions=["b+r:1"])
        await settle()
        assert listening.watched.told == [("b", frozenset({"r:1"}))]
        listening.hub.updated("b", "r:1")
        listening.hub.updated("a", "r:1")
        assert ear.heard == ["b+r:1"]
        ear.task.cancel()

    run(main())


@pytest.mark.promise("changes.rights")
@pytest.mark.parametrize("how", ["key", "replaced", "endpoint"])
def test_a_stream_ends_when_its_ground_is_gone(how: str):
    async def main() -> None:
        listening = Listening(world())
        ear = await listening.listen(endpoint="b", resourceSubscriptions=["s:1"])
        other = await listening.listen(key="bob", endpoint="a")
        if how == "key":
            listening.world.keys = [key for key in listening.world.keys if key.name != "alice"]
        elif how == "replaced":
            listening.world.keys = [KeySpec("alice", b"new"), *listening.world.keys[1:]]
        else:
            del listening.world.discoveries["b"]
        await listening.swap()
        result = json.loads((await ear.task).body)
        schemas(MODERN).check(result, "SubscriptionsListenResult")
        assert result["_meta"] == {"io.modelcontextprotocol/subscriptionId": 7}
        await settle()
        assert listening.watched.told[-1] == ("b", frozenset())
        assert not other.task.done()
        other.task.cancel()

    run(main())


@pytest.mark.promise("changes.rights")
def test_a_stream_ends_when_its_key_expires():
    async def main() -> None:
        listening = Listening(world())
        now = time.time()
        listening.world.keys = [KeySpec("alice", b"alice", expires=now + 500.0), KeySpec("bob", b"bob")]
        await listening.swap()
        alice, bob = await listening.listen(), await listening.listen(key="bob")
        await asyncio.sleep(450)
        assert not alice.task.done()
        await asyncio.sleep(100)
        assert alice.task.done()
        listening.world.keys[1] = KeySpec("bob", b"bob", expires=now + 100.0)
        await listening.swap()
        await asyncio.sleep(200)
        assert bob.task.done(), "also when the end was set later"

    run(main())


def test_the_end_of_the_process_ends_every_stream():
    async def main() -> None:
        listening = Listening(world())
        ears = [await listening.listen(key=key) for key in ("alice", "bob")]
        listening.hub.close()
        for ear in ears:
            assert json.loads((await ear.task).body)["resultType"] == "complete"

    run(main())


def test_streams_and_resources_are_bounded():
    async def main() -> None:
        listening = Listening(world())
        alice = listening.world.snapshot.principals[b"alice"]

        def stream(principal: Principal) -> Stream:
            return Stream(principal, "", frozenset(), lambda notification: None, lambda: None)

        for _ in range(MOST_STREAMS):
            listening.hub.add(stream(alice))
        with pytest.raises(Limited, match="key:alice"):
            listening.hub.add(stream(alice))
        listening.hub.add(stream(listening.world.snapshot.principals[b"bob"]))
        with pytest.raises(InvalidParams, match=str(MOST_URIS)):
            await listening.listen(key="bob", resourceSubscriptions=[f"q:{n}" for n in range(MOST_URIS + 1)])

    run(main())


@pytest.mark.parametrize("wanted", [None, [], "x", {"toolsListChanged": 1}, {"resourceSubscriptions": "r:1"}])
def test_a_malformed_filter_is_refused(wanted: Any):
    async def main() -> None:
        listening = Listening(world())
        with pytest.raises(InvalidParams, match="subscriptions/listen"):
            await listening.line.ask(arrival("subscriptions/listen", {"notifications": wanted}))

    run(main())


def test_a_server_that_says_so_is_believed():
    """Its lists are as they were, and yet it announced a change: whoever sees something of it is told."""

    async def main() -> None:
        listening = Listening(world())
        ear = await listening.listen(**ALL_LISTS)
        listening.hub.relisted("b")
        assert ear.heard == ["resources", "tools"]
        listening.hub.relisted("nobody")
        assert len(ear.heard) == 2
        ear.task.cancel()

    run(main())
