"""Keeps every declared server open, discovered and listened to; one server in trouble never holds up another."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any

from toolgate.control.offered import Offered
from toolgate.control.parts import Run
from toolgate.control.pulse import Probe, Pulse, Turns, said, was_reached
from toolgate.model.catalog import ChangeKind, Discovery
from toolgate.model.declared import ServerSpec
from toolgate.model.errors import Fault, ToolgateError, UpstreamFailed
from toolgate.model.health import Health
from toolgate.model.identity import Grant
from toolgate.ports import Upstream

logger = logging.getLogger(__name__)

FIRST_RETRY = 0.5
LAST_RETRY = 60.0
DISCOVERY_TIMEOUT = 30.0
"""Seconds that a server may take to say what it offers."""

TRY_TIMEOUT = 10.0
"""The same for a server at a URL that is tried out while somebody waits."""

DRAIN = 30.0
"""Seconds that calls in flight may take to end when their server was changed or removed."""

_REPOLL = 300.0
"""Seconds after which a server that announces nothing is discovered again."""

_SECOND_LOOK = 1.0
"""Seconds after which the lists of a server that was not listened to before are read a second time."""

_CALM = 0.25
"""Seconds between two readings that a server asked for: one that announces without end is read no more often."""

Updated = Callable[[str, str | None], None]
"""Told of a server's resource that was updated (its URI), or with None of lists that the server said were changed and
that are as they were."""


class Opened:
    """One server's life: open, discover, listen, discover again. `run` is what its targets end in."""

    def __init__(self, spec: ServerSpec, upstream: Upstream, run: Any, grant: Grant) -> None:
        self.spec = spec
        self.upstream = upstream
        self.run: Run = run
        self.discovery: Discovery | None = None
        self.note: str | None = "its discovery has not ended yet"
        self.settled = asyncio.Event()
        self.pulse = Pulse()
        self.turns = Turns()
        self._grant = grant
        self._probe = Probe(spec, upstream, run, grant)

    def follow(self, former: "Opened") -> None:
        """Offers what `former` did until it is discovered: it is the same server, opened anew."""
        self.discovery, self.note = former.discovery, former.note

    def attend(self, pulse: Pulse, turns: Turns) -> None:
        """Tells this pulse from now on how it is, and waits for these turns."""
        self.pulse, self.turns = pulse, turns

    async def discovered(self) -> Discovery:
        """What the server offers now, whatever is known."""
        return await self.upstream.discover(self._grant)

    async def supervise(self, changed: Callable[[], None], updated: Updated) -> None:
        """Until cancelled. `changed()` when discovery found something new.

        A server that breaks off is asked again soon, then less and less often; one that says nothing, now and then.
        """
        loop = asyncio.get_running_loop()
        delay = FIRST_RETRY
        found = await self._discover(changed)
        while True:
            began = loop.time()
            if found:
                await self._keep_up(changed, updated)
            if loop.time() - began > LAST_RETRY:
                delay = FIRST_RETRY
            await asyncio.sleep(_spread(delay))
            delay = min(delay * 2, LAST_RETRY)
            async with self.turns.ill:
                found = await self._discover(changed)

    async def _discover(self, changed: Callable[[], None]) -> bool:
        try:
            async with asyncio.timeout(DISCOVERY_TIMEOUT):
                found = await self.upstream.discover(self._grant)
        except TimeoutError:
            self._failed(UpstreamFailed(f"it did not answer within {DISCOVERY_TIMEOUT:g} s", reached=False), changed)
            return False
        except ToolgateError as error:
            self._failed(error, changed)
            return False
        except Exception:
            logger.exception("server %s: discovery failed unexpectedly", self.spec.name)
            self._failed(UpstreamFailed("its discovery failed unexpectedly (see the log)"), changed)
            return False
        self.pulse.answered(found)
        new = found != self.discovery or self.note is not None
        if new:
            self.discovery, self.note = found, None
            number = len(found.offers)
            logger.info("server %s: %d offer%s", self.spec.name, number, "" if number == 1 else "s")
            changed()
        self.settled.set()
        return True

    def _failed(self, error: ToolgateError, changed: Callable[[], None]) -> None:
        why = said(error)
        self.pulse.failed(why, reached=was_reached(error))
        if why != self.note:
            logger.warning("%s", _naming(self.spec.name, why))
            self.note = why
            changed()
        self.settled.set()

    async def _keep_up(self, changed: Callable[[], None], updated: Updated) -> None:
        """Reads the lists again whenever the server says that they changed, and now and then, until it cannot be heard
        or read, or fails a probe. It is listened to all the time, so that no change falls into a gap; only the first
        reading was before that, so a second one follows soon."""
        stale = asyncio.Event()
        hearing = asyncio.create_task(self._hear(stale, updated))
        probing = asyncio.create_task(self._probed(changed))
        pause = _spread(_SECOND_LOOK)
        try:
            while True:
                asked = await _set_within(pause, stale, hearing, probing)
                if hearing.done() or probing.done():
                    return
                stale.clear()
                known = self.discovery
                if not await self._discover(changed):
                    return
                if asked and self.discovery is known:
                    updated(self.spec.name, None)
                if asked:
                    await asyncio.sleep(_CALM)
                pause = _spread(_REPOLL)
        finally:
            hearing.cancel()
            probing.cancel()
            await asyncio.wait({hearing, probing})

    async def _probed(self, changed: Callable[[], None]) -> None:
        """Until a probe fails."""
        if self.discovery is not None:
            self._failed(await self._probe.failing(self.discovery, self.pulse, self.turns), changed)

    async def _hear(self, stale: asyncio.Event, updated: Updated) -> None:
        """Until the server cannot be heard."""
        try:
            async for change in self.upstream.changes(self._grant):
                if change.kind is ChangeKind.LISTS:
                    stale.set()
                elif change.uri is not None:
                    updated(self.spec.name, change.uri)
        except Fault as fault:
            logger.debug("server %s cannot be heard: %s", self.spec.name, fault.message)
        except Exception:
            logger.exception("server %s: listening failed unexpectedly", self.spec.name)


