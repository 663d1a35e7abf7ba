"""The official npm SDK as a client: lists tools and calls one, in either era."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tests.npm.toolchain import Toolchain

SCRIPT = Path(__file__).parents[1] / "clients" / "npm_client.mjs"
CLIENT_SECONDS = 30.0


@dataclass(frozen=True)
class NpmReport:
    """What the client saw.

    `tools` is None if the list was not reached, `result` if no tool was called; `error` describes what the SDK threw
    (`name`, `code`, `status`, `message`).
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
    era: Literal["legacy", "modern"],
    key: str | None = None,
    tool: str | None = None,
    arguments: Mapping[str, Any] | None = None,
) -> NpmReport:
    """Connect to `url`, list its tools and, if `tool` is given, call it.

    Raises:
        subprocess.CalledProcessError: the script itself failed, which is a defect of the script.
        subprocess.TimeoutExpired: no report within `CLIENT_SECONDS`.
    """
    request = {
        "modules": str(toolchain.modules),
        "url": url,
        "era": era,
        "key": key,
        "tool": tool,
        "arguments": dict(arguments or {}),
    }
    done = subprocess.run(
        [str(toolchain.node), str(SCRIPT)],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=CLIENT_SECONDS,
        check=True,
    )
    return NpmReport(**json.loads(done.stdout))
