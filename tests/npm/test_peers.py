"""What comes from npm works here, with nothing between: the reference servers and the official SDK's client."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Literal

import pytest
from mcp import Client
from mcp.client.sse import sse_client
from mcp.client.stdio import StdioServerParameters, stdio_client

from tests.npm.client import call
from tests.npm.servers import everything_http, everything_sse, everything_stdio, filesystem_stdio
from tests.npm.toolchain import MANIFEST, NODE_PACKAGES, Toolchain
from tests.servers.launching import LaunchedServer, launched_script

pytestmark = pytest.mark.timeout(660)  # the first one installs the packages


def test_node_is_the_pinned_one(npm_toolchain: Toolchain):
    shown = subprocess.run([npm_toolchain.node, "--version"], capture_output=True, text=True, timeout=30, check=True)
    assert shown.stdout.startswith("v22.")


def test_every_version_is_exact():
    pinned = re.findall(r'^ {4}"(\S+)": "(.+)",?$', MANIFEST.read_text("utf-8"), re.MULTILINE)
    assert {package for package, _ in NODE_PACKAGES.values()} < {name for name, _ in pinned}
    assert all(re.fullmatch(r"\d+\.\d+\.\d+(-alpha\.\d+)?", version) for _, version in pinned)


@pytest.mark.parametrize("era", ["legacy", "modern"])
def test_the_client_lists_and_calls_in_its_era(npm_toolchain: Toolchain, era: Literal["legacy", "modern"]):
    with launched_script("sdk_server") as server:
        seen = call(npm_toolchain, server.url, era=era, key="a-key", tool="received")
    assert seen.error is None
    assert "add" in seen.names
    assert seen.result is not None
    received = seen.result["structuredContent"]
    assert received["headers"]["authorization"] == "Bearer a-key"
    assert received["protocol_version"] == seen.version == {"legacy": "2025-11-25", "modern": "2026-07-28"}[era]


def test_the_client_reports_what_the_sdk_throws(npm_toolchain: Toolchain):
    with launched_script("sdk_server") as server:
        seen = call(npm_toolchain, server.url.replace("/mcp", "/nowhere"), era="legacy")
    assert seen.error is not None
    assert seen.tools is None


async def test_the_reference_servers_answer_over_stdio(npm_toolchain: Toolchain, tmp_path: Path):
    (tmp_path / "a.txt").write_text("alpha", "utf-8")
    async with Client(_stdio(filesystem_stdio(npm_toolchain, tmp_path)), mode="legacy") as files:
        read = await files.call_tool("read_text_file", {"path": str(tmp_path / "a.txt")})
    assert _text(read) == "alpha"
    async with Client(_stdio(everything_stdio(npm_toolchain)), mode="legacy") as everything:
        assert _text(await everything.call_tool("echo", {"message": "hi"})) == "Echo: hi"


@pytest.mark.parametrize(
    ("start", "connect"), [(everything_http, str), (everything_sse, sse_client)], ids=["streamable-http", "sse"]
)
async def test_the_reference_server_answers_over_http(
    npm_toolchain: Toolchain,
    start: Callable[[Toolchain], AbstractContextManager[LaunchedServer]],
    connect: Callable[[str], Any],
):
    with start(npm_toolchain) as server:
        async with Client(connect(server.url), mode="legacy") as client:
            assert _text(await client.call_tool("echo", {"message": "hi"})) == "Echo: hi"


def _stdio(command: list[str]) -> Any:
    return stdio_client(StdioServerParameters(command=command[0], args=command[1:]))


def _text(result: Any) -> str:
    return result.content[0].text
