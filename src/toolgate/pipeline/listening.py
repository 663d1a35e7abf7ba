"""Streams that wait for news: lists that changed, resources that were updated.

A stream keeps no snapshot: it is judged again at every swap, by its principal's row of that moment. What it may no
longer see, it no longer hears of.
"""

import asyncio
import hashlib
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from itertools import chain
from weakref import WeakKeyDictionary

import msgspec

from toolgate.model.call import Call, Era, Notification, Result
from toolgate.model.catalog import OfferKind
from toolgate.model.errors import Fault, InvalidParams, Limited
from toolgate.model.identity import Principal
from toolgate.model.snapshot import Endpoint, Row, Snapshot, Target
from toolgate.pipeline import route, visible
from toolgate.pipeline.visible import NO_RIGHTS, capabilities, contested
from toolgate.ports import Caller
from toolgate.protocol import jsonrpc
from toolgate.protocol.envelope import SUBSCRIPTION_ID
from toolgate.rules import access

logger = logging.getLogger(__name__)

MOST_STREAMS = 1000
"""Streams per principal; each holds a connection."""

MOST_URIS = 1000
"""Resources that one stream may subscribe to."""

MOST_URIS_IN_ALL = 10_000
"""Resources that all streams of one principal may subscribe to."""

LONGEST_URI = 2048
"""Characters of a URI that may be subscribed to."""

TELL_SECONDS = 30.0
"""How long a server may take to be told which of its resources are listened to."""

LISTS = {
    "tools": ("notifications/tools/list_changed", (OfferKind.TOOL,)),
    "prompts": ("notifications/prompts/list_changed", (OfferKind.PROMPT,)),
    "resources": ("notifications/resources/list_changed", (OfferKind.RESOURCE, OfferKind.TEMPLATE)),
}

Watch = Callable[[str, frozenset[str]], Awaitable[None]]
"""Tells one server which of its resources someone listens to."""


class Stream:
    """One listener. `hear` never waits; `gone` is called once when the stream must end."""

    def __init__(
        self,
        principal: Principal,
        endpoint: str,
        lists: frozenset[str],
        hear: Callable[[Notification], None],
        gone: Callable[[], None],
    ) -> None:
        self.principal = principal
        self.endpoint = endpoint
        self.lists = lists
        self.hear = hear
        self.gone = gone
        self.uris: dict[str, tuple[str, str]] = {}
        """Public URI -> (server, the server's own URI)."""
        self.expiry: asyncio.TimerHandle | None = None


