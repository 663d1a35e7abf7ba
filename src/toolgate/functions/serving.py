"""The life of a worker process: the main thread reads what the gateway asks, and threads of its own run what was asked,
so that the process answers whatever a function does."""

import asyncio
import atexit
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, get_args

import msgspec

from toolgate.functions import Caller, Context, Level, answering, loading, memory, wire
from toolgate.functions.definitions import Tool
from toolgate.functions.keeping import Keeper

LAST_SECONDS = 2.0
"""How long what the functions registered for their end may take."""

_PROGRESS_SECONDS = 0.05
_NOTES = 200
_LEVELS = get_args(Level)


class Wire:
    """The way back to the gateway, for all threads."""

    def __init__(self, sink: int) -> None:
        self._sink = sink
        self._lock = threading.Lock()

    def say(self, message: wire.FromWorker) -> None:
        rest = memoryview(wire.frame(message))
        with self._lock:
            while rest:
                rest = rest[os.write(self._sink, rest) :]


class Live(Context):
    """The context of a call that is under way. More progress and messages than anybody can follow are dropped."""

    def __init__(self, call: wire.Call, line: Wire) -> None:
        super().__init__(Caller(**msgspec.structs.asdict(call.who)))
        self._call = call
        self._line = line
        self._told = 0.0
        self._notes = 0
        self.stopped = False

    @property
    def cancelled(self) -> bool:
        return self.stopped

    def progress(self, done: float, total: float | None = None, message: str | None = None) -> None:
        done, total = float(done), None if total is None else float(total)
        now = time.monotonic()
        if self._call.progress and not self.stopped and (now - self._told >= _PROGRESS_SECONDS or done == total):
            self._told = now
            self._line.say(wire.Progress(self._call.id, done, total, None if message is None else str(message)))

    def log(self, message: str, level: Level = "info") -> None:
        if level not in _LEVELS:
            raise ValueError(f"level: must be one of {', '.join(_LEVELS)}")
        self._notes += 1
        if self._notes <= _NOTES and not self.stopped:
            self._line.say(wire.Note(self._call.id, level, str(message)))


class Work(msgspec.Struct):
    """One call under way. `task` is set for an async function once it runs."""

    call: wire.Call
    tool: Tool
    context: Live
    task: "asyncio.Task[None] | None" = None


class Worker:
    def __init__(self, line: Wire, start: wire.Start, tools: dict[str, Tool]) -> None:
        self._line = line
        self._start = start
        self._tools = tools
        self._under_way: dict[int, Work] = {}
        self._jobs: queue.SimpleQueue[Work] = queue.SimpleQueue()
        self._threads = 0
        self._loop: asyncio.AbstractEventLoop | None = None

    def take(self, message: wire.ToWorker) -> None:
        """In the main thread."""
        if isinstance(message, wire.Cancel):
            self._stop(message.id)
        elif isinstance(message, wire.Call):
            self._begin(message)

    def _begin(self, call: wire.Call) -> None:
        tool = self._tools.get(call.tool)
        if tool is None:
            self._line.say(wire.Answer(call.id, answering.failure(f"unknown tool: {call.tool[:100]}"), True))
            return
        work = self._under_way[call.id] = Work(call, tool, Live(call, self._line))
        if tool.waiting:
            loop = self._loop = self._loop or _loop()
            loop.call_soon_threadsafe(self._launch, work)
            return
        if self._threads < min(self._start.concurrency, len(self._under_way)):
            self._threads += 1
            threading.Thread(target=self._run, name=f"functions-{self._threads}", daemon=True).start()
        self._jobs.put(work)

    def _stop(self, number: int) -> None:
        work = self._under_way.get(number)
        if work is not None:
            work.context.stopped = True
            if self._loop is not None and work.task is not None:
                self._loop.call_soon_threadsafe(work.task.cancel)

    # In a thread for what blocks -------------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            work = self._jobs.get()
            if work.context.stopped:
                self._end(work, b"", failed=False)
                continue
            try:
                values = answering.arguments(work.tool, work.call.arguments, work.context)
                value = work.tool.function(**values)
                if asyncio.iscoroutine(value):
                    self._loop = self._loop or _loop()
                    value = asyncio.run_coroutine_threadsafe(value, self._loop).result()
                self._end(work, answering.result(work.tool, value), failed=False)
            except BaseException as error:  # noqa: BLE001 - their code may raise anything, SystemExit included
                self._fail(work, error)

    # In the thread of the loop ---------------------------------------------------------------------------------------

    def _launch(self, work: Work) -> None:
        work.task = asyncio.ensure_future(self._await(work))
        if work.context.stopped:
            work.task.cancel()

    async def _await(self, work: Work) -> None:
        try:
            values = answering.arguments(work.tool, work.call.arguments, work.context)
            value = await work.tool.function(**values)
            self._end(work, answering.result(work.tool, value), failed=False)
        except BaseException as error:  # noqa: BLE001 - what ends a loop must not end this one
            self._fail(work, error)

    # In whichever ----------------------------------------------------------------------------------------------------

    def _fail(self, work: Work, error: BaseException) -> None:
        if work.context.stopped:
            self._end(work, b"", failed=True)
            return
        if isinstance(error, MemoryError):
            self._line.say(wire.Worn("it ran out of memory"))
        try:
            if not isinstance(error, (answering.ToolError, answering.Refused)):
                self._line.say(wire.Trouble(work.call.reference, work.tool.name, answering.places(error)))
            said = answering.told(work.tool, error, work.call.reference)
        except Exception:  # noqa: BLE001 - an exception of theirs may fail to say what it is
            said = f"{work.tool.name} failed (reference {work.call.reference})"
        self._end(work, answering.failure(said), failed=True)

    def _end(self, work: Work, body: bytes, *, failed: bool) -> None:
        most = self._start.most
        if len(body) > most:
            said = f"{work.tool.name}: the answer is larger than {most} bytes: ask for less"
            body, failed = answering.failure(said), True
        self._under_way.pop(work.call.id, None)
        self._line.say(wire.Answer(work.call.id, body, failed))


