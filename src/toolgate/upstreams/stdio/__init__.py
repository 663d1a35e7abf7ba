"""MCP servers as child processes, spoken to over their standard input and output (SPEC-DIGEST 4).

One child serves everybody in the modern era; in the handshake era each sharing scope and set of client capabilities has
its own, because such a child is one session. Unused children end after ten minutes, broken ones are started again.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Annotated

import msgspec

from toolgate.model.declared import ServerSpec, Sharing
from toolgate.model.errors import ConfigError
from toolgate.model.identity import Grant
from toolgate.pipeline.announcements import Announcements
from toolgate.pipeline.duplex import Peer
from toolgate.pipeline.duplex_upstream import DuplexUpstream, Limits
from toolgate.pipeline.surroundings import surroundings
from toolgate.ports import Toolbox, Upstream
from toolgate.upstreams.stdio.child import Child, Program

SHARING: Sharing = "principal"


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`command` is the program and its arguments; no shell reads them, and everybody on the machine can.

    `env` is the child's whole environment (literals, or references as `env:NAME`), beside a PATH when it names none.
    `start_timeout` is the most seconds that a new child may take to introduce itself (a package may have to be loaded).
    `max_children` run at the same time; a call beyond that is refused while none is idle.
    """

    command: Annotated[list[str], msgspec.Meta(min_length=1)]
    env: dict[str, str] = {}
    cwd: str | None = None
    start_timeout: Annotated[float, msgspec.Meta(gt=0, le=600)] = 60.0
    max_children: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 32


@asynccontextmanager
async def open(spec: ServerSpec, settings: Settings, toolbox: Toolbox, /) -> AsyncGenerator[Upstream]:
    """Starts nothing before the first use; ends every child, with all that these started, before it is left. Raises
    ConfigError for an `env` that cannot be resolved."""
    if not settings.command[0]:
        raise ConfigError((f"server {spec.name}: command: the program is empty",))
    environment, secrets = surroundings(spec.name, settings.env, toolbox.secrets)
    program = Program(spec.name, tuple(settings.command), environment, settings.cwd, secrets)

    async def start(announcements: Announcements, grant: Grant) -> Peer:
        child = await Child.start(program, limit=spec.max_bytes)
        peer = Peer(spec.name, child, announcements)
        child.serve(peer)
        return peer

    limits = Limits(settings.max_children, "child processes", start=settings.start_timeout)
    upstream = DuplexUpstream(spec, start, limits)
    try:
        yield upstream
    finally:
        await upstream.close()
