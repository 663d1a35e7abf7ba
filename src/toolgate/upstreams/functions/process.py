"""One worker process as the gateway sees it: started in a group of its own, spoken to over its pipes, ended with all
that it started. If the gateway itself is killed, the pipes close, and the worker ends itself and its group."""

import asyncio
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import msgspec

from toolgate.functions import memory, wire
from toolgate.model.errors import UpstreamFailed
from toolgate.pipeline.complaints import Complaints

log = logging.getLogger(__name__)

CLOSE_SECONDS = 4.0
"""How long a worker may take to end after the gateway hung up; then it is killed."""

_SETTLE_SECONDS = 0.5
"""How long what an ended process wrote before is still read."""

_FLOOD = 256
"""Messages in one reading beyond which the next one waits a moment: a worker that talks without end holds up nobody."""

_REST_SECONDS = 0.02

Heard = Callable[[wire.Progress | wire.Note], None]


class Program(msgspec.Struct, frozen=True):
    """What to start. `secrets` are values in `environment` that are never logged; neither appears in a repr."""

    server: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    cwd: str
    secrets: tuple[str, ...]
    start: wire.Start
    start_timeout: float
    grace: float
    limit: int

    def __repr__(self) -> str:
        return f"Program({self.server!r}, {self.command[0]!r}, {len(self.environment)} variables)"


class Lost(Exception):
    """The process ended under a call; the message says how."""


class _Flight:
    """One call under way. `waiting` says that it is an async function; `left`, that nobody waits for its answer;
    `overdue`, that it should have ended since."""

    __slots__ = ("answer", "heard", "left", "overdue", "waiting")

    def __init__(self, heard: Heard, waiting: bool) -> None:
        self.answer: asyncio.Future[wire.Answer] = asyncio.get_running_loop().create_future()
        self.heard = heard
        self.waiting = waiting
        self.left = False
        self.overdue = False


