"""A child that misbehaves, and what is said to it: shared by the tests of children and of their lives."""

import asyncio
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

from tests.ports.speaking import Ear, legacy, spec, text, tool, toolbox
from tests.servers.launching import script
from toolgate.ports import Upstream
from toolgate.upstreams import stdio

SECRET = "sesame-4711"

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals and process groups")

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 100_000
ME = legacy()


def hostile(tmp_path: Path, *flags: str, start_timeout: float = 20.0, max_children: int = 8, **members: Any):
    members.setdefault("max_bytes", LIMIT)
    settings = stdio.Settings(
        script("hostile_stdio", *flags), {"SECRET": "env:HOSTILE_SECRET"}, None, start_timeout, max_children
    )
    return stdio.open(spec(kind="stdio", **members), settings, toolbox(tmp_path))


async def call(upstream: Upstream, name: str, ear: Ear | None = None, **arguments: Any) -> str:
    return text(await upstream.call(tool(name, ME, **arguments), ear or Ear()))


async def begun(upstream: Upstream, name: str) -> "asyncio.Task[Any]":
    """A call that the server has begun to work on, and will not answer by itself."""
    ear = Ear()
    asked = msgspec.structs.replace(ME, progress_token=msgspec.Raw(b"1"))
    running = asyncio.ensure_future(upstream.call(tool(name, asked), ear))
    await ear.something.wait()
    return running


async def gone(pid: int) -> None:
    """Waits until there is no such process (or only what its parent has not yet taken note of)."""
    while psutil.pid_exists(pid):
        with suppress(psutil.NoSuchProcess):
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return
        await asyncio.to_thread(psutil.wait_procs, [], 0.01)
