"""Directories as a server: files are read, searched and, where that is allowed, written, and nothing beyond the served
directories can be reached, whatever a path, a link or another process does.

    docs: {kind: filesystem, roots: [{path: ./handbook}]}

On Linux with `openat2`, on Linux and macOS without it by a walk that follows nothing. On Windows, where Python can open
nothing relative to an open directory, the kind refuses to start.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

from toolgate.model.declared import ServerSpec, Sharing
from toolgate.model.errors import UpstreamFailed
from toolgate.ports import Toolbox, Upstream
from toolgate.upstreams.filesystem import confinement
from toolgate.upstreams.filesystem.failures import Failure
from toolgate.upstreams.filesystem.files import Files
from toolgate.upstreams.filesystem.server import FileServer
from toolgate.upstreams.filesystem.settings import Settings as Settings
from toolgate.upstreams.filesystem.tools.tool import Desk
from toolgate.upstreams.filesystem.workers import Workers
from toolgate.upstreams.filesystem.writing import Writer

SHARING: Sharing = "all"


@asynccontextmanager
async def open(spec: ServerSpec, settings: Settings, toolbox: Toolbox, /) -> AsyncGenerator[Upstream]:
    """Raises UpstreamFailed: a root that may not be served, or a system on which nothing can be confined. A root that
    is not there at the moment is said by discovery, which is asked again."""
    confined = confinement.choose(settings.confinement, mounts=settings.mounts)
    if confined is None:
        raise UpstreamFailed(_unconfined(spec.name, settings.confinement))
    try:
        files = await asyncio.to_thread(Files, settings, confined, toolbox.data)
    except Failure as failure:
        raise UpstreamFailed(f"server {spec.name!r}: {failure}") from None
    workers = Workers(spec.name)
    server = FileServer(spec.name, Desk(files, Writer(files)), workers)
    watching = asyncio.create_task(server.watching.run(), name=f"files of {spec.name}")
    try:
        yield server
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
        server.close()
        if await workers.close():
            files.close()


def _unconfined(server: str, wanted: str) -> str:
    if confinement.SUPPORTED:
        return f"server {server!r}: this system has no {wanted}: leave `confinement` at `auto`"
    return (
        f"server {server!r}: the kind filesystem does not run on this system: Python cannot open files relative to an "
        "open directory here, so nothing could be confined. Run Toolgate in WSL or a container, or serve another "
        "file server with `kind: stdio`"
    )
