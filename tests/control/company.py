"""A small company over a real SQLite file: the use cases of the control plane with everything they stand on."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from tests.databases.fixtures import Place
from toolgate.control.administration import Administration
from toolgate.control.kinds import kinds_of
from toolgate.control.registry import Registry
from toolgate.model.catalog import Discovery, Offer, OfferKind
from toolgate.model.declared import LOCAL_KEY, Declared
from toolgate.model.entities import Binding, Entity, Key, Server, ServerState, ServiceAccount, Team, User
from toolgate.model.identity import Principal
from toolgate.stores.clock import SystemClock

LOCAL = Principal(f"key:{LOCAL_KEY}", LOCAL_KEY, observer=True)


class Remote(msgspec.Struct, forbid_unknown_fields=True):
    """Settings of the shape that a remote kind has."""

    url: str
    ca_file: str | None = None


class Child(msgspec.Struct, forbid_unknown_fields=True):
    """Settings of the shape that a kind with child processes has."""

    command: list[str]
    env: dict[str, str] = {}


KINDS = kinds_of(
    {"streamable_http": lambda: Remote, "stdio": lambda: Child, "dice": lambda: Remote}, foreign=frozenset({"dice"})
)


class Clock(SystemClock):
    """The real clock, which a test may set forward."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def now(self) -> float:
        return super().now() + self.ahead


class Company:
    """`declared` and `discoveries` are what the file and the servers say; a test may replace them."""

    def __init__(self, store: Any) -> None:
        self.store = store
        self.clock = Clock()
        self.declared = Declared()
        self.discoveries: dict[str, Discovery] = {}
        registry = Registry(store, self.clock, KINDS, lambda: self.declared, lambda: self.discoveries)
        self.administration = Administration(registry)

    async def add(self, *records: Entity) -> None:
        """As the bootstrap key, which may do everything."""
        async with self.administration.open(LOCAL) as desk:
            for record in records:
                await desk.create(record)

    async def seq(self) -> int:
        """How many changes there were: the same as before when nothing was changed."""
        return (await self.store.load())[0]


@asynccontextmanager
async def company(data: Path) -> AsyncGenerator[Company]:
    async with Place("sqlite", data, None).open() as store:
        yield Company(store)


async def settle(found: Company) -> None:
    """Two teams that share nothing, with one nested team, and one person for each role."""
    people = ("boss", "admin", "publisher", "auditor", "ann", "otto", "bea", "carl")
    await found.add(
        *(User(name=name) for name in people),
        Team(name="red", members=("user:ann",), owners=("user:otto",)),
        Team(name="blue", members=("user:bea",)),
        Team(name="red-web", parent="red", members=("user:carl",)),
        ServiceAccount(name="robot", owner="red"),
        Binding(name="b-owner", subject="user:boss", role="owner"),
        Binding(name="b-admin", subject="user:admin", role="admin"),
        Binding(name="b-publisher", subject="user:publisher", role="publisher"),
        Binding(name="b-auditor", subject="user:auditor", role="auditor"),
        *(key(name, f"user:{name}") for name in people),
        key("robot", "service:robot"),
    )


def key(name: str, owner: str | None = None, **more: Any) -> Key:
    return Key(name=name, digest=digest(name), owner=owner, **more)


def digest(name: str) -> str:
    return hashlib.blake2b(name.encode(), digest_size=32).hexdigest()


def by(name: str) -> Principal:
    """Whoever shows the key of this name."""
    return Principal(f"key:{name}", name)


def server(name: str, owner: str | None = None, **more: Any) -> Server:
    settings = {"url": f"https://{name}.example/mcp"}
    return Server(**{"name": name, "kind": "streamable_http", "settings": settings, "owner": owner} | more)


def draft(name: str, owner: str | None = None, **more: Any) -> Server:
    return server(name, owner, state=ServerState.DRAFT, **more)


def discovery(**tools: dict[str, Any]) -> Discovery:
    """A server with these tools, each with its input schema."""
    return Discovery(
        eras=frozenset({"modern"}),
        versions=(),
        capabilities=b"{}",
        server_info=None,
        instructions=None,
        offers=tuple(
            Offer(OfferKind.TOOL, name, {"inputSchema": msgspec.Raw(msgspec.json.encode(schema))})
            for name, schema in tools.items()
        ),
    )
