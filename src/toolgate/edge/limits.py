"""How much a connection of a client may hold, and how long it may take."""

import msgspec

MOST_HEADERS = 100

LINGER = 5.0
"""Seconds for which what a refused client still sends is taken and thrown away, so that it can read why."""

UNKNOWN_BODY = 64 * 1024
"""Bytes of a body that are taken from anybody; beyond them, whoever sends it must be known."""


class Limits(msgspec.Struct, frozen=True):
    """Bytes of one body and of one head; connections at once; seconds in which a request must have arrived whole."""

    body: int
    head: int
    connections: int
    arrival: float = 30.0
