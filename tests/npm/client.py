"""The official npm SDK as a client: lists tools and calls one, in either era."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from tests.npm.toolchain import Toolchain

SCRIPT = Path(__file__).parents[1] / "clients" / "npm_client.mjs"
CLIENT_SECONDS = 30.0


Era = Literal["legacy", "modern"]


@dataclass(frozen=True)
class Visit:
    """What one client is to do: connect, list the tools and, if `tool` is given, call it."""

    url: str
    era: Era
    key: str | None = None
    tool: str | None = None
    arguments: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class NpmReport:
    """What the client saw.

    `tools` is None if the list was not reached, `result` if no tool was called; `error` describes what the SDK threw
    (`name`, `code`, `status`, `message` with the description that an HTTP challenge gave).
    """

    tools: list[dict[str, Any]] | None
    result: dict[str, Any] | None
    version: str | None
    server: dict[str, Any] | None
    error: dict[str, Any] | None

    @property
    def names(self) -> list[str]:
        """The names of the tools listed, in the order they came."""
        return [tool["name"] for tool in self.tools or []]


def call(
    toolchain: Toolchain,
    url: str,
    *,
    era: Era,
    key: str | None = None,
    tool: str | None = None,
    arguments: Mapping[str, Any] | None = None,
) -> NpmReport:
    """Connect to `url`, list its tools and, if `tool` is given, call it.

    Raises:
        subprocess.CalledProcessError: the script itself failed, which is a defect of the script.
        subprocess.TimeoutExpired: no report within `CLIENT_SECONDS`.
    """
    return visits(toolchain, [Visit(url, era, key, tool, dict(arguments or {}))])[0]


def visits(toolchain: Toolchain, wanted: Sequence[Visit]) -> list[NpmReport]:
    """The same for many, one client after the other in one process.

    Raises:
        subprocess.CalledProcessError, subprocess.TimeoutExpired: as `call`; each has `CLIENT_SECONDS`.
    """
    requests = [{"modules": str(toolchain.modules), **asdict(visit)} for visit in wanted]
    done = subprocess.run(
        [str(toolchain.node), str(SCRIPT)],
        input=json.dumps(requests),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=CLIENT_SECONDS * len(requests),
        check=True,
    )
    return [NpmReport(**report) for report in json.loads(done.stdout)]
