"""Signals of a process that serves: the first asks it to end well, the second to end at once."""

import asyncio
import os
import signal
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

from toolgate.cli.exit_codes import INTERRUPTED

SIGNALS = (signal.SIGINT, signal.SIGTERM)
GRACE = 3.0
"""Seconds after the second signal in which children are stopped; then the process ends as it is."""


class Stopping:
    """While it is entered, signals do not kill. Until `calls` says what to do, the first one cancels the task that
    entered; that cancellation ends with the block. With `signal.signal`, because Windows has nothing else."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self._stop: Callable[[], object] = self._cancel
        self._at_once: Callable[[], object] = self._cancel
        self._asked = 0
        self._former: dict[signal.Signals, Any] = {}

    def calls(self, stop: Callable[[], object], at_once: Callable[[], object]) -> None:
        """What the first and the second signal do, in the event loop."""
        self._stop = stop
        self._at_once = at_once

    def __enter__(self) -> "Stopping":
        for number in SIGNALS:
            self._former[number] = signal.signal(number, self._heard)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> bool:
        for number, former in self._former.items():
            signal.signal(number, former)
        return kind is asyncio.CancelledError and self._asked > 0

    def _heard(self, number: int, frame: FrameType | None) -> None:
        self._asked += 1
        if self._asked == 1:
            self._loop.call_soon_threadsafe(self._stop)
        elif self._asked == 2:
            self._loop.call_soon_threadsafe(self._hurry)
        else:
            os._exit(INTERRUPTED)

    def _hurry(self) -> None:
        self._at_once()
        self._loop.call_later(GRACE, os._exit, INTERRUPTED)
        self._cancel()

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()
