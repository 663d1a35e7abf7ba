"""Servers written in Python with the official SDK or FastMCP, run inside the gateway: a team's own functions are a
server in one line.

    tools: {kind: python, object: "mytools.server:mcp"}

Each such server has a thread with an event loop of its own, so that a function that blocks holds up its own server, not
the gateway. What cannot be had inside one process: code that exhausts memory, holds the interpreter's lock for long,
or ends the process (`os._exit`, a crash in a C extension) takes the gateway with it. Code that is not trusted so far
belongs behind the kind `stdio`. Edited code is seen when the gateway is started again.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import msgspec

from toolgate.model.declared import ServerSpec, Sharing
from toolgate.model.identity import Grant
from toolgate.pipeline.announcements import Announcements
from toolgate.pipeline.duplex import Peer
from toolgate.pipeline.duplex_upstream import DuplexUpstream, Limits
from toolgate.ports import Toolbox, Upstream
from toolgate.upstreams.python.host import Host

SHARING: Sharing = "all"

_SESSIONS = 256


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`object` names a server (`FastMCP`, `MCPServer`, or the SDK's lower `Server`) or a function, plain or async,
    that makes one: `package.module:name`, or a file as `./tools.py:name`. `path` is a directory where modules are
    looked for, after all others; relative files start there, too."""

    object: str
    path: str | None = None


@asynccontextmanager
async def open(spec: ServerSpec, settings: Settings, toolbox: Toolbox, /) -> AsyncGenerator[Upstream]:
    """Imports nothing before the first use: what is wrong with the code is then said by whatever needed it."""
    host = Host(spec.name, settings.object, settings.path)

    async def connect(announcements: Announcements, grant: Grant) -> Peer:
        channel = await host.connect(limit=spec.max_bytes)
        peer = Peer(spec.name, channel, announcements)
        channel.serve(peer)
        return peer

    upstream = DuplexUpstream(spec, connect, Limits(_SESSIONS, "sessions"))
    try:
        yield upstream
    finally:
        await upstream.close()
        await host.close()