class Hub:
    """All streams of this process. `swapped` and `updated` are told what happened; `watch` passes on who listens to
    what."""

    def __init__(self, current: Callable[[], Snapshot], watch: Watch) -> None:
        self._current = current
        self._watch = watch
        self._streams: set[Stream] = set()
        self._watched: dict[str, frozenset[str]] = {}
        self._digests: WeakKeyDictionary[Row, dict[tuple[int, OfferKind], tuple[Endpoint, bytes]]] = WeakKeyDictionary()
        self._telling: dict[str, asyncio.Task[None]] = {}
        self._judged: Snapshot | None = None
        self._judging: asyncio.Task[None] | None = None

    def add(self, stream: Stream) -> None:
        """Raises Limited when the principal has too many streams."""
        if sum(1 for other in self._streams if other.principal.id == stream.principal.id) >= MOST_STREAMS:
            raise Limited(f"{stream.principal.id} has {MOST_STREAMS} streams open already", retry_after=5.0)
        self._streams.add(stream)
        self._arm(stream)

    def remove(self, stream: Stream) -> None:
        self._streams.discard(stream)
        if stream.expiry is not None:
            stream.expiry.cancel()
        if stream.uris:
            self._rewatch({server for server, _ in stream.uris.values()})

    def subscribe(self, stream: Stream, *uris: str) -> list[str]:
        """Those of the resources whose updates will be heard: they exist here, the principal may read them, and it does
        not listen to too many."""
        snapshot = self._current()
        endpoint = snapshot.endpoints.get(stream.endpoint)
        row = snapshot.rows.get(stream.principal.id, NO_RIGHTS)
        room = MOST_URIS_IN_ALL - sum(
            len(other.uris) for other in self._streams if other.principal.id == stream.principal.id
        )
        heard: list[str] = []
        for uri in uris[:MOST_URIS]:
            target = None if endpoint is None or len(uri) > LONGEST_URI else route.resource(endpoint, row, uri)
            if target is None or not access.listed(row, target.part, target.bit):
                continue
            if uri not in stream.uris:
                if len(stream.uris) >= MOST_URIS or room <= 0:
                    continue
                room -= 1
            stream.uris[uri] = _place(target, uri)
            heard.append(uri)
        self._rewatch({stream.uris[uri][0] for uri in heard})
        return heard

    def unsubscribe(self, stream: Stream, uri: str) -> None:
        place = stream.uris.pop(uri, None)
        if place is not None:
            self._rewatch({place[0]})

    def updated(self, server: str, uri: str) -> None:
        """A server says that one of its resources changed; the URI may name a part of what is subscribed to."""
        if not self._watched.get(server):
            return
        for stream in list(self._streams):
            for public, (owner, own) in stream.uris.items():
                if owner == server and (uri == own or uri.startswith(own.rstrip("/") + "/")):
                    named = uri if uri != own and self._readable(stream, server, uri) else public
                    params = jsonrpc.encode({"uri": named})
                    stream.hear(Notification("notifications/resources/updated", params))
                    break

    def relisted(self, server: str) -> None:
        """A server says that its lists changed, and they are as they were: it may have taken a change back, or what
        changed cannot be seen in a list. Whoever sees something of it is told."""
        snapshot = self._current()
        seen: dict[tuple[str, str, Row], bool] = {}
        for stream in list(self._streams):
            endpoint = snapshot.endpoints.get(stream.endpoint)
            row = snapshot.rows.get(stream.principal.id, NO_RIGHTS)
            for name in () if endpoint is None else sorted(stream.lists):
                key = (stream.endpoint, name, row)
                if key not in seen:
                    seen[key] = _sees(endpoint, name, row, server)
                if seen[key]:
                    stream.hear(Notification(LISTS[name][0], b"{}"))

    def swapped(self, old: Snapshot, new: Snapshot) -> None:
        """Judges every stream by the new snapshot: ends it when its principal, key or endpoint is gone, takes from it
        what it may not read any more, and soon tells it which of its lists changed."""
        streams = list(self._streams)
        listening = {stream.principal.id for stream in streams}
        keys_before, keys = _keys(old, listening), _keys(new, listening)
        for stream in streams:
            principal = stream.principal.id
            revoked = principal in keys_before and keys_before[principal].isdisjoint(keys.get(principal, ()))
            if principal not in keys or revoked or not _there(stream, new):
                self._end(stream)
                continue
            former, stream.principal = stream.principal, new.principals[next(iter(keys[principal]))]
            if former.ceiling != stream.principal.ceiling:  # where it came from is judged when it comes again
                self._end(stream)
                continue
            self._arm(stream)
            self._narrow(stream, new)
        if self._judged is None:
            self._judged = old
        if self._judging is None:
            self._judging = asyncio.get_running_loop().create_task(self._judge())

    async def judged(self) -> None:
        """Waits until every stream was told of what has changed so far."""
        if self._judging is not None:
            await asyncio.wait({self._judging})

    def close(self) -> None:
        """Ends every stream: the process is about to stop."""
        for stream in list(self._streams):
            self._end(stream)

    def _end(self, stream: Stream) -> None:
        self._streams.discard(stream)
        if stream.expiry is not None:
            stream.expiry.cancel()
        stream.gone()

    def _arm(self, stream: Stream) -> None:
        """A stream lives no longer than the key that opened it."""
        if stream.expiry is not None:
            stream.expiry.cancel()
        expires = stream.principal.expires
        if expires is not None:
            loop = asyncio.get_running_loop()
            stream.expiry = loop.call_later(max(0.0, expires - time.time()), self._end, stream)

    async def _judge(self) -> None:
        """Compares what each stream saw with what it sees now. Lists are long: others get their turns in between, and
        swaps that come meanwhile are compared together."""
        try:
            while self._judged is not None and self._judged is not self._current():
                old, new = self._judged, self._current()
                for stream in list(self._streams):
                    await asyncio.sleep(0)
                    if stream in self._streams:
                        self._compare(stream, old, new)
                self._judged = new
        finally:
            self._judged = self._judging = None

    def _compare(self, stream: Stream, old: Snapshot, new: Snapshot) -> None:
        for name in sorted(stream.lists):
            method, kinds = LISTS[name]
            if any(self._digest(old, stream, kind) != self._digest(new, stream, kind) for kind in kinds):
                stream.hear(Notification(method, b"{}"))

    def _narrow(self, stream: Stream, snapshot: Snapshot) -> None:
        """What may not be read any more is not heard of either; what is served by another now is heard of from that
        one."""
        row = snapshot.rows.get(stream.principal.id, NO_RIGHTS)
        endpoint = snapshot.endpoints[stream.endpoint]
        for uri, place in list(stream.uris.items()):
            target = route.resource(endpoint, row, uri)
            if target is None or not access.listed(row, target.part, target.bit):
                self.unsubscribe(stream, uri)
            elif _place(target, uri) != place:
                stream.uris[uri] = _place(target, uri)
                self._rewatch({place[0], target.server})

    def _readable(self, stream: Stream, server: str, uri: str) -> bool:
        """Whether the stream's principal may read this part of what it subscribed to, and so may know of it."""
        snapshot = self._current()
        endpoint = snapshot.endpoints.get(stream.endpoint)
        row = snapshot.rows.get(stream.principal.id, NO_RIGHTS)
        target = None if endpoint is None else route.resource(endpoint, row, uri)
        return target is not None and target.server == server and access.listed(row, target.part, target.bit)

    def _digest(self, snapshot: Snapshot, stream: Stream, kind: OfferKind) -> bytes:
        """What this stream's principal sees of one list, in 16 bytes; kept for as long as row and endpoint live."""
        endpoint = snapshot.endpoints.get(stream.endpoint)
        row = snapshot.rows.get(stream.principal.id, NO_RIGHTS)
        if endpoint is None:
            return b""
        kept = self._digests.setdefault(row, {})
        entry = kept.get((id(endpoint), kind))
        if entry is not None and entry[0] is endpoint:
            return entry[1]
        hashed = hashlib.blake2b(digest_size=16)
        for line in visible.lines(endpoint, kind, row):
            hashed.update(line.modern)
        if kind is OfferKind.RESOURCE:
            hashed.update(repr(sorted(contested(endpoint, row).renamed.items())).encode())
        digest = hashed.digest()
        kept.clear() if len(kept) > 64 else None
        kept[id(endpoint), kind] = (endpoint, digest)
        return digest

    def _rewatch(self, servers: set[str]) -> None:
        for server in servers:
            uris = self._wanted(server)
            if uris != self._watched.get(server, frozenset()):
                self._watched[server] = uris
                if server not in self._telling:
                    self._telling[server] = asyncio.get_running_loop().create_task(self._tell(server))

    def _wanted(self, server: str) -> frozenset[str]:
        return frozenset(own for stream in self._streams for owner, own in stream.uris.values() if owner == server)

    async def _tell(self, server: str) -> None:
        """Until the server was told of the latest wish: one that is slow to hear is told of no more than two."""
        told: frozenset[str] | None = None
        try:
            while told != self._watched[server]:
                told = self._watched[server]
                async with asyncio.timeout(TELL_SECONDS):
                    await self._watch(server, told)
        except Fault as fault:
            logger.warning("resource updates of server %s cannot be heard: %s", server, fault.message)
        except TimeoutError:
            logger.warning("resource updates of server %s cannot be heard: it did not answer in time", server)
        finally:
            del self._telling[server]


