"""How fast a server may talk to us: what it says beyond that is read later, which only its own calls notice."""

import asyncio

LINES_A_SECOND = 20_000
"""Lines of event streams that are taken from one server within a second; an event has two or three."""


class Pace:
    """One server's, over all that it says at the same time."""

    def __init__(self, most: int = LINES_A_SECOND) -> None:
        self._most = most
        self._taken = 0
        self._second = 0.0

    def take(self, count: int) -> float:
        """Counts what was read, and answers the seconds to rest before more is: 0 unless the server floods."""
        now = asyncio.get_running_loop().time()
        if now - self._second >= 1.0:
            self._second, self._taken = now, 0
        self._taken += count
        return 0.0 if self._taken <= self._most else self._second + 1.0 - now
