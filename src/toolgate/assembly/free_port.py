"""The port to take when nobody chose one: the usual one, else the next that is free."""

import errno
import socket

TRIED = 20


def free_port(host: str, first: int) -> int:
    """The first free port from `first` on; `first` itself when none of the next is free either, so that listening on it
    says what is wrong. Another process may still take it before we do."""
    for port in range(first, min(first + TRIED, 65536)):
        if not _taken(host, port):
            return port
    return first


def _taken(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as probe:
        if hasattr(socket, "SO_REUSEADDR") and not hasattr(socket, "SO_EXCLUSIVEADDRUSE"):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return error.errno in (errno.EADDRINUSE, errno.EACCES)
    return False
