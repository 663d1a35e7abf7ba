"""One child process: started without a shell in a process group of its own, read line by line, ended with all that it
started. If the gateway itself is killed, its end of the pipes closes, which tells every child to end."""

import asyncio
import logging
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from toolgate.model.errors import UpstreamFailed
from toolgate.pipeline.complaints import Complaints
from toolgate.pipeline.duplex import Peer

log = logging.getLogger(__name__)

GRACE_SECONDS = 2.0
"""How long a child may take to end after its input closed, and again after it was asked to terminate."""

_SETTLE_SECONDS = 1.0
_CHUNK = 256 * 1024
_ROOM = 1024 * 1024
"""Bytes that may wait for a child that does not read; further senders wait until there is room."""


class Program(msgspec.Struct, frozen=True):
    """What to start. `secrets` are values in `environment` that are never logged; neither appears in a repr."""

    server: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    cwd: str | None
    secrets: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Program({self.server!r}, {self.command[0]!r}, {len(self.environment)} variables)"


class _Pipes(asyncio.subprocess.SubprocessStreamProtocol):
    """The streams of a child. `exited` is set when the process has ended, though another may still hold its pipes."""

    def __init__(self) -> None:
        super().__init__(limit=_CHUNK, loop=asyncio.get_running_loop())
        self.exited = asyncio.Event()

    def process_exited(self) -> None:
        super().process_exited()
        self.exited.set()


