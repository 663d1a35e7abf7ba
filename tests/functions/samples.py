"""A team's file, with what goes well in it and what goes wrong; and the kind opened on it in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from textwrap import dedent
from typing import Any

import msgspec
import psutil

from tests.ports.speaking import BOUND, Ear, body, modern, spec, tool, toolbox
from toolgate.model.call import Outbound
from toolgate.model.identity import Principal
from toolgate.ports import Upstream
from toolgate.upstreams import functions

SOURCE = dedent(
    '''
    """Everything that a team's file may do."""

    import asyncio
    import ctypes
    import os
    import subprocess
    import sys
    import threading
    import time
    from pathlib import Path
    from typing import Any

    from toolgate.functions import Context, ToolError, tool

    HELD = []


    @tool(read_only=True)
    def add(a: int, b: int = 2) -> str:
        """The sum of two numbers."""
        return str(a + b)


    @tool
    def pid() -> int:
        return os.getpid()


    @tool
    def hold(flag: str) -> str:
        """Sleeps until there is a file, deaf to everything."""
        Path(flag + ".begun").write_text(str(os.getpid()))
        while not Path(flag).exists():
            time.sleep(0.01)
        return f"held in {os.getpid()}"


    @tool(read_only=True)
    def hold_again(flag: str) -> str:
        return hold(flag)


    @tool
    async def block(flag: str) -> str:
        """Blocks the loop of all async functions."""
        return hold(flag)


    @tool
    async def wait(seconds: float, flag: str = "") -> str:
        if flag:
            Path(flag + ".begun").touch()
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            Path(flag + ".cancelled").touch()
            raise
        return "waited"


    @tool
    def look(flag: str, context: Context) -> str:
        """Ends by itself when nobody waits."""
        Path(flag + ".begun").touch()
        while not context.cancelled:
            time.sleep(0.01)
        Path(flag + ".cancelled").touch()
        return "seen"


    @tool
    def die(how: str) -> str:
        if how == "exit":
            os._exit(3)
        if how == "crash":
            ctypes.string_at(0)
        sys.exit(4)


    @tool
    def fail(secret: str) -> str:
        raise ValueError(secret)


    @tool
    def refuse() -> str:
        raise ToolError("ask for something else")


    @tool
    def fail_badly() -> str:
        class Mute(ToolError):
            def __str__(self):
                raise RuntimeError

        raise Mute


    @tool
    def misuse(context: Context) -> str:
        context.log("x", "loud")
        return "never"


    @tool
    def lie() -> dict[str, int]:
        return {"a": "text"}


    @tool
    def leak(megabytes: int) -> int:
        HELD.append(b"x" * (megabytes * 2**20))
        return os.getpid()


    @tool
    def shout(text: str) -> str:
        print(text)
        os.write(1, f"{text} by descriptor\\n".encode())
        subprocess.run([sys.executable, "-c", f"print({text!r}, 'by a child')"], check=True)
        return sys.stdin.read() + "said"


    @tool
    def start() -> int:
        """A program that would run on."""
        return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]).pid


    @tool
    def huge(characters: int) -> str:
        return "x" * characters


    @tool
    def environment() -> dict[str, str]:
        return dict(os.environ)


    @tool
    async def caller(context: Context) -> dict[str, Any]:
        context.progress(1, 2, "half")
        context.log("careful", "warning")
        return vars(context.caller)


    @tool
    def interpreter() -> str:
        return sys.executable
    '''
)


def written(folder: Path, text: str = SOURCE, name: str = "work.py") -> Path:
    """In one step, so that no reader sees half of it."""
    fresh = folder / f"{name}.new"
    fresh.write_text(text, encoding="utf-8")
    return fresh.replace(folder / name)


class Serving:
    def __init__(self, upstream: Upstream) -> None:
        self.upstream = upstream

    async def result(
        self, name: str, /, principal: Principal | None = None, ear: Ear | None = None, **given: Any
    ) -> Any:
        """Raises Fault."""
        out = msgspec.structs.replace(_asked(name, given), principal=principal)
        async with asyncio.timeout(BOUND):
            return body(await self.upstream.call(out, ear or Ear()))

    async def text(self, name: str, /, **given: Any) -> str:
        found = await self.result(name, **given)
        assert "isError" not in found, found
        return found["content"][0]["text"]

    async def wrong(self, name: str, /, **given: Any) -> str:
        """What the model is told of a call that must fail."""
        found = await self.result(name, **given)
        assert found["isError"], found
        return found["content"][0]["text"]


def _asked(name: str, given: dict[str, Any]) -> Outbound:
    envelope = modern(progress_token=msgspec.Raw(b'"mine"'), log_level="info")
    return tool(name, envelope, **given)


@asynccontextmanager
async def serving(path: Path, *, max_bytes: int = 2**20, **members: Any) -> AsyncGenerator[Serving]:
    settings = functions.Settings(**{"path": str(path), "watch": False, "grace": 0.2, **members})
    async with functions.open(spec(kind="functions", max_bytes=max_bytes), settings, toolbox(path.parent)) as upstream:
        yield Serving(upstream)


async def until(holds: Callable[[], Awaitable[bool] | bool]) -> None:
    """Asks again and again, within a bound."""
    async with asyncio.timeout(BOUND):
        while True:
            found = holds()
            if found is True or (found is not False and await found):
                return
            await asyncio.sleep(0.01)


async def begun(flag: Path) -> int:
    """The process in which `hold` runs, once it does."""
    first = flag.with_name(f"{flag.name}.begun")
    await until(lambda: first.exists() and first.read_text() != "")
    return int(first.read_text())


async def gone(pid: int) -> None:
    """Until there is no such process."""

    def is_gone() -> bool:
        try:
            return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True

    await until(is_gone)