class Worker(asyncio.SubprocessProtocol):
    """`ready` is set once the code is loaded. `on_change` is called whenever there may be a free place, and when the
    worker takes no more calls (`retired`)."""

    def __init__(self, program: Program) -> None:
        self.ready: wire.Ready | None = None
        self.retired = False
        self.on_change: Callable[[], None] = _nobody
        self.ended = asyncio.Event()
        self.began = asyncio.get_running_loop().time()
        self._program = program
        self._loaded: asyncio.Future[wire.Ready] = asyncio.get_running_loop().create_future()
        self._flights: dict[int, _Flight] = {}
        self._last_id = 0
        self._rest = bytearray()
        self._complaints = Complaints(program.server, program.secrets)
        self._stderr = asyncio.StreamReader(limit=2**20)
        self._following: asyncio.Task[None] | None = None
        self._why: str | None = None
        self._transport: Any = None

    # Its life --------------------------------------------------------------------------------------------------------

    @classmethod
    async def start(cls, program: Program) -> "Worker":
        """A worker that has loaded the code. Raises UpstreamFailed, with what is wrong with it."""
        worker = cls(program)
        try:
            await worker._spawn()
            async with asyncio.timeout(program.start_timeout):
                worker.ready = await worker._loaded
        except TimeoutError:
            await worker.kill()
            raise worker.failed(f"its code did not load within {program.start_timeout:g} s") from None
        except BaseException:
            await worker.kill()
            raise
        if program.start.memory and not worker.ready.bounded:
            log.warning("server %r: memory_mb is not kept: this system does not tell", program.server)
        return worker

    async def _spawn(self) -> None:
        program = self._program
        if not _is_there(program):
            self.ended.set()
            raise self.failed(f"there is no directory {program.cwd!r}")
        options: dict[str, Any] = {"env": dict(program.environment), "cwd": program.cwd}
        if sys.platform == "win32":
            options["creationflags"] = subprocess.CREATE_NEW_PROCESS_GROUP
        else:
            options["start_new_session"] = True
        pipe = subprocess.PIPE
        try:
            await asyncio.get_running_loop().subprocess_exec(
                lambda: self, *program.command, stdin=pipe, stdout=pipe, stderr=pipe, **options
            )
        except (OSError, ValueError) as error:
            self.ended.set()
            reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
            raise self.failed(f"cannot be started: {program.command[0]!r}: {reason}") from None
        self._write(program.start)
        log.info("server %r: started a worker as process %d", program.server, self._transport.get_pid())

    def failed(self, why: str) -> UpstreamFailed:
        for secret in self._program.secrets:
            why = why.replace(secret, "***")
        return UpstreamFailed(f"server {self._program.server!r}: {why}", reached=False)

    def retire(self, why: str) -> None:
        """Takes no more calls; ends when nobody waits for one that it has."""
        if not self.retired:
            self.retired = True
            if why and not self.ended.is_set():
                log.warning("server %r: a worker is replaced: %s", self._program.server, why)
            self.on_change()
        self._end_if_idle()

    async def close(self) -> None:
        """Hangs up, and waits; then kills it. Never raises."""
        self.retired = True
        self._hang_up()
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self.ended.wait()
        await self.kill()

    async def kill(self) -> None:
        """Ends the process, and all that it started, at once."""
        self.end()
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self.ended.wait()

    def end(self, why: str | None = None) -> None:
        """Ends it at once; who still waits for it is told why."""
        self.retired = True
        self._why = self._why or why
        if self.ended.is_set() or self._transport is None:
            return
        with suppress(ProcessLookupError, PermissionError):
            if sys.platform != "win32":
                os.killpg(self._transport.get_pid(), signal.SIGKILL)
            else:
                self._transport.kill()

    # Calls -----------------------------------------------------------------------------------------------------------

    @property
    def busy(self) -> int:
        return len(self._flights)

    async def call(
        self, tool: wire.Tool, arguments: bytes, reference: str, who: wire.Who, heard: Heard, *, progress: bool
    ) -> wire.Answer:
        """Raises Lost when the process ends under it. When whoever waits is cancelled, the function is told; if it does
        not end within its grace, the worker is replaced."""
        if self.ended.is_set():
            raise Lost(self._how())
        self._last_id += 1
        number = self._last_id
        flight = self._flights[number] = _Flight(heard, tool.waiting)
        self._write(wire.Call(number, tool.name, arguments, reference, who, progress))
        try:
            return await flight.answer
        except asyncio.CancelledError:
            if number in self._flights:
                flight.left = True
                self._write(wire.Cancel(number))
                asyncio.get_running_loop().call_later(self._program.grace, self._overdue, number)
            raise

    def _overdue(self, number: int) -> None:
        flight = self._flights.get(number)
        if flight is None or self.ended.is_set():
            return
        flight.overdue = True
        if flight.waiting:
            # What does not end when it is cancelled holds the thread that all async functions share.
            self.retire("an async function does not end")
            self.end("was ended, because an async function in it held up the others")
        else:
            self.retire("a function does not end")

    def _end_if_idle(self) -> None:
        """An idle worker is hung up on, and may finish; one in which nothing but overdue calls is left is killed."""
        if not self._flights:
            self._hang_up()
            asyncio.get_running_loop().call_later(CLOSE_SECONDS, self.end)
        elif all(flight.overdue for flight in self._flights.values()):
            self.end()

    # What it says ----------------------------------------------------------------------------------------------------

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        complaints = self._pipe(2)
        if complaints is not None:
            self._stderr.set_transport(complaints)  # which is read no faster than what it says is looked at
        self._following = asyncio.ensure_future(self._complaints.follow(self._stderr))

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        if fd == 2:
            self._stderr.feed_data(data)
            return
        self._rest += data
        count = 0
        try:
            for message in self._messages():
                self._take(message)
                count += 1
        except (msgspec.DecodeError, ValueError) as error:
            self.end(f"was ended, because what it sent cannot be read ({error})")
        if count > _FLOOD:
            self._pause()

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        if fd == 2:
            self._stderr.feed_eof()
        elif fd == 1:
            self._finish_if_over()

    def process_exited(self) -> None:
        asyncio.get_running_loop().call_later(_SETTLE_SECONDS, self._finish)
        self._finish_if_over()

    def _finish_if_over(self) -> None:
        """Once it has ended and what it said is read; who else still holds its pipe is not waited for. One that did not
        even load has said why among its complaints."""
        output = self._transport.get_pipe_transport(1)
        if self._transport.get_returncode() is None or not (output is None or output.is_closing()):
            return
        if self._loaded.done() or self._following is None:
            self._finish()
        else:
            self._following.add_done_callback(lambda _: self._finish())

    def _finish(self) -> None:
        if self.ended.is_set():
            return
        how = self._how()
        self.end()  # what it started may still run
        self.ended.set()
        if not self.retired:
            log.warning("server %r: a worker %s", self._program.server, how)
        self.retired = True
        if not self._loaded.done():
            last = self._complaints.last[-1] if self._complaints.last else ""
            self._loaded.set_exception(self.failed(last or f"its worker {how} while it loaded the code"))
            self._loaded.exception()
        for flight in self._flights.values():
            if not flight.answer.done():
                flight.answer.set_exception(Lost(how))
                flight.answer.exception()
        self._flights.clear()
        self._transport.close()
        self.on_change()

    def _how(self) -> str:
        code = self._transport.get_returncode()
        if self._why is not None:
            return self._why
        if code == memory.OVER:
            return f"was ended: it used far more than {self._program.start.memory // 2**20} MB of memory"
        if code is not None and code < 0:
            return f"was ended by signal {signal.Signals(-code).name if -code in set(signal.Signals) else -code}"
        return f"ended with exit status {code}"

    def _messages(self) -> Any:
        """Every message that is complete. Raises ValueError for one that is too large."""
        head, rest, at = wire.HEAD.size, self._rest, 0
        try:
            while len(rest) - at >= head:
                (size,) = wire.HEAD.unpack_from(rest, at)
                if size > self._program.limit:
                    raise ValueError(f"a message of {size} bytes")
                if len(rest) - at < head + size:
                    return
                body = bytes(rest[at + head : at + head + size])
                at += head + size
                yield wire.decode_from_worker(body)
        finally:
            del rest[:at]

    def _take(self, message: wire.FromWorker) -> None:
        match message:
            case wire.Answer():
                self._answered(message)
            case wire.Progress() | wire.Note():
                flight = self._flights.get(message.id)
                if flight is not None and not flight.left:
                    flight.heard(message)
            case wire.Trouble():
                where = self._masked(message.text)
                log.warning(
                    "server %r: %s failed (reference %s)\n%s",
                    self._program.server, message.tool, message.reference, where,
                )  # fmt: skip
            case wire.Worn():
                self.retire(message.reason)
            case wire.Ready():
                if not self._loaded.done():
                    self._loaded.set_result(message)
            case wire.Failed():
                if not self._loaded.done():
                    self._loaded.set_exception(self.failed(message.reason))
                    self._loaded.exception()

    def _answered(self, answer: wire.Answer) -> None:
        flight = self._flights.pop(answer.id, None)
        if flight is None:
            return
        if not flight.answer.done():
            flight.answer.set_result(answer)
        if self.retired:
            self._end_if_idle()
        self.on_change()

    def _masked(self, text: str) -> str:
        for secret in self._program.secrets:
            text = text.replace(secret, "***")
        return text

    # Its pipes -------------------------------------------------------------------------------------------------------

    def _write(self, message: wire.ToWorker) -> None:
        pipe = self._pipe(0)
        if pipe is not None and not self.ended.is_set():
            with suppress(OSError, RuntimeError):
                pipe.write(wire.frame(message))

    def _hang_up(self) -> None:
        pipe = self._pipe(0)
        if pipe is not None:
            with suppress(OSError, RuntimeError):
                pipe.close()

    def _pause(self) -> None:
        pipe = self._pipe(1)
        if pipe is not None:
            with suppress(OSError, RuntimeError):
                pipe.pause_reading()
                asyncio.get_running_loop().call_later(_REST_SECONDS, _resume, pipe)

    def _pipe(self, fd: int) -> Any:
        return None if self._transport is None else self._transport.get_pipe_transport(fd)


def _is_there(program: Program) -> bool:
    return os.path.isdir(program.cwd)


def _resume(pipe: Any) -> None:
    with suppress(OSError, RuntimeError):
        pipe.resume_reading()


def _nobody() -> None:
    """Nobody wants to know yet."""
