"""Everything that is measured: how each contender is started in front of an upstream of its own."""

import contextlib
import http.client
import json
import shlex
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.processes import BenchmarkError, Child, Placement, started, wait_for_port
from tests.free_port import free_port

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Setup:
    """What the contenders are started from."""

    directory: Path
    upstream: Path
    gateway_place: Placement
    load_place: Placement
    nginx: str
    toolgate: str
    fastmcp_python: str


@dataclass(frozen=True)
class Contender:
    """One running contender: where its calls go, and the process that is measured (none for direct)."""

    name: str
    url: str
    era: str
    tools: int
    upstream: Child
    gateway: Child | None = None
    key: str | None = None
    idle_mb: float | None = None

    @property
    def tool(self) -> str:
        """The last of the tools, so that a search from the front costs what it costs."""
        return f"echo_{self.tools - 1}"


@contextlib.contextmanager
def _direct(setup: Setup, name: str, era: str, tools: int) -> Iterator[Contender]:
    port = free_port()
    command = [str(setup.upstream), "--port", str(port), "--era", era, "--tools", str(tools)]
    with started(f"{name}-{tools}-upstream", command, setup.load_place, setup.directory) as upstream:
        wait_for_port(upstream, port)
        yield Contender(name, f"http://127.0.0.1:{port}/mcp", era, tools, upstream)


def _behind(direct: Contender, gateway: Child, url: str, key: str | None = None) -> Contender:
    idle = gateway.resident_mb()
    return Contender(direct.name, url, direct.era, direct.tools, direct.upstream, gateway, key, idle)


def nginx_config(directory: Path, port: int, upstream_url: str) -> str:
    """A plain reverse proxy with one worker and kept-alive connections on both sides."""
    authority = upstream_url.removeprefix("http://").partition("/")[0]
    scratch = "\n".join(
        f"    {kind}_temp_path {directory}/nginx-{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return f"""
daemon off;
worker_processes 1;
pid {directory}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    keepalive_requests 100000000;
{scratch}
    upstream bench {{
        server {authority};
        keepalive 128;
        keepalive_requests 100000000;
    }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://bench;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }}
    }}
}}
"""


@contextlib.contextmanager
def nginx(setup: Setup, name: str, era: str, tools: int) -> Iterator[Contender]:
    """Nginx as a plain reverse proxy."""
    with _direct(setup, name, era, tools) as direct:
        port = free_port()
        directory = setup.directory / f"{name}-{tools}"
        directory.mkdir()
        config = directory / "nginx.conf"
        config.write_text(nginx_config(directory, port, direct.url))
        command = [setup.nginx, "-e", "stderr", "-c", str(config)]
        with started(f"{name}-{tools}", command, setup.gateway_place, setup.directory) as gateway:
            wait_for_port(gateway, port)
            yield _behind(direct, gateway, f"http://127.0.0.1:{port}/mcp")


@contextlib.contextmanager
def fastmcp(setup: Setup, name: str, era: str, tools: int) -> Iterator[Contender]:
    """FastMCP's proxy, with its defaults or with one upstream session for all callers."""
    with _direct(setup, name, era, tools) as direct:
        port = free_port()
        command = [setup.fastmcp_python, str(HERE / "fastmcp_proxy.py"), direct.url, str(port)]
        command.append("shared" if name == "fastmcp-shared" else "default")
        quiet = {"FASTMCP_LOG_LEVEL": "WARNING", "FASTMCP_CHECK_FOR_UPDATES": "off"}
        with started(f"{name}-{tools}", command, setup.gateway_place, setup.directory, quiet) as gateway:
            wait_for_port(gateway, port)
            yield _behind(direct, gateway, f"http://127.0.0.1:{port}/mcp")


def toolgate_config(upstream_url: str, era: str) -> Mapping[str, Any]:
    """What Toolgate's file declares: one server, and a grant for the key that the first start makes."""
    server = {"kind": "streamable_http", "url": upstream_url, "era": era}
    grant = {"key": "local", "allow": {"servers": ["bench"], "tools": ["*"]}}
    return {"version": 1, "servers": {"bench": server}, "grants": [grant]}


@contextlib.contextmanager
def toolgate(setup: Setup, name: str, era: str, tools: int) -> Iterator[Contender]:
    """Toolgate with key check, policy, metrics and records on."""
    with _direct(setup, name, era, tools) as direct:
        port = free_port()
        directory = setup.directory / f"{name}-{tools}"
        data = directory / "data"
        data.mkdir(parents=True, mode=0o700)
        config = directory / "toolgate.yaml"
        # JSON is YAML.
        config.write_text(json.dumps(toolgate_config(direct.url, era), indent=2))
        command = [*shlex.split(setup.toolgate), "up", "--config", str(config), "--data", str(data)]
        command += ["--port", str(port)]
        with started(f"{name}-{tools}", command, setup.gateway_place, setup.directory) as gateway:
            _wait_until_ready(gateway, port)
            key = (data / "local.key").read_text().strip()
            yield _behind(direct, gateway, f"http://127.0.0.1:{port}/servers/bench/mcp", key)


def _wait_until_ready(gateway: Child, port: int, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    wait_for_port(gateway, port, seconds)
    while time.monotonic() < deadline:
        gateway.require_alive()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        with contextlib.suppress(OSError, http.client.HTTPException), contextlib.closing(connection):
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return
        time.sleep(0.05)
    raise BenchmarkError(f"{gateway.name} is not ready after {seconds} s:\n{gateway.tail()}")


Start = Callable[[Setup, str, str, int], contextlib.AbstractContextManager[Contender]]

# Name -> (how it is shown, the era its clients and its upstream speak, how it is started).
CONTENDERS: Mapping[str, tuple[str, str, Start]] = {
    "direct": ("direct, no gateway", "modern", _direct),
    "nginx": ("nginx, plain reverse proxy", "modern", nginx),
    "toolgate-modern": ("Toolgate, 2026-07-28", "modern", toolgate),
    "toolgate-legacy": ("Toolgate, 2025-11-25", "legacy", toolgate),
    "fastmcp-modern": ("FastMCP proxy, 2026-07-28", "modern", fastmcp),
    "fastmcp-legacy": ("FastMCP proxy, 2025-11-25", "legacy", fastmcp),
    "fastmcp-shared": ("FastMCP proxy, 2025-11-25, one shared upstream session (not its default)", "legacy", fastmcp),
}


def start(setup: Setup, name: str, tools: int) -> contextlib.AbstractContextManager[Contender]:
    """Starts the contender of this name in front of an upstream with so many tools."""
    _, era, how = CONTENDERS[name]
    return how(setup, name, era, tools)
