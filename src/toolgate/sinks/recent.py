"""The latest records, for whoever asks what just happened, and the ones to come, for whoever follows.

A principal sees its own records; an observer sees all of them. Lives on the event loop: nothing here is for other
threads.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from itertools import islice

import msgspec

from toolgate.model.errors import Limited, Outcome
from toolgate.model.identity import Principal
from toolgate.model.records import CallRecord
from toolgate.ports import Toolbox

CAPACITY = 2_000
MAX_FOLLOWERS = 64
MAX_WAITING = 4_000
"""Records that may wait for one follower; beyond it the oldest is dropped and counted."""
_MAX_TEXT = 512


class Config(msgspec.Struct, frozen=True):
    """How many records are kept, how many may follow at once, and how many records may wait for one follower."""

    capacity: int = CAPACITY
    followers: int = MAX_FOLLOWERS
    waiting: int = MAX_WAITING


class Wanted(msgspec.Struct, frozen=True):
    """Which records are asked for: every member that is set must agree. An empty set of outcomes means all."""

    server: str | None = None
    target: str | None = None
    method: str | None = None
    principal: str | None = None
    outcomes: frozenset[Outcome] = frozenset()

    def matches(self, record: CallRecord) -> bool:
        return (
            (self.server is None or record.server == self.server)
            and (self.target is None or record.target == self.target)
            and (self.method is None or record.method == self.method)
            and (self.principal is None or record.principal == self.principal)
            and (not self.outcomes or record.outcome in self.outcomes)
        )


EVERYTHING = Wanted()


class Seen(msgspec.Struct, frozen=True):
    """What a follower is given: records, oldest first, and how many before them it was too slow for."""

    records: tuple[CallRecord, ...]
    missed: int


Viewer = Callable[[], Principal | None]
"""Who is looking, by the snapshot of now; None once the credential is no longer good."""


def may_see(viewer: Principal, record: CallRecord) -> bool:
    """Requests that nobody was identified for are an observer's business."""
    return viewer.observer or (record.principal != "" and record.principal == viewer.id)


class Following:
    """An asynchronous iterator of what was seen. Ends when the viewer is no longer anybody."""

    def __init__(self, viewer: Viewer, wanted: Wanted, waiting: int) -> None:
        self._viewer = viewer
        self._wanted = wanted
        self._waiting: deque[CallRecord] = deque(maxlen=waiting)
        self._missed = 0
        self._wake = asyncio.Event()

    def offer(self, records: Sequence[CallRecord]) -> None:
        """Never waits. Rights are judged with every batch, and again when it is taken."""
        viewer = self._viewer()
        if viewer is not None:
            for record in records:
                if may_see(viewer, record) and self._wanted.matches(record):
                    self._missed += len(self._waiting) == self._waiting.maxlen
                    self._waiting.append(record)
        if viewer is None or self._waiting:
            self._wake.set()

    def __aiter__(self) -> AsyncIterator[Seen]:
        return self

    async def __anext__(self) -> Seen:
        while True:
            await self._wake.wait()
            self._wake.clear()
            viewer = self._viewer()
            if viewer is None:
                raise StopAsyncIteration
            seen = Seen(tuple(record for record in self._waiting if may_see(viewer, record)), self._missed)
            self._waiting.clear()
            self._missed = 0
            if seen.records or seen.missed:
                return seen


class Recent:
    """The sink."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._records: deque[CallRecord] = deque(maxlen=config.capacity)
        self._followers: set[Following] = set()

    def write(self, records: Sequence[CallRecord], /) -> None:
        kept = [_bounded(record) for record in records]
        self._records.extend(kept)
        for follower in self._followers:
            follower.offer(kept)

    def snapshot(self, viewer: Principal, wanted: Wanted = EVERYTHING, limit: int = 100) -> tuple[CallRecord, ...]:
        """The latest records that the viewer may see and wants, oldest first, at most `limit`."""
        latest = (record for record in reversed(self._records) if may_see(viewer, record) and wanted.matches(record))
        return tuple(islice(latest, limit))[::-1]

    def judge(self) -> None:
        """To be called after a swap of the snapshot: ends the followings of viewers that are nobody any more."""
        for follower in self._followers:
            follower.offer(())

    @contextmanager
    def follow(self, viewer: Viewer, wanted: Wanted = EVERYTHING, backlog: int = 0) -> Generator[Following]:
        """Records from now on, after the latest `backlog`: none between is missed or seen twice. Raises Limited."""
        if len(self._followers) >= self._config.followers:
            raise Limited(f"{self._config.followers} callers follow already, which is the most: try again later")
        following = Following(viewer, wanted, self._config.waiting)
        now = viewer()
        following.offer(() if now is None else self.snapshot(now, wanted, backlog))
        self._followers.add(following)
        try:
            yield following
        finally:
            self._followers.discard(following)


def _bounded(record: CallRecord) -> CallRecord:
    """What is kept for long must not be large: a caller chooses some of these texts."""
    if len(record.client) <= _MAX_TEXT and len(record.method) <= _MAX_TEXT and len(record.version) <= _MAX_TEXT:
        return record
    return msgspec.structs.replace(
        record,
        client=record.client if len(record.client) <= _MAX_TEXT else b"",
        method=record.method[:_MAX_TEXT],
        version=record.version[:_MAX_TEXT],
    )


@asynccontextmanager
async def open(config: Config, toolbox: Toolbox, /) -> AsyncGenerator[Recent]:
    yield Recent(config)
