"""Servers inside the gateway: found by name or file, alive in a thread of their own, and kept from the gateway."""

import asyncio
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from tests.ports.speaking import ALL, BOUND, Ear, body, legacy, modern, spec, text, tool, toolbox
from toolgate.model.errors import UpstreamError, UpstreamFailed
from toolgate.ports import Upstream
from toolgate.upstreams import echo, python

TOOLS = dedent(
    """
    import threading
    from contextlib import asynccontextmanager

    from fastmcp import FastMCP
    from mcp.server.lowlevel import Server
    from mcp.server.mcpserver import MCPServer

    lives = []
    begun = threading.Event()
    held = threading.Event()

    @asynccontextmanager
    async def lifespan(server):
        lives.append("begun")
        yield {}
        lives.append("ended")

    official = MCPServer("official", lifespan=lifespan)
    fast = FastMCP("fast")
    not_a_server = object()

    class Shelf:
        server = official

    @official.tool()
    def thread() -> str:
        return threading.current_thread().name

    @official.tool()
    async def count() -> int:
        return len(lives)

    @official.tool()
    async def block() -> str:
        begun.set()
        held.wait(30)
        return "let go"

    @official.tool()
    async def leave() -> str:
        raise SystemExit(3)

    @official.tool()
    def huge() -> str:
        return "x" * 100_000

    @official.tool()
    def unexpected() -> str:
        raise ZeroDivisionError("oh no")

    @fast.tool
    def greet(name: str) -> str:
        return f"Hello, {name}!"

    def factory():
        return fast

    async def slow_factory():
        return official

    def broken_factory():
        raise RuntimeError("no database")
    """
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "my_tools.py").write_text(TOOLS, encoding="utf-8")
    (tmp_path / "bad.py").write_text("import no_such_module_here\n", encoding="utf-8")
    (tmp_path / "leaves.py").write_text("raise SystemExit('run me with --help')\n", encoding="utf-8")
    return tmp_path


def opened(folder: Path, place: str, **members: object):
    return python.open(spec(kind="python", **members), python.Settings(place, str(folder)), toolbox(folder))


async def called(upstream: Upstream, name: str, **arguments: Any) -> str:
    async with asyncio.timeout(BOUND):
        return text(await upstream.call(tool(name, modern(), **arguments), Ear()))


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("my_tools:official", "official"),
        ("my_tools:Shelf.server", "official"),
        ("./my_tools.py:official", "official"),
        ("my_tools.py:Shelf.server", "official"),
        ("my_tools.py:slow_factory", "official"),
        ("my_tools.py:fast", "fast"),
        ("my_tools.py:factory", "fast"),
    ],
)
async def test_a_server_is_found(folder: Path, monkeypatch: pytest.MonkeyPatch, place: str, name: str):
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "my_tools", raising=False)
    async with opened(folder, place) as upstream:
        found = await upstream.discover(ALL)
    assert found.eras == {"modern", "legacy"}
    assert found.server_info is not None
    assert f'"name":"{name}"'.encode() in found.server_info
    monkeypatch.delitem(sys.modules, "my_tools", raising=False)


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("my_tools.py", "package.module:name"),
        ("no_such_package_here:server", "ModuleNotFoundError: No module named 'no_such_package_here'"),
        ("no_such_file.py:server", "there is no file"),
        ("bad.py:server", "No module named 'no_such_module_here'"),
        ("leaves.py:server", "SystemExit: run me with --help"),
        ("my_tools.py:nothing", "there is no 'nothing' in my_tools.py"),
        ("my_tools.py:not_a_server", "is neither a server"),
        ("my_tools.py:lives", "is neither a server"),
        ("my_tools.py:broken_factory", "RuntimeError: no database"),
    ],
)
async def test_what_cannot_be_loaded_says_why(folder: Path, place: str, reason: str):
    async with opened(folder, place) as upstream:
        with pytest.raises(UpstreamFailed, match=f"server 'it' .*{reason}"):
            await upstream.discover(ALL)


async def test_one_life_for_both_eras_in_a_thread_of_its_own(folder: Path):
    async with opened(folder, "my_tools.py:official") as upstream:
        assert await called(upstream, "count") == "1"
        assert text(await upstream.call(tool("count", legacy()), Ear())) == "1"
        assert (await called(upstream, "thread")) != "MainThread"


async def test_a_function_that_blocks_holds_up_its_own_server_alone(folder: Path):
    async with (
        opened(folder, "my_tools.py:official") as upstream,
        echo.open(spec(), echo.Settings(), toolbox(folder)) as other,
    ):
        await upstream.discover(ALL)
        module = next(module for name, module in sys.modules.items() if _is_ours(name, folder))
        blocked = asyncio.ensure_future(called(upstream, "block"))
        try:
            assert await asyncio.to_thread(module.begun.wait, BOUND)
            behind = asyncio.ensure_future(called(upstream, "count"))
            assert await called(other, "echo", text="here") == "here"
            assert not behind.done()
        finally:
            module.held.set()
        assert await blocked == "let go"
        assert await behind == "1"


def _is_ours(name: str, folder: Path) -> bool:
    module = sys.modules[name]
    return name.startswith("toolgate_python_") and getattr(module, "__file__", None) == str(folder / "my_tools.py")


async def test_a_function_that_ends_its_program_ends_its_server_alone(folder: Path):
    async with opened(folder, "my_tools.py:official") as upstream:
        assert await called(upstream, "count") == "1"
        with pytest.raises(UpstreamFailed, match="server 'it' failed with SystemExit"):
            await called(upstream, "leave")
        assert await called(upstream, "count") == "1", "it was not started again"


async def test_an_unexpected_exception_is_an_error_result(folder: Path):
    async with opened(folder, "my_tools.py:official") as upstream:
        result = await upstream.call(tool("unexpected", legacy()), Ear())
        assert body(result)["isError"]
        assert await called(upstream, "count") == "1"


async def test_an_answer_beyond_the_limit_is_an_error(folder: Path):
    async with opened(folder, "my_tools.py:official", max_bytes=50_000) as upstream:
        with pytest.raises(UpstreamError, match="more than 50000 bytes"):
            await called(upstream, "huge")
        assert await called(upstream, "count") == "1"
