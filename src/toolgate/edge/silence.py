"""Streams must not fall silent: whoever opens one is looked at every second, and reminded after 15 s without a word.

One timer for all of them: a call that is answered at once costs two set operations here.
"""

from typing import Protocol

from toolgate.pipeline.wheel import Timer, Wheel

KEEP_ALIVE = 15
"""Seconds of silence after which a stream is committed, and then kept alive by a comment."""


class Silent(Protocol):
    """Something that may fall silent. `silent_for` is in seconds; who writes sets it to 0. `patience` is how many
    seconds of silence are too many."""

    silent_for: int
    patience: int

    def keep_alive(self) -> None: ...


class Silence:
    """Watches streams until they are let go."""

    def __init__(self, wheel: Wheel) -> None:
        self._wheel = wheel
        self._watched: set[Silent] = set()
        self._timer: Timer | None = None

    def watch(self, stream: Silent) -> None:
        self._watched.add(stream)
        if self._timer is None:
            self._timer = self._wheel.after(1.0, self._look)

    def let_go(self, stream: Silent) -> None:
        self._watched.discard(stream)

    def _look(self) -> None:
        for stream in tuple(self._watched):
            stream.silent_for += 1
            if stream.silent_for >= stream.patience:
                stream.silent_for = 0
                stream.keep_alive()
        self._timer = self._wheel.after(1.0, self._look) if self._watched else None
