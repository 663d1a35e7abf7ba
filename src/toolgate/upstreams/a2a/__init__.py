"""Agents that speak A2A (Agent2Agent protocol 0.2, 0.3 and 1.0, over JSON-RPC): the skills of the agent card are tools.

    planner: {kind: a2a, url: "https://planner.example"}

A call is a message to the agent. What takes longer than a call may last is a task: the caller gets a handle, and goes
on with `get_task`, `cancel_task`, or by answering what the agent asks.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from toolgate.model.declared import ServerSpec, Sharing
from toolgate.ports import Toolbox, Upstream
from toolgate.upstreams.a2a.agent import Reader
from toolgate.upstreams.a2a.handles import Handles
from toolgate.upstreams.a2a.server import A2aServer
from toolgate.upstreams.a2a.settings import Settings as Settings

SHARING: Sharing = "all"


@asynccontextmanager
async def open(spec: ServerSpec, settings: Settings, toolbox: Toolbox, /) -> AsyncGenerator[Upstream]:
    """Raises ConfigError for a `ca_file` that cannot be used. Nothing is dialled before the first request."""
    server = A2aServer(spec, settings, Reader(spec, settings, toolbox.http), Handles(toolbox.key(f"a2a/{spec.name}")))
    try:
        yield server
    finally:
        await server.close()
