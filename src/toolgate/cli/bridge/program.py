"""`toolgate bridge URL`: what it is given, and what it refuses."""

import argparse
import asyncio
import os
import stat
import sys
from pathlib import Path
from urllib.parse import urlsplit

from toolgate.cli.bridge.forwarding import forward
from toolgate.cli.bridge.remote import Remote
from toolgate.cli.exit_codes import USAGE
from toolgate.model.errors import ConfigError
from toolgate.rules.exposure import is_loopback

KEY_VARIABLE = "TOOLGATE_KEY"
LIMIT = 64 * 1024 * 1024
_MOST_KEY = 4096


def main(arguments: list[str]) -> int:
    """Runs until the client ends. Returns the exit code."""
    given = parser().parse_args(arguments)
    try:
        key = _key(given.key_file)
        remote = Remote(_url(given.url, insecure=given.insecure_http), key, given.ca_file)
        asyncio.run(forward(remote, 0, 1, LIMIT))
    except ConfigError as error:
        for finding in error.findings:
            sys.stderr.write(f"{finding}\n")
        return USAGE
    return 0


def parser() -> argparse.ArgumentParser:
    """The arguments. A key is none of them: everybody on a machine can read the arguments of its programs."""
    made = argparse.ArgumentParser(
        prog="toolgate bridge",
        description="Connects a client that speaks only stdio to a Toolgate elsewhere. The key is read from "
        f"{KEY_VARIABLE}, or from a file.",
    )
    made.add_argument("url", metavar="URL", help="the MCP endpoint, as https://mcp.example.com/mcp")
    made.add_argument("--key-file", type=Path, metavar="FILE", help="a file that holds the key, and that only you read")
    made.add_argument("--ca-file", type=Path, metavar="FILE", help="CA certificates to trust instead of the system's")
    made.add_argument(
        "--insecure-http",
        action="store_true",
        help="allow plain http:// to another machine, where all can read the key",
    )
    return made


def _url(url: str, *, insecure: bool) -> str:
    """The endpoint's URL; without a path it is the aggregate's. Raises ConfigError."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        raise ConfigError(("URL: malformed",)) from None
    if parts.scheme not in ("http", "https") or not host:
        raise ConfigError(("URL: expected the MCP endpoint, as https://mcp.example.com/mcp",))
    if "@" in parts.netloc:
        raise ConfigError((f"URL: holds a user name or password: give the key in {KEY_VARIABLE} instead",))
    if parts.scheme == "http" and not insecure and not is_loopback(host):
        raise ConfigError((f"URL: everybody on the way to {host} could read the key: use https, or --insecure-http",))
    return url if parts.path.strip("/") else f"{parts.scheme}://{parts.netloc}/mcp"


def _key(file: Path | None) -> str:
    """The key; empty when there is none, for a gateway that asks for none. Raises ConfigError."""
    if file is None:
        return os.environ.get(KEY_VARIABLE, "").strip()
    try:
        with file.open("rb") as opened:
            if os.name == "posix" and os.fstat(opened.fileno()).st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise ConfigError((f"--key-file {file}: others can read this key: run `chmod 600` on it",))
            return opened.read(_MOST_KEY).decode("ascii", "replace").strip()
    except OSError as error:
        raise ConfigError((f"--key-file {file}: cannot be read: {error.strerror}",)) from None
