"""The line behind stdin and stdout: one local client, who is the bootstrap key's principal."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from toolgate.assembly.alone import Alone
from toolgate.assembly.gateway import FIRST_LOOK, FIRST_LOOK_ELSEWHERE
from toolgate.assembly.line import Setup, open_line
from toolgate.assembly.watching import stop, watch_file
from toolgate.edge.answering import Answering
from toolgate.edge.lines import Lines
from toolgate.edge.stdio import Client, StdioEdge
from toolgate.model.declared import Declared
from toolgate.model.identity import Credential
from toolgate.ports import Sink
from toolgate.settings import Settings
from toolgate.stores.clock import SystemClock
from toolgate.stores.data_dir import DataDir


@asynccontextmanager
async def open_stdio(
    settings: Settings,
    data: DataDir,
    declared: Declared,
    environment: Mapping[str, str],
    reload: Callable[[], Declared] | None,
    sinks: tuple[Sink, ...],
    endpoint: str,
    lines: Lines,
) -> AsyncGenerator[StdioEdge]:
    """Ready to serve one client at `endpoint` (empty: everything). Raises ConfigError."""
    async with AsyncExitStack() as stack:
        file = Alone(declared, SystemClock())
        line = await stack.enter_async_context(open_line(Setup(data, file.declared, environment, sinks)))
        file.into(line.apply)
        client = Client(line.local, Credential("bearer", data.local_key.encode()), endpoint)
        edge = StdioEdge(lines, client, Answering(line.door), line.hub, line.sessions, line.clock)
        line.session_methods.subscriber = edge
        tasks = [
            asyncio.create_task(line.publisher.run(), name="publisher"),
            asyncio.create_task(line.ring.run(), name="records"),
            asyncio.create_task(file.run(), name="roles that end"),
        ]
        if declared.file is not None and reload is not None and settings.watch:
            problems: dict[str, str] = {}
            watching = watch_file(declared.file, file.take_file, reload, problems, line.publisher.published)
            tasks.append(asyncio.create_task(watching, name="watch"))
        stack.push_async_callback(stop, tasks)
        await line.catalog.settled(FIRST_LOOK, FIRST_LOOK_ELSEWHERE)
        await line.publisher.published()
        yield edge
