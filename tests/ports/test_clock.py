"""The contract of `ports.Clock`."""

import time

from toolgate.ports import Clock
from toolgate.stores.clock import SystemClock


def test_now_is_unix_time():
    clock: Clock = SystemClock()
    before = time.time()
    assert before <= clock.now() <= time.time()


def test_monotonic_never_goes_back():
    clock: Clock = SystemClock()
    seconds = [clock.monotonic() for _ in range(1_000)]
    assert seconds == sorted(seconds)
