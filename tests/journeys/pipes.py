"""A raw client over the pipes of a child: one JSON message a line, told apart by id, every wait bounded."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.journeys.terminal import command, surroundings

SECONDS = 20.0
PREFIX = "io.modelcontextprotocol/"
MODERN = "2026-07-28"
META = {f"{PREFIX}protocolVersion": MODERN, f"{PREFIX}clientCapabilities": {}}


class Pipes:
    """The client's side. What the child writes is kept until it is asked for."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.process = process
        self._in = process.stdin
        self._out = process.stdout
        self.kept: list[Any] = []
        self._ids = 0

    async def send(self, message: Any) -> None:
        """Any value as JSON, or bytes as they are; one line."""
        text = message if isinstance(message, bytes) else json.dumps(message, ensure_ascii=False).encode()
        self._in.write(text + b"\n")
        async with asyncio.timeout(SECONDS):
            await self._in.drain()

    async def ask(self, method: str, params: Mapping[str, Any] | None = None, request_id: Any = None) -> Any:
        """Sends a request and returns its id, without waiting for the answer."""
        self._ids += 1
        given = self._ids if request_id is None else request_id
        await self.send({"jsonrpc": "2.0", "id": given, "method": method, "params": dict(params or {})})
        return given

    async def ask_modern(self, method: str, params: Mapping[str, Any] | None = None, **meta: Any) -> Any:
        return await self.ask(method, {**(params or {}), "_meta": {**META, **meta}})

    async def tell(self, method: str, params: Mapping[str, Any] | None = None) -> None:
        await self.send({"jsonrpc": "2.0", "method": method, "params": dict(params or {})})

    async def initialize(self, version: str = "2025-11-25", capabilities: Mapping[str, Any] | None = None) -> Any:
        params = {
            "protocolVersion": version,
            "capabilities": dict(capabilities or {}),
            "clientInfo": {"name": "pipes", "version": "1"},
        }
        answer = await self.answer(await self.ask("initialize", params))
        await self.tell("notifications/initialized")
        return answer["result"]

    async def next(self) -> Any:
        """The next message, kept ones included. Raises EOFError at the end."""
        if self.kept:
            return self.kept.pop(0)
        return await self._read()

    async def answer(self, request_id: Any) -> Any:
        """The response to a request; what comes before it is kept."""
        return await self.until(lambda message: "method" not in message and message.get("id") == request_id)

    async def heard(self, method: str) -> Any:
        """The parameters of the first notification (or request) of this method."""
        message = await self.until(lambda message: message.get("method") == method)
        return message.get("params")

    async def until(self, wanted: Any) -> Any:
        for place, message in enumerate(self.kept):
            if wanted(message):
                return self.kept.pop(place)
        while True:
            message = await self._read()
            if not isinstance(message, list) and wanted(message):
                return message
            self.kept.append(message)

    async def call(self, tool: str, arguments: Mapping[str, Any] | None = None, *, modern: bool, **meta: Any) -> Any:
        """Calls a tool and returns the whole response."""
        return await self.answer(await self.begin(tool, arguments, modern=modern, **meta))

    async def begin(self, tool: str, arguments: Mapping[str, Any] | None = None, *, modern: bool, **meta: Any) -> Any:
        """Calls a tool and returns the request's id."""
        params = {"name": tool, "arguments": dict(arguments or {})}
        if modern:
            return await self.ask_modern("tools/call", params, **meta)
        return await self.ask("tools/call", {**params, **({"_meta": meta} if meta else {})})

    async def end(self) -> int:
        """Closes our side; what the child still writes is kept. Returns its exit code."""
        self._in.close()
        async with asyncio.timeout(SECONDS):
            while line := await self._out.readline():
                self.kept.append(json.loads(line))
            return await self.process.wait()

    def hang_up(self) -> None:
        """Closes our ends of both pipes, whatever is on its way."""
        for descriptor in (0, 1):
            self.process._transport.get_pipe_transport(descriptor).close()  # type: ignore[attr-defined]

    async def _read(self) -> Any:
        async with asyncio.timeout(SECONDS):
            line = await self._out.readline()
        if not line:
            raise EOFError("the child closed its side")
        return json.loads(line)


@asynccontextmanager
async def piped(folder: Path, *arguments: str, **variables: str) -> AsyncGenerator[Pipes]:
    """`toolgate ARGUMENTS` as the child of a client; killed when it does not end by itself."""
    process = await asyncio.create_subprocess_exec(
        *command(*arguments), cwd=folder, env=surroundings(folder, **variables), limit=2**26,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=sys.stderr,
    )  # fmt: skip
    pipes = Pipes(process)
    try:
        yield pipes
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        if process.stdin is not None:
            process.stdin.close()