def _keys(snapshot: Snapshot, wanted: set[str]) -> dict[str, set[bytes]]:
    """The digests of the keys of each of these principals."""
    keys: dict[str, set[bytes]] = {}
    for digest, principal in snapshot.principals.items():
        if principal.id in wanted:
            keys.setdefault(principal.id, set()).add(digest)
    return keys


def _there(stream: Stream, snapshot: Snapshot) -> bool:
    """Whether its endpoint is there for its principal."""
    if stream.endpoint not in snapshot.endpoints:
        return False
    return not stream.endpoint or stream.endpoint in snapshot.rows.get(stream.principal.id, NO_RIGHTS).sees


def _place(target: Target, uri: str) -> tuple[str, str]:
    """The server of a resource, and its URI there."""
    return (target.server, target.name if target.pattern is None else uri)


def _sees(endpoint: Endpoint | None, name: str, row: Row, server: str) -> bool:
    """Whether a list on this endpoint shows something of the server to who has this row."""
    if endpoint is None:
        return False
    offered = {"tools": endpoint.tools, "prompts": endpoint.prompts, "resources": endpoint.resources}[name].values()
    more = (*endpoint.shared.values(), endpoint.templates) if name == "resources" else ()
    targets = chain(offered, *more)
    return any(target.server == server and access.listed(row, target.part, target.bit) for target in targets)


