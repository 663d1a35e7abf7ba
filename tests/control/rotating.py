"""A process that rotates the data key of a data directory and kills itself at a chosen point on the way.

    python -m tests.control.rotating DATA POINT

POINT is `added` (the new key is in the file), `sealing` (in the middle of the transaction), `sealed` (it is committed,
the old key is still in the file) or `kept` (the old key is dropped).
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from functools import partial
from pathlib import Path

from tests.control.company import LOCAL, company
from toolgate.control.vault import Vault
from toolgate.rules.key_ring import KeyRing
from toolgate.stores.key_ring import RingFile, load

POINTS = ("added", "sealing", "sealed", "kept")


class Dying(RingFile):
    """The real file, and an end at one of its steps."""

    def __init__(self, data: Path, point: str) -> None:
        super().__init__(data)
        self._point = point

    def die_at(self, point: str) -> None:
        if point == self._point:
            os.kill(os.getpid(), signal.SIGKILL)

    def add(self) -> KeyRing:
        ring = super().add()
        self.die_at("added")
        return ring

    def keep_only(self, used: frozenset[str], /) -> KeyRing:
        self.die_at("sealed")
        ring = super().keep_only(used)
        self.die_at("kept")
        return ring


async def rotate(data: Path, point: str) -> None:
    keys = Dying(data, point)
    sealed = 0

    def random(length: int) -> bytes:
        nonlocal sealed
        sealed += 1
        if sealed == 3:
            keys.die_at("sealing")
        return os.urandom(length)

    async with company(data) as opened:
        await Vault(opened.administration, partial(load, data), random, keys).rotate(LOCAL)


if __name__ == "__main__":
    asyncio.run(rotate(Path(sys.argv[1]), sys.argv[2]))
