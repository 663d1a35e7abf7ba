"""Public names: what offers of many servers are called on one endpoint (DESIGN section 7)."""

import hashlib
import re

SEPARATOR = "__"
MAX_NAME = 64
"""Longest tool name that every known host accepts."""

_ILLEGAL = re.compile(r"[^A-Za-z0-9_-]")


def prefixed(server: str, name: str) -> str:
    """`server__tool` in `[A-Za-z0-9_-]{1,64}`. What had to be changed or cut is replaced by a digest of the whole, so
    that the same pair has the same name for ever and two pairs never share one."""
    joined = f"{server}{SEPARATOR}{name}"
    clean = _ILLEGAL.sub("_", joined)
    if clean == joined and len(clean) <= MAX_NAME:
        return clean
    digest = hashlib.sha256(f"{server}\0{name}".encode()).hexdigest()[:8]
    return f"{clean[: MAX_NAME - 9]}_{digest}"


def distinct_uri(server: str, uri: str) -> str:
    """The URI of a resource whose own URI another server has taken on this endpoint."""
    return f"{server}+{uri}"