class Child:
    """A running child process, as a Channel."""

    def __init__(self, program: Program, transport: asyncio.SubprocessTransport, pipes: _Pipes, limit: int) -> None:
        assert pipes.stdin is not None
        assert pipes.stdout is not None
        assert pipes.stderr is not None
        self._program = program
        self._transport = transport
        self._exited = pipes.exited
        self._limit = limit
        self._stdin = pipes.stdin
        self._stdout = pipes.stdout
        self._stderr = pipes.stderr
        self._complaints = Complaints(program.server, program.secrets)
        self._supervisor: asyncio.Task[None] | None = None

    @classmethod
    async def start(cls, program: Program, *, limit: int) -> "Child":
        """`limit` is the most bytes of one message. Raises UpstreamFailed when the program cannot be started."""
        _check_directory(program)
        loop = asyncio.get_running_loop()
        options: dict[str, Any] = {"env": dict(program.environment), "cwd": program.cwd}
        command = list(program.command)
        if sys.platform == "win32":
            options["creationflags"] = subprocess.CREATE_NEW_PROCESS_GROUP
            # Windows starts `npx` only under its full name, npx.cmd.
            command[0] = shutil.which(command[0], path=program.environment["PATH"]) or command[0]
        else:
            options["start_new_session"] = True
        try:
            transport, pipes = await loop.subprocess_exec(
                _Pipes,
                *command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                **options,
            )
        except (FileNotFoundError, NotADirectoryError):
            raise UpstreamFailed(
                f"server {program.server!r} cannot be started: there is no program {command[0]!r}. Give its absolute "
                "path, or a PATH in `env`",
                reached=False,
            ) from None
        except (OSError, ValueError) as error:
            reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
            raise UpstreamFailed(
                f"server {program.server!r} cannot be started: {command[0]!r}: {reason}", reached=False
            ) from None
        log.info("server %r: started %r as process %d", program.server, command[0], transport.get_pid())
        return cls(program, transport, pipes, limit)

    def serve(self, peer: Peer) -> None:
        """Hands what the child says to `peer`, from now until its end."""
        self._supervisor = asyncio.ensure_future(self._supervise(peer))

    async def send(self, frame: bytes, /) -> None:
        """One line. Raises UpstreamFailed when the child no longer takes any."""
        if b"\n" in frame or b"\r" in frame:
            # Between the tokens of JSON, where alone they can stand, line ends mean nothing; here they would end it.
            frame = frame.replace(b"\n", b" ").replace(b"\r", b" ")
        stdin = self._stdin
        try:
            if stdin.transport.get_write_buffer_size() > _ROOM:
                await stdin.drain()
            if not stdin.is_closing():
                stdin.write(frame + b"\n")
                return
        except (OSError, RuntimeError):
            pass
        raise UpstreamFailed(f"server {self._program.server!r} no longer takes requests: its input is closed")

    async def close(self) -> None:
        """Closes its input and waits; then asks it to terminate and waits; then kills it and all that it started."""
        supervisor = self._supervisor
        self._close_input()
        if supervisor is None:
            await self._end()
            return
        done, _ = await asyncio.wait({supervisor}, timeout=GRACE_SECONDS)
        if not done:
            supervisor.cancel()
            await asyncio.wait({supervisor}, timeout=4 * GRACE_SECONDS)

    async def _supervise(self, peer: Peer) -> None:
        reading = asyncio.ensure_future(self._read(peer))
        complaining = asyncio.ensure_future(self._complaints.follow(self._stderr))
        exited = asyncio.ensure_future(self._exited.wait())
        try:
            await asyncio.wait({reading, exited}, return_when=asyncio.FIRST_COMPLETED)
            flaw = reading.result() if reading.done() else None
            if flaw is None:
                # What it said before it ended is still read, unless a grandchild holds the pipe open for ever.
                await asyncio.wait({reading, exited, complaining}, timeout=_SETTLE_SECONDS)
                flaw = reading.result() if reading.done() else None
            peer.fail(flaw or self._end_of(peer))
        finally:
            peer.fail("can no longer be heard")  # whatever else happened
            for task in (reading, complaining, exited):
                task.cancel()
            await self._end()

    def _end_of(self, peer: Peer) -> str:
        code = self._transport.get_returncode()
        if code is None:
            reason = "closed its output"
        elif code < 0:
            reason = f"was ended by signal {signal.Signals(-code).name if -code in set(signal.Signals) else -code}"
        else:
            reason = f"exited with status {code}"
        if not peer.closing:
            last = self._complaints.last[-1] if self._complaints.last else "nothing"
            log.warning("server %r %s; its last words: %s", self._program.server, reason, last)
        return reason

    async def _read(self, peer: Peer) -> str | None:
        """Splits what the child writes into lines. Answers what is wrong with it, None at its plain end."""
        parts: list[bytes] = []
        size = 0
        while chunk := await self._stdout.read(_CHUNK):
            head, *lines = chunk.split(b"\n")
            parts.append(head)
            size += len(head)
            if size > self._limit:
                return f"sent a message of more than {self._limit} bytes"
            if lines:
                *whole, rest = lines
                for line in (b"".join(parts), *whole):
                    if len(line) > self._limit:
                        return f"sent a message of more than {self._limit} bytes"
                    if line and not line.isspace():
                        peer.receive(line)
                parts, size = [rest], len(rest)
            # Even a child that never stops talking leaves the loop to the others.
            await asyncio.sleep(peer.pause())
        return None

    async def _end(self) -> None:
        """Ends whatever of the process group is left."""
        self._close_input()
        try:
            if not self._exited.is_set():
                _signal(self._transport, force=False)
                await self._exits(GRACE_SECONDS)
        finally:
            if sys.platform == "win32" and not self._exited.is_set():
                await _kill_tree(self._transport.get_pid())
            _signal(self._transport, force=True)
            self._transport.close()
            await self._exits(GRACE_SECONDS)

    async def _exits(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._exited.wait()

    def _close_input(self) -> None:
        with suppress(OSError, RuntimeError):
            self._stdin.close()


def _check_directory(program: Program) -> None:
    if program.cwd is not None and not Path(program.cwd).is_dir():
        raise UpstreamFailed(
            f"server {program.server!r} cannot be started: cwd {program.cwd!r} is no directory", reached=False
        )


def _signal(child: asyncio.SubprocessTransport, *, force: bool) -> None:
    """To the whole group: also when the child has ended, what it started may still run."""
    with suppress(ProcessLookupError, PermissionError):
        if sys.platform != "win32":
            os.killpg(child.get_pid(), signal.SIGKILL if force else signal.SIGTERM)
        elif child.get_returncode() is None:
            child.terminate()


async def _kill_tree(pid: int) -> None:
    """Windows has no process groups that a signal reaches."""
    with suppress(OSError):
        killer = await asyncio.create_subprocess_exec(
            "taskkill", "/PID", str(pid), "/T", "/F", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        await killer.wait()