def _spread(seconds: float) -> float:
    """About so long: hundreds of servers that started together are not all read in the same moment for ever."""
    return seconds * random.uniform(0.8, 1.2)


async def _set_within(seconds: float, event: asyncio.Event, *unless: "asyncio.Task[None]") -> bool:
    """Waits for the event, not longer than that, nor once one of the tasks has ended; whether it is set."""
    waiting = asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait({waiting, *unless}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
    return event.is_set()


Opener = Callable[[ServerSpec], "AbstractAsyncContextManager[Opened]"]


class Catalog:
    """The opened servers by name. `open_server` opens one; it is closed when its spec is gone or different, and then
    only after `published`, which waits until no new call is sent to it."""

    def __init__(
        self,
        open_server: Opener,
        changed: Callable[[], None],
        updated: Updated,
        published: Callable[[], Awaitable[None]],
    ) -> None:
        self._open_server = open_server
        self._changed = changed
        self._updated = updated
        self._published = published
        self._lives: dict[str, tuple[ServerSpec, asyncio.Task[None]]] = {}
        self._running: set[asyncio.Task[None]] = set()
        self.opened: dict[str, Opened] = {}
        self.failed: dict[str, str] = {}
        self.offered = Offered()
        self._turns = Turns()
        self._pulses: dict[str, Pulse] = {}
        self._watched: dict[str, frozenset[str]] = {}

    def apply(self, specs: tuple[ServerSpec, ...]) -> None:
        """Makes the open servers those of `specs`. Unchanged ones are not touched."""
        wanted = {spec.name: spec for spec in specs}
        for name, (spec, _) in list(self._lives.items()):
            if wanted.get(name) != spec:
                self._close(name)
        for name, spec in wanted.items():
            if name not in self._lives:
                self._begin(spec)
        self._changed()

    async def probe(self, spec: ServerSpec) -> Discovery:
        """What a server offers that is not one of the open ones; it is closed again. Raises ToolgateError."""
        seconds = TRY_TIMEOUT if "url" in spec.settings else DISCOVERY_TIMEOUT
        async with self._open_server(spec) as opened:
            try:
                async with asyncio.timeout(seconds):
                    return await opened.discovered()
            except TimeoutError:
                raise UpstreamFailed(f"it did not answer within {seconds:g} s", reached=False) from None

    def reopen(self, names: frozenset[str]) -> None:
        """Opens these servers anew although their specs are as they were. Calls go on meanwhile: those under way where
        they are, and new ones to whichever is in force."""
        for name in names & self._lives.keys():
            spec, life = self._lives[name]
            self._begin(spec, life)

    def notes(self) -> dict[str, str]:
        """Why the offers of a server are not known, by server."""
        notes = {name: opened.note for name, opened in self.opened.items() if opened.note is not None}
        waiting = dict.fromkeys(self._lives, "it is being opened")
        return {**{name: why for name, why in waiting.items() if name not in self.opened}, **self.failed, **notes}

    def discoveries(self) -> dict[str, Discovery]:
        """What the servers offer of which that is known."""
        return {name: one.discovery for name, one in self.opened.items() if one.discovery is not None}

    def health(self) -> dict[str, Health]:
        """How each server is that is meant to be open."""
        return {name: pulse.health for name, pulse in self._pulses.items()}

    async def watch(self, server: str, uris: frozenset[str]) -> None:
        """Tells one server which of its resources someone listens to, now and whenever it is opened anew."""
        self._watched[server] = uris
        opened = self.opened.get(server)
        if opened is not None:
            await opened.upstream.watch(uris)

    async def settled(self, timeout: float, elsewhere: float | None = None) -> None:
        """Waits until every server was discovered or failed once, at most `timeout` seconds; for those at a URL at most
        `elsewhere`, because they need no time to be started."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        while True:
            waited = loop.time() - began
            pending = [spec for spec, _ in self._lives.values() if not self._is_settled(spec.name)]
            if all(
                waited >= (timeout if elsewhere is None or "url" not in one.settings else elsewhere) for one in pending
            ):
                return
            await asyncio.sleep(0.01)

    def _is_settled(self, name: str) -> bool:
        return name in self.failed or (name in self.opened and self.opened[name].settled.is_set())

    async def close(self) -> None:
        ending = set(self._running)
        for life in ending:
            life.cancel()
        if ending:
            await asyncio.wait(ending, timeout=DRAIN)

    def _begin(self, spec: ServerSpec, former: "asyncio.Task[None] | None" = None) -> None:
        self._pulses.setdefault(spec.name, Pulse())
        life = asyncio.create_task(self._live(spec, former), name=f"server {spec.name}")
        self._lives[spec.name] = (spec, life)
        self._running.add(life)
        life.add_done_callback(self._running.discard)

    def _close(self, name: str) -> None:
        _, life = self._lives.pop(name)
        self.opened.pop(name, None)
        self.failed.pop(name, None)
        del self._pulses[name]
        self._end(life)

    def _end(self, life: "asyncio.Task[None]") -> None:
        """Ends a life once the snapshot that sends calls to it is replaced."""

        async def end() -> None:
            with suppress(TimeoutError):
                async with asyncio.timeout(DRAIN):
                    await self._published()
            life.cancel()

        waiting = asyncio.create_task(end(), name=f"end of {life.get_name()}")
        life.add_done_callback(lambda _: waiting.cancel())

    def _is_current(self, name: str) -> bool:
        """Whether the life that asks is still the one of its server."""
        return name in self._lives and self._lives[name][1] is asyncio.current_task()

    async def _live(self, spec: ServerSpec, former: "asyncio.Task[None] | None") -> None:
        """`former` is the life that this one takes the place of."""
        try:
            async with self._open_server(spec) as opened:
                if not self._is_current(spec.name):
                    return
                if former is not None and spec.name in self.opened:
                    opened.follow(self.opened[spec.name])
                opened.attend(self._pulses[spec.name], self._turns)
                self.opened[spec.name] = opened
                self.failed.pop(spec.name, None)
                if former is not None:
                    self._changed()
                    self._end(former)
                    former = None
                if spec.name in self._watched:
                    with suppress(Fault):
                        await opened.upstream.watch(self._watched[spec.name])
                await opened.supervise(self._changed, self._updated)
        except ToolgateError as error:
            logger.warning("%s", _naming(spec.name, str(error)))
            self._fail(spec.name, str(error))
        except Exception:
            logger.exception("server %s could not be opened", spec.name)
            self._fail(spec.name, "it could not be opened (see the log)")
        finally:
            if former is not None:
                self._end(former)

    def _fail(self, name: str, why: str) -> None:
        if self._is_current(name):
            self.opened.pop(name, None)
            self.failed[name] = why
            self._pulses[name].failed(why, reached=True)
            self._changed()


def _naming(server: str, why: str) -> str:
    """A reason that names its server, once."""
    return why if why.startswith(f"server {server!r}") else f"server {server!r}: {why}"
