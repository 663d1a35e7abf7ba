"""What an upstream announces on its own, on its way to whoever follows it: coalesced, bounded, never waited for."""

import asyncio
from collections.abc import AsyncIterator

from toolgate.model.catalog import Change

MOST_PENDING = 1_000
"""Different changes that one follower may have waiting; what comes beyond is dropped."""


class Follower(AsyncIterator[Change]):
    """The changes since it was made, each once however often it was announced, until `end`."""

    def __init__(self, followers: set["Follower"]) -> None:
        self._followers = followers
        self._pending: dict[Change, None] = {}
        self._wake = asyncio.Event()
        self._ended = False

    def take(self, change: Change) -> None:
        if len(self._pending) < MOST_PENDING:
            self._pending[change] = None
            self._wake.set()

    def end(self) -> None:
        """No more changes: the upstream cannot be heard any longer. May be called more than once."""
        self._followers.discard(self)
        self._ended = True
        self._wake.set()

    async def __anext__(self) -> Change:
        while not self._pending:
            if self._ended:
                raise StopAsyncIteration
            self._wake.clear()
            await self._wake.wait()
        change = next(iter(self._pending))
        del self._pending[change]
        return change


class Announcements:
    """The changes of one upstream, from all of its sessions."""

    def __init__(self) -> None:
        self._followers: set[Follower] = set()

    def announce(self, change: Change) -> None:
        for follower in self._followers:
            follower.take(change)

    def end(self) -> None:
        """The upstream is closed: every follower comes to its end."""
        for follower in tuple(self._followers):
            follower.end()

    def follow(self) -> Follower:
        follower = Follower(self._followers)
        self._followers.add(follower)
        return follower


class Watch:
    """The resources whose updates are wanted. `changed` is set, and replaced by a new event, when `uris` changes."""

    def __init__(self) -> None:
        self.uris: frozenset[str] = frozenset()
        self.changed = asyncio.Event()

    def set(self, uris: frozenset[str]) -> None:
        if uris == self.uris:
            return
        self.uris = uris
        changed, self.changed = self.changed, asyncio.Event()
        changed.set()
