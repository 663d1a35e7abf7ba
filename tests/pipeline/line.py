"""The line from an Arrival on, without edges: a front door over a compiled snapshot that tests can swap."""

import asyncio
import itertools
from collections.abc import Sequence
from typing import Any

import msgspec

from tests.control.sources import definition, discovery, known
from toolgate.assembly.line import in_order
from toolgate.control.compiler import Compiled, compile_all
from toolgate.model.call import Arrival, Call, Envelope, Era, Fields, Notification, Result
from toolgate.model.catalog import Discovery, Offer, OfferKind
from toolgate.model.declared import Declared, GrantSpec, KeySpec, ServerSpec, TeamSpec, VirtualSpec
from toolgate.model.errors import NoWayBack, Unauthenticated
from toolgate.model.identity import Credential, Principal
from toolgate.model.records import CallRecord
from toolgate.model.snapshot import Snapshot, Target
from toolgate.pipeline.front_door import FrontDoor
from toolgate.pipeline.gates import OPEN_BIT
from toolgate.pipeline.ring import Ring
from toolgate.pipeline.wheel import Wheel
from toolgate.protocol.versions import MODERN
from toolgate.stores.clock import SystemClock

EVERYTHING = GrantSpec("everyone", "allow", ("*",), ("*",), ("*",), ("*",))
MODERN_CALLER = Envelope(Era.MODERN, MODERN)
LEGACY_CALLER = Envelope(Era.LEGACY, "2025-11-25")


def offers(kind: OfferKind, *names: str, flavour: int = 0) -> tuple[Offer, ...]:
    return tuple(Offer(kind, name, definition(kind, name, flavour)) for name in names)


def found(*some: tuple[Offer, ...]) -> Discovery:
    """What a server was found to offer, with the capabilities that go with it."""
    every = tuple(offer for one in some for offer in one)
    named = {OfferKind.TOOL: "tools", OfferKind.PROMPT: "prompts"}
    capabilities = {named.get(offer.kind, "resources"): {} for offer in every}
    return discovery(every, msgspec.json.encode(capabilities))


class World:
    """What is declared and discovered, compiled anew with each change; every server ends in `handler`."""

    def __init__(self, servers: dict[str, Discovery], keys: Sequence[str] = ("alice",), timeout: float = 60.0) -> None:
        self.discoveries = dict(servers)
        self.timeout = timeout
        self.keys = [KeySpec(key, key.encode()) for key in keys]
        self.grants: list[GrantSpec] = [EVERYTHING]
        self.virtual: tuple[VirtualSpec, ...] = ()
        self.down: tuple[str, ...] = ()
        self.handler: Any = answer_ok
        self.compiled: Compiled | None = None
        self.compile()

    @property
    def snapshot(self) -> Snapshot:
        assert self.compiled is not None
        return self.compiled.snapshot

    def compile(self) -> tuple[Snapshot, Snapshot]:
        """The snapshot before, and the one that is current now."""
        declared = Declared(
            tuple(ServerSpec(name, "echo", {}, timeout=self.timeout) for name in (*self.discoveries, *self.down)),
            self.virtual,
            (TeamSpec("t"),),
            tuple(self.keys),
            tuple(self.grants),
        )
        source = known(self.discoveries, dict.fromkeys(self.discoveries, self._run), declared, None)
        before = self.compiled
        self.compiled = compile_all(source, before)
        return (self.compiled if before is None else before).snapshot, self.snapshot

    async def _run(self, call: Call, caller: Any) -> Result:
        return await self.handler(call, caller)


async def answer_ok(call: Call, caller: Any) -> Result:
    return Result(b'{"resultType":"complete","content":[]}', Era.MODERN)


class Bearer:
    """Knows a key by its bytes."""

    async def identify(self, snapshot: Snapshot, credential: Credential, /) -> Principal | None:
        if credential.scheme == "none":
            return None
        principal = snapshot.principals.get(credential.secret)
        if principal is None:
            raise Unauthenticated("unknown key", presented=True)
        return principal


class Kept:
    """A sink that keeps what it is given."""

    def __init__(self) -> None:
        self.records: list[CallRecord] = []

    def write(self, records: Sequence[CallRecord], /) -> None:
        self.records += records


class Listener:
    """A caller that remembers what it is told."""

    def __init__(self) -> None:
        self.heard: list[Notification] = []

    def notify(self, notification: Notification, /) -> None:
        self.heard.append(notification)

    async def ask(self, method: str, params: bytes, /) -> bytes:
        raise NoWayBack(method)


class Line:
    """A front door over a World; `own` are handlers of the gateway itself, by method."""

    def __init__(self, world: World, own: dict[str, Any] | None = None) -> None:
        self.world = world
        self.kept = Kept()
        self.ring = Ring((self.kept,))
        targets = {
            method: Target("", OPEN_BIT, "", None, "", "", handler, 0.0) for method, handler in (own or {}).items()
        }
        self.door = FrontDoor(
            current=lambda: self.world.snapshot,
            authenticators=(Bearer(),),
            gates=in_order(SystemClock()),
            own=targets,
            ring=self.ring,
            wheel=Wheel(),
        )

    async def ask(self, arrival: Arrival, caller: Any = None) -> Result:
        task = asyncio.current_task()
        assert task is not None
        return await self.door.handle(arrival, caller or Listener(), task)

    def records(self) -> list[CallRecord]:
        self.ring.flush()
        return self.kept.records


_ids = itertools.count(1)


def arrival(
    method: str,
    params: dict[str, Any] | None = None,
    *,
    key: str | None = "alice",
    endpoint: str = "",
    envelope: Envelope = MODERN_CALLER,
    headers: dict[bytes, bytes] | None = None,
) -> Arrival:
    raw: Fields = {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in (params or {}).items()}
    credential = Credential("none") if key is None else Credential("bearer", key.encode())
    return Arrival(f"r{next(_ids)}", b"7", endpoint, method, raw, envelope, credential, headers, size=10)
