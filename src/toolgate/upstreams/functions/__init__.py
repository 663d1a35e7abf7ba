"""A team's own Python functions as a server, run in worker processes: what blocks, leaks or crashes in one hurts no
other.

    tools: {kind: functions, path: ./orders.py}

Functions with `@tool` (from toolgate.functions) are the tools. A worker is an interpreter of its own, with an
environment of its own, that is watched, bounded and replaced; edited code is loaded while the former still answers. It
runs as the gateway's user: it is kept from harming by accident, not from meaning to.
"""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import toolgate.functions
from toolgate.functions import keeping, wire
from toolgate.model.declared import ServerSpec, Sharing
from toolgate.pipeline.surroundings import surroundings
from toolgate.ports import Toolbox, Upstream
from toolgate.upstreams.functions import watching
from toolgate.upstreams.functions.process import Program
from toolgate.upstreams.functions.server import FunctionServer
from toolgate.upstreams.functions.settings import Settings as Settings

SHARING: Sharing = "all"

_WORKER = Path(toolgate.functions.__file__).with_name("worker.py")
_SPARE = 256 * 1024 + keeping.MOST_BYTES
"""What a message may hold beside the result of a call: definitions, places in the code, the code."""


@asynccontextmanager
async def open(spec: ServerSpec, settings: Settings, toolbox: Toolbox, /) -> AsyncGenerator[Upstream]:
    """Starts nothing before the first use; ends every worker, with all that these started, before it is left. Raises
    ConfigError for an `env` that cannot be resolved."""
    program = _program(spec, settings, toolbox)
    server = FunctionServer(spec.name, program, settings.workers, watched=settings.watch)
    watcher = None
    if settings.watch:
        path = Path(program.start.path)
        watcher = asyncio.create_task(watching.watch(server, path), name=f"code of {spec.name}")
    try:
        yield server
    finally:
        if watcher is not None:
            watcher.cancel()
            with suppress(asyncio.CancelledError):
                await watcher
        await server.close()


def _program(spec: ServerSpec, settings: Settings, toolbox: Toolbox) -> Program:
    environment, secrets = surroundings(spec.name, settings.env, toolbox.secrets)
    path = Path(os.path.abspath(settings.path))
    # Not resolved: the link to an interpreter in a virtual environment is what makes it that environment's.
    python = sys.executable if settings.python is None else settings.python
    if "/" in python or os.sep in python:
        python = os.path.normpath(path.parent / Path(python).expanduser())
    memory = 0 if settings.memory_mb is None else settings.memory_mb * 2**20
    return Program(
        server=spec.name,
        # Compiled code is not kept (-B): its age is kept in seconds, and an edit within the same one would not count.
        command=(python, "-s", "-B", "-X", "utf8", "-X", "faulthandler", str(_WORKER)),
        environment=environment,
        cwd=str(path.parent),
        secrets=secrets,
        start=wire.Start(str(path), settings.concurrency, memory, spec.max_bytes),
        start_timeout=settings.start_timeout,
        grace=settings.grace,
        limit=spec.max_bytes + _SPARE,
    )
