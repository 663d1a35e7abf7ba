"""Backoff for what keeps breaking: exponential, with jitter, and failing at once with an explanation in between."""

import asyncio
import random
from collections import OrderedDict
from collections.abc import Hashable

from toolgate.model.errors import UpstreamFailed

FIRST_SECONDS = 0.5
LONGEST_SECONDS = 30.0
LIVED_SECONDS = 60.0
"""What lasted so long was good: after it, backoff starts anew."""

MOST_KEYS = 1_024


class _Failures:
    __slots__ = ("count", "until")

    def __init__(self) -> None:
        self.count = 0
        self.until = 0.0


class Restarts:
    """Failures in a row, by key: who breaks their own conversation does not keep the others from theirs. The first
    failure costs no wait."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._failures: OrderedDict[Hashable, _Failures] = OrderedDict()

    def check(self, key: Hashable) -> None:
        """Raises UpstreamFailed while it is too early to try again."""
        failures = self._failures.get(key)
        if failures is None:
            return
        wait = failures.until - asyncio.get_running_loop().time()
        if wait > 0:
            raise UpstreamFailed(
                f"server {self._server!r} failed {failures.count} times in a row; it is tried again in {wait:.1f} s"
            )

    def failed(self, key: Hashable, *, lived: float) -> None:
        """It broke after `lived` seconds."""
        failures = self._failures.pop(key, None)
        if failures is None or lived >= LIVED_SECONDS:
            failures = _Failures()
        self._failures[key] = failures
        failures.count += 1
        if failures.count > 1:
            wait = min(LONGEST_SECONDS, FIRST_SECONDS * 2.0 ** min(failures.count - 2, 16))
            failures.until = asyncio.get_running_loop().time() + wait * random.uniform(0.5, 1.0)
        while len(self._failures) > MOST_KEYS:
            self._failures.popitem(last=False)
