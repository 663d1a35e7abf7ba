"""Hearing what one server announces on its own: on the streams of calls, and on a stream opened for it. Where the
server offers no such stream, the former are all there is."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

from toolgate.model.catalog import Change
from toolgate.model.errors import Fault, UpstreamFailed
from toolgate.model.identity import Grant
from toolgate.pipeline.announcements import Announcements, Watch
from toolgate.upstreams.streamable_http import replies
from toolgate.upstreams.streamable_http.modern import Modern
from toolgate.upstreams.streamable_http.session import Session


class Hearing:
    """What one server announces. `announcements` also take what the streams of calls bring."""

    def __init__(self, server: str, modern: Modern, announcements: Announcements) -> None:
        self._server = server
        self._modern = modern
        self._announcements = announcements
        self._watch = Watch()
        self._session: Session | None = None

    async def watch(self, uris: frozenset[str]) -> None:
        """Sets the resources whose updates are to be heard."""
        self._watch.set(uris)
        if self._session is not None:
            await self._session.subscribe(uris)

    async def changes_modern(self, grant: Grant) -> AsyncIterator[Change]:
        """Until the stream breaks (UpstreamFailed)."""
        async for change in self._follow(asyncio.create_task(self._listen(grant))):
            yield change

    async def changes_in(self, session: Session) -> AsyncIterator[Change]:
        """The same in a session of the handshake era. Raises replies.Lost when the session is gone."""
        async for change in self._follow(asyncio.create_task(self._get(session))):
            yield change

    async def _follow(self, hearing: "asyncio.Task[None]") -> AsyncIterator[Change]:
        """What is announced anywhere, for as long as `hearing` does not fail."""
        follower = self._announcements.follow()
        hearing.add_done_callback(lambda done: follower.end() if done.cancelled() or done.exception() else None)
        try:
            async for change in follower:
                yield change
            await hearing
        finally:
            follower.end()
            hearing.cancel()
            with suppress(asyncio.CancelledError, Fault, replies.Lost):
                await hearing

    async def _listen(self, grant: Grant) -> None:
        """One `subscriptions/listen` at a time. When the watched resources change, the next is acknowledged before the
        former ends, so that nothing falls between them."""
        current: asyncio.Task[bool] | None = None
        try:
            while True:
                changed, acknowledged = self._watch.changed, asyncio.Event()
                listening = self._modern.listen(self._watch.uris, grant, acknowledged, self._announcements.announce)
                former, current = current, asyncio.create_task(listening)
                await _either(acknowledged, current)
                if former is not None:
                    former.cancel()
                await _either(changed, current)
                if current.done():
                    if not current.result():
                        return
                    raise UpstreamFailed(f"server {self._server!r} ended its announcements")
        finally:
            if current is not None:
                current.cancel()

    async def _get(self, session: Session) -> None:
        self._session = session
        try:
            await session.subscribe(self._watch.uris)
            async for change in session.changes():
                self._announcements.announce(change)
        finally:
            self._session = None


async def _either(event: asyncio.Event, task: "asyncio.Task[bool]") -> None:
    """Until the event is set or the task has ended."""
    waiting = asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait({waiting, task}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
