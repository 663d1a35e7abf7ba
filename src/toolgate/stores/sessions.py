"""Handshake-era sessions of one process: state and replay in memory, bounded; ended sessions in a file.

State is what the sealed session id does not hold. It is not needed to serve a call: a session that was forgotten here
(a restart, or too many others) is simply met again, with the default log level and no subscriptions.
"""

from collections import OrderedDict
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

import msgspec

from toolgate.model.errors import ConfigError, Limited
from toolgate.ports import Clock, Toolbox
from toolgate.stores.ended import LIMIT, EndedSessions
from toolgate.stores.replay import Bounds, Replay

FILE = "ended-sessions.jsonl"


class Config(msgspec.Struct, frozen=True):
    """The most that is kept: sessions with state, subscriptions of one session, characters of all subscribed URIs
    together, ended sessions, and events (see `Bounds`)."""

    sessions: int = 10_000
    subscriptions: int = 256
    subscribed_text: int = 16 * 1024 * 1024
    ended: int = LIMIT
    replay: Bounds = Bounds()


class _Ledger:
    """What all subscriptions together weigh."""

    __slots__ = ("most", "weight")

    def __init__(self, most: int) -> None:
        self.most = most
        self.weight = 0


class Subscriptions(set[str]):
    """The URIs that one session subscribed to. Raises Limited when it would hold too many, or all together too much."""

    _ledger = _Ledger(0)
    _weight = 0

    def __init__(self, most: int, ledger: _Ledger) -> None:
        super().__init__()
        self._most = most
        self._ledger = ledger

    def add(self, uri: str, /) -> None:
        if uri in self:
            return
        if len(self) >= self._most:
            raise Limited(f"a session may subscribe to {self._most} resources at most: unsubscribe from one first")
        if self._ledger.weight + len(uri) > self._ledger.most:
            raise Limited("too many resources are subscribed to at the moment: try again later")
        super().add(uri)
        self._weigh(len(uri))

    def update(self, *others: Iterable[str]) -> None:
        for other in others:
            for uri in other:
                self.add(uri)

    def discard(self, uri: object, /) -> None:
        if uri in self:
            self.remove(str(uri))

    def remove(self, uri: str, /) -> None:
        super().remove(uri)
        self._weigh(-len(uri))

    def clear(self) -> None:
        super().clear()
        self._weigh(-self._weight)

    def _weigh(self, change: int) -> None:
        self._weight += change
        self._ledger.weight += change

    def __del__(self) -> None:
        self._weigh(-self._weight)


class State:
    """Implements `ports.SessionState`."""

    __slots__ = ("__weakref__", "log_level", "subscriptions")

    def __init__(self, subscriptions: set[str]) -> None:
        self.log_level: str | None = None
        self.subscriptions = subscriptions


class LocalSessions:
    """Implements `ports.Sessions` for one process."""

    def __init__(self, config: Config, ended: EndedSessions, clock: Clock) -> None:
        self._config = config
        self._ended = ended
        self._clock = clock
        self._ledger = _Ledger(config.subscribed_text)
        self._states: OrderedDict[str, State] = OrderedDict()
        self._held: WeakValueDictionary[str, State] = WeakValueDictionary()
        self._replay = Replay(config.replay)

    def state(self, session: str, /) -> State | None:
        """The state that somebody still holds is never made twice, even when it had to leave the list of the latest."""
        state = self._states.get(session)
        if state is not None:
            self._states.move_to_end(session)
            return state
        if session in self._ended:
            return None
        state = self._held.get(session)
        if state is None:
            state = self._held[session] = State(Subscriptions(self._config.subscriptions, self._ledger))
        self._states[session] = state
        if len(self._states) > self._config.sessions:
            self._states.popitem(last=False)
        return state

    def keep(self, session: str, stream: str, data: bytes, /) -> str:
        event_id = self._replay.keep(session, stream, data, now=self._clock.now(), monotonic=self._clock.monotonic())
        if session in self._ended:  # its last answer may still be on the way; nobody can ask for it again
            self._replay.forget(session)
        return event_id

    def replay(self, session: str, event_id: str, /) -> tuple[str, list[tuple[str, bytes]]] | None:
        return None if session in self._ended else self._replay.replay(session, event_id)

    def end(self, session: str, until: float, /) -> None:
        self._states.pop(session, None)
        self._held.pop(session, None)
        self._replay.forget(session)
        self._ended.add(session, until, self._clock.now())


@asynccontextmanager
async def open(config: Config, toolbox: Toolbox, /) -> AsyncGenerator[LocalSessions]:
    """Raises ConfigError when the data directory cannot be written."""
    path = toolbox.data / FILE
    try:
        ended = EndedSessions(path, toolbox.clock.now(), config.ended)
    except OSError as error:
        raise ConfigError((f"{path}: {error.strerror}: the data directory must be writable",)) from error
    try:
        yield LocalSessions(config, ended, toolbox.clock)
    finally:
        ended.close()
