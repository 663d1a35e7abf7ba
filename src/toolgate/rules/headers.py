"""Headers that a server may be shown: their names, and those that are not ours to be told."""

import re

NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""A token of RFC 9110 section 5.6.2."""

# Ours to set: the protocol's own, those of the connection, and what names the other end.
_RESERVED = frozenset({
    "accept", "accept-encoding", "connection", "content-encoding", "content-length", "content-type", "expect", "host",
    "keep-alive", "last-event-id", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
})  # fmt: skip


def flaw(name: str) -> str | None:
    """Why no header of this name can be shown; None when one can."""
    if not NAME.fullmatch(name):
        return "this is not the name of a header"
    if name.lower() in _RESERVED or name.lower().startswith("mcp-"):
        return "Toolgate sets this header itself"
    return None
