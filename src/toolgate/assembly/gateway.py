"""A whole gateway: the line, its sinks, its HTTP side, and the file that it watches."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

import msgspec

from toolgate.admin.exchange import Uses
from toolgate.assembly.administration import Opening, api
from toolgate.assembly.alone import Alone
from toolgate.assembly.gathering import Gathering
from toolgate.assembly.http import Areas, Listening, listen, no_areas
from toolgate.assembly.line import Line, Setup, open_line
from toolgate.assembly.refusals import Problems, nobody
from toolgate.assembly.registry_area import listed_by
from toolgate.assembly.watching import stop, watch_certificate, watch_file
from toolgate.control.accepting import Accepting
from toolgate.edge.health import Health
from toolgate.edge.observing import Observing
from toolgate.model.declared import Declared
from toolgate.ports import Sink
from toolgate.settings import Settings
from toolgate.sinks.metrics import Metrics, Readings
from toolgate.sinks.recent import Config as RecentConfig
from toolgate.sinks.recent import Recent
from toolgate.stores.clock import SystemClock
from toolgate.stores.data_dir import DataDir

CHECKED = ("configuration",)
"""What can be wrong while the former state stays in force, and makes it unready."""

WARNED = ("records", "certificate")
"""What can be wrong, too, and makes it no less ready: a database that is away would take every replica out at once."""

FIRST_LOOK = 3.0
"""Seconds that a start waits for its servers to be discovered, so that the first list is not empty."""

FIRST_LOOK_ELSEWHERE = 1.5
"""The same for servers at a URL, which run already, or are dead."""


class Gateway(msgspec.Struct, frozen=True):
    """A gateway that is about to serve: `serve()` runs until it is told to stop."""

    line: Line
    listening: Listening
    serve: Callable[[], Any]
    problems: dict[str, str]


@asynccontextmanager
async def open_gateway(
    settings: Settings,
    data: DataDir,
    declared: Declared,
    environment: Mapping[str, str],
    reload: Callable[[], Declared] | None,
    sinks: tuple[Sink, ...],
    administration: Opening | None,
    gathering: Gathering | None,
) -> AsyncGenerator[Gateway]:
    """`reload` reads the configuration anew when its file changed; without `administration` there is no REST API, and
    without a `gathering` (which has begun with `declared`) no records. Raises ConfigError."""
    problems: dict[str, str] = {}
    recent = Recent(RecentConfig())
    readings = _Late()
    metrics = Metrics(readings.readings())
    file = Alone(declared, SystemClock()) if gathering is None else gathering
    add = None if gathering is None else gathering.secrets
    setup = Setup(data, file.declared, environment, (metrics, recent, *sinks), settings.open, add)
    async with AsyncExitStack() as stack:
        line = await stack.enter_async_context(open_line(setup))
        line.publisher.on_swap(lambda old, new: recent.judge())
        checks, warnings = ({name: partial(problems.get, name) for name in names} for names in (CHECKED, WARNED))
        health = Health(checks, lambda: _up(line), warnings)
        records = None if gathering is None else gathering.served
        uses = None if administration is None else administration(line)
        sees_all = nobody if uses is None else uses.records.sees_all
        observing = Observing(line.door, health, metrics, recent, Problems(), sees_all)
        areas = (
            no_areas if uses is None else api(uses, line),
            listed_by(settings, line, records, lambda: file.file),
        )
        listening = await stack.enter_async_context(listen(settings, line, observing, _all(areas)))
        readings.bind(line, listening)
        tasks = [
            asyncio.create_task(line.publisher.run(), name="publisher"),
            asyncio.create_task(line.ring.run(), name="records"),
            asyncio.create_task(listening.server.sweep(), name="slow connections"),
            *([] if uses is None else _administering(uses)),
            *_followers(file, line, problems),
            *_watchers(settings, declared, listening, reload, (file.take_file, line.publisher.published), problems),
        ]
        stack.push_async_callback(stop, tasks)
        await line.catalog.settled(FIRST_LOOK, FIRST_LOOK_ELSEWHERE)
        await line.publisher.published()

        async def serve() -> None:
            await listening.server.serve(sockets=[listening.socket])

        yield Gateway(line, listening, serve, problems)


def _administering(uses: Uses) -> list["asyncio.Task[None]"]:
    return [
        asyncio.create_task(uses.search.run(), name="index"),
        asyncio.create_task(uses.last_use.run(), name="last use of keys"),
    ]


def _all(areas: Sequence[Areas]) -> Areas:
    return lambda guards, url: tuple(area for make in areas for area in make(guards, url))


class _Late:
    """The readings of parts that do not exist yet when the metrics are made."""

    def __init__(self) -> None:
        self._line: Line | None = None
        self._listening: Listening | None = None

    def bind(self, line: Line, listening: Listening) -> None:
        self._line = line
        self._listening = listening

    def readings(self) -> Readings:
        return Readings(
            in_flight=lambda: 0 if self._line is None else self._line.door.in_flight,
            generation=lambda: 0 if self._line is None else self._line.publisher.current().generation,
            records_dropped=lambda: 0 if self._line is None else self._line.ring.dropped,
            records_lost=dict,
            malformed=lambda: {} if self._listening is None else {"http": self._listening.endpoints.malformed},
            upstreams_up=lambda: {} if self._line is None else _up(self._line),
            upstream_transport=lambda server: "" if self._line is None else _transport(self._line, server),
        )


def _up(line: Line) -> dict[str, bool]:
    notes = line.catalog.notes()
    names = {*line.catalog.opened, *notes}
    return {name: name not in notes for name in names}


def _transport(line: Line, server: str) -> Any:
    opened = line.catalog.opened.get(server)
    kind = "" if opened is None else opened.spec.kind
    transports = {"stdio": "pipe", "functions": "pipe", "echo": "", "python": "", "filesystem": ""}
    return transports.get(kind, "tcp" if kind else "")


def _followers(file: Alone | Gathering, line: Line, problems: dict[str, str]) -> list["asyncio.Task[None]"]:
    if isinstance(file, Alone):
        file.into(line.apply)
        return [asyncio.create_task(file.run(), name="roles that end")]
    file.into(line.apply, line.catalog.reopen)
    accepting = Accepting(file.store, line.catalog.discoveries, lambda: file.file, line.catalog.offered)
    line.publisher.on_swap(lambda old, new: accepting.wake())
    return [
        asyncio.create_task(file.run(problems), name="followed records"),
        asyncio.create_task(accepting.run(), name="accepted offers"),
    ]


def _watchers(
    settings: Settings,
    declared: Declared,
    listening: Listening,
    reload: Callable[[], Declared] | None,
    taking: tuple[Callable[[Declared], None], Callable[[], Awaitable[None]]],
    problems: dict[str, str],
) -> list["asyncio.Task[None]"]:
    tasks: list[asyncio.Task[None]] = []
    if declared.file is not None and reload is not None and settings.watch:
        take, published = taking
        watching = watch_file(declared.file, take, reload, problems, published)
        tasks.append(asyncio.create_task(watching, name="watch"))
    context = listening.server.config.ssl
    if context is not None and settings.tls_cert is not None and settings.tls_key is not None:
        pair = (settings.tls_cert, settings.tls_key)
        tasks.append(asyncio.create_task(watch_certificate(context, *pair, problems), name="certificate"))
    return tasks
