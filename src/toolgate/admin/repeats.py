"""Idempotency keys: a creation that is sent again, because its answer was lost, is answered as the first time.

Answers are remembered in this process, for an hour and within a bound. More is not needed: names are unique, so that
after a restart the second creation is a conflict that shows the record, never a second record. An answer that holds a
key in clear is remembered for ten minutes only.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from hashlib import blake2b

from toolgate.admin.exchange import Answer
from toolgate.admin.problems import Wrong
from toolgate.ports import Clock

HEADER = b"idempotency-key"
LONGEST = 255
MOST = 1024
KEPT_S = 3600.0
SECRET_KEPT_S = 600.0


class _Entry:
    def __init__(self, digest: bytes) -> None:
        self.digest = digest
        self.lock = asyncio.Lock()
        self.answer: Answer | None = None
        self.until = 0.0


class Repeats:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: OrderedDict[tuple[str, str, str], _Entry] = OrderedDict()

    async def once(
        self, who: str, path: str, key: str, body: bytes, work: Callable[[], Awaitable[Answer]], *, secret: bool
    ) -> Answer:
        """The answer of `work`, or the one that the same request got before. Only what was done is remembered: after an
        error it may be tried again. Raises Wrong: 422 for a key that was used for another body, 400 for an unusable
        one, and what `work` raises."""
        if not key or len(key) > LONGEST:
            raise Wrong(400, f"Idempotency-Key must have 1 to {LONGEST} characters.")
        self._forget()
        digest = blake2b(body, digest_size=32).digest()
        name = (who, path, key)
        entry = self._entries.get(name)
        if entry is None:
            entry = self._entries[name] = _Entry(digest)
        elif entry.digest != digest:
            raise Wrong(422, "This Idempotency-Key was used for another body.", (("", "choose another key"),))
        async with entry.lock:
            if entry.answer is not None:
                return entry.answer
            try:
                entry.answer = await work()
            except BaseException:
                if self._entries.get(name) is entry:
                    del self._entries[name]
                raise
            entry.until = self._clock.monotonic() + (SECRET_KEPT_S if secret else KEPT_S)
            self._entries[name] = entry  # also where a first try failed while this one waited
            return entry.answer

    def _forget(self) -> None:
        """What is over, and the oldest beyond the bound; never what is under way."""
        now = self._clock.monotonic()
        done = [name for name, entry in self._entries.items() if entry.answer is not None and not entry.lock.locked()]
        beyond = max(0, len(self._entries) - MOST + 1)
        for place, name in enumerate(done):
            if place < beyond or self._entries[name].until <= now:
                del self._entries[name]
