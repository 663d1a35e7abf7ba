"""The clock of this machine."""

import time


class SystemClock:
    """Implements `ports.Clock`. `now` may be set back by an administrator; `monotonic` never goes back."""

    def now(self) -> float:
        """Unix time in seconds."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds since a moment that means nothing; only differences do."""
        return time.monotonic()
