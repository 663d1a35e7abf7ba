"""What a child writes to its standard error: kept a little, logged, made harmless. It is no sign of an error."""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence

log = logging.getLogger(__name__)

KEPT_LINES = 50
LONGEST_LINE = 2_000
LINES_A_SECOND = 50
"""More are counted, not logged: a child cannot fill the disk."""

_CHUNK = 64 * 1024


class Complaints:
    """`last` are the last lines, as they were logged. `secrets` never appear in them."""

    def __init__(self, server: str, secrets: Sequence[str]) -> None:
        self.last: deque[str] = deque(maxlen=KEPT_LINES)
        self._server = server
        self._secrets = secrets
        self._second = 0.0
        self._logged = 0
        self._dropped = 0

    async def follow(self, stream: asyncio.StreamReader) -> None:
        """Reads until the end, so that the child never blocks on a full pipe."""
        rest, skipping = b"", False
        while chunk := await stream.read(_CHUNK):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                if not skipping:
                    self.take(line)
                skipping = False
            if len(rest) > _CHUNK:
                # The rest of an endless line is dropped: a secret that it cuts in two would not be recognised.
                if not skipping:
                    self.take(rest)
                rest, skipping = b"", True
            await asyncio.sleep(0)
        if not skipping:
            self.take(rest)

    def take(self, line: bytes) -> None:
        text = line.decode("utf-8", "replace").rstrip()
        for secret in self._secrets:
            text = text.replace(secret, "***")
        text = "".join(char if char.isprintable() else _escaped(char) for char in text[:LONGEST_LINE])
        if not text:
            return
        self.last.append(text)
        now = asyncio.get_running_loop().time()
        if now - self._second >= 1.0:
            if self._dropped:
                log.info("server %r: %d more lines on standard error were not logged", self._server, self._dropped)
            self._second, self._logged, self._dropped = now, 0, 0
        if self._logged < LINES_A_SECOND:
            self._logged += 1
            log.info("server %r: %s", self._server, text)
        else:
            self._dropped += 1


def _escaped(char: str) -> str:
    """Control and direction characters could rewrite what a terminal shows."""
    return char.encode("unicode_escape").decode("ascii")