def serve() -> None:
    """Until the gateway hangs up."""
    source, line = _taken()
    try:
        start = _read(source)
        if not isinstance(start, wire.Start):
            return
        bounded = memory.bound(start.memory)
        path = Path(start.path)
        try:
            keeper = Keeper(str(path.parent), start.sources)
            tools, about = loading.load(path, keeper)
        except loading.LoadError as error:
            line.say(wire.Failed(str(error)))
            return
        needed = memory.used() or 0
        if start.memory and needed > start.memory:
            line.say(wire.Failed(_too_large(needed, start.memory)))
            return
        if start.memory and bounded:
            memory.watch(start.memory, lambda reason: line.say(wire.Worn(reason)))
        told = tuple(tool.told() for tool in tools.values())
        line.say(wire.Ready(told, loading.files(path), bounded, about, keeper.seen))
        worker = Worker(line, start, tools)
        while (message := _read(source)) is not None:
            worker.take(message)
    finally:
        _leave()


def _too_large(needed: int, most: int) -> str:
    return f"the code alone uses {needed // 2**20} MB of memory, and may use {most // 2**20}: raise memory_mb"


def _taken() -> tuple[BinaryIO, Wire]:
    """The pipes to the gateway under descriptors of our own, which no program that a function starts inherits. What is
    printed goes where complaints go; who reads standard input finds nothing."""
    source, sink = os.dup(0), os.dup(1)
    if sys.platform != "win32":
        os.set_blocking(source, True)
        os.set_blocking(sink, True)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    for stream in (sys.stdout, sys.stderr):
        reconfigure: Callable[..., Any] | None = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(line_buffering=True, errors="backslashreplace")
    return os.fdopen(source, "rb"), Wire(sink)


def _read(source: BinaryIO) -> wire.ToWorker | None:
    """The next message; None when the gateway has hung up."""
    head = source.read(wire.HEAD.size)
    if len(head) < wire.HEAD.size:
        return None
    (size,) = wire.HEAD.unpack(head)
    body = source.read(size)
    return None if len(body) < size else wire.decode_to_worker(body)


def _loop() -> asyncio.AbstractEventLoop:
    """An event loop in a thread of its own."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="functions-loop", daemon=True).start()
    return loop


def _leave() -> None:
    """Ends the process and whatever the functions have started, without waiting for any of them."""
    watchdog = threading.Timer(LAST_SECONDS, _vanish)
    watchdog.daemon = True
    watchdog.start()
    with suppress(BaseException):
        atexit._run_exitfuncs()  # pyright: ignore[reportPrivateUsage]
    _vanish()


def _vanish() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(BaseException):
            stream.flush()
    with suppress(BaseException):
        # Of a group of its own, as the gateway starts it; of nobody else's.
        if sys.platform != "win32" and os.getpgid(0) == os.getpid():
            os.killpg(0, signal.SIGKILL)
    os._exit(0)
