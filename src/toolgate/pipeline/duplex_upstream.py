"""An Upstream over duplex channels: one conversation for everybody in the modern era, one per grant and set of
capabilities in the handshake era, each opened when it is first needed and opened again, with backoff, when it broke."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from typing import TypeVar

import msgspec

from toolgate.model.call import Era, Outbound, Result
from toolgate.model.catalog import Change, Discovery
from toolgate.model.declared import ServerSpec
from toolgate.model.errors import UpstreamFailed
from toolgate.model.identity import Grant
from toolgate.pipeline.announcements import Announcements, Watch
from toolgate.pipeline.conversation import Conversation, introduce
from toolgate.pipeline.duplex import Peer
from toolgate.pipeline.pool import KeyedPool
from toolgate.pipeline.restarts import Restarts
from toolgate.pipeline.survey import survey
from toolgate.ports import Caller
from toolgate.protocol import bridge
from toolgate.protocol.southbound import NO_CAPABILITIES, shown_capabilities

BOTH = frozenset({Era.MODERN.value, Era.LEGACY.value})
EVERYBODY = Grant("all")

T = TypeVar("T")


class Key(msgspec.Struct, frozen=True):
    """Whose conversation it is. `capabilities` are what the server is shown at `initialize`."""

    era: Era
    grant: Grant = EVERYBODY
    capabilities: bytes = NO_CAPABILITIES


class Limits(msgspec.Struct, frozen=True):
    """`conversations` is the most at a time, `what` they are called; an unused one ends after `idle` seconds; `start`
    is the most seconds that a new one may take for each step of its introduction."""

    conversations: int
    what: str
    idle: float = 600.0
    start: float = 60.0


Open = Callable[[Announcements, Grant], Awaitable[Peer]]
"""Opens one channel and answers the peer at its other end. Raises UpstreamFailed."""


class DuplexUpstream:
    """`eras` are those that this kind of channel can carry at all. Close it when it is no longer needed."""

    def __init__(self, spec: ServerSpec, open_peer: Open, limits: Limits, eras: frozenset[str] = BOTH) -> None:
        self._spec = spec
        self._open = open_peer
        self._limits = limits
        possible = eras if spec.era == "auto" else frozenset({spec.era})
        self._certain = len(possible) == 1
        self._eras = possible if self._certain else None
        self._learning = asyncio.Lock()
        self._spare: tuple[Key, Conversation] | None = None
        self._restarts = Restarts(spec.name)
        self._announcements = Announcements()
        self._watch = Watch()
        self._pool: KeyedPool[Key, Conversation] = KeyedPool(
            self._make, bound=limits.conversations, idle=limits.idle, what=f"{limits.what} of server {spec.name!r}"
        )

    # The port --------------------------------------------------------------------------------------------------------

    async def call(self, out: Outbound, caller: Caller, /) -> Result:
        eras = self._eras or await self._learn(out.grant)
        era = bridge.same_era(out.envelope, eras, self._spec.era)
        modern = era is Era.MODERN
        key = Key(era) if modern else Key(era, out.grant, shown_capabilities(out.envelope, era))
        return await self._use(key, lambda talk: talk.call(out, caller))

    async def discover(self, grant: Grant, /) -> Discovery:
        eras = self._eras or await self._learn(grant)

        async def surveyed(talk: Conversation) -> Discovery:
            found, spec = talk.introduction, self._spec
            return await survey(talk.ask, found, eras, server=spec.name, max_bytes=spec.max_bytes)

        return await self._use(_main(eras, grant), surveyed)

    async def changes(self, grant: Grant, /) -> AsyncIterator[Change]:
        """Keeps one conversation open for as long as it is iterated; ends when that one is lost."""
        eras = self._eras or await self._learn(grant)
        with self._pool.lease(_main(eras, grant)) as lease:
            talk = lease.thing or await lease.opened()
            follower = self._announcements.follow()
            forget = talk.peer.when_lost(follower.end)
            attending = asyncio.ensure_future(talk.attend(self._watch))
            try:
                async for change in follower:
                    yield change
            finally:
                forget()
                follower.end()
                attending.cancel()
                await asyncio.wait({attending})

    async def watch(self, uris: frozenset[str], /) -> None:
        self._watch.set(uris)

    async def close(self) -> None:
        """Ends every conversation. Never raises, and ends within a bound."""
        await self._pool.close()
        self._announcements.end()

    # Conversations ---------------------------------------------------------------------------------------------------

    async def _use(self, key: Key, use: Callable[[Conversation], Awaitable[T]]) -> T:
        """One that broke while nobody used it is replaced; one that breaks in use fails what uses it."""
        with self._pool.lease(key) as lease:
            talk = lease.thing or await lease.opened()
            if not talk.peer.lost:
                return await use(talk)
        self._pool.forget(key, talk)
        with self._pool.lease(key) as lease:
            return await use(lease.thing or await lease.opened())

    async def _make(self, key: Key) -> Conversation:
        talk = self._take_spare(key) or await self._begin(key, key.era)
        began = asyncio.get_running_loop().time()
        talk.peer.when_lost(lambda: self._broke(key, talk, began))
        return talk

    def _take_spare(self, key: Key) -> Conversation | None:
        if self._spare is None or self._spare[0] != key:
            return None
        (_, talk), self._spare = self._spare, None
        return talk

    def _broke(self, key: Key, talk: Conversation, began: float) -> None:
        if not talk.peer.closing:
            self._restarts.failed(key, lived=asyncio.get_running_loop().time() - began)
        self._pool.forget(key, talk)

    async def _begin(self, key: Hashable, era: Era | None) -> Conversation:
        """A new conversation in `era`; None finds out. Raises UpstreamFailed, at once if it is too early to retry."""
        self._restarts.check(key)
        grant, capabilities = (key.grant, key.capabilities) if isinstance(key, Key) else (EVERYBODY, NO_CAPABILITIES)
        try:
            return await self._introduced(era, grant, capabilities)
        except UpstreamFailed:
            self._restarts.failed(key, lived=0.0)
            if not self._certain:
                self._eras = None  # perhaps it was replaced by a server of another era
            raise

    async def _introduced(self, era: Era | None, grant: Grant, capabilities: bytes) -> Conversation:
        peer = await self._open(self._announcements, grant)
        try:
            found = await introduce(peer, era, capabilities, seconds=self._limits.start)
        except BaseException as failure:
            died = peer.lost
            await peer.close()
            if died and era is None and isinstance(failure, UpstreamFailed):
                # Some old servers do not survive a method that they do not know.
                return await self._introduced(Era.LEGACY, grant, capabilities)
            raise
        return Conversation(peer, found, seconds=self._spec.timeout)

    # Eras ------------------------------------------------------------------------------------------------------------

    async def _learn(self, grant: Grant) -> frozenset[str]:
        """The set of eras that the server serves. A server that serves both binds each channel to the era that it was
        first spoken to in (SPEC-DIGEST 4), so that only a second channel can tell."""
        async with self._learning:
            if self._eras is not None:
                return self._eras
            talk = await self._begin(("learning", grant), None)
            eras = talk.introduction.eras
            key = _main(eras, grant)
            self._spare = (key, talk)
            try:
                with self._pool.lease(key) as lease:
                    await lease.opened()  # kept there for its first user
            finally:
                if self._take_spare(key) is not None:
                    await talk.close()  # it could not be kept, or there was one already
            if Era.LEGACY not in eras and await self._serves_legacy(grant):
                eras = BOTH
            self._eras = eras
            return eras

    async def _serves_legacy(self, grant: Grant) -> bool:
        try:
            talk = await self._introduced(Era.LEGACY, grant, NO_CAPABILITIES)
        except UpstreamFailed:
            return False
        await talk.close()
        return True


def _main(eras: frozenset[str], grant: Grant) -> Key:
    """The conversation for what is asked on no caller's behalf."""
    return Key(Era.MODERN) if Era.MODERN in eras else Key(Era.LEGACY, grant)