class _Wanted(msgspec.Struct):
    """The filter of `subscriptions/listen` (SPEC-DIGEST 2.10)."""

    toolsListChanged: bool = False  # noqa: N815 - the wire's names
    promptsListChanged: bool = False  # noqa: N815
    resourcesListChanged: bool = False  # noqa: N815
    resourceSubscriptions: list[str] = []  # noqa: N815


class Listen:
    """The handler of `subscriptions/listen`: acknowledges what it honours, then passes on news until either side
    ends."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def __call__(self, call: Call, caller: Caller) -> Result:
        wanted = _wanted(call)
        subscription = msgspec.Raw(call.wire_id)
        ended = asyncio.get_running_loop().create_future()

        def hear(notification: Notification) -> None:
            caller.notify(_stamped(notification.method, jsonrpc.fields(msgspec.Raw(notification.params)), subscription))

        def gone() -> None:
            if not ended.done():
                ended.set_result(None)

        lists = _honoured(wanted, capabilities(call.endpoint, call.row))
        stream = Stream(call.principal, call.endpoint.name, lists, hear, gone)
        self._hub.add(stream)
        try:
            uris = self._hub.subscribe(stream, *wanted.resourceSubscriptions)
            caller.notify(_acknowledged(lists, uris, wanted, subscription))
            await ended
        finally:
            self._hub.remove(stream)
        meta = {SUBSCRIPTION_ID: subscription}
        return Result(jsonrpc.encode({"resultType": "complete", "_meta": meta}), Era.MODERN)


def _wanted(call: Call) -> _Wanted:
    raw = call.params.get("notifications")
    try:
        wanted = msgspec.json.decode(raw if raw is not None else b"null", type=_Wanted)
    except msgspec.DecodeError as error:
        raise InvalidParams(f"subscriptions/listen: `notifications`: {error}") from None
    if len(wanted.resourceSubscriptions) > MOST_URIS:
        raise InvalidParams(f"subscriptions/listen: a stream may subscribe to {MOST_URIS} resources at most")
    return wanted


def _honoured(wanted: _Wanted, capabilities: Mapping[str, object]) -> frozenset[str]:
    asked = {
        "tools": wanted.toolsListChanged,
        "prompts": wanted.promptsListChanged,
        "resources": wanted.resourcesListChanged,
    }
    return frozenset(name for name, asks in asked.items() if asks and name in capabilities)


def _acknowledged(lists: frozenset[str], uris: list[str], wanted: _Wanted, subscription: msgspec.Raw) -> Notification:
    honoured: dict[str, object] = {f"{name}ListChanged": True for name in sorted(lists)}
    if wanted.resourceSubscriptions:
        honoured["resourceSubscriptions"] = uris
    params = {"notifications": jsonrpc.encode_raw(honoured)}
    return _stamped("notifications/subscriptions/acknowledged", params, subscription)


def _stamped(method: str, params: dict[str, msgspec.Raw], subscription: msgspec.Raw) -> Notification:
    meta = {SUBSCRIPTION_ID: subscription}
    return Notification(method, jsonrpc.encode({**params, "_meta": meta}))
