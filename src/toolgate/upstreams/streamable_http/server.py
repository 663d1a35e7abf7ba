"""One server over streamable HTTP: which eras it serves, what it offers, and the session or none that a call goes
through."""

from collections.abc import AsyncIterator, Coroutine
from functools import partial
from typing import Any

from toolgate.model.call import Era, Fields, Outbound, Result
from toolgate.model.catalog import Change, Discovery
from toolgate.model.declared import ServerSpec
from toolgate.model.errors import UpstreamFailed
from toolgate.model.identity import Grant
from toolgate.pipeline.announcements import Announcements
from toolgate.pipeline.pace import Pace
from toolgate.pipeline.pool import KeyedPool
from toolgate.pipeline.survey import survey
from toolgate.ports import Caller, HttpRoute
from toolgate.protocol import southbound
from toolgate.protocol.bridge import same_era
from toolgate.protocol.southbound import Introduction
from toolgate.protocol.versions import MODERN
from toolgate.upstreams.streamable_http import replies
from toolgate.upstreams.streamable_http.hearing import Hearing
from toolgate.upstreams.streamable_http.modern import Modern
from toolgate.upstreams.streamable_http.session import Session

SESSIONS = 1000
IDLE = 600.0


_Key = tuple[Grant, bytes]
"""Who may share one session of the handshake era: those of one grant, whose client's capabilities are the same."""


class StreamableHttp:
    """The Upstream. `discover` settles the eras; until then a call speaks the era that the settings name, or its
    caller's."""

    def __init__(self, spec: ServerSpec, route: HttpRoute, path: str) -> None:
        self._spec = spec
        self._route = route
        self._path = path
        announcements = Announcements()
        self._bounds = replies.Bounds(spec.max_bytes, Pace())
        self._modern = Modern(spec.name, route, path, self._bounds, announcements.announce)
        self._hearing = Hearing(spec.name, self._modern, announcements)
        self._announce = announcements.announce
        self._eras: frozenset[str] = frozenset({Era.MODERN, Era.LEGACY})
        self._sessions: KeyedPool[_Key, Session] = KeyedPool(
            self._initialize, bound=SESSIONS, idle=IDLE, what=f"sessions at server {spec.name!r}"
        )

    def call(self, out: Outbound, caller: Caller, /) -> Coroutine[Any, Any, Result]:
        if same_era(out.envelope, self._eras, self._spec.era) is Era.MODERN:
            return self._modern.call(out, caller)
        return self._in_session(out, caller)

    async def _in_session(self, out: Outbound, caller: Caller) -> Result:
        """One call through a session; a session that the server forgot is made anew once, for it did nothing."""
        key = (out.grant, southbound.shown_capabilities(out.envelope, Era.LEGACY))
        for _ in range(2):
            with self._sessions.lease(key) as lease:
                session = lease.thing or await lease.opened()
                try:
                    return await session.call(out, caller)
                except replies.Lost:
                    self._sessions.forget(key, session)
        raise UpstreamFailed(f"server {self._spec.name!r} forgets every session at once")

    async def discover(self, grant: Grant, /) -> Discovery:
        name, forced = self._spec.name, self._spec.era
        modern = None if forced == Era.LEGACY else await self._introduce_modern(grant)
        if forced == Era.MODERN and modern is None:
            raise UpstreamFailed(f"server {name!r} does not speak {MODERN}, which `era: modern` asks for")
        legacy = None
        if forced != Era.MODERN and (modern is None or Era.LEGACY not in modern.eras):
            legacy = await self._introduce_legacy(grant, required=modern is None)
        known = modern or legacy
        assert known is not None
        self._eras = known.eras if legacy is None else known.eras | legacy.eras
        ask = self._ask_modern if known is modern else self._ask_legacy
        return await survey(partial(ask, grant), known, self._eras, server=name, max_bytes=self._spec.max_bytes)

    async def changes(self, grant: Grant, /) -> AsyncIterator[Change]:
        if self._own_era() is Era.MODERN:
            async for change in self._hearing.changes_modern(grant):
                yield change
            return
        key = (grant, southbound.NO_CAPABILITIES)
        with self._sessions.lease(key) as lease:
            session = lease.thing or await lease.opened()
            try:
                async for change in self._hearing.changes_in(session):
                    yield change
            except replies.Lost:
                self._sessions.forget(key, session)
                raise UpstreamFailed(
                    f"server {self._spec.name!r} forgot the session that listens for changes"
                ) from None

    async def watch(self, uris: frozenset[str], /) -> None:
        await self._hearing.watch(uris)

    async def close(self) -> None:
        await self._sessions.close()

    def _own_era(self) -> Era:
        """The era for what the gateway itself asks: the newest that the server has."""
        forced = self._spec.era
        if forced in (Era.MODERN, Era.LEGACY):
            return Era(forced)
        return Era.MODERN if Era.MODERN in self._eras else Era.LEGACY

    async def _initialize(self, key: _Key) -> Session:
        grant, capabilities = key
        headers = (
            ("Content-Type", "application/json"),
            ("Accept", "application/json, text/event-stream"),
            *grant.headers,
        )
        session = Session(
            self._spec.name,
            self._route,
            self._path,
            self._bounds,
            self._route.prepare(headers),
            self._announce,
        )
        await session.initialize(capabilities, grant)
        return session

    async def _introduce_modern(self, grant: Grant) -> Introduction | None:
        """None when the server shows itself as one of the handshake era. A server that cannot be reached is no
        verdict."""
        try:
            return southbound.discovered(await self._modern.ask("server/discover", {}, grant))
        except replies.Unspoken:
            return None

    async def _introduce_legacy(self, grant: Grant, *, required: bool) -> Introduction | None:
        """The handshake. Where it is not `required` (the server is modern), a refusal only means that it has no older
        era."""
        try:
            with self._sessions.lease((grant, southbound.NO_CAPABILITIES)) as lease:
                return (lease.thing or await lease.opened()).introduction
        except UpstreamFailed:
            if required:
                raise
            return None

    async def _ask_modern(self, grant: Grant, method: str, params: Fields) -> bytes:
        return replies.result(await self._modern.ask(method, params, grant), self._spec.name, method)

    async def _ask_legacy(self, grant: Grant, method: str, params: Fields) -> bytes:
        key = (grant, southbound.NO_CAPABILITIES)
        with self._sessions.lease(key) as lease:
            session = lease.thing or await lease.opened()
            try:
                return replies.result(await session.ask(method, params), self._spec.name, method)
            except replies.Lost:
                self._sessions.forget(key, session)
                raise UpstreamFailed(f"server {self._spec.name!r} forgot its session between two requests") from None
